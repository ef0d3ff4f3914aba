package topic

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// Unsubscribe ends subscriptions of a connection, for example when a right was taken away; see
// [Authorize]. It is not an error if there is no such connection or subscription. The client learns
// it at its next sync; it then tries to subscribe again. With [WithPresence] the connection is not
// a member any more.
//
// The error wraps those of the store; [ErrInvalid] means that the name of a topic is not valid, and
// nothing was done. Otherwise the subscriptions that could be ended have ended, and Unsubscribe can
// be called again.
func (t *Topics) Unsubscribe(ctx context.Context, connectionID string, topics ...string) error {
	for _, topic := range topics {
		if err := validateName("the topic", topic); err != nil {
			return err
		}
	}
	if err := t.leaveEach(ctx, connectionID, topics); err != nil {
		return fmt.Errorf("topic: not all subscriptions of %.100q were ended: %w", connectionID, err)
	}
	return nil
}

// unsubscribe ends memberships. That there is none is not an error.
func (s *routes) unsubscribe(ctx context.Context, req *gatesock.Request, in topicwire.Unsubscribe) error {
	topics := in.All()
	if len(topics) > s.maxTopics {
		return s.tooMany(len(topics))
	}
	if err := s.leaveEach(ctx, req.ConnectionID, topics); err != nil {
		return failed("not all subscriptions could be ended", err)
	}
	return nil
}

// leaveEach ends memberships of topics, and returns the errors.
func (t *Topics) leaveEach(ctx context.Context, id string, topics []string) error {
	errs := make([]error, len(topics))
	each(len(topics), func(i int) { errs[i] = t.leave(ctx, id, topics[i]) })
	return errors.Join(errs...)
}

func (t *Topics) leave(ctx context.Context, id, topic string) error {
	var err error
	if t.isState(topic) {
		err = t.leaveState(ctx, id, topic)
	} else {
		err = t.store.Leave(ctx, id, Group(topic))
	}
	if err != nil || !t.hasPresence() {
		return err
	}
	return t.leavePresence(ctx, id, topic)
}
