package emulator

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
)

// counter counts the events of each route by connection.
type counter struct {
	mu     sync.Mutex
	counts map[string]map[string]int
}

func (c *counter) Invoke(_ context.Context, event []byte) ([]byte, error) {
	in, err := read(event)
	if err != nil {
		return nil, err
	}
	route, id := in.Context.RouteKey, in.Context.ConnectionID
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]map[string]int{}
	}
	if c.counts[route] == nil {
		c.counts[route] = map[string]int{}
	}
	c.counts[route][id]++
	if in.Headers["Refuse"] == "yes" {
		return status(403), nil
	}
	return status(200), nil
}

// TestDisconnectExactlyOnce ends every connection in several ways at once.
func TestDisconnectExactlyOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var c counter
		clock := NewManualClock(start())
		g, err := New(&c, Config{Clock: clock, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(rt, err)
		ctx := context.Background()
		ways := []func(*Session){
			func(s *Session) { s.Close(ctx, 1000, "") },
			func(s *Session) { s.Abort(ctx) },
			func(s *Session) { _ = g.Disconnect(ctx, gatesock.Target{ConnectionID: s.ID()}) },
			func(s *Session) { _ = s.Receive(ctx, Message{Binary: true}) },
			func(s *Session) { _ = s.Receive(ctx, Message{Data: []byte("x")}) },
			func(s *Session) { _ = g.Post(ctx, gatesock.Target{ConnectionID: s.ID()}, []byte("x")) },
			func(*Session) { clock.Advance(11 * time.Minute) },
		}
		var wg sync.WaitGroup
		opened := map[string]bool{}
		var acts []func()
		for range rapid.IntRange(1, 5).Draw(rt, "connections") {
			if rapid.Bool().Draw(rt, "refused") {
				_, err := g.Connect(ctx, Handshake{Header: http.Header{"Refuse": {"yes"}}}, discardClient{})
				require.Error(rt, err)
				continue
			}
			s, err := g.Connect(ctx, Handshake{}, discardClient{})
			require.NoError(rt, err)
			opened[s.ID()] = true
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(ways)-1), 0, 6).Draw(rt, "ways") {
				acts = append(acts, func() { ways[i](s) })
			}
		}
		for _, act := range acts {
			wg.Go(act)
		}
		wg.Wait()
		require.NoError(rt, g.Shutdown(ctx))
		require.Len(rt, c.counts["$disconnect"], len(opened))
		for id, n := range c.counts["$disconnect"] {
			require.True(rt, opened[id])
			require.Equal(rt, 1, n)
		}
	})
}

func TestManySocketsCloseAtOnce(t *testing.T) {
	t.Parallel()
	const n = 300
	w := newWorld(t, newSockets(), Config{}, nil)
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = w.connect()
	}
	for _, p := range peers {
		p.close(1000, "")
	}
	seen := map[string]bool{}
	for range n {
		seen[w.event("$disconnect").Context.ConnectionID] = true
	}
	require.Len(t, seen, n)
	w.noEvent()
}

func TestCloseWhileAnInvocationRuns(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	w := newWorld(t, inMemory{}, Config{Routes: routes("$connect", "$disconnect", "$default!")}, on("$default",
		func(context.Context, []byte) ([]byte, error) {
			<-release
			return []byte(`{"statusCode":200,"body":"late"}`), nil
		}))
	p := w.connect()
	p.text("x")
	w.event("$default")
	p.close(1000, "")
	w.event("$disconnect")
	close(release)
	w.quiesce()
	require.Empty(t, p.frames)
}

func TestPostRacesClose(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inMemory{}, Config{}, nil)
	p := w.connect()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if err := w.post(p, "x"); err != nil && !errors.Is(err, gatesock.ErrGone) {
					t.Errorf("post: %v", err)
				}
			}
		})
	}
	p.close(1000, "")
	wg.Wait()
	require.ErrorIs(t, w.post(p, "x"), gatesock.ErrGone)
}

// Of two ends by either side only the first invokes $disconnect.
func TestEndsOnce(t *testing.T) {
	t.Parallel()
	for _, first := range []closer{byClient, byGateway} {
		for _, second := range []closer{byClient, byGateway} {
			w := newWorld(t, inMemory{}, Config{}, nil)
			s, err := w.gw.Connect(context.Background(), Handshake{}, discardClient{})
			require.NoError(t, err)
			inv := s.end(CloseStatus{Code: 1000}, first)
			require.NotNil(t, inv)
			inv.start()
			require.Nil(t, s.end(CloseStatus{Code: 1001}, second))
		}
	}
}

// The idle timeout works at dates whose Unix nanoseconds do not fit into an int64.
func TestIdleTimeoutAtAnyDate(t *testing.T) {
	t.Parallel()
	for _, now := range []time.Time{{}, time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC)} {
		clock := NewManualClock(now)
		g, err := New(handlerFunc(hanging), Config{Clock: clock, Routes: routes("x")})
		require.NoError(t, err)
		p := &peer{ends: make(chan CloseStatus, 1)}
		_, err = g.Connect(context.Background(), Handshake{}, memoryClient{p})
		require.NoError(t, err)
		clock.Advance(9 * time.Minute)
		require.Empty(t, p.ends)
		clock.Advance(time.Minute)
		require.Equal(t, closeIdle(), <-p.ends)
		require.NoError(t, g.Shutdown(context.Background()))
	}
}
