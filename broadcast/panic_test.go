package broadcast

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/stretchr/testify/require"
)

// panicOf returns the value that f panics with.
func panicOf(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

var errBug = errors.New("a bug")

// A panic is raised again on the caller's goroutine, after the other posts have ended.
func TestPosterPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var others atomic.Int64
		p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
			if to.ConnectionID == "c1" {
				panic(errBug)
			}
			<-time.After(time.Second) // virtual time: how long the post takes.
			others.Add(1)
			return nil
		})
		b := New(p, room(100, 100), WithConcurrency(4), inOrder())
		v := panicOf(func() { _, _ = b.Send(t.Context(), To("room"), hello()) })
		err, isError := v.(error)
		require.True(t, isError)
		require.ErrorIs(t, err, errBug)
		require.ErrorContains(t, err, "broadcast: panic while sending: a bug")
		require.ErrorContains(t, err, "TestPosterPanics", "the stack of the panic")
		require.EqualValues(t, 3, others.Load())
	})
}

func TestOtherPanics(t *testing.T) {
	t.Parallel()
	boom := func() { panic("boom") }
	for name, f := range map[string]func(ctx context.Context){
		"store, reading": func(ctx context.Context) {
			_, _ = New(always(nil), struct{ conn.Store }{}).Send(ctx, To("room"), hello())
		},
		"store, pruning": func(ctx context.Context) {
			store := room(1, 1)
			store.del = func(context.Context, string) error { boom(); return nil }
			_, _ = New(always(gatesock.ErrGone), store).Send(ctx, To("room"), hello())
		},
		"jitter": func(ctx context.Context) {
			throttles := always(gatesock.ErrThrottled)
			b := New(throttles, room(50, 2), WithConcurrency(5),
				withJitter(func(time.Duration) time.Duration { boom(); return 0 }))
			_, _ = b.Send(ctx, To("room"), hello())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { require.NotNil(t, panicOf(func() { f(t.Context()) })) })
		})
	}
}

// As a test's Poster does that calls t.FailNow.
func TestPosterEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	p := posterFunc(func(_ context.Context, to gatesock.Target, _ []byte) error {
		if to.ConnectionID != "c3" {
			runtime.Goexit()
		}
		return nil
	})
	rep, err := New(p, room(5, 2), WithConcurrency(2)).Send(t.Context(), To("room"), hello())
	require.NoError(t, err)
	require.Equal(t, 4, rep.Failed)
	require.Equal(t, 1, rep.Delivered)
	require.ErrorIs(t, rep.Errors[0], errGoexit)
}

// exiting is a store whose reading ends its goroutine.
type exiting struct{ conn.Store }

func (exiting) Shards(context.Context, string) (int, error) { runtime.Goexit(); return 1, nil }

func TestStoreEndsItsGoroutine(t *testing.T) {
	t.Parallel()
	rep, err := New(always(nil), exiting{}).Send(t.Context(), To("room"), hello())
	require.ErrorIs(t, err, errGoexit)
	require.True(t, rep.Incomplete)
}
