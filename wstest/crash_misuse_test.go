package wstest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

func TestMisuseOfCrashEvery(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		f    func(t *crashTB, crash *wstest.Crash)
		want string
	}{
		"no handler": {func(*crashTB, *wstest.Crash) {}, "no event has come to a handler of Crash.Handler"},
		"no calls": {func(t *crashTB, crash *wstest.Crash) {
			h := wstest.New(t, crash.Handler(t, func() lambda.Handler {
				r := gatesock.New()
				r.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
				return r
			}))
			h.Connect()
		}, "the application has made no call of a store or of the gateway"},
		"a parallel subtest": {func(t *crashTB, crash *wstest.Crash) { // runs when the function has returned
			b := newBistro()
			h := wstest.New(t, crash.Handler(t, func() lambda.Handler { return waiter{}.app(b) }), wstest.WithPoster(b.rec))
			guest := h.Connect()
			guest.Request("order", order{Key: "k"}).ExpectAck()
			t.Cleanup(func() { guest.Request("order", order{Key: "l"}).ExpectAck() })
		}, "order 2 began when the function had returned"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := runCrashes(t, "", c.f)
			require.Len(t, runs.own, 1)
			require.Contains(t, runs.own[0], c.want)
		})
	}
	require.Panics(t, func() { wstest.CrashEvery(t, nil) })
	require.Panics(t, func() { wstest.CrashEvery(t, func(*testing.T, *wstest.Crash) {}, nil) })
	require.Panics(t, func() { wstest.WithSample(0, 1) })
	require.Panics(t, func() { _ = wstest.CrashPoint(t.Context(), "", func() error { return nil }) })
	require.Panics(t, func() { new(wstest.Crash).Handler(t, nil) })
	require.Panics(t, func() { new(wstest.Crash).Handler(t, func() lambda.Handler { return nil }) })
	require.NoError(t, wstest.CrashPoint(t.Context(), "x", func() error { return nil }))
}

// A run without a crash that fails or is skipped is the only one.
func TestTheFirstRunMustPass(t *testing.T) {
	t.Parallel()
	runs := runCrashes(t, "", func(t *crashTB, crash *wstest.Crash) {
		waiter{}.dinner(t, crash)
		t.Errorf("wrong")
	})
	require.Equal(t, []string{"no crash"}, runs.names)
	runs = runCrashes(t, "", func(t *crashTB, crash *wstest.Crash) {
		waiter{}.dinner(t, crash)
		t.skipped = true
	})
	require.Equal(t, []string{"no crash"}, runs.names)
	require.Empty(t, runs.own)
}

// A run that does not come to its call has tested nothing.
func TestARunWithoutItsCrashFails(t *testing.T) {
	t.Parallel()
	n := 0
	runs := runCrashes(t, "", func(t *crashTB, crash *wstest.Crash) {
		b := newBistro()
		h := wstest.New(t, crash.Handler(t, func() lambda.Handler { return waiter{}.app(b) }), wstest.WithPoster(b.rec))
		guest := h.Connect()
		if n++; n == 1 {
			guest.Request("order", order{Key: "k"}).ExpectAck()
		}
	})
	failed := runs.failures["crash before bank.Pay 1 of order 1"]
	require.Len(t, failed, 1)
	require.Contains(t, failed[0], "there was no call to end the process before bank.Pay 1 of order 1")
	require.Contains(t, runs.logs["crash before bank.Pay 1 of order 1"], "the calls of the run:\n\tconn.Put 1 of $connect 1")
}

func TestWithSample(t *testing.T) {
	t.Parallel()
	all := runCrashes(t, "", waiter{}.dinner).names[1:]
	names := func(n int, seed uint64) []string {
		return runCrashes(t, "", waiter{}.dinner, wstest.WithSample(n, seed)).names[1:]
	}
	require.Equal(t, all, names(1000, 1))
	one := names(3, 1)
	require.Len(t, one, 3)
	require.Equal(t, one, names(3, 1))
	require.Subset(t, all, one)
	different := false
	for seed := range uint64(5) {
		different = different || fmt.Sprint(names(3, seed)) != fmt.Sprint(one)
	}
	require.True(t, different)
}

// A handler of a process that has ended is told so, and may not run for ever.
func TestAHandlerThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		runs := runCrashes(t, "crash after x 1 of event 1", func(t *crashTB, crash *wstest.Crash) {
			processes := 0
			app := crash.Handler(t, func() lambda.Handler {
				processes++
				first := processes == 1
				return handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
					done := make(chan error)
					go func() { done <- wstest.CrashPoint(ctx, "x", func() error { return nil }) }()
					err := <-done
					if first && crash.Happened() {
						<-release
					}
					return nil, err
				})
			})
			_, err := app.Invoke(t.Context(), []byte(`{}`))
			require.NoError(t, err)
		})
		close(release)
		failed := runs.failures["crash after x 1 of event 1"]
		require.Len(t, failed, 1)
		require.Contains(t, failed[0], "the handler of event 1, whose process had ended, does not return")
	})
}

// A panic of the application and the end of its goroutine are what they are without CrashEvery.
func TestAPanicIsNoCrash(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *crashTB){
		"panicked": func(*crashTB) { panic("boom") },
		"ended":    func(t *crashTB) { t.FailNow() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := runCrashes(t, "", func(t *crashTB, crash *wstest.Crash) {
				store := conn.NewMemory()
				h := wstest.New(t, crash.Handler(t, func() lambda.Handler {
					r := gatesock.New()
					r.Use(conn.Track(store))
					r.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
						end(t)
						return nil, nil
					})
					return r
				}))
				_ = h.ConnectRefused()
			})
			require.Equal(t, []string{"no crash"}, runs.names)
			require.Contains(t, strings.Join(runs.failures["no crash"], "\n"), `the handler of route "$connect"`)
			require.Contains(t, strings.Join(runs.failures["no crash"], "\n"), name)
		})
	}
}
