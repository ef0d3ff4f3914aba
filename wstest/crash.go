package wstest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock/internal/observing"
)

// CrashEvery finds out what an application loses, or does twice, when its process ends in the
// middle. It runs a test once as it is, and then again for every call of a store and of the gateway
// that the application has made: once with a process that ends just before the call has its effect,
// and once with one that ends just after it. What the test checks must hold in each of these runs.
//
//	func TestOrdersSurviveACrash(t *testing.T) {
//		wstest.CrashEvery(t, func(t *testing.T, crash *wstest.Crash) {
//			stores, rec := newStores(), wstest.NewRecorder() // what outlives the process
//			app := crash.Handler(t, func() lambda.Handler { return newApp(stores, rec) })
//			h := wstest.New(t, app, wstest.WithPoster(rec))
//
//			alice := h.Connect(wstest.WithUser("alice"))
//			alice.Request("order", Order{Key: "k1", Item: "tea"}).ExpectReply(nil)
//			require.Equal(t, []string{"tea"}, stores.Items("alice")) // and not twice
//		})
//	}
//
// Each run is a subtest with the name of its call, such as "crash after PutItem 3 of say 1": the
// third PutItem of the first invocation of the route "say". A run that fails lists the calls up to
// the crash, and the command that repeats it alone.
//
// # What a crash is
//
// Nothing of the process happens any more: its call does not return, and other calls of its
// invocations, from any goroutine, have no effect. What it has posted was sent. Invocations that
// run in it at the same time end with it, and each of them as Lambda's does when the runtime exits:
// the client of a message gets "Internal server error", a connection is refused. The next
// invocation runs in a new process, which the function of [Crash.Handler] makes; memory is lost,
// and stores are those that the test has made. There is one crash in a run.
//
// Then callers do what they do on AWS:
//
//   - A client that waits for an answer sends the same message again, with the same id, and
//     connects again if the crash has refused it. It does so within [Client.Request],
//     [Client.SendText] and [Harness.Connect]. A message without an id, as that of [Client.Send],
//     is not sent again.
//   - $disconnect is not repeated.
//   - Events of queues, streams, schedules and rules, with which the test itself calls Invoke of
//     the handler, are delivered again. For HTTP requests, and for events of the gateway, Invoke
//     returns [ErrCrashed], as it does for all with [WithoutRetries].
//
// A client may therefore receive a push twice, or only when it asks: a test should check what it
// finds at the end, and not the order of pushes. [Crash.Happened] is for what only holds without a
// crash.
//
// # What a call is
//
// Calls are the requests of package dynamo, the methods of the stores in memory of this module, and
// those of the [Recorder], until f returns. They are recognized by their context, which must be
// that of the handler. For other stores and services there is [CrashPoint]. Reads count, too.
//
// Every run must make the same calls up to its crash; one that does not come to its crash fails.
// Calls at the same time are numbered as they arrive, which is enough if they are alike, such as
// the posts of a broadcast.
//
// Runs take place one after the other. Neither f nor its subtests may call t.Parallel, since those
// run when f has returned; the test fails if the application is called then. It may use a
// testing/synctest bubble, if the handler, the stores and the harness are made inside. A [Server]
// crashes as well, but its clients do not send again by themselves. To bound the number of runs,
// see [WithSample].
//
// CrashEvery fails the test if the application makes no call, and stops if the run without a crash
// fails. It panics if f or an option is nil.
func CrashEvery(t *testing.T, f func(t *testing.T, crash *Crash), opts ...CrashOption) {
	t.Helper()
	if f == nil {
		panic("wstest: CrashEvery: f must not be nil")
	}
	crashEvery(t, f, func(name string, run func(*testing.T)) bool { return t.Run(name, run) }, opts)
}

// CrashOption configures [CrashEvery].
type CrashOption interface{ applyCrash(*crashSettings) }

type crashSettings struct {
	sample  int // 0 for all
	seed    uint64
	retries bool
}

type crashOption func(*crashSettings)

func (o crashOption) applyCrash(s *crashSettings) { o(s) }

// WithSample makes at most n runs with a crash, which the seed chooses, for tests whose application
// makes many calls. The same seed chooses the same of the same calls. It panics unless n is
// positive.
func WithSample(n int, seed uint64) CrashOption {
	if n <= 0 {
		panic(fmt.Sprintf("wstest: WithSample: n is %d, it must be positive", n))
	}
	return crashOption(func(s *crashSettings) { s.sample, s.seed = n, seed })
}

// WithoutRetries leaves it to the test to send again, to connect again and to deliver again after a
// crash. In place of an answer the client then has the frame "Internal server error", and a client
// that connects is refused.
func WithoutRetries() CrashOption {
	return crashOption(func(s *crashSettings) { s.retries = false })
}

// ErrCrashed is the error of an invocation whose process has ended.
var ErrCrashed = errors.New("wstest: the process of the application has ended")

// Handler returns a handler that runs the application in a process that may end: newApp makes the
// application now, and again for the first invocation after a crash. What must outlive the process,
// such as its stores and the [Recorder], is made outside of newApp. The handler ends with t; in a
// testing/synctest bubble, pass the t of the bubble.
//
// Give the handler to [New] or [NewServer]. For events that do not come from the gateway, call its
// Invoke. Handler panics if newApp is nil or returns nil.
func (c *Crash) Handler(t testing.TB, newApp func() lambda.Handler) lambda.Handler {
	t.Helper()
	if newApp == nil {
		panic("wstest: Crash.Handler: newApp must not be nil")
	}
	h := &crashHandler{t: t, crash: c, newApp: newApp}
	h.process = h.newProcess()
	t.Cleanup(h.bury)
	return h
}

// Happened reports whether the process has ended in this run so far. It is always false in the run
// without a crash.
func (c *Crash) Happened() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.happened
}

// CrashPoint makes a call of a store or a service that wstest does not know, so that a process can
// end before and after it in [CrashEvery]. ctx is that of the handler, and name that of the
// operation. It returns the error of call:
//
//	type crashingOrders struct{ orders.Store }
//
//	func (s crashingOrders) Insert(ctx context.Context, o orders.Order) error {
//		return wstest.CrashPoint(ctx, "orders.Insert", func() error { return s.Store.Insert(ctx, o) })
//	}
//
// With any other context it only makes the call. CrashPoint panics if name is empty.
func CrashPoint(ctx context.Context, name string, call func() error) error {
	if name == "" {
		panic("wstest: CrashPoint: name must not be empty")
	}
	done, err := observing.BeginCall(ctx, name)
	if err != nil {
		return err
	}
	defer done()
	return call()
}
