package topic

import (
	"context"
	"errors"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// subscription is one topic of a subscribe request.
type subscription struct {
	want   topicwire.Subscription
	group  string
	denied bool  // by Authorize
	err    error // it was refused, or failed
	page   Page  // of an event topic
	result topicwire.Result
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
	if !roomForAll(wanted) {
		return topicwire.Subscribed{}, gatesock.Errorf(gatesock.CodeInvalidArgument,
			"the answer for %d topics has no room in a frame: subscribe to them in several requests", len(wanted))
	}
	subs := make([]*subscription, len(wanted))
	for i, w := range wanted {
		subs[i] = &subscription{want: w}
	}
	if err := s.enter(ctx, req, subs); err != nil {
		return topicwire.Subscribed{}, err
	}
	fitFrame(subs)
	for _, sub := range open(subs) {
		if sub.want.Since != nil && !sub.result.State {
			countRecovery(ctx, sub.page.Lost)
		}
	}
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
			all.Topics[i] = sub.refusal()
			s.logRefusal(ctx, req, sub.err)
		}
	}
	return all, nil
}

// enter makes the connection a member of the topics, and reads them. An error is about all of them,
// and then the connection is a member of none.
func (s *routes) enter(ctx context.Context, req *gatesock.Request, subs []*subscription) error {
	s.authorizeAll(ctx, req, subs)
	s.leaveFormer(ctx, req, subs)
	joined := open(subs)
	if len(joined) == 0 {
		return nil
	}
	entered := false
	defer func() {
		if !entered { // also after a panic
			_ = s.leaveAll(ctx, req, joined) // it has logged what failed
		}
	}()
	c, err := s.join(ctx, req.ConnectionID, groupsOf(joined))
	if err != nil {
		entered = errors.Is(err, conn.ErrNotFound) // there is nothing to leave
		return failed("the subscription could not be written", err)
	}
	if n := len(subscribed(c)); n > s.maxTopics {
		return s.tooMany(n)
	}
	s.authorizeAll(ctx, req, joined)
	s.leaveRefused(ctx, req, c, refused(joined))
	permitted := open(joined)
	room := roomBeside(refused(subs)) / max(1, len(permitted))
	each(len(permitted), func(i int) { s.read(ctx, req, permitted[i], c, room) })
	entered = true
	return nil
}

// authorizeAll sets the errors of the topics that the client may not subscribe to.
func (s *routes) authorizeAll(ctx context.Context, req *gatesock.Request, subs []*subscription) {
	each(len(subs), func(i int) {
		sub := subs[i]
		if sub.err = s.authorize(ctx, req, sub.want.Topic); sub.err != nil {
			sub.denied = true
			return
		}
		if sub.group == "" {
			sub.group, sub.err = s.groupOf(sub.want)
		}
	})
}

// read reads a topic that the connection is a member of, and what the client wants to know besides.
// The connection stays a member if that fails: the client repeats the request.
func (s *routes) read(ctx context.Context, req *gatesock.Request, sub *subscription, c conn.Conn, room int) {
	if room -= resultOverhead(sub.want.Topic); sub.want.Presence {
		room /= 2
	}
	room = max(1, room)
	if s.isState(sub.want.Topic) {
		sub.result, sub.err = s.readState(ctx, sub.want, c, room)
	} else {
		in := topicwire.History{Topic: sub.want.Topic, Since: sub.want.Since, Last: sub.want.Last}
		sub.page, sub.err = s.log.Read(ctx, s.query(in, room))
	}
	if sub.err != nil {
		sub.err = failed("the topic could not be read", sub.err)
		return
	}
	sub.result.Topic = sub.want.Topic
	sub.result.ExpiresInMs = max(0, c.ExpiresAt.Sub(s.now()).Milliseconds())
	if !s.hasPresence() {
		return
	}
	if sub.result.Presence, sub.err = s.enterPresence(ctx, req, sub.want, c, room); sub.err != nil {
		sub.err = failed("the members could not be read", sub.err)
	}
}

// query returns the query of the log for a request.
func (t *Topics) query(in topicwire.History, room int) Query {
	_, keep := t.retained(in.Topic)
	return Query{
		Topic: in.Topic, Since: position(in.Since), Before: position(in.Before), Newest: min(in.Last, maxNewest),
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
