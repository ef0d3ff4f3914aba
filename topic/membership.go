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
		errs[i] = s.store.Leave(ctx, req.ConnectionID, subs[i].group)
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
