package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/examples/internal/memnet"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // what fails is logged
	m.Run()
}

func TestDemo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		net := memnet.Serve(t, emulator.Config{}, newApp)
		var out bytes.Buffer
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		ann, bob := net.Connect(""), net.Connect("")
		play(ctx, &out, ann, bob)
		first, rest, _ := strings.Cut(out.String(), "\n")
		var moves, times int
		_, err := fmt.Sscanf(first, "ann's mouse has moved %d times, and bob has seen it move %d times", &moves, &times)
		require.NoError(t, err, first)
		require.Equal(t, 90, moves)
		require.LessOrEqual(t, times, 12) // in about a second
		require.GreaterOrEqual(t, times, 8)
		require.Equal(t, "bob sees ann at 89, 178\n", rest)

		// One that comes later sees where ann is, and that she has gone.
		seen := net.Connect("").Values(board)
		require.NoError(t, seen.Ready(ctx))
		require.Len(t, seen.All(), 1)
		require.NoError(t, ann.Close())
		for v, err := range seen.Changes(ctx) {
			require.NoError(t, err)
			var at Cursor
			if v.Gone {
				break
			}
			require.NoError(t, v.Decode(&at))
			require.Equal(t, Cursor{"ann", 89, 178}, at)
		}
		require.Empty(t, seen.All())
	})
}

// TestTheLatestWins has pushes that are lost and connections that break. The watcher skips
// positions, never goes back, and ends with the last one.
func TestTheLatestWins(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			lost := errors.New("lost")
			net := memnet.Serve(t, emulator.Config{Faults: emulator.NewFaults(seed,
				emulator.Fail(lost).Chance(0.3), emulator.FailDelivered(lost).Chance(0.2),
				emulator.Restart(3*time.Second).Spread().Chance(0.3),
			)}, newApp)
			ann, bob := net.Connect(""), net.Connect("")
			seen := bob.Values(board, client.WithFilter(often()))
			require.NoError(t, seen.Ready(t.Context()))

			const moves = 400
			pointer := make(Pointer, 1)
			var sending sync.WaitGroup
			sending.Go(func() {
				if err := pointer.Send(t.Context(), ann); err != nil {
					t.Error(err)
				}
			})
			sending.Go(func() {
				for i := range moves {
					<-time.After(13 * time.Millisecond)
					pointer.Move(Cursor{"ann", i, 0})
					if i == moves/2 {
						net.Drop()
					}
				}
				close(pointer)
			})
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute) // until the next sync
			defer stop()
			last, times := map[string]int{}, 0 // by connection: ann has one after the other
			for v, err := range seen.Changes(ctx) {
				require.NoError(t, err)
				if v.Gone {
					continue // a connection of ann has ended
				}
				var at Cursor
				require.NoError(t, v.Decode(&at))
				require.GreaterOrEqual(t, at.X, last[v.Key])
				times, last[v.Key] = times+1, at.X
				if at.X == moves-1 {
					break
				}
			}
			require.Less(t, times, moves/4)
			sending.Wait()
		})
	}
}

// A position that could not be sent yet is replaced.
func TestPointer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := make(Pointer, 1)
		for i := range 3 {
			p.Move(Cursor{X: i})
		}
		require.Equal(t, Cursor{X: 2}, <-p)
		require.Empty(t, p)
	})
}
