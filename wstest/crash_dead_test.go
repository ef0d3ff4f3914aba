package wstest_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

// deeds are what processes do between their calls, in order.
type deeds struct {
	mu  sync.Mutex
	all []string
}

func (d *deeds) do(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, name)
}

func (d *deeds) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.all, " ")
}

func nothing() error { return nil }

// The goroutine of a handler does nothing after the call at which its process ends, also not when
// the test is over, except for what it has deferred. Other goroutines go on, but only then.
func TestWhatADeadProcessDoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handle func(ctx context.Context, d *deeds, dies bool)
		during string
		after  string // what comes when the test is over
	}{
		"its own goroutine": {
			func(ctx context.Context, d *deeds, _ bool) {
				defer d.do("deferred")
				_ = wstest.CrashPoint(ctx, "x", nothing)
				d.do("said")
			},
			"said deferred", " deferred",
		},
		"another goroutine": {
			func(ctx context.Context, d *deeds, _ bool) {
				done := make(chan struct{})
				go func() {
					defer close(done)
					_ = wstest.CrashPoint(ctx, "x", nothing)
					d.do("other")
				}()
				<-done
			},
			"other", " other",
		},
		"a goroutine that waits for the end": {
			func(ctx context.Context, d *deeds, dies bool) {
				go func() { _ = wstest.CrashPoint(ctx, "x", nothing) }()
				if dies {
					<-ctx.Done()
				}
				d.do("said")
			},
			"said", " said",
		},
	} {
		for _, when := range []string{"before", "after"} {
			t.Run(name+" "+when, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var d *deeds
					during := ""
					runs := runCrashes(t, "crash "+when+" x 1 of event 1", func(t *crashTB, crash *wstest.Crash) {
						d = new(deeds)
						processes := 0
						app := crash.Handler(t, func() lambda.Handler {
							processes++
							dies := processes == 1 && strings.Contains(t.name, "/")
							return handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
								c.handle(ctx, d, dies)
								return nil, nil
							})
						})
						_, err := app.Invoke(t.Context(), []byte(`{}`))
						require.NoError(t, err)
						synctest.Wait()
						during = d.String()
					})
					require.Len(t, runs.names, 1)
					require.Empty(t, runs.failures[runs.names[0]])
					require.Equal(t, c.during, during)
					require.Equal(t, c.during+c.after, d.String())
				})
			})
		}
	}
}

// What a dead process had under way when it ended, and what it posts without the context of its
// handler, is not the fault of the application.
func TestADeadProcessIsNotBlamed(t *testing.T) {
	t.Parallel()
	runs := runCrashes(t, "", func(t *crashTB, crash *wstest.Crash) {
		store, rec, posting := conn.NewMemory(), wstest.NewRecorder(), newSlowPoster()
		first := true
		app := crash.Handler(t, func() lambda.Handler {
			r := gatesock.New()
			r.Use(conn.Track(store))
			gatesock.Handle(r, "go", func(ctx context.Context, req *gatesock.Request, _ struct{}) error {
				to := gatesock.Target{ConnectionID: req.ConnectionID}
				if !first || !strings.Contains(t.name, "before_x") {
					return wstest.CrashPoint(ctx, "x", nothing)
				}
				first = false
				rec.Attach(posting)
				go func() {
					_ = rec.Post(ctx, to, []byte("under way"))
					//nolint:contextcheck // the test needs a context without the handler's mark
					_ = rec.Post(context.Background(), to, []byte("late"))
				}()
				<-posting.begun
				return wstest.CrashPoint(ctx, "x", nothing)
			})
			return r
		})
		h := wstest.New(t, app, wstest.WithPoster(rec))
		h.Connect().Request("go", nil).ExpectAck()
		if strings.Contains(t.name, "before_x") {
			close(posting.release)
		}
	})
	require.Empty(t, runs.own)
	require.Contains(t, runs.names, "crash before x 1 of go 1")
	require.Empty(t, runs.failed(), runs.failures)
}
