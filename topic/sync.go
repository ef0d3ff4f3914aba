package topic

import (
	"context"
	"slices"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// sync compares what the client believes with what is true: where it is in its topics, and that it
// is a member of them.
func (s *routes) sync(ctx context.Context, req *gatesock.Request, in topicwire.Sync) (topicwire.Synced, error) {
	c, err := s.store.Get(ctx, req.ConnectionID)
	if err != nil {
		return topicwire.Synced{}, failed("the subscriptions could not be read", err)
	}
	out := topicwire.Synced{Moved: []string{}, Lost: []string{}, Extra: []string{}, Presence: []string{}}
	left := subscribed(c)
	var events []At
	var states, present []topicwire.SyncTopic
	for _, at := range in.Topics {
		if _, ok := left[at.Topic]; !ok {
			out.Lost = append(out.Lost, at.Topic)
			continue
		}
		delete(left, at.Topic)
		if s.isState(at.Topic) {
			states = append(states, at)
		} else {
			events = append(events, At{
				Topic: at.Topic, Position: Position{Epoch: at.Epoch, Offset: at.Offset}, Quiet: at.Quiet,
			})
		}
		if at.Digest != "" {
			present = append(present, at)
		}
	}
	for topic := range left {
		out.Extra = append(out.Extra, topic)
	}
	slices.Sort(out.Extra)
	if err := s.compare(ctx, &out, events, states, present); err != nil {
		return topicwire.Synced{}, failed("the positions could not be compared", err)
	}
	observing.Count(ctx, observing.SyncsBehind, len(out.Moved))
	observing.Count(ctx, observing.SyncsNotMember, len(out.Lost))
	return out, s.syncPresence(ctx, c, present, &out)
}

// compare adds the topics that have moved on.
func (s *routes) compare(
	ctx context.Context, out *topicwire.Synced, events []At, states, _ []topicwire.SyncTopic,
) error {
	if len(events) > 0 {
		moved, err := s.log.Moved(ctx, events)
		if err != nil {
			return err
		}
		for i, at := range events {
			if moved[i] {
				out.Moved = append(out.Moved, at.Topic)
			}
		}
	}
	return s.syncStates(ctx, states, out)
}
