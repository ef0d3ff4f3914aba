package topic

import (
	"context"
	"errors"
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
// once. It does not ask the record first, since a process that died while it took a membership back
// may have left the row of the group, which the record does not name any more. A request that is
// not valid changes nothing.
func (s *routes) leaveFormer(ctx context.Context, req *gatesock.Request, subs []*subscription) {
	var former []*subscription
	for _, sub := range subs {
		if sub.denied {
			former = append(former, &subscription{want: sub.want})
		}
	}
	s.leaveAll(ctx, req, former)
}

// leaveGroup ends the membership of a topic in the group of a subscription. If that is not known,
// it is every group of the topic that the record names, and the one that the client wants.
func (s *routes) leaveGroup(ctx context.Context, id string, sub *subscription) error {
	topic := sub.want.Topic
	switch {
	case sub.group != "":
		return s.store.Leave(ctx, id, sub.group)
	case !s.isState(topic):
		return s.store.Leave(ctx, id, Group(topic))
	}
	err := s.leaveState(ctx, id, topic)
	if group, invalid := s.groupOf(sub.want); invalid == nil && group != Group(topic) {
		err = errors.Join(err, s.store.Leave(ctx, id, group))
	}
	return err
}

// leaveAll takes memberships back that the client has no right to, also after the end of the
// request. If that fails, the connection is closed, so that nothing more is pushed to it.
func (s *routes) leaveAll(ctx context.Context, req *gatesock.Request, subs []*subscription) {
	if len(subs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	errs := make([]error, len(subs))
	each(len(subs), func(i int) {
		errs[i] = s.leaveGroup(ctx, req.ConnectionID, subs[i])
		s.logPresence(ctx, subs[i].want.Topic, s.leavePresence(ctx, req, subs[i].want.Topic)) // of a subscribe before
	})
	err := errors.Join(errs...)
	if err == nil {
		return
	}
	rep, closing := s.fanout.Disconnect(ctx, broadcast.ToConnections(req.ConnectionID))
	s.slog().ErrorContext(ctx, "topic: a subscription was refused, and its membership could not be removed; "+
		"the connection is being closed", "connectionId", req.ConnectionID, "error", err,
		"closing", errors.Join(closing, rep.Err()))
}
