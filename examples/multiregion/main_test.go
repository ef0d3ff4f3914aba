package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/topic"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // what fails is logged
	m.Run()
}

func Example() {
	main()
	// Output:
	// ann in Ireland reads: ann: hello, bob: hi ann
	// bob in Oregon reads: ann: hello, bob: hi ann
	// the link is down, and both say something
	// ann in Ireland reads: ann: bob?
	// bob in Oregon reads: bob: ann?
	// the link is up
	// ann in Ireland reads: bob: ann?
	// bob in Oregon reads: ann: bob?
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := start(t.Context())
	t.Cleanup(w.stop)
	return w
}

func (s *site) enter(t *testing.T) person {
	t.Helper()
	p := s.join(t.Context())
	t.Cleanup(func() { _ = p.client.Close() })
	return p
}

// waiting returns what is in the queue.
func (s *site) waiting() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.queue)
}

// A queue delivers a message twice, and a client repeats a call whose answer was lost: everybody
// reads it once.
func TestOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, bob := w.ireland.enter(t), w.oregon.enter(t)
	hello := Said{Room: "lobby", User: "ann", Text: "hello"}
	for range 2 {
		require.NoError(t, ann.client.Call(t.Context(), "say", hello, nil, client.WithKey("k1")))
	}
	messages := w.ireland.waiting()
	require.Len(t, messages, 2)
	w.deliver(t.Context())
	for _, m := range messages {
		require.NoError(t, w.ireland.send(t.Context(), []byte(m)))
	}
	w.deliver(t.Context())
	ann.say(t.Context(), "ann", "the end")
	w.deliver(t.Context())
	for _, p := range []person{ann, bob} {
		require.Equal(t, []string{"ann: hello", "ann: the end"}, p.read(t.Context(), 2))
	}
	err := ann.client.Call(t.Context(), "say", hello, nil)
	require.Equal(t, gatesock.CodeInvalidArgument, gatesock.CodeOf(err), "without a key")
}

// While the link is down, both regions go on, and nothing that was said is lost, however often the
// queue tries.
func TestTheLinkIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, bob := w.ireland.enter(t), w.oregon.enter(t)
	w.down.Store(true)
	texts := strings.Fields("a b c d e")
	for _, text := range texts {
		ann.say(t.Context(), "ann", text)
		bob.say(t.Context(), "bob", text)
		w.deliver(t.Context())
	}
	require.Equal(t, []string{"ann: a", "ann: b", "ann: c", "ann: d", "ann: e"}, ann.read(t.Context(), 5))
	require.Equal(t, []string{"bob: a", "bob: b", "bob: c", "bob: d", "bob: e"}, bob.read(t.Context(), 5))
	require.Len(t, w.ireland.waiting(), len(texts))
	w.down.Store(false)
	w.deliver(t.Context())
	require.Empty(t, w.ireland.waiting())
	require.ElementsMatch(t, []string{"bob: a", "bob: b", "bob: c", "bob: d", "bob: e"}, ann.read(t.Context(), 5))
	require.ElementsMatch(t, []string{"ann: a", "ann: b", "ann: c", "ann: d", "ann: e"}, bob.read(t.Context(), 5))
}

// brokenLog is a table that does not answer for a while.
type brokenLog struct {
	topic.Log
	mu     sync.Mutex
	broken bool
}

func (l *brokenLog) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return topic.Appended{}, errors.New("the table does not answer")
	}
	return l.Log.Append(ctx, name, e)
}

// What the queue has taken is said in both regions, even if the own table did not answer.
func TestTheOwnTableFails(t *testing.T) {
	t.Parallel()
	w := &world{ireland: newSite(), oregon: newSite()}
	table := &brokenLog{Log: w.ireland.Log, broken: true}
	w.ireland.Log = table
	w.ireland.open(t.Context(), w.linked(w.oregon))
	w.oregon.open(t.Context(), w.linked(w.ireland))
	t.Cleanup(w.stop)
	ann, bob := w.ireland.enter(t), w.oregon.enter(t)
	ann.say(t.Context(), "ann", "hello")
	w.deliver(t.Context())
	require.Equal(t, []string{"ann: hello"}, bob.read(t.Context(), 1))
	require.Len(t, w.ireland.waiting(), 1)
	table.mu.Lock()
	table.broken = false
	table.mu.Unlock()
	w.deliver(t.Context())
	require.Equal(t, []string{"ann: hello"}, ann.read(t.Context(), 1))
	bob.say(t.Context(), "bob", "once?")
	require.Equal(t, []string{"bob: once?"}, bob.read(t.Context(), 1))
}

// A client that moves to the other region has a position that means nothing there: it is told, and
// begins with the newest events.
func TestAClientMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.ireland.enter(t)
	ann.say(t.Context(), "ann", "hello")
	w.deliver(t.Context())
	require.Equal(t, []string{"ann: hello"}, ann.read(t.Context(), 1))
	at, known := ann.lobby.Position()
	require.True(t, known)

	moved := w.oregon.enter(t)
	moved.lobby.Close()
	var lost *client.LostError
	for e, err := range moved.client.Subscribe("room:lobby", client.WithSince(at), client.WithLast(50)).Events(t.Context()) {
		if errors.As(err, &lost) {
			continue
		}
		require.NoError(t, err)
		require.Contains(t, string(e.Data), "hello")
		break
	}
	require.NotNil(t, lost)
	require.Equal(t, "epoch", lost.Reason)
}
