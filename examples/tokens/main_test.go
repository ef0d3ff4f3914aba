package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // what fails is logged
	m.Run()
}

func Example() {
	main()
	// Output:
	// ann reads: It depends. Tokens are sent ten times a second, however fast they come.
	// ann's page was loaded again after 2 chunks
	// bob came after the end, and reads the same: true
}

// numbers is a model that counts. Every token is another one, so that a chunk that is lost or
// doubled shows.
func numbers(n int, pause time.Duration) Model {
	return func(ctx context.Context, _ string, tokens chan<- string) error {
		for i := range n {
			select {
			case tokens <- fmt.Sprint(i, " "):
			case <-ctx.Done():
				return ctx.Err()
			}
			if pause > 0 {
				select {
				case <-time.After(pause):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return nil
	}
}

func counted(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprint(&text, i, " ")
	}
	return text.String()
}

// TestNothingIsLostOrDoubled has readers of every kind while everything fails that can: connections
// break, unnoticed too, pushes are lost or come twice, the gateway calls connections gone that are
// not, and the table does not answer, so that the model is asked again.
func TestNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { testFaults(t, seed) })
		})
	}
}

func testFaults(t *testing.T, seed uint64) {
	t.Helper()
	const count, pause = 300, 35 * time.Millisecond // about ten seconds
	faults, happened := emulator.NewFaults(seed), atomic.Int64{}
	faults.OnFault(func(emulator.FaultEvent) { happened.Add(1) })
	w := newWorld(t, faults, numbers(count, pause))
	ask := w.Connect("")
	require.NoError(t, ask.Call(t.Context(), "ask", Ask{"a", "count"}, nil))
	w.log.mu.Lock()
	w.log.random, w.log.fails = rand.New(rand.NewPCG(seed, 1)), 2
	w.log.mu.Unlock()
	lost := errors.New("lost")
	heal := faults.Add(
		emulator.Fail(lost).Chance(0.2), emulator.FailDelivered(lost).Chance(0.1), emulator.Gone().Chance(0.02),
		emulator.HalfOpen(8*time.Second, 0).Spread().Chance(0.1), emulator.Restart(20*time.Second).Spread().Chance(0.2),
		emulator.LoseDisconnect().Chance(0.5), emulator.Hold(time.Second).Spread().Chance(0.1),
	)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var chaos, readers sync.WaitGroup
	chaos.Go(func() {
		random := rand.New(rand.NewPCG(seed, 2))
		for wait(ctx, time.Duration(random.Int64N(int64(6*time.Second)))) {
			w.Drop()
		}
	})
	answers := make([]Answer, 8)
	for i := range answers {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(10+i)))
			if i > 0 { // the first begins at once, the others later, or after the end
				wait(ctx, time.Duration(random.Int64N(int64(20*time.Second))))
			}
			read(ctx, t, w, &answers[i], i%2 == 1, random)
		})
	}
	wait(ctx, 30*time.Second)
	heal()
	readers.Wait()
	stop()
	chaos.Wait()
	for i, a := range answers {
		require.Equal(t, counted(count), a.Text, i)
	}
	require.Empty(t, w.queue.Dead())
	require.Zero(t, w.log.fails, "the model was asked three times")
	t.Log(happened.Load(), "faults")
	require.Greater(t, happened.Load(), int64(20))
}

// read follows the answer with one client after the other: the page is loaded again now and then,
// if it reloads at all.
func read(ctx context.Context, t *testing.T, w world, a *Answer, reloads bool, random *rand.Rand) {
	t.Helper()
	next := -1
	for !a.Ended {
		c := w.Connect("") //nolint:contextcheck // a client ends with Close
		page, unload := context.WithCancel(ctx)
		if reloads {
			page, unload = context.WithTimeout(ctx, time.Duration(random.Int64N(int64(3*time.Second))))
		}
		err := follow(page, c, "a", a, func(chunk Chunk) {
			if chunk.N != 0 && chunk.N != next {
				t.Errorf("chunk %d, and not %d", chunk.N, next)
			}
			next = chunk.N + 1
		})
		unload()
		if err != nil && page.Err() == nil {
			t.Error(err)
			return
		}
		_ = c.Close()
	}
}

// wait reports false if ctx ends before the time is over.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// A model that is faster than the table does not make more chunks, and one that thinks does not
// hold back what it has said.
func TestChunks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			model Model
			want  int
		}{
			"slow":     {numbers(20, 11*time.Millisecond), 3},
			"at once":  {numbers(500, 0), 1},
			"thinking": {numbers(3, time.Minute), 4}, // the last one has only the end
			"long":     {numbers(4000, 0), 5},
			"silent":   {numbers(0, 0), 1},
		} {
			w := newWorld(t, nil, c.model)
			ask := w.Connect("")
			require.NoError(t, ask.Call(t.Context(), "ask", Ask{"a", "count"}, nil))
			var a Answer
			var chunks []Chunk
			require.NoError(t, follow(t.Context(), ask, "a", &a, func(c Chunk) { chunks = append(chunks, c) }))
			require.Len(t, chunks, c.want, name)
		}
	})
}

// A model that breaks off is not asked again: its readers are told.
func TestTheModelFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		w := newWorld(t, nil, func(_ context.Context, _ string, tokens chan<- string) error {
			asked++
			tokens <- "Well, "
			return gatesock.Errorf(gatesock.CodeUnavailable, "the model is busy")
		})
		ask := w.Connect("")
		require.NoError(t, ask.Call(t.Context(), "ask", Ask{"a", "count"}, nil))
		var a Answer
		var last Chunk
		require.NoError(t, follow(t.Context(), ask, "a", &a, func(c Chunk) { last = c }))
		require.Equal(t, Chunk{N: 0, Text: "Well, ", End: true, Failed: true}, last)
		require.NoError(t, follow(t.Context(), ask, "a", &a, nil), "it has ended")
		<-time.After(time.Hour)
		require.Equal(t, 1, asked)
	})
}
