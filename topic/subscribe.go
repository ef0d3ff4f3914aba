package topic

import (
	"context"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
)

const (
	// maxAtOnce is how many topics of a request are worked on at the same time.
	maxAtOnce = 16
	// undoTime is how long a membership is being taken back, also after the end of the request.
	undoTime = 2 * time.Second
)

// subscription is one topic of a subscribe request.
type subscription struct {
	want     topicwire.Subscription
	group    string
	err      error // it was refused, or failed
	page     Page  // of an event topic
	result   topicwire.Result
	presence *topicwire.Snapshot
}

// subscribe writes the membership before it reads the log, so that an event is in the answer or is
// pushed: if its append comes after the reading, its publisher finds the member.
func (s *routes) subscribe(
	ctx context.Context, req *gatesock.Request, in topicwire.Subscribe,
) (topicwire.Subscribed, error) {
	wanted := in.All()
	if len(wanted) > s.maxTopics {
		return topicwire.Subscribed{}, s.tooMany(len(wanted))
	}
	subs := make([]*subscription, len(wanted))
	for i, w := range wanted {
		subs[i] = &subscription{want: w}
	}
	if err := s.enter(ctx, req, subs); err != nil {
		return topicwire.Subscribed{}, err
	}
	fitFrame(subs)
	if len(in.Topics) == 0 {
		if err := subs[0].err; err != nil {
			return topicwire.Subscribed{}, err
		}
		return topicwire.Subscribed{Result: &subs[0].result}, nil
	}
	all := topicwire.Subscribed{Topics: make([]topicwire.Result, len(subs))}
	for i, sub := range subs {
		all.Topics[i] = sub.result
		if sub.err != nil {
			all.Topics[i] = topicwire.Result{Topic: sub.want.Topic, Events: []topicwire.Event{}, Error: s.publicError(ctx, req, sub.err)}
		}
	}
	return all, nil
}

// enter makes the connection a member of the topics, and reads them. An error is about all of them.
func (s *routes) enter(ctx context.Context, req *gatesock.Request, subs []*subscription) error {
	s.authorizeAll(ctx, req, subs)
	if len(open(subs)) == 0 {
		return nil
	}
	c, err := s.join(ctx, req.ConnectionID, groupsOf(subs))
	if err != nil {
		return failed("the subscription could not be written", err)
	}
	if n := len(subscribed(c)); n > s.maxTopics {
		s.leaveAll(ctx, req.ConnectionID, open(subs))
		return s.tooMany(n)
	}
	joined := open(subs)
	s.authorizeAll(ctx, req, joined)
	s.leaveAll(ctx, req.ConnectionID, refused(joined))
	joined = open(joined)
	room := (gatesock.MaxMessageSize - frameOverhead) / max(1, len(joined))
	each(len(joined), func(i int) { s.read(ctx, req, joined[i], c, room) })
	return nil
}

// authorizeAll sets the errors of the topics that the client may not subscribe to.
func (s *routes) authorizeAll(ctx context.Context, req *gatesock.Request, subs []*subscription) {
	each(len(subs), func(i int) {
		sub := subs[i]
		if sub.err = s.authorize(ctx, req, sub.want.Topic); sub.err != nil {
			return
		}
		if sub.group == "" {
			sub.group, sub.err = s.groupOf(sub.want)
		}
	})
}

// read reads a topic that the connection is a member of.
func (s *routes) read(ctx context.Context, req *gatesock.Request, sub *subscription, c conn.Conn, room int) {
	topic := sub.want.Topic
	if sub.want.Presence && s.hasPresence() {
		if sub.presence, sub.err = s.enterPresence(ctx, req, sub.want, c, room/2); sub.err != nil {
			sub.err = failed("the members could not be read", sub.err)
			return
		}
		room /= 2
	}
	if s.isState(topic) {
		if sub.result, sub.err = s.readState(ctx, sub.want, c, room); sub.err != nil {
			sub.err = failed("the values could not be read", sub.err)
		}
	} else {
		sub.page, sub.err = s.log.Read(ctx, s.query(topicwire.History{
			Topic: topic, Since: sub.want.Since, Last: sub.want.Last,
		}, room))
		if sub.err != nil {
			sub.err = failed("the events could not be read", sub.err)
		}
	}
	sub.result.Topic, sub.result.Presence = topic, sub.presence
	sub.result.ExpiresInMs = max(0, c.ExpiresAt.Sub(s.now()).Milliseconds())
}

// query returns the query of the log for a request.
func (t *Topics) query(in topicwire.History, room int) Query {
	_, keep := t.retained(in.Topic)
	return Query{
		Topic: in.Topic, Since: position(in.Since), Before: position(in.Before), Newest: in.Last,
		Limit: pageLimit(in.Limit), Bytes: room, Keep: keep,
	}
}

func position(p *topicwire.Position) *Position {
	if p == nil {
		return nil
	}
	return &Position{Epoch: p.Epoch, Offset: p.Offset}
}

// open returns the subscriptions without an error.
func open(subs []*subscription) (list []*subscription) {
	for _, sub := range subs {
		if sub.err == nil {
			list = append(list, sub)
		}
	}
	return list
}

// refused returns the subscriptions with an error.
func refused(subs []*subscription) (list []*subscription) {
	for _, sub := range subs {
		if sub.err != nil {
			list = append(list, sub)
		}
	}
	return list
}

func groupsOf(subs []*subscription) (groups []string) {
	for _, sub := range open(subs) {
		groups = append(groups, sub.group)
	}
	return groups
}

func (s *routes) tooMany(n int) error {
	return gatesock.Errorf(gatesock.CodeFailedPrecondition,
		"%d topics are too many: a connection can subscribe to %d", n, s.maxTopics)
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

// leaveAll takes memberships back, also after the end of the request.
func (s *routes) leaveAll(ctx context.Context, id string, subs []*subscription) {
	if len(subs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	each(len(subs), func(i int) {
		if err := s.store.Leave(ctx, id, subs[i].group); err != nil {
			s.slog().ErrorContext(ctx, "topic: a membership that was refused could not be removed",
				"topic", subs[i].want.Topic, "connectionId", id, "error", err)
		}
	})
}
