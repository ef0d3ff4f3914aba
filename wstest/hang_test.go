package wstest_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

// TestHandlerThatHangsFailsTheCall checks that the call fails within the timeout, with the stack of
// the handler.
func TestHandlerThatHangsFailsTheCall(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]struct {
		opts []wstest.Option
		want time.Duration
	}{
		"by default":        {nil, 30 * time.Second},
		"WithTimeout":       {[]wstest.Option{wstest.WithTimeout(2 * time.Second)}, 2 * time.Second},
		"in the same hurry": {[]wstest.Option{wstest.WithTimeout(time.Hour), wstest.WithTimeout(time.Second)}, time.Second},
	} {
		for _, route := range []string{"$connect", "$default"} {
			t.Run(name+" "+route, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					release := make(chan struct{})
					start := time.Now()
					failures := runFake(t, func(ft *fakeTB) {
						h := wstest.New(ft, hangingOn(route, release), opts.opts...)
						ft.Cleanup(func() { close(release) }) // before the harness closes
						c := h.Connect()
						c.SendText("go")
					})
					require.Equal(t, opts.want, time.Since(start))
					require.Len(t, failures, 1)
					require.Contains(t, failures[0], "the handler has not returned after "+opts.want.String())
					require.Contains(t, failures[0], `the handler of route "`+route+`" for connection `)
					require.Contains(t, failures[0], "wstest_test.leakUntil")
					if route == "$default" {
						require.Contains(t, failures[0], "no frames were received")
					}
				})
			})
		}
	}
}

// hangingOn returns an application whose handler of one route blocks until it is released.
func hangingOn(route string, release chan struct{}) *gatesock.Router {
	hold := func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		if req.RouteKey == route {
			leakUntil(release)
		}
		return nil, nil
	}
	r := gatesock.New()
	r.OnConnect(hold)
	r.OnDefault(hold)
	return r
}

// TestTheGatewaysOwnTimeoutComesFirst has a gateway that uses the time of the bubble.
func TestTheGatewaysOwnTimeoutComesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		h := wstest.New(t, hangingOn("$default", release), wstest.WithConfig(func(c *emulator.Config) { c.Clock = nil }))
		start := time.Now()
		c := h.Connect()
		c.SendText("go")
		require.Equal(t, 29*time.Second, time.Since(start))
		c.ExpectFrame(`{"message": "Endpoint request timed out", …}`)
		close(release)
	})
}

// TestInnocentPostBesideALateOne checks that only the late post is refused, and that it is reported
// once.
func TestInnocentPostBesideALateOne(t *testing.T) {
	t.Parallel()
	failures := runFake(t, func(ft *fakeTB) {
		rec := wstest.NewRecorder()
		posting := newSlowPoster()
		late := make(chan error, 1)
		h := wstest.New(ft, onMessage(func(_ context.Context, req *gatesock.Request) error {
			//nolint:contextcheck // the test needs a context without the handler's mark
			go func() {
				late <- rec.Post(context.Background(), gatesock.Target{ConnectionID: req.ConnectionID}, []byte("late"))
			}()
			<-posting.begun
			return nil
		}), wstest.WithPoster(rec))
		rec.Attach(posting)
		h.Connect().SendText("go") // the late post blocks now
		rec.Attach(nil)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				require.NoError(t, rec.Post(context.Background(), gatesock.Target{ConnectionID: "other"}, []byte("x")))
			})
		}
		wg.Wait()
		close(posting.release)
		require.NoError(t, <-late)
	})
	require.Len(t, failures, 1)
	require.NotContains(t, failures[0], `"other"`)
}
