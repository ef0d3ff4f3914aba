package topic_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

// counts is an Observer that keeps what is counted.
type counts struct {
	observing.Observer // nil: what is not overridden must not be called

	mu sync.Mutex
	n  map[observing.CounterName]int
}

func (c *counts) Counted(name observing.CounterName, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[name] += n
}

func (c *counts) Begin(ctx context.Context, _ observing.Op) (context.Context, func(observing.Result)) {
	return ctx, func(observing.Result) {}
}

func (c *counts) Posted(error) {}

func (c *counts) Routed(ctx context.Context, _ any) context.Context { return ctx }

func (c *counts) Answered(context.Context, int, error) {}

// TestObserved checks what the metrics of topics count.
func TestObserved(t *testing.T) {
	t.Parallel()
	s := newStage(func(string) error { return nil })
	s.members = func() error { return nil }
	s.post = func(f *follower, frame []byte) error { f.receive(frame); return nil }
	c := &counts{n: map[observing.CounterName]int{}}
	s.base = context.WithValue(t.Context(), observing.Key{}, c)
	f := &follower{topic: "t", invoke: s.invoke}
	s.connect(f)
	f.subscribe() // without a position: nothing is recovered
	for range 2 {
		_, _, err := s.topics.PublishBatch(s.base, "t", []topic.Outgoing{{Event: "a"}, {Event: "b"}}, topic.WithKey("k"))
		require.NoError(t, err)
	}
	f.subscribe()
	f.read(true)
	f.sync()
	s.publish("t", 1)
	f.inbox = nil
	f.sync() // finds that it is behind, and reads
	f.at = &topicwire.Position{Epoch: f.at.Epoch, Offset: 99}
	f.subscribe()
	s.roll("t", 2)
	f.subscribe()
	require.NoError(t, s.store.Leave(t.Context(), f.id, topic.Group("t")))
	f.sync() // finds that it is not a member, and subscribes
	require.Equal(t, map[observing.CounterName]int{
		observing.EventsPublished:    4,
		observing.RecoveriesComplete: 2,
		observing.RecoveriesAhead:    1,
		observing.RecoveriesNewEpoch: 1,
		observing.HistoryPages:       2,
		observing.SyncsBehind:        1,
		observing.SyncsNotMember:     1,
	}, c.n)
}
