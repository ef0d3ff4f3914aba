package topic

import (
	"context"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// unsubscribe ends memberships. That there is none is not an error.
func (s *routes) unsubscribe(ctx context.Context, req *gatesock.Request, in topicwire.Unsubscribe) error {
	topics := in.All()
	if len(topics) > s.maxTopics {
		return s.tooMany(len(topics))
	}
	errs := make([]error, len(topics))
	each(len(topics), func(i int) { errs[i] = s.leave(ctx, req, topics[i]) })
	for _, err := range errs {
		if err != nil {
			return failed("not all subscriptions could be ended", err)
		}
	}
	return nil
}

func (s *routes) leave(ctx context.Context, req *gatesock.Request, topic string) error {
	var err error
	if s.isState(topic) {
		err = s.leaveState(ctx, req.ConnectionID, topic)
	} else {
		err = s.store.Leave(ctx, req.ConnectionID, Group(topic))
	}
	if err != nil || !s.hasPresence() {
		return err
	}
	return s.leavePresence(ctx, req, topic)
}
