package broadcast

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

type relayFunc func(ctx context.Context, j Job) error

func (f relayFunc) Relay(ctx context.Context, j Job) error { return f(ctx, j) }

// What a Relay did not take is not handed off, however it says so.
func TestRelayThatTakesNothing(t *testing.T) {
	t.Parallel()
	for name, relay := range map[string]relayFunc{
		"fails":               func(context.Context, Job) error { return errFault },
		"panics":              func(context.Context, Job) error { panic("no") },
		"ends its goroutine":  func(context.Context, Job) error { runtime.Goexit(); return nil },
		"hangs in its call":   func(ctx context.Context, _ Job) error { <-ctx.Done(); return ctx.Err() },
		"panics with nothing": func(context.Context, Job) error { panic(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := New(always(nil), room(10, 5), WithDeadlineMargin(time.Hour), WithRelay(relay), quiet())
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				rep, err := b.Send(ctx, To("room").And(ToConnections("x")), hello())
				require.ErrorIs(t, err, ErrDeadline)
				require.Empty(t, rep.HandedOff)
				require.True(t, rep.Incomplete)
				require.NotEmpty(t, rep.Cursor)
			})
		})
	}
}

// A Relay that hangs while shards are handed off takes no more than the time of a post from those
// that are read here.
func TestRelayHangsWhileSplitting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := room(20, 1)
		store.shards = 4
		relay := relayFunc(func(ctx context.Context, _ Job) error { <-ctx.Done(); return ctx.Err() })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		rep, err := New(always(nil), store, WithRelay(relay), quiet()).Send(ctx, To("room"), hello())
		require.NoError(t, err)
		require.Equal(t, 20, rep.Delivered)
		require.Equal(t, defaultPostTimeout, time.Since(start))
	})
}

// A send of several groups may stop, and go on, more than once.
func TestResumeAgainAndAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := room(0, 1)
		groups := []string{"a", "b", "c", "d", "e"}
		for _, g := range groups { // "both" is in all of them
			store.groups[g] = room(6, 2).groups["room"]
			for _, page := range store.groups[g] {
				for k := range page {
					page[k].ID = g + page[k].ID
				}
			}
			store.groups[g][0] = append(store.groups[g][0], connMember("both"))
		}
		var mu sync.Mutex
		posts := map[string]int{}
		p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
			<-time.After(time.Second) // virtual time: how long the post takes.
			mu.Lock()
			defer mu.Unlock()
			posts[to.ConnectionID]++
			return nil
		})
		to, sends := To(groups...), 0
		for cursor := "-"; cursor != ""; sends++ {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			rep, err := New(p, store, WithConcurrency(1), WithDeadlineMargin(time.Second)).Send(ctx, to, hello())
			cancel()
			require.True(t, err == nil || rep.Cursor != "", err)
			cursor = rep.Cursor
			to = Resume(cursor)
		}
		require.Greater(t, sends, 5)
		require.Len(t, posts, 31)
		for id, n := range posts {
			require.Equal(t, 1, n, id)
		}
	})
}
