package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
)

func TestCalls(t *testing.T) {
	inBubble(t, emulator.Config{}, withActions, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		var calls sync.WaitGroup
		answers, errs := make([]text, 200), make([]error, 200)
		for n := range answers {
			calls.Go(func() {
				answers[n], errs[n] = client.Call[text](t.Context(), c, "echo", text{fmt.Sprint(n)})
			})
		}
		calls.Wait()
		require.NoError(t, errors.Join(errs...))
		for n, answer := range answers {
			require.Equal(t, fmt.Sprint(n), answer.Text)
		}
		n, err := client.Call[int](t.Context(), c, "count", nil)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.NoError(t, c.Call(t.Context(), "count", nil, nil))
	})
}

// A message is sent in frames of 32 KiB; the gateway closes the connection for larger ones.
func TestLargeMessages(t *testing.T) {
	inBubble(t, emulator.Config{}, withActions, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		for _, size := range []int{32<<10 - 40, 32 << 10, 32<<10 + 1, 64 << 10, 127 << 10} {
			want := strings.Repeat("x", size)
			out, err := client.Call[text](t.Context(), c, "echo", text{want})
			require.NoError(t, err, "%d", size)
			require.Equal(t, want, out.Text)
		}
		require.Equal(t, 1, w.attempts())
		big := text{strings.Repeat("x", 128<<10)}
		_, err := client.Call[text](t.Context(), c, "echo", big)
		require.Equal(t, gatesock.CodeTooLarge, gatesock.CodeOf(err))
		require.Equal(t, gatesock.CodeTooLarge, gatesock.CodeOf(c.Send("note", big)))
		require.Equal(t, 1, w.attempts())
	})
}

func TestErrorsOfTheServer(t *testing.T) {
	inBubble(t, emulator.Config{}, withActions, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		err := c.Call(t.Context(), "fail", failing{Code: gatesock.CodeNotFound, After: 3 * time.Second}, nil)
		var e *gatesock.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, gatesock.CodeNotFound, e.Code)
		require.Equal(t, "it failed", e.Message)
		require.Equal(t, 3*time.Second, e.RetryAfter)
		require.Equal(t, json.RawMessage(`{"n":7}`), e.Details)
		err = c.Call(t.Context(), "nothing", nil, nil)
		require.Equal(t, gatesock.CodeNotFound, gatesock.CodeOf(err))
		var wrong int
		require.ErrorContains(t, c.Call(t.Context(), "echo", text{"x"}, &wrong), "echo")
	})
}

func TestInputsThatAreImpossible(t *testing.T) {
	inBubble(t, emulator.Config{}, withActions, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		for _, in := range []any{1, "x", []int{1}, func() {}, true} {
			require.ErrorContains(t, c.Call(t.Context(), "echo", in, nil), "echo")
			require.ErrorContains(t, c.Send("echo", in), "echo")
		}
		require.NoError(t, c.Call(t.Context(), "echo", (*text)(nil), nil))
		taken := map[string]int{"id": 1}
		require.Equal(t, gatesock.CodeInvalidArgument, gatesock.CodeOf(c.Call(t.Context(), "echo", taken, nil)))
		require.Error(t, c.Send("echo", taken))
		require.Panics(t, func() { _ = c.Call(t.Context(), "", nil, nil) })
		require.Panics(t, func() { _ = c.Call(t.Context(), "echo", nil, nil, nil) })
		require.Panics(t, func() { _ = c.Send("", nil) })
		require.Panics(t, func() { c.Subscribe("") })
		require.Panics(t, func() { c.Values("") })
		require.Panics(t, func() { c.Presence("") })
	})
}

// Calls wait for a connection, and expire.
func TestCallsWithoutAConnection(t *testing.T) {
	inBubble(t, emulator.Config{}, withActions, func(w *world) {
		t := w.t
		w.fail(errNetwork)
		c := w.start(client.WithMaxQueue(2))
		defer c.Close()
		require.ErrorIs(t, c.Send("note", nil), client.ErrOffline)
		done := make(chan error)
		for range 2 {
			go func() { done <- c.Call(t.Context(), "count", nil, nil) }()
		}
		synctest.Wait()
		require.ErrorIs(t, c.Call(t.Context(), "count", nil, nil), client.ErrQueueFull)
		w.fail(nil)
		require.NoError(t, <-done)
		require.NoError(t, <-done)
		require.NoError(t, c.Send("note", nil))
		synctest.Wait()
		require.Equal(t, int64(3), w.count.Load())

		w.fail(errNetwork)
		w.drop()
		states(t, c, client.StatusWaiting)
		began := time.Now()
		require.ErrorIs(t, c.Call(t.Context(), "count", nil, nil, client.WithExpiry(time.Minute)), client.ErrExpired)
		require.Equal(t, time.Minute, time.Since(began))
		go func() { done <- c.Call(t.Context(), "count", nil, nil) }()
		synctest.Wait()
		require.NoError(t, c.Close())
		require.ErrorIs(t, <-done, client.ErrClosed)
		require.ErrorIs(t, c.Call(t.Context(), "count", nil, nil), client.ErrClosed)
		require.ErrorIs(t, c.Send("note", nil), client.ErrClosed)
		require.Equal(t, int64(3), w.count.Load())
	})
}

// The context ends a call at each point.
func TestCallsWhoseContextEnds(t *testing.T) {
	inBubble(t, emulator.Config{}, withActions, func(w *world) {
		t := w.t
		cause := errors.New("the user has left")
		ended := func(d time.Duration) context.Context {
			ctx, stop := context.WithCancelCause(t.Context())
			if d == 0 {
				stop(cause)
			} else {
				time.AfterFunc(d, func() { stop(cause) })
			}
			return ctx
		}
		c := w.connect()
		defer c.Close()
		check := func(err error, unknown bool) {
			t.Helper()
			require.ErrorIs(t, err, cause)
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, unknown, errors.Is(err, client.ErrUnknownOutcome))
		}
		check(c.Call(ended(0), "count", nil, nil), false)
		began := time.Now()
		check(c.Call(ended(time.Second), "sleep", sleep{time.Minute}, nil), true)
		require.Equal(t, time.Second, time.Since(began))

		w.fail(errNetwork)
		w.drop()
		states(t, c, client.StatusWaiting)
		check(c.Call(ended(time.Second), "count", nil, nil), false)
		w.fail(nil)
		require.NoError(t, c.Wait(t.Context()))
		n, err := client.Call[int](t.Context(), c, "count", nil)
		require.NoError(t, err)
		require.Equal(t, 2, n) // the one that slept, and this one
	})
}

// A call whose answer is lost is sent again only if that does no harm.
func TestLostAnswers(t *testing.T) {
	inBubble(t, emulator.Config{}, withActions, func(w *world) {
		t := w.t
		c := w.connect(client.WithIdempotentActions("count"))
		defer c.Close()
		lose := func(action string, opts ...client.CallOption) error {
			require.NoError(t, c.Wait(t.Context()))
			done := make(chan error)
			go func() { done <- c.Call(t.Context(), action, sleep{time.Second}, nil, opts...) }()
			synctest.Wait()
			w.drop()
			return <-done
		}
		require.ErrorIs(t, lose("sleep"), client.ErrUnknownOutcome)
		require.Equal(t, int64(1), w.count.Swap(0))
		require.NoError(t, lose("sleep", client.Idempotent()))
		require.Equal(t, int64(2), w.count.Swap(0))
		require.NoError(t, lose("sleep", client.WithKey("k")))
		require.Equal(t, int64(2), w.count.Swap(0))
		require.NoError(t, lose("sleep", client.WithRandomKey()))
		require.Equal(t, int64(2), w.count.Swap(0))
		require.ErrorIs(t, c.Call(t.Context(), "sleep", sleep{time.Minute}, nil, client.WithTimeout(time.Second)),
			client.ErrUnknownOutcome)
	})
}

// A call of another action waits in its lane.
func TestLanes(t *testing.T) {
	inBubble(t, emulator.Config{}, withActions, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		began := time.Now()
		var calls sync.WaitGroup
		errs := make([]error, 6)
		for n := range 3 {
			calls.Go(func() {
				errs[n] = c.Call(t.Context(), "sleep", sleep{time.Second}, nil, client.WithLane("a"))
			})
			calls.Go(func() { errs[3+n] = c.Call(t.Context(), "sleep", sleep{time.Second}, nil) })
		}
		calls.Wait()
		require.NoError(t, errors.Join(errs...))
		require.Equal(t, 3*time.Second, time.Since(began).Truncate(time.Second))
	})
}

func TestRateLimited(t *testing.T) {
	inBubble(t, emulator.Config{}, withActions, func(w *world) {
		t := w.t
		c := w.connect()
		defer c.Close()
		began := time.Now()
		in := failing{gatesock.CodeRateLimited, 4 * time.Second, 2}
		require.NoError(t, c.Call(t.Context(), "fail", in, nil))
		require.Equal(t, int64(3), w.count.Load())
		require.GreaterOrEqual(t, time.Since(began), 8*time.Second)
		require.LessOrEqual(t, time.Since(began), 10*time.Second)
		w.count.Store(0)
		in = failing{gatesock.CodeRateLimited, time.Hour, 1}
		require.Equal(t, gatesock.CodeRateLimited, gatesock.CodeOf(c.Call(t.Context(), "fail", in, nil)))
	})
}

func TestPushes(t *testing.T) {
	app := func(w *world) {
		gatesock.Handle(w.app, "push", func(ctx context.Context, r *gatesock.Request, in text) error {
			frame := fmt.Sprintf(`{"event":%q,"topic":"t","data":{"Text":"hello"}}`, in.Text)
			return w.gateway.Post(ctx, gatesock.Target{ConnectionID: r.ConnectionID}, []byte(frame))
		})
	}
	inBubble(t, emulator.Config{}, app, func(w *world) {
		t := w.t
		c := w.connect()
		all, some := c.Listen(), c.Listen("b", "c")
		for _, name := range []string{"a", "b", "c"} {
			require.NoError(t, c.Call(t.Context(), "push", text{name}, nil))
		}
		next := func(l *client.Listener) client.Push {
			for p, err := range l.Pushes(t.Context()) {
				require.NoError(t, err)
				return p
			}
			t.Fatal("the iteration has ended")
			return client.Push{}
		}
		for _, name := range []string{"a", "b", "c"} {
			p := next(all)
			var data text
			require.NoError(t, p.Decode(&data))
			require.Equal(t, client.Push{Name: name, Topic: "t", Data: p.Data}, p)
			require.Equal(t, "hello", data.Text)
		}
		require.Equal(t, "b", next(some).Name)
		require.Equal(t, "c", next(some).Name)
		all.Close()
		for _, err := range all.Pushes(t.Context()) {
			t.Fatal("a push after Close", err)
		}
		for range 1025 {
			require.NoError(t, c.Call(t.Context(), "push", text{"b"}, nil))
		}
		synctest.Wait()
		n := 0
		for _, err := range some.Pushes(t.Context()) {
			if err != nil {
				require.ErrorIs(t, err, client.ErrSlowConsumer)
				break
			}
			n++
		}
		require.Equal(t, 1024, n)
		last := c.Listen()
		require.NoError(t, c.Close())
		for _, err := range last.Pushes(t.Context()) {
			require.ErrorIs(t, err, client.ErrClosed)
		}
		for _, err := range c.Listen().Pushes(t.Context()) {
			require.ErrorIs(t, err, client.ErrClosed)
		}
	})
}
