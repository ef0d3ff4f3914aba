package topic

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
)

// undoTime is how long a membership is being taken back, also after the end of the request.
const undoTime = 2 * time.Second

// subscribed returns the topics that a connection's record names, each with its group.
func subscribed(c conn.Conn) map[string]string {
	topics := make(map[string]string)
	for _, g := range c.Groups {
		if name, ok := strings.CutPrefix(g, groupPrefix); ok {
			topics[name] = g
		} else if name, ok := stateTopicOf(g); ok {
			topics[name] = g
		}
	}
	return topics
}

// join makes a connection a member of groups, and returns its record.
func (s *routes) join(ctx context.Context, id string, groups []string) (conn.Conn, error) {
	if m, ok := s.store.(conn.MultiJoiner); ok {
		return m.JoinMany(ctx, id, groups)
	}
	for _, g := range groups {
		if err := s.store.Join(ctx, id, g); err != nil {
			return conn.Conn{}, err
		}
	}
	return s.store.Get(ctx, id)
}

// leaveFormer ends memberships of topics that the client was denied now: it may have had the right
// once. A request that is not valid changes nothing.
func (s *routes) leaveFormer(ctx context.Context, req *gatesock.Request, subs []*subscription) {
	subs = slices.DeleteFunc(slices.Clone(subs), func(sub *subscription) bool { return !sub.denied })
	if len(subs) == 0 {
		return
	}
	c, err := s.store.Get(ctx, req.ConnectionID)
	if errors.Is(err, conn.ErrNotFound) {
		return
	}
	if err != nil && slices.ContainsFunc(subs, func(sub *subscription) bool { return s.isState(sub.want.Topic) }) {
		askAgain(subs, s.disconnect(ctx, req, err)) // it may be a member with a filter, and which one is not known
		return
	}
	s.leaveRefused(ctx, req, c, subs)
}

// leaveRefused ends the memberships of topics that the client was denied.
func (s *routes) leaveRefused(ctx context.Context, req *gatesock.Request, c conn.Conn, subs []*subscription) {
	askAgain(subs, s.leaveAll(ctx, req, s.memberships(c, subs)))
}

// askAgain lets the client repeat a request that was denied if it may still be a member: then the
// membership is ended.
func askAgain(subs []*subscription, err error) {
	if err == nil {
		return
	}
	for _, sub := range subs {
		sub.err = gatesock.Errorf(gatesock.CodeUnavailable, "the subscription could not be ended; try again").WithCause(err)
	}
}

// memberships returns a subscription for each group by which a connection may be a member of the
// topics of some subscriptions: those that its record names, and the one that it wants, whose row a
// process may have left that died while it took the membership back.
func (s *routes) memberships(c conn.Conn, subs []*subscription) (all []*subscription) {
	for _, sub := range subs {
		groups := groupsIn(c, sub.want.Topic)
		if g, invalid := s.groupOf(sub.want); invalid == nil && !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
		for _, g := range groups {
			all = append(all, &subscription{want: sub.want, group: g})
		}
	}
	return all
}

// groupsIn returns the groups by which a record is a member of a topic. There are several if a call
// that changes the filter was interrupted.
func groupsIn(c conn.Conn, topic string) (groups []string) {
	for _, g := range c.Groups {
		if of, ok := stateTopicOf(g); g == Group(topic) || ok && of == topic {
			groups = append(groups, g)
		}
	}
	return groups
}

// leaveAll takes memberships back that the client has no right to, also after the end of the
// request. If that fails, the connection is closed, so that nothing more is pushed to it. leaveAll
// returns an error if both fail.
func (s *routes) leaveAll(ctx context.Context, req *gatesock.Request, subs []*subscription) error {
	if len(subs) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	errs := make([]error, len(subs))
	each(len(subs), func(i int) {
		errs[i] = s.store.Leave(ctx, req.ConnectionID, subs[i].group)
		topic := subs[i].want.Topic
		s.logPresence(ctx, topic, s.leavePresence(ctx, req.ConnectionID, topic)) // of a subscribe before
	})
	if err := errors.Join(errs...); err != nil {
		return s.disconnect(ctx, req, err)
	}
	return nil
}

// disconnect closes the connection of a client that was refused, and may still be a member. It
// returns an error if it cannot.
func (s *routes) disconnect(ctx context.Context, req *gatesock.Request, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	rep, closing := s.fanout.Disconnect(ctx, broadcast.ToConnections(req.ConnectionID))
	closing = errors.Join(closing, rep.Err())
	s.slog().ErrorContext(ctx, "topic: a subscription was refused, and its membership could not be removed; "+
		"the connection is being closed", "connectionId", req.ConnectionID, "error", err, "closing", closing)
	return closing
}
