package wstest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

// handlerFunc is a lambda.Handler.
type handlerFunc func(ctx context.Context, event []byte) ([]byte, error)

func (f handlerFunc) Invoke(ctx context.Context, event []byte) ([]byte, error) { return f(ctx, event) }

// onMessage returns an application with one handler for all messages.
func onMessage(f func(ctx context.Context, req *gatesock.Request) error) *gatesock.Router {
	r := gatesock.New()
	r.OnDefault(func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) { return nil, f(ctx, req) })
	return r
}

func TestLeakedGoroutineFailsTheTest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		failures := runFake(t, func(t *fakeTB) {
			h := wstest.New(t, onMessage(func(context.Context, *gatesock.Request) error {
				go leakUntil(release)
				return nil
			}))
			c := h.Connect()
			c.SendText("one")
			c.SendText("two")
		})
		require.Len(t, failures, 2, "one for each invocation")
		require.Contains(t, failures[0], `the handler of route "$default" for connection `)
		require.Contains(t, failures[0], "left 1 goroutine running")
		require.Contains(t, failures[0], "wstest_test.leakUntil")
		require.Contains(t, failures[0], "faults_test.go:")
	})
}

func leakUntil(release chan struct{}) { <-release }

func TestGoroutineThatEndsIsNoLeak(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		failures := runFake(t, func(t *fakeTB) {
			h := wstest.New(t, onMessage(func(context.Context, *gatesock.Request) error {
				go leakUntil(release)
				return nil
			}))
			h.Connect().SendText("one")
			time.AfterFunc(50*time.Millisecond, func() { close(release) })
		})
		require.Empty(t, failures)
	})
}

func TestIdleHTTPConnectionIsNoLeak(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	failures := runFake(t, func(ft *fakeTB) {
		h := wstest.New(ft, onMessage(func(ctx context.Context, _ *gatesock.Request) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
			if err != nil {
				return err
			}
			response, err := transport.RoundTrip(req)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, response.Body)
			return errors.Join(err, response.Body.Close())
		}))
		c := h.Connect()
		c.Request("go", nil).ExpectAck()
	})
	require.Empty(t, failures)
}

func TestWithIgnoredGoroutine(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	failures := runFake(t, func(t *fakeTB) {
		h := wstest.New(t, onMessage(func(context.Context, *gatesock.Request) error {
			go leakUntil(release)
			return nil
		}), wstest.WithIgnoredGoroutine("wstest_test.leakUntil"))
		h.Connect().SendText("one")
	})
	require.Empty(t, failures)
}

func TestHarnessesSeeOnlyTheirOwnLeaks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		clean := func(t *fakeTB, inner func()) {
			h := wstest.New(t, onMessage(func(context.Context, *gatesock.Request) error { return nil }))
			h.Connect().SendText("one")
			inner()
		}
		var leaking []string
		failures := runFake(t, func(ft *fakeTB) {
			clean(ft, func() {
				leaking = runFake(t, func(t *fakeTB) {
					h := wstest.New(t, onMessage(func(context.Context, *gatesock.Request) error {
						go leakUntil(release)
						return nil
					}))
					h.Connect().SendText("one")
				})
			})
		})
		require.Len(t, leaking, 1)
		require.Empty(t, failures)
	})
}

// lateApp returns an application whose goroutine posts after the handler has returned.
func lateApp(
	rec *wstest.Recorder, ctxOf func(context.Context) context.Context, release chan struct{}, result chan error,
) *gatesock.Router {
	return onMessage(func(ctx context.Context, req *gatesock.Request) error {
		go func() {
			<-release
			result <- rec.Post(ctxOf(ctx), gatesock.Target{ConnectionID: req.ConnectionID}, []byte("late"))
		}()
		return nil
	})
}

func TestPostAfterTheHandlerReturnedFailsTheTest(t *testing.T) {
	t.Parallel()
	for name, ctxOf := range map[string]func(context.Context) context.Context{
		"of the handler's context":   context.WithoutCancel,
		"of a context without marks": func(context.Context) context.Context { return context.Background() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var id string
			failures := runFake(t, func(ft *fakeTB) {
				rec := wstest.NewRecorder()
				release, result := make(chan struct{}), make(chan error, 1)
				h := wstest.New(ft, lateApp(rec, ctxOf, release, result), wstest.WithPoster(rec))
				c := h.Connect()
				c.SendText("go")
				close(release)
				require.ErrorContains(t, <-result, "the handler that makes the call has returned")
				require.Len(t, rec.PostsTo(c.ID()), 1, "it is recorded")
				c.ExpectNone()
				id = c.ID()
			})
			require.Equal(t, []string{
				`wstest: a post to "` + id + `" was made after the handler of route "$default" for connection ` + id + " had returned",
			}, failures)
		})
	}
}

func TestPostUnderWayWhenTheHandlerReturnsFailsTheTest(t *testing.T) {
	t.Parallel()
	for name, ctxOf := range map[string]func(context.Context) context.Context{
		"of the handler's context":   context.WithoutCancel,
		"of a context without marks": func(context.Context) context.Context { return context.Background() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failures := runFake(t, func(ft *fakeTB) {
				rec := wstest.NewRecorder()
				posting := newSlowPoster()
				result := make(chan error, 1)
				h := wstest.New(ft, onMessage(func(ctx context.Context, req *gatesock.Request) error {
					go func() {
						result <- rec.Post(ctxOf(ctx), gatesock.Target{ConnectionID: req.ConnectionID}, []byte("late"))
					}()
					<-posting.begun
					return nil
				}), wstest.WithPoster(rec))
				rec.Attach(posting)
				h.Connect().SendText("go")
				close(posting.release)
				require.NoError(t, <-result)
			})
			require.Len(t, failures, 1)
			require.Contains(t, failures[0], `the handler of route "$default"`)
		})
	}
}

// slowPoster accepts one post, when it is released.
type slowPoster struct{ begun, release chan struct{} }

func newSlowPoster() *slowPoster {
	return &slowPoster{begun: make(chan struct{}), release: make(chan struct{})}
}

func (p *slowPoster) Post(context.Context, gatesock.Target, []byte) error {
	close(p.begun)
	<-p.release
	return nil
}

func TestPostsOfTheTestAreFine(t *testing.T) {
	t.Parallel()
	failures := runFake(t, func(ft *fakeTB) {
		h := wstest.New(ft, onMessage(func(context.Context, *gatesock.Request) error { return nil }))
		c := h.Connect()
		c.SendText("go")
		require.NoError(t, h.Poster().Post(context.Background(), gatesock.Target{ConnectionID: c.ID()}, []byte("hello")))
		c.ExpectFrame("hello")
	})
	require.Empty(t, failures)
}

func TestWrongHandlersFailTheTest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler func() ([]byte, error)
		want    string
	}{
		"panic":       {func() ([]byte, error) { panic("boom") }, `the handler of route "$default" for connection ID panicked: boom`},
		"nil panic":   {func() ([]byte, error) { panic(error(nil)) }, "panicked: panic called with nil argument"},
		"Goexit":      {func() ([]byte, error) { runtime.Goexit(); return nil, nil }, "ended its goroutine, by runtime.Goexit or a FailNow"},
		"no JSON":     {func() ([]byte, error) { return []byte("hello"), nil }, "malformed Lambda proxy response: not JSON: hello"},
		"no status":   {func() ([]byte, error) { return []byte(`{"body":"x"}`), nil }, "no statusCode"},
		"unknown key": {func() ([]byte, error) { return []byte(`{"statusCode":200,"Data":"x"}`), nil }, `unknown member "Data"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var id string
			failures := runFake(t, func(ft *fakeTB) {
				h := wstest.New(ft, messageHandler(c.handler))
				cl := h.Connect()
				id = cl.ID()
				cl.SendText("go")
				cl.ExpectFrame(`{"message": "Internal server error", …}`)
			})
			require.Len(t, failures, 1)
			require.Contains(t, failures[0], replaceID(c.want, id))
		})
	}
}

func TestTakeErrors(t *testing.T) {
	t.Parallel()
	failures := runFake(t, func(ft *fakeTB) {
		h := wstest.New(ft, messageHandler(func() ([]byte, error) { panic(errors.New("boom")) }))
		h.Connect().SendText("go")
		faults := h.TakeErrors()
		require.Len(t, faults, 1)
		require.ErrorContains(t, faults[0], "panicked: boom")
		require.ErrorContains(t, faults[0], "faults_test.go", "the stack")
		require.Empty(t, h.TakeErrors())
	})
	require.Empty(t, failures)
}

func TestFailedInvocationIsNoFault(t *testing.T) {
	t.Parallel()
	failures := runFake(t, func(ft *fakeTB) {
		h := wstest.New(ft, messageHandler(func() ([]byte, error) { return nil, errors.New("no luck") }))
		c := h.Connect()
		c.SendText("go")
		c.ExpectFrame(`{"message": "Internal server error", …}`)
	})
	require.Empty(t, failures)
}

func TestHandlerThatDoesNotEndFailsTheTest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		failures := runFake(t, func(ft *fakeTB) {
			h := wstest.New(ft, onMessage(func(ctx context.Context, _ *gatesock.Request) error {
				<-ctx.Done()
				return nil
			}), wstest.WithTimeout(time.Minute))
			c := h.Connect()
			wg.Go(func() { c.SendText("go") })
			synctest.Wait()
		})
		wg.Wait()
		require.Len(t, failures, 1)
		require.Contains(t, failures[0], "wstest: emulator: shutting down: context deadline exceeded; still running: the handler of route \"$default\" for connection ")
	})
}

func TestLogGoesToTheTest(t *testing.T) {
	t.Parallel()
	var log string
	runFake(t, func(ft *fakeTB) {
		h := wstest.New(ft, messageHandler(func() ([]byte, error) { return nil, errors.New("no luck") }))
		h.Connect().SendText("go")
		log = ft.log.String()
		h.Close()
		require.Empty(t, ft.failures())
	})
	require.Contains(t, log, "no luck")
}
