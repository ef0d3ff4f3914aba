package wstest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/wstest"
)

// crashRuns are the subtests of a CrashEvery, in order, with their failures and logs.
type crashRuns struct {
	names    []string
	failures map[string][]string
	logs     map[string]string
	own      []string // failures of the test itself
}

// failed returns the names of the runs that have failed.
func (r crashRuns) failed() (names []string) {
	for _, name := range r.names {
		if len(r.failures[name]) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// crashTB is a test or a subtest that records its failures.
type crashTB struct {
	*fakeTB

	name    string
	logged  strings.Builder
	skipped bool
}

func (t *crashTB) Name() string                    { return t.name }
func (t *crashTB) Failed() bool                    { return len(t.failures()) > 0 }
func (t *crashTB) Skipped() bool                   { return t.skipped }
func (t *crashTB) Logf(format string, args ...any) { fmt.Fprintf(&t.logged, format, args...) }

// runCrashes runs f with CrashEvery. only is the name of the subtest that runs; "" are all.
func runCrashes(
	t *testing.T, only string, f func(t *crashTB, crash *wstest.Crash), opts ...wstest.CrashOption,
) crashRuns {
	t.Helper()
	runs := crashRuns{failures: map[string][]string{}, logs: map[string]string{}}
	runs.own = runFake(t, func(ft *fakeTB) {
		parent := &crashTB{fakeTB: ft, name: "TestX"}
		wstest.CrashEveryWith(parent, f, func(name string, run func(*crashTB)) bool {
			if only != "" && name != only {
				return true
			}
			runs.names = append(runs.names, name)
			var sub *crashTB
			runs.failures[name] = runFake(t, func(ft *fakeTB) {
				sub = &crashTB{fakeTB: ft, name: parent.name + "/" + strings.ReplaceAll(name, " ", "_")}
				run(sub)
			})
			runs.logs[name] = sub.logged.String()
			return len(runs.failures[name]) == 0
		}, opts...)
	})
	return runs
}

// dinner is a test of the bistro: a cook hears of an order that is taken and paid once.
func (v waiter) dinner(t *crashTB, crash *wstest.Crash) {
	b := newBistro()
	app := crash.Handler(t, func() lambda.Handler { return v.app(b) })
	h := wstest.New(t, app, wstest.WithPoster(b.rec))
	cook, guest := h.Connect(), h.Connect()
	cook.Request("cook", nil).ExpectAck()
	guest.Request("order", order{Key: "k1", Item: "soup"}).ExpectAck()
	var heard order
	cook.ExpectPush("order", &heard)
	guest.Close(1000, "")
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.orders) != 1 || b.orders[0] != heard {
		t.Errorf("orders: %v", b.orders)
	}
	if len(b.paid) != 1 {
		t.Errorf("paid %d times", len(b.paid))
	}
}

func TestCrashEvery(t *testing.T) {
	t.Parallel()
	runs := runCrashes(t, "", waiter{}.dinner)
	require.Empty(t, runs.own)
	require.Empty(t, runs.failures["no crash"])
	require.Empty(t, runs.failed())
	require.Equal(t, []string{
		"no crash",
		"crash before conn.Put 1 of $connect 1", "crash after conn.Put 1 of $connect 1",
		"crash before conn.Put 1 of $connect 2", "crash after conn.Put 1 of $connect 2",
	}, runs.names[:5])
	for _, name := range []string{
		"crash before conn.Join 1 of cook 1", "crash after conn.Join 1 of cook 1",
		"crash before bank.Pay 1 of order 1", "crash after bank.Pay 1 of order 1",
		"crash before orders.Insert 1 of order 1", "crash after orders.Insert 1 of order 1",
		"crash before Post 1 of order 1", "crash after Post 1 of order 1",
		"crash before conn.Delete 1 of $disconnect 1", "crash after conn.Delete 1 of $disconnect 1",
	} {
		require.Contains(t, runs.names, name)
	}
	require.NotContains(t, runs.names, "crash before conn.Delete 1 of $disconnect 2", "nobody checks anything after that")
}

// Each application is wrong in one way, and passes its test as long as its process does not end.
func TestCrashEveryFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		app  waiter
		want string // a run that fails
		why  string
		none string // a run that does not
	}{
		"forgets keys": {
			waiter{forgetsKeys: true},
			"crash after orders.Insert 1 of order 1", "orders: [{k1 soup} {k1 soup}]",
			"crash before orders.Insert 1 of order 1",
		},
		"pays without a key": {
			waiter{paysWithoutKey: true}, "crash after bank.Pay 1 of order 1", "paid 2 times", "crash before bank.Pay 1 of order 1",
		},
		"state before effects": {
			waiter{marksFirst: true},
			"crash after keys.Put 1 of order 1", `expected a push of event "order"`,
			"crash before keys.Put 1 of order 1",
		},
		"a push that is not repeated": {
			waiter{tellsOnlyOnce: true},
			"crash before Post 1 of order 1", `expected a push of event "order"`,
			"crash after Post 1 of order 1",
		},
		"a member in memory": {
			waiter{remembersKitchen: true},
			"crash before bank.Pay 1 of order 1", `expected a push of event "order"`,
			"crash after conn.Put 1 of $connect 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := runCrashes(t, "", c.app.dinner)
			require.Empty(t, runs.failures["no crash"])
			require.Contains(t, runs.failed(), c.want)
			require.Contains(t, strings.Join(runs.failures[c.want], "\n"), c.why)
			require.Contains(t, runs.names, c.none)
			require.NotContains(t, runs.failed(), c.none)
		})
	}
}

// A failure says at which call the process has ended, what came before it, and how to see it again.
func TestTheReportOfACrash(t *testing.T) {
	t.Parallel()
	const name = "crash after orders.Insert 1 of order 1"
	runs := runCrashes(t, "", waiter{forgetsKeys: true}.dinner)
	require.Equal(t, `wstest: the process has ended after orders.Insert 1 of order 1; the calls until then:
	conn.Put 1 of $connect 1
	conn.Put 1 of $connect 2
	conn.Join 1 of cook 1
	bank.Pay 1 of order 1
	orders.Insert 1 of order 1
to repeat it alone: go test -run '^TestX$/^crash_after_orders\.Insert_1_of_order_1$'`, withoutReads(runs.logs[name]))

	alone := runCrashes(t, name, waiter{forgetsKeys: true}.dinner)
	require.Equal(t, []string{name}, alone.names)
	require.Equal(t, runs.failures[name], alone.failures[name])
}

// withoutReads removes the lines of calls that package conn makes to look at a connection.
func withoutReads(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "conn.Extend") && !strings.Contains(line, "conn.Get") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// One run can be chosen by the flag of go test, although its name comes from another run.
func TestOneCrashAlone(t *testing.T) {
	if os.Getenv("WSTEST_CRASH") != "" {
		wstest.CrashEvery(t, func(t *testing.T, crash *wstest.Crash) {
			h := wstest.New(t, crash.Handler(t, func() lambda.Handler { return waiter{}.app(newBistro()) }))
			h.Connect()
			t.Log("crash happened:", crash.Happened())
		})
		return
	}
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", //nolint:gosec // this program
		`^TestOneCrashAlone$/^crash_before_conn\.Put_1_of_\$connect_1$`)
	cmd.Env = append(os.Environ(), "WSTEST_CRASH=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, 1, strings.Count(string(out), "--- PASS: TestOneCrashAlone/"), string(out))
	require.Contains(t, string(out), "--- PASS: TestOneCrashAlone/crash_before_conn.Put_1_of_$connect_1")
	require.Contains(t, string(out), "crash happened: true")
}

// What a client sees of a crash, if it does not send again by itself.
func TestWithoutRetries(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	runs := runCrashes(t, "", func(t *crashTB, crash *wstest.Crash) {
		b := newBistro()
		h := wstest.New(t, crash.Handler(t, func() lambda.Handler { return waiter{}.app(b) }), wstest.WithPoster(b.rec))
		if crash.Happened() {
			t.Errorf("too early")
		}
		name := t.name[strings.Index(t.name, "/")+1:]
		if strings.Contains(name, "$connect") {
			seen[name] = fmt.Sprint(h.ConnectRefused())
			return
		}
		guest := h.Connect()
		guest.SendText(`{"action":"order","id":"7","key":"k1","item":"soup"}`)
		if crash.Happened() {
			seen[name] = guest.ExpectFrame(`{"message": "Internal server error", "connectionId":"…", "requestId":"…"}`).Text[:36]
			guest.SendText(`{"action":"order","id":"7","key":"k1","item":"soup"}`)
		}
		guest.ExpectFrame(`{"id":"7",…`)
		guest.ExpectNone()
	}, wstest.WithoutRetries())
	require.Empty(t, runs.own)
	require.Empty(t, runs.failed(), runs.failures)
	require.Equal(t, "502", seen["crash_before_conn.Put_1_of_$connect_1"])
	require.Equal(t, `{"message": "Internal server error",`, seen["crash_after_bank.Pay_1_of_order_1"])
}

// A message without an id has no answer that the client could miss.
func TestAMessageWithoutAnIDIsNotSentAgain(t *testing.T) {
	t.Parallel()
	runs := runCrashes(t, "crash before orders.Insert 1 of order 1", func(t *crashTB, crash *wstest.Crash) {
		b := newBistro()
		h := wstest.New(t, crash.Handler(t, func() lambda.Handler { return waiter{}.app(b) }), wstest.WithPoster(b.rec))
		guest := h.Connect()
		guest.Send("order", order{Key: "k1"})
		if crash.Happened() {
			guest.ExpectFrame(`{"message": "Internal server error", …`)
			if len(b.orders) > 0 {
				t.Errorf("it was sent again")
			}
		}
	})
	require.Empty(t, runs.failed(), runs.failures)
	require.Len(t, runs.names, 1)
}

// Nothing that a process does after its end has an effect, in any of its goroutines, and the next
// invocation has a new one.
func TestNothingHappensAfterACrash(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	effects := map[string][]string{}
	do := func(ctx context.Context, t *crashTB, name string) error {
		return wstest.CrashPoint(ctx, name, func() error {
			mu.Lock()
			defer mu.Unlock()
			effects[t.name] = append(effects[t.name], name)
			return nil
		})
	}
	runs := runCrashes(t, "", func(t *crashTB, crash *wstest.Crash) {
		processes := 0
		rec := wstest.NewRecorder()
		h := wstest.New(t, crash.Handler(t, func() lambda.Handler {
			processes++
			r := gatesock.New()
			gatesock.HandleReply(r, "go", func(ctx context.Context, req *gatesock.Request, _ struct{}) (int, error) {
				results := make(chan error) // the other goroutine must be able to send
				go func() { results <- do(ctx, t, "other") }()
				if err := <-results; err != nil {
					return 0, err
				}
				defer func() { _ = do(ctx, t, "deferred") }()
				err := do(ctx, t, "first")
				_ = rec.Post(ctx, gatesock.Target{ConnectionID: req.ConnectionID}, []byte(`{"event":"x"}`))
				return processes, err
			})
			return r
		}), wstest.WithPoster(rec))
		var n int
		h.Connect().Request("go", nil).ExpectReply(&n)
		if want := 1 + strings.Count(t.name, "/crash"); n != want {
			t.Errorf("answered by process %d, want %d", n, want)
		}
	})
	require.Empty(t, runs.own)
	require.Empty(t, runs.failed(), runs.failures)
	require.Len(t, runs.names, 1+2*4)
	all := []string{"other", "first", "deferred"}
	for run, before := range map[string][]string{
		"before_other_1": nil, "after_other_1": {"other"},
		"before_first_1": {"other"}, "after_first_1": {"other", "first"},
		"before_Post_1": {"other", "first"}, "after_Post_1": {"other", "first"},
		"before_deferred_1": {"other", "first"}, "after_deferred_1": all,
	} {
		require.Equal(t, append(before, all...), effects["TestX/crash_"+run+"_of_go_1"], run)
	}
}

// A crash in a bubble, whose goroutines must all end.
func TestCrashEveryInABubble(t *testing.T) {
	t.Parallel()
	wstest.CrashEvery(t, func(t *testing.T, crash *wstest.Crash) {
		synctest.Test(t, func(t *testing.T) {
			b := newBistro()
			app := crash.Handler(t, func() lambda.Handler { return waiter{}.app(b) })
			h := wstest.New(t, app, wstest.WithPoster(b.rec), wstest.WithConfig(func(c *emulator.Config) { c.Clock = nil }))
			cook := h.Connect()
			cook.Request("cook", nil).ExpectAck()
			time.Sleep(time.Minute) //nolint:forbidigo // in the bubble
			h.Connect().Request("order", order{Key: "k1", Item: "soup"}).ExpectAck()
			cook.ExpectPush("order", nil)
			require.Len(t, b.orders, 1)
		})
	})
}

// Clients that send at the same time share the process, and each of them sends again.
func TestACrashWithSeveralInvocations(t *testing.T) {
	t.Parallel()
	runs := runCrashes(t, "", func(t *crashTB, crash *wstest.Crash) {
		b := newBistro()
		h := wstest.New(t, crash.Handler(t, func() lambda.Handler { return waiter{}.app(b) }), wstest.WithPoster(b.rec))
		var wg sync.WaitGroup
		for i := range 4 {
			guest := h.Connect()
			wg.Go(func() {
				guest.Request("order", order{Key: fmt.Sprint(i)}).ExpectAck()
				guest.ExpectNone()
			})
		}
		wg.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.orders) != 4 || len(b.paid) != 4 {
			t.Errorf("orders %v, paid %v", b.orders, b.paid)
		}
	})
	require.Empty(t, runs.own)
	require.Empty(t, runs.failed(), runs.failures)
}

// The authorizer's process ends, too. Events that the test delivers itself come again, except those
// of callers that wait for the answer.
func TestEventsOfOtherSources(t *testing.T) {
	t.Parallel()
	const schedule = `{"source":"aws.scheduler","detail-type":"Scheduled Event","detail":{},` +
		`"resources":["arn:aws:scheduler:eu-west-1:123456789012:schedule/x/tidy"]}`
	const request = `{"version":"2.0","rawPath":"/x","requestContext":{"http":{"method":"GET","path":"/x"}}}`
	runs := runCrashes(t, "", func(t *crashTB, crash *wstest.Crash) {
		tidied, asked := 0, 0
		app := crash.Handler(t, func() lambda.Handler {
			r := gatesock.New()
			r.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
			allow := authz.AuthenticatorFunc(func(ctx context.Context, _ *authz.Handshake) (authz.Principal, error) {
				return authz.Principal{ID: "ann"}, wstest.CrashPoint(ctx, "look", func() error { asked++; return nil })
			})
			tidy := lambda.NewHandler(func(ctx context.Context) error {
				return wstest.CrashPoint(ctx, "tidy", func() error { tidied++; return nil })
			})
			authorizer := authz.NewAuthorizer(allow)
			return eventmux.New(eventmux.WebSocket(r), eventmux.Authorizer(authorizer), eventmux.Schedule("tidy", tidy))
		})
		h := wstest.New(t, app)
		h.Connect()
		if _, err := app.Invoke(t.Context(), []byte(schedule)); err != nil {
			t.Errorf("the schedule: %v", err)
		}
		if tidied == 0 || asked == 0 {
			t.Errorf("tidied %d times, asked %d times", tidied, asked)
		}
	})
	require.Empty(t, runs.own)
	require.Empty(t, runs.failed(), runs.failures)
	require.Subset(t, runs.names, []string{
		"crash before look 1 of authorizer 1", "crash after look 1 of authorizer 1",
		"crash before tidy 1 of schedule 1", "crash after tidy 1 of schedule 1",
	})

	runs = runCrashes(t, "", func(t *crashTB, crash *wstest.Crash) {
		app := crash.Handler(t, func() lambda.Handler {
			return handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
				return []byte(`{}`), wstest.CrashPoint(ctx, "x", func() error { return nil })
			})
		})
		_, err := app.Invoke(t.Context(), []byte(request))
		if crash.Happened() != (err != nil) {
			t.Errorf("the request: %v", err)
		}
		if err != nil {
			require.ErrorIs(t, err, wstest.ErrCrashed)
			_, err = app.Invoke(t.Context(), []byte(request))
		}
		require.NoError(t, err)
	})
	require.Empty(t, runs.failed(), runs.failures)
	require.Len(t, runs.names, 3)
}

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
