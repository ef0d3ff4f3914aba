package breaker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/breaker"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

var errDown = errors.New("connection refused")

// call calls a service that answers with err, and reports whether it was reached.
func call(t *testing.T, b *breaker.Breaker, err error) (reached bool, got error) {
	t.Helper()
	got = b.Do(t.Context(), func(context.Context) error {
		reached = true
		return err
	})
	if reached {
		require.Equal(t, err, got)
	}
	return reached, got
}

// reach makes n calls that the breaker has to let through.
func reach(t *testing.T, b *breaker.Breaker, n int, err error) {
	t.Helper()
	for range n {
		reached, got := call(t, b, err)
		require.True(t, reached, "%v", got)
	}
}

// refused makes a call that the breaker must not let through, and requires the time to wait.
func refused(t *testing.T, b *breaker.Breaker, wait time.Duration) {
	t.Helper()
	reached, err := call(t, b, nil)
	require.False(t, reached)
	require.ErrorIs(t, err, breaker.ErrRefused)
	var public *gatesock.Error
	require.ErrorAs(t, err, &public)
	require.Equal(t, gatesock.CodeUnavailable, public.Code)
	require.Equal(t, wait, public.RetryAfter)
	require.NotContains(t, public.Message, "payments", "clients do not see the name")
	require.ErrorContains(t, err, "payments is ", "logs have the name")
}

func pass(d time.Duration) { time.Sleep(d) } // in a synctest bubble

func TestABreakerOpensProbesAndCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New("payments", breaker.WithLogger(silent()))
		reach(t, b, 4, errDown)
		reach(t, b, 1, nil) // begins the row again
		reach(t, b, 4, errDown)
		require.Equal(t, breaker.Closed, b.State())
		reach(t, b, 1, errDown)
		require.Equal(t, breaker.Open, b.State())

		refused(t, b, 30*time.Second)
		pass(29*time.Second + 999*time.Millisecond)
		refused(t, b, time.Millisecond)
		pass(time.Millisecond)
		require.Equal(t, breaker.HalfOpen, b.State())
		reach(t, b, 1, errDown) // the probe fails
		refused(t, b, 30*time.Second)

		pass(time.Hour)
		reach(t, b, 1, nil)
		require.Equal(t, breaker.Closed, b.State())
		reach(t, b, 4, errDown) // failures from before do not count
		require.Equal(t, breaker.Closed, b.State())
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	t.Run("half of the calls fail", func(t *testing.T) {
		t.Parallel()
		b := breaker.New("payments", breaker.WithLogger(silent()))
		for range 9 {
			reach(t, b, 1, errDown)
			reach(t, b, 1, nil)
		}
		reach(t, b, 1, nil)
		require.Equal(t, breaker.Closed, b.State())
		reach(t, b, 1, errDown) // 10 of 20
		require.Equal(t, breaker.Open, b.State())
	})
	t.Run("another share", func(t *testing.T) {
		t.Parallel()
		b := breaker.New("payments", breaker.WithLogger(silent()), breaker.WithErrorRate(0.75, 4))
		reach(t, b, 2, errDown)
		reach(t, b, 1, nil)
		require.Equal(t, breaker.Closed, b.State())
		reach(t, b, 1, errDown)
		require.Equal(t, breaker.Open, b.State())
	})
	t.Run("failures are forgotten", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := breaker.New("payments", breaker.WithLogger(silent()))
			reach(t, b, 4, errDown)
			pass(5*time.Minute + time.Second)
			reach(t, b, 4, errDown)
			require.Equal(t, breaker.Closed, b.State())
			pass(4*time.Minute + 20*time.Second)
			reach(t, b, 1, errDown) // five within five minutes, wherever those begin
			require.Equal(t, breaker.Open, b.State())
		})
	})
	t.Run("an instance whose calls time out, one after the other", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := breaker.New("payments", breaker.WithLogger(silent()))
			for range 5 {
				require.ErrorIs(t, b.Do(t.Context(), func(context.Context) error {
					pass(28 * time.Second)
					return context.DeadlineExceeded
				}), context.DeadlineExceeded)
			}
			refused(t, b, 30*time.Second)
		})
	})
	t.Run("another number, window, period", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := breaker.New("payments", breaker.WithLogger(silent()),
				breaker.WithFailures(2, 10*time.Second), breaker.WithOpenFor(200*time.Millisecond))
			reach(t, b, 1, errDown)
			pass(11 * time.Second)
			reach(t, b, 1, errDown)
			require.Equal(t, breaker.Closed, b.State())
			reach(t, b, 1, errDown)
			refused(t, b, 200*time.Millisecond)
		})
	})
	for name, mistake := range map[string]func(){
		"New: name":              func() { breaker.New("") },
		"New: an option":         func() { breaker.New("x", nil) },
		"WithFailures: n":        func() { breaker.WithFailures(0, time.Minute) },
		"WithFailures: the wind": func() { breaker.WithFailures(1, 0) },
		"WithErrorRate: the":     func() { breaker.WithErrorRate(0, 1) },
		"WithErrorRate: the sh":  func() { breaker.WithErrorRate(1.1, 1) },
		"WithErrorRate: calls":   func() { breaker.WithErrorRate(1, 0) },
		"WithOpenFor: d":         func() { breaker.WithOpenFor(0) },
		"WithProbes: n":          func() { breaker.WithProbes(0) },
		"WithFailure: f":         func() { breaker.WithFailure(nil) },
		"WithLogger: l":          func() { breaker.WithLogger(nil) },
	} {
		func() {
			defer func() { require.Contains(t, recover(), "breaker: "+name) }()
			mistake()
		}()
	}
}

func TestWhatIsAFailure(t *testing.T) {
	t.Parallel()
	code := func(c gatesock.Code) error { return gatesock.Errorf(c, "x") }
	for _, c := range []struct {
		err  error
		want bool
	}{
		{errDown, true},
		{code(gatesock.CodeInternal), true},
		{code(gatesock.CodeUnavailable), true},
		{fmt.Errorf("payments: %w", code(gatesock.CodeDeadlineExceeded)), true},
		{code(""), true},
		{context.DeadlineExceeded, true},
		{os.ErrDeadlineExceeded, true},
		{nil, false},
		{context.Canceled, false},
		{gatesock.Errorf(gatesock.CodeUnavailable, "x").WithCause(context.Canceled), false},
		{code(gatesock.CodeInvalidArgument), false},
		{code(gatesock.CodeNotFound), false},
		{code(gatesock.CodeRateLimited), false},
		{code(gatesock.CodeFailedPrecondition), false},
		{code("sold_out"), false},
	} {
		require.Equal(t, c.want, breaker.IsFailure(c.err), "%v", c.err)
		b := breaker.New("payments", breaker.WithLogger(silent()))
		reach(t, b, 5, c.err)
		require.Equal(t, c.want, b.State() == breaker.Open, "%v", c.err)
	}

	limited := code(gatesock.CodeRateLimited)
	b := breaker.New("payments", breaker.WithLogger(silent()), breaker.WithFailure(func(err error) bool {
		return gatesock.CodeOf(err) == gatesock.CodeRateLimited
	}))
	reach(t, b, 50, errDown)
	reach(t, b, 4, limited)
	reach(t, b, 30, context.Canceled) // neither ends the row nor adds to it
	require.Equal(t, breaker.Closed, b.State())
	reach(t, b, 1, limited)
	require.Equal(t, breaker.Open, b.State())
}

func TestPanicsCountAndGoOn(t *testing.T) {
	t.Parallel()
	b := breaker.New("payments", breaker.WithLogger(silent()), breaker.WithFailures(2, time.Minute))
	require.PanicsWithValue(t, "at the disco", func() {
		_ = b.Do(t.Context(), func(context.Context) error { panic("at the disco") })
	})
	require.Equal(t, breaker.Closed, b.State())
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = b.Do(context.Background(), func(context.Context) error {
			runtime.Goexit()
			return nil
		})
	})
	wg.Wait()
	require.Equal(t, breaker.Open, b.State())
}

func TestACallWhoseContextHasEndedIsNotMade(t *testing.T) {
	t.Parallel()
	b := breaker.New("payments", breaker.WithLogger(silent()), breaker.WithFailures(1, time.Minute))
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	got, err := breaker.Call(ctx, b, func(context.Context) (int, error) { return 1, errDown })
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Zero(t, got)
	require.Equal(t, breaker.Closed, b.State(), "it is the caller who had no time")
	got, err = breaker.Call(t.Context(), b, func(context.Context) (int, error) { return 1, nil })
	require.NoError(t, err)
	require.Equal(t, 1, got)
}

// TestProbesAreBounded checks that a breaker that is half-open lets exactly its number of probes
// through at once, and that the others learn when to try again.
func TestProbesAreBounded(t *testing.T) {
	t.Parallel()
	for _, probes := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			b := breaker.New("payments", breaker.WithLogger(silent()), breaker.WithFailures(1, time.Minute),
				breaker.WithProbes(probes))
			reach(t, b, 1, errDown)
			pass(30 * time.Second)
			answer := make(chan error)
			var wg sync.WaitGroup
			var mu sync.Mutex
			reached, others := 0, 0
			for range 50 {
				wg.Go(func() {
					err := b.Do(t.Context(), func(context.Context) error {
						mu.Lock()
						reached++
						mu.Unlock()
						return <-answer
					})
					if errors.Is(err, breaker.ErrRefused) {
						mu.Lock()
						others++
						mu.Unlock()
					}
				})
			}
			synctest.Wait()
			require.Equal(t, probes, reached)
			require.Equal(t, 50-probes, others)
			refused(t, b, time.Second)
			for range probes {
				require.Equal(t, breaker.HalfOpen, b.State())
				refused(t, b, time.Second)
				answer <- nil
				synctest.Wait()
			}
			wg.Wait()
			require.Equal(t, breaker.Closed, b.State())
		})
	}
}

// TestACallFromBeforeDoesNotCount checks that a call that was on its way when the breaker opened
// changes nothing when it ends.
func TestACallFromBeforeDoesNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New("payments", breaker.WithLogger(silent()))
		for _, outcome := range []error{nil, errDown} {
			answer := make(chan error)
			var wg sync.WaitGroup
			wg.Go(func() { _ = b.Do(t.Context(), func(context.Context) error { return <-answer }) })
			synctest.Wait()
			reach(t, b, 5, errDown)
			pass(10 * time.Second)
			answer <- outcome
			wg.Wait()
			refused(t, b, 20*time.Second)
			pass(20 * time.Second)
			reach(t, b, 1, nil)
		}
	})
}

func TestACanceledProbeLeavesItToTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New("payments", breaker.WithLogger(silent()))
		reach(t, b, 5, errDown)
		pass(30 * time.Second)
		reach(t, b, 3, context.Canceled)
		require.Equal(t, breaker.HalfOpen, b.State())
		reach(t, b, 1, gatesock.Errorf(gatesock.CodeNotFound, "no such card")) // the service has answered
		require.Equal(t, breaker.Closed, b.State())
	})
}

func TestOneBreakerInsideOfItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New("payments", breaker.WithLogger(silent()))
		other := breaker.New("orders", breaker.WithLogger(silent()))
		both := func(err error) error {
			return b.Do(t.Context(), func(ctx context.Context) error {
				return other.Do(ctx, func(ctx context.Context) error {
					return b.Do(ctx, func(context.Context) error { return err })
				})
			})
		}
		for range 4 {
			require.Equal(t, errDown, both(errDown))
		}
		require.Equal(t, breaker.Closed, b.State(), "a call counts once")
		require.Equal(t, errDown, both(errDown))
		require.Equal(t, breaker.Open, b.State())
		require.Equal(t, breaker.Open, other.State())
		pass(30 * time.Second)
		require.NoError(t, both(nil), "the inner call needs no second probe")
		require.Equal(t, breaker.Closed, b.State())
	})
}

// TestMiddleware is what clients see.
func TestMiddleware(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New("payments", breaker.WithLogger(silent()))
		var down error
		var disconnects int
		r := gatesock.New(gatesock.WithLogger(silent()))
		r.Use(gatesock.Recover(), b.Middleware())
		r.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
		r.OnDisconnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
			disconnects++
			return nil, errDown
		})
		gatesock.HandleReply(r, "pay", func(_ context.Context, _ *gatesock.Request, in struct {
			Amount int `json:"amount"`
		},
		) (string, error) {
			if in.Amount == 13 {
				panic("at the disco")
			}
			return "paid", down
		})
		h := wstest.New(t, r, wstest.WithConfig(func(c *emulator.Config) { c.Clock = nil }))
		client := h.Connect()
		malformed := map[string]any{"amount": "one"}
		var reply string
		client.Request("pay", nil).ExpectReply(&reply)
		require.Equal(t, "paid", reply)

		down = errDown
		client.Request("pay", malformed).ExpectError(gatesock.CodeInvalidArgument)
		for range 4 {
			client.Request("pay", nil).ExpectError(gatesock.CodeInternal)
		}
		client.Request("pay", malformed).ExpectError(gatesock.CodeInvalidArgument) // begins the row again
		for range 4 {
			client.Request("pay", nil).ExpectError(gatesock.CodeInternal)
		}
		client.Request("pay", map[string]any{"amount": 13}).ExpectError(gatesock.CodeInternal) // the fifth
		pass(500 * time.Millisecond)
		failure := client.Request("pay", nil).ExpectError(gatesock.CodeUnavailable)
		require.Equal(t, 29_500*time.Millisecond, failure.RetryAfter)
		require.Equal(t, 503, h.ConnectRefused())
		client.Close(1000, "")
		synctest.Wait()
		require.Equal(t, 1, disconnects, "a $disconnect goes through")
		require.Equal(t, breaker.Open, b.State())
		h.TakeErrors()

		pass(30 * time.Second)
		down = nil
		client = h.Connect() // the probe
		require.Equal(t, breaker.Closed, b.State())

		down = errDown
		for range 5 {
			client.Request("pay", nil).ExpectError(gatesock.CodeInternal)
		}
		pass(30 * time.Second)
		client.Request("pay", malformed).ExpectError(gatesock.CodeInvalidArgument)
		require.Equal(t, breaker.HalfOpen, b.State(), "the handler has not called the service")
		client.Request("pay", nil).ExpectError(gatesock.CodeInternal)
		require.Equal(t, breaker.Open, b.State())
		h.Close()
	})
}

// reentrant is a handler of logs that uses the breaker.
type reentrant struct {
	slog.Handler

	state func() breaker.State
}

func (h *reentrant) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(slog.String("state", h.state().String()))
	return h.Handler.Handle(ctx, r)
}

func TestEachChangeIsLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		h := &reentrant{Handler: slog.NewTextHandler(&log, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		})}
		b := breaker.New("payments", breaker.WithLogger(slog.New(h)))
		h.state = b.State
		reach(t, b, 5, errDown)
		for range 10 {
			refused(t, b, 30*time.Second)
		}
		pass(30 * time.Second)
		reach(t, b, 1, errDown)
		pass(30 * time.Second)
		_ = b.State()
		reach(t, b, 3, nil)
		require.Equal(t, `level=WARN msg="breaker: open" breaker=payments for=30s state=open
level=INFO msg="breaker: half-open" breaker=payments state=half-open
level=WARN msg="breaker: open" breaker=payments for=30s state=open
level=INFO msg="breaker: half-open" breaker=payments state=half-open
level=INFO msg="breaker: closed" breaker=payments state=closed
`, log.String())
	})
}

// TestConcurrentCalls is for the race detector.
func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New("payments", breaker.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				for n := range 50 {
					_ = b.Do(t.Context(), func(context.Context) error {
						pass(time.Duration(i+1) * time.Second)
						if (i+n)%3 > 0 {
							return errDown
						}
						return nil
					})
					_ = b.State()
					pass(time.Second)
				}
			})
		}
		wg.Wait()
		pass(time.Minute)
		reach(t, b, 1, nil)
		require.Equal(t, breaker.Closed, b.State())
	})
}
