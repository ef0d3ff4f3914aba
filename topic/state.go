package topic

import (
	"context"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// stateSettings are what the options of state topics set.
type stateSettings struct{}

// isState reports whether a topic is a state topic.
func (s *settings) isState(string) bool { return false }

// stateTopicOf returns the topic of a group that belongs to a state topic only: one with a filter.
func stateTopicOf(string) (topic string, ok bool) { return "", false }

// groupOf returns the group that a subscription joins, or an error for the client if its filter is
// not valid.
func (t *Topics) groupOf(sub topicwire.Subscription) (string, error) { return Group(sub.Topic), nil }

// readState returns the first page of a state topic for a connection that is a member. Its encoded
// values have at most room bytes; there may be none. c is the record after the membership was
// written.
func (t *Topics) readState(context.Context, topicwire.Subscription, conn.Conn, int) (topicwire.Result, error) {
	return topicwire.Result{State: true}, nil
}

// pageState returns a page of a state topic.
func (t *Topics) pageState(context.Context, topicwire.History, conn.Conn, int) (topicwire.Result, error) {
	return topicwire.Result{State: true}, nil
}

// leaveState ends the membership of a state topic, with whatever filter.
func (t *Topics) leaveState(ctx context.Context, id, topic string) error {
	return t.store.Leave(ctx, id, Group(topic))
}

// syncStates adds the state topics whose counter has moved on to out.Moved.
func (t *Topics) syncStates(context.Context, []topicwire.SyncTopic, *topicwire.Synced) error {
	return nil
}
