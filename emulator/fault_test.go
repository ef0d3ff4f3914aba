package emulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
)

// Package wstest tests what each fault does, in memory, over sockets and over HTTP.

func TestFaultString(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Fault{
		"failed call (gatesock: connection is gone)":  Gone(),
		"slow call, 2s, for a b, times 3":             Slow(2 * time.Second).For("a").For("b").Times(3),
		"slow call":                                   Slow(0).For(),
		"throttled, on @connections":                  Throttled(Throttle{}).On(RouteCalls),
		"throttled above 10/s with a burst of 10":     Throttled(Throttle{Rate: 10}),
		"failed although delivered (boom)":            FailDelivered(errors.New("boom")),
		"buffer full":                                 BufferFull(),
		"held message, up to 1s, on say, chance 0.25": Hold(time.Second).Spread().On("say").Chance(0.25),
		"cold start, 3s":                              ColdStart(3 * time.Second),
		"lost $disconnect":                            LoseDisconnect(),
		"late $disconnect, 1m0s":                      DelayDisconnect(time.Minute),
		"repeated $disconnect":                        RepeatDisconnect(0),
		"half-open, 1s, noticed after 1m0s":           HalfOpen(time.Second, time.Minute),
		"half-open":                                   HalfOpen(0, 0),
		"restart, 1h0m0s":                             Restart(time.Hour),
		"no fault, chance 0":                          {},
	} {
		require.Equal(t, want, f.String())
		require.True(t, strings.HasPrefix(want, f.Name()))
	}
	require.Equal(t, "[throttled above 1/s with a burst of 1 lost $disconnect half-open]",
		NewFaults(1, LoseDisconnect(), Throttled(Throttle{Rate: 1}), HalfOpen(0, 0)).String())
}

func TestFaultsThatAreNotValid(t *testing.T) {
	t.Parallel()
	for want, do := range map[string]func(){
		"emulator: Fail: err must not be nil":                                           func() { Fail(nil) },
		"emulator: Slow: -1s must not be negative":                                      func() { Slow(-time.Second) },
		"emulator: HalfOpen: -1ns must not be negative":                                 func() { HalfOpen(0, -1) },
		"emulator: Throttled: Rate NaN: want a finite number that is not negative":      func() { Throttled(Throttle{Rate: math.NaN()}) },
		"emulator: Fault.On: the route must not be empty":                               func() { Hold(0).On("") },
		`emulator: Fault.On("say"): the fault "buffer full" does not depend on a route`: func() { BufferFull().On("say") },
		"emulator: Fault.Times(0): n must be positive":                                  func() { Gone().Times(0) },
		"emulator: Fault.Chance(1.5): p must be from 0 to 1":                            func() { Gone().Chance(1.5) },
		"emulator: Fault.Chance(NaN): p must be from 0 to 1":                            func() { Gone().Chance(math.NaN()) },
		"emulator: Faults.Add: a zero Fault; use a function such as emulator.Gone":      func() { new(Faults).Add(Fault{}) },
		"emulator: Faults.OnFault: report must not be nil":                              func() { new(Faults).OnFault(nil) },
		"emulator: Faults.KeyBy: key must not be nil":                                   func() { new(Faults).KeyBy(nil) },
	} {
		require.PanicsWithValue(t, want, do)
	}
	f := new(Faults)
	require.Panics(t, func() { f.Add(Fault{}) })
	f.Add(Gone()) // it is not locked
}

// player is a client in memory.
type player struct{}

func (player) Send([]byte) error { return nil }
func (player) Close(int, string) {}

// play runs a scenario: clients connect one after the other and then act, all at the same time or
// in turn, each with calls one after the other. It returns what happened to each connection, in
// order, and the ids.
func play(t *rapid.T, seed uint64, concurrent bool, add ...Fault) (happened map[uint64][]string, ids []string) {
	happened = make(map[uint64][]string)
	var mu sync.Mutex
	faults := NewFaults(seed, add...)
	faults.OnFault(func(e FaultEvent) {
		mu.Lock()
		defer mu.Unlock()
		happened[e.Connection] = append(happened[e.Connection], fmt.Sprintln(e.Fault, e.Delay, e.Route, e.Call))
	})
	clock := NewManualClock(start())
	gw, err := New(handlerFunc(func(context.Context, []byte) ([]byte, error) { return status(200), nil }),
		Config{Clock: clock, Faults: faults, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	ctx := context.Background()
	var acts []func()
	for range 3 {
		s, err := gw.Connect(ctx, Handshake{}, player{})
		require.NoError(t, err)
		ids = append(ids, s.ID())
		acts = append(acts, func() {
			for range 10 {
				_ = gw.Post(ctx, gatesock.Target{ConnectionID: s.ID()}, []byte("x"))
				_ = s.Receive(ctx, Message{Data: []byte("x")})
			}
			s.Close(ctx, 1000, "")
		})
	}
	var wg sync.WaitGroup
	for _, act := range acts {
		if concurrent {
			wg.Go(act)
		} else {
			act()
		}
	}
	wg.Wait()
	require.NoError(t, gw.Quiesce(ctx))
	require.NoError(t, gw.Shutdown(ctx))
	return happened, ids
}

// mix has faults by chance of every place.
func mix() []Fault {
	return []Fault{
		Gone().Chance(0.2), Fail(gatesock.ErrTooLarge).Chance(0.2), FailDelivered(gatesock.ErrGone).Chance(0.3),
		BufferFull().Chance(0.2), Throttled(Throttle{}).On("$default").Chance(0.1),
		Hold(time.Second).Spread().Chance(0.3), ColdStart(time.Second).On("$default").Chance(0.2),
		LoseDisconnect().Chance(0.3), DelayDisconnect(time.Minute).Spread().Chance(0.5), RepeatDisconnect(0).Chance(0.5),
		HalfOpen(time.Minute, time.Minute).Spread().Chance(0.5), Restart(time.Hour).Chance(0.5),
	}
}

func TestFaultsByChanceAreReproducible(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		first, ids := play(t, seed, false, mix()...)
		second, sameIDs := play(t, seed, true, mix()...)
		require.Equal(t, first, second, "the same, however goroutines run")
		require.Equal(t, ids, sameIDs)
		other, otherIDs := play(t, seed+1, false, mix()...)
		require.NotEqual(t, first, other)
		require.NotEqual(t, ids, otherIDs)

		fewer := slices.Delete(mix(), 3, 5)
		third, _ := play(t, seed, false, fewer...)
		for connection, list := range first {
			require.Equal(t, slices.DeleteFunc(list, func(s string) bool {
				return strings.HasPrefix(s, "buffer full") || strings.HasPrefix(s, "throttled") ||
					affected(s)
			}), slices.DeleteFunc(third[connection], affected))
		}
	})
}

// affected reports whether a fault is counted by what other faults let pass.
func affected(s string) bool {
	return strings.HasPrefix(s, "failed although delivered") || strings.HasPrefix(s, "cold start")
}

func TestChanceIsAProbability(t *testing.T) {
	t.Parallel()
	for _, p := range []float64{0, 0.1, 0.5, 1} {
		f := NewFaults(7, Gone().Chance(p))
		gone := 0
		for range 2_000 {
			if errors.Is(f.Call(t.Context(), gatesock.Target{ConnectionID: "x"}), gatesock.ErrGone) {
				gone++
			}
		}
		require.InDelta(t, 2_000*p, gone, 2_000*0.05, "the seed is fixed")
	}
}

func TestKeyBy(t *testing.T) {
	t.Parallel()
	run := func(order ...string) map[string][]uint64 {
		got := make(map[string][]uint64)
		f := NewFaults(3, Throttled(Throttle{}).On("$connect").Chance(0.5))
		f.KeyBy(func(h Handshake) string { return h.Header.Get("Name") })
		f.OnFault(func(e FaultEvent) { got[e.Key] = append(got[e.Key], e.Connection) })
		w := newWorld(t, inMemory{}, Config{Faults: f}, nil)
		for range 10 {
			for _, name := range order {
				w.front.dial(w, Handshake{Header: http.Header{"Name": {name}}})
			}
		}
		return got
	}
	got := run("a", "b", "c")
	require.Equal(t, got, run("c", "a", "b"))
	require.NotEqual(t, got["a"], got["b"])
	require.Len(t, got, 3)
}

func TestSharedFaultsShareTheQuotas(t *testing.T) {
	t.Parallel()
	faults := new(Faults)
	faults.Add(Throttled(Throttle{Rate: 1, Burst: 2}))
	one, two := newWorld(t, inMemory{}, Config{Faults: faults}, nil), newWorld(t, inMemory{}, Config{Faults: faults}, nil)
	one.connect()
	two.connect()
	for _, w := range []*world{one, two} {
		_, a := w.front.dial(w, Handshake{})
		require.Equal(t, http.StatusTooManyRequests, a.status)
	}
}

func TestGatewaysOfOneSeedHaveDifferentIDs(t *testing.T) {
	t.Parallel()
	faults := NewFaults(1)
	one, two := newWorld(t, inMemory{}, Config{Faults: faults}, nil), newWorld(t, inMemory{}, Config{Faults: faults}, nil)
	require.NotEqual(t, one.connect().id, two.connect().id)
}

// TestFaultsInABubble runs faults that wait by the time of a bubble.
func TestFaultsInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var events []string
		gw, err := New(handlerFunc(func(_ context.Context, event []byte) ([]byte, error) {
			in, err := read(event)
			events = append(events, fmt.Sprint(in.Context.RouteKey, " ", time.Since(begun)))
			return status(200), err
		}), Config{Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		gw.Faults().Add(ColdStart(time.Second).On("$connect"), Slow(time.Minute), Hold(time.Second), DelayDisconnect(time.Hour))
		s, err := gw.Connect(t.Context(), Handshake{}, player{})
		require.NoError(t, err)
		require.NoError(t, s.Receive(t.Context(), Message{Data: []byte("x")}))
		require.NoError(t, gw.Post(t.Context(), gatesock.Target{ConnectionID: s.ID()}, []byte("x")))
		s.Close(t.Context(), 1000, "")
		<-time.After(2 * time.Hour)
		synctest.Wait()
		require.Equal(t, []string{"$connect 1s", "$default 2s", "$disconnect 1h1m1s"}, events)
		require.NoError(t, gw.Shutdown(t.Context()))
	})
}

// TestAddingFaultsWhileConnectionsOpen checks that a fault of connections happens once to each.
func TestAddingFaultsWhileConnectionsOpen(t *testing.T) {
	t.Parallel()
	happened := make(map[string]int)
	var mu sync.Mutex
	faults := new(Faults)
	faults.OnFault(func(e FaultEvent) {
		mu.Lock()
		defer mu.Unlock()
		happened[e.ConnectionID]++
	})
	w := newWorld(t, inMemory{}, Config{Faults: faults, Routes: routes("$default")}, nil)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, err := w.gw.Connect(t.Context(), Handshake{}, player{})
			require.NoError(t, err) //nolint:testifylint // it does not fail
		})
	}
	wg.Go(func() { faults.Add(HalfOpen(0, 0)) })
	wg.Wait()
	require.Len(t, happened, 50)
	for id, n := range happened {
		require.Equal(t, 1, n, id)
	}
}

func TestClearForConnections(t *testing.T) {
	t.Parallel()
	f := new(Faults)
	call := func(id string) error { return f.Call(t.Context(), gatesock.Target{ConnectionID: id}) }
	f.Add(Gone().For("a", "b"))
	f.Clear("a")
	require.NoError(t, call("a"))
	require.ErrorIs(t, call("b"), gatesock.ErrGone)
	f.Clear("b")
	require.NoError(t, call("b"))
	require.True(t, f.none())
}
