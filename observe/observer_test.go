package observe_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/observe"
)

// handlerFunc is a handler that is no App.
type handlerFunc func(context.Context, []byte) ([]byte, error)

func (f handlerFunc) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return f(ctx, payload)
}

func TestColdStart(t *testing.T) {
	for kind, want := range map[string]int{
		"": 1, "on-demand": 1, "snap-start": 1, "provisioned-concurrency": 0, "lambda-managed-instances": 0,
	} {
		t.Setenv("AWS_LAMBDA_INITIALIZATION_TYPE", kind)
		t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "chat")
		o, lines, _ := observed(t)
		h := o.Handler(app(t))
		invoke(t, h, send("ok"))
		invoke(t, h, send("ok"))
		require.Equal(t, want, strings.Count(lines.String(), `"Function":"chat","ColdStarts":1`), kind)
		require.Equal(t, want, strings.Count(lines.String(), `"ColdStarts":1`), kind)
	}
}

// Lambda's filter takes a line without a level for INFO, and drops it if the function logs less.
func TestLinesPassTheLogLevel(t *testing.T) {
	for level, want := range map[string]any{
		"": nil, "TRACE": nil, "DEBUG": nil, "INFO": nil, "other": nil, "WARN": "FATAL", "error": "FATAL", "FATAL": "FATAL",
	} {
		t.Setenv("AWS_LAMBDA_LOG_LEVEL", level)
		o, lines, _ := observed(t)
		invoke(t, o.Handler(handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
			for range 150 { // more than a line has
				observe.Measure(ctx, "OrderValue", observe.NoUnit, 1)
			}
			return nil, nil
		})), "{}")
		got := lines.all(t, "OrderValue")
		require.Len(t, got, 2)
		for _, l := range got {
			require.Equal(t, want, l.members["level"], level)
			at, _ := l.members["timestamp"].(string)
			_, err := time.Parse(time.RFC3339, at)
			require.Equal(t, want != nil, err == nil, at)
		}
	}
}

func TestNamespace(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, c := range []struct{ variable, option, want, log string }{
		{"", "", "gatesock", ""},
		{"", "my/app", "my/app", ""},
		{"chat-prod", "my/app", "chat-prod", ""},
		{"AWS/Lambda", "my/app", "my/app", "must not begin with AWS/"},
		{"a\"b", "", "gatesock", "letters, digits"},
		{long, "", "gatesock", "at most 255"},
		{" ", "", "gatesock", "must not be empty"},
		{":a", "", "gatesock", "must not begin with a colon"},
	} {
		t.Setenv("GATESOCK_METRICS", c.variable)
		var opts []observe.Option
		if c.option != "" {
			opts = append(opts, observe.WithNamespace(c.option))
		}
		var log bytes.Buffer
		o, lines, _ := observed(t, append(opts, observe.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))...)
		invoke(t, o.Handler(app(t)), send("ok"))
		require.Contains(t, lines.String(), `"Namespace":"`+c.want+`"`)
		require.Contains(t, log.String(), c.log)
		if c.log == "" {
			require.Empty(t, log.String())
		}
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for text, mistake := range map[string]func(){
		"observe: WithNamespace: namespace must not be empty":           func() { observe.WithNamespace("") },
		"observe: WithNamespace: namespace must not begin with a colon": func() { observe.WithNamespace(":x") },
		"observe: WithOutput: w must not be nil":                        func() { observe.WithOutput(nil) },
		"observe: WithClock: now must not be nil":                       func() { observe.WithClock(nil) },
		"observe: WithTracer: t must not be nil":                        func() { observe.WithTracer(nil) },
		"observe: WithLogger: l must not be nil":                        func() { observe.WithLogger(nil) },
		"observe: WithMetricLimit: n must be from 1 to 80":              func() { observe.WithMetricLimit(81) },
		"observe: New: option 0 is nil":                                 func() { observe.New(nil) },
		"observe: Handler: h must not be nil":                           func() { observe.New().Handler(nil) },
	} {
		require.PanicsWithValue(t, text, mistake)
	}
}

// An observed App is an App with the need of metrics; another handler does not become one.
func TestDescription(t *testing.T) {
	t.Parallel()
	r := app(t)
	r.DeclareNeeds(gatesock.Setting("AA", "first"), gatesock.Setting("Z9", "last"))
	o := observe.New(observe.WithNamespace("chat"))
	h := o.Handler(gatesock.Wrap(r, func(next lambda.Handler) lambda.Handler { return handlerFunc(next.Invoke) }))
	described, ok := gatesock.AppOf(h)
	require.True(t, ok)
	d := described.Describe()
	require.Equal(t, r.Describe().Routes, d.Routes)
	require.Len(t, d.Needs, 3)
	require.Equal(t, gatesock.Need{
		Kind: gatesock.NeedMetrics, Variable: "GATESOCK_METRICS", Default: "chat", Description: "The namespace of the metrics",
	}, d.Needs[1])
	require.Len(t, o.Handler(h).(gatesock.App).Describe().Needs, 3)
	require.Len(t, r.Describe().Needs, 2)

	described.Freeze()
	require.Panics(t, func() { r.OnDefault(nil) })
	unwrapped, ok := h.(interface{ Unwrap() lambda.Handler })
	require.True(t, ok)
	require.NotNil(t, unwrapped.Unwrap())

	_, ok = gatesock.AppOf(o.Handler(handlerFunc(nil)))
	require.False(t, ok)
}

// failing is a writer that fails, or writes less than it is given.
type failing struct {
	err    error
	writes int
}

func (f *failing) Write(p []byte) (int, error) {
	f.writes++
	return len(p) / 2, f.err
}

func TestFailingOutput(t *testing.T) {
	t.Parallel()
	for _, w := range []*failing{{err: errors.New("disk full")}, {}} {
		o, _, log := observed(t, observe.WithOutput(w))
		h := o.Handler(app(t))
		for range 3 {
			out, err := h.Invoke(t.Context(), []byte(send("ok")))
			require.NoError(t, err)
			require.Contains(t, string(out), `"statusCode":200`)
		}
		require.Equal(t, 3, w.writes)
		require.Equal(t, 1, strings.Count(log.String(), "observe: metrics cannot be written"))
	}
}

// panickingOutput panics with its first write.
type panickingOutput struct{ out }

func (p *panickingOutput) Write(b []byte) (int, error) {
	if n, err := p.out.Write(b); p.writes > 1 {
		return n, err
	}
	panic("no disk")
}

// An output that panics changes no result, and holds up no other invocation.
func TestPanickingOutput(t *testing.T) {
	t.Parallel()
	w := new(panickingOutput)
	o, _, log := observed(t, observe.WithOutput(w))
	h := o.Handler(app(t))
	invoke(t, h, send("ok"))
	invoke(t, h, send("ok"))
	require.Equal(t, 2, w.writes)
	require.Contains(t, log.String(), "no disk")
}

// What the handler returns is returned.
func TestResultsAreThoseOfTheHandler(t *testing.T) {
	t.Parallel()
	o, lines, _ := observed(t)
	broken := errors.New("broken")
	out, err := o.Handler(handlerFunc(func(context.Context, []byte) ([]byte, error) {
		return []byte("partial"), broken
	})).Invoke(t.Context(), []byte("{}"))
	require.Equal(t, "partial", string(out))
	require.Equal(t, broken, err)
	require.Equal(t, "error", lines.all(t)[0].members["outcome"])
}

// Several requests in one invocation have a line each, and what is counted for the function is in
// one of them.
func TestSeveralRequests(t *testing.T) {
	t.Parallel()
	o, lines, _ := observed(t)
	r := app(t)
	h := o.Handler(handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		observing.Source(ctx, "sqs", "jobs")
		var calls sync.WaitGroup
		for _, action := range []string{"ok", "busy", "limited"} {
			calls.Go(func() { _, _ = r.Invoke(ctx, []byte(send(action))) })
		}
		calls.Wait()
		return nil, nil
	}))
	invoke(t, h, "{}")
	got := lines.all(t, "OrdersPlaced", "OrderValue")
	require.Len(t, got, 3)
	require.Equal(t, 1, lines.writes)
	routes := make(map[any]any)
	posts := 0
	for _, l := range got {
		routes[l.members["Route"]] = l.members["Code"]
		require.Equal(t, "sqs", l.members["source"])
		require.Equal(t, 1.0, l.members["Messages"])
		if l.members["PostsDelivered"] == 3.0 {
			posts++
		}
	}
	require.Equal(t, map[any]any{"ok": nil, "busy": nil, "limited": "rate_limited"}, routes)
	require.Equal(t, 1, posts)
}

// The handler of a mux inside an observed mux may be observed by the same Observer.
func TestNested(t *testing.T) {
	t.Parallel()
	o, lines, _ := observed(t)
	invoke(t, o.Handler(o.Handler(app(t))), send("ok"))
	require.Len(t, lines.all(t), 1)
}

// A context may be kept, as by work that another invocation goes on with. An invocation with the
// context of one that has ended is not a part of it.
func TestInvocationInsideOfOneThatHasEnded(t *testing.T) {
	t.Parallel()
	o, lines, _ := observed(t)
	h := o.Handler(app(t))
	var kept context.Context
	invoke(t, o.Handler(in(func(ctx context.Context) { kept = ctx })), "{}")
	lines.Reset()
	_, err := h.Invoke(kept, []byte(send("busy")))
	require.NoError(t, err)
	got := lines.all(t, "OrdersPlaced", "OrderValue")
	require.Len(t, got, 1)
	require.Equal(t, 3.0, got[0].members["OrdersPlaced"])
}

// Concurrent invocations do not mix, and what comes after the end of one is in no other.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	o, lines, _ := observed(t)
	h := o.Handler(handlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
		var n int
		_, err := fmt.Sscan(string(payload), &n)
		var calls sync.WaitGroup
		for range n {
			calls.Go(func() {
				observing.Posted(ctx, nil)
				observe.Business(ctx, "OrdersPlaced", 1)
				_, ended := observe.Store(ctx, "Get", "rooms")
				ended(nil)
			})
		}
		calls.Wait()
		return nil, err
	}))
	var calls sync.WaitGroup
	for n := 1; n <= 40; n++ {
		calls.Go(func() {
			if _, err := h.Invoke(t.Context(), fmt.Append(nil, n)); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	seen := make(map[float64]bool)
	for _, l := range lines.all(t, "OrdersPlaced") {
		n := l.members["PostsDelivered"].(float64)
		require.Equal(t, n, l.members["OrdersPlaced"])
		require.False(t, seen[n])
		seen[n] = true
		if n > 1 {
			require.Len(t, l.members["StoreLatency"], int(n))
		}
	}
	require.Len(t, seen, 40)
}

func TestAfterTheEnd(t *testing.T) {
	t.Parallel()
	o, lines, _ := observed(t)
	var kept context.Context
	var ended func(observing.Result)
	h := o.Handler(handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		if kept == nil {
			kept = ctx
			_, ended = observing.Begin(ctx, observing.Op{Kind: observing.Store})
		}
		return nil, nil
	}))
	invoke(t, h, "{}")
	observing.Posted(kept, nil)
	observing.Gauge(kept, observing.LiveConnections, 7)
	observe.Business(kept, "OrdersPlaced", 1)
	observe.Measure(kept, "not\x00allowed", observe.Count, 1)
	ended(observing.Result{})
	_, err := app(t).Invoke(kept, []byte(send("busy")))
	require.NoError(t, err)
	invoke(t, h, "{}")
	for i, l := range lines.all(t) {
		require.Len(t, l.metrics, 1-i, "the first has its cold start")
	}
	require.NotContains(t, lines.String(), "Posts")
}

// Without an observer nothing happens.
func TestOutside(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	observe.Business(ctx, "OrdersPlaced", 1)
	observe.Measure(ctx, "OrderValue", observe.NoUnit, 1)
	inside, ended := observe.Store(ctx, "Get", "rooms")
	require.Equal(t, ctx, inside)
	ended(nil)
}

func TestStore(t *testing.T) {
	t.Parallel()
	o, lines, _ := observed(t)
	invoke(t, o.Handler(handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		for _, err := range []error{nil, errors.New("broken"), fmt.Errorf("x: %w", gatesock.ErrThrottled)} {
			_, ended := observe.Store(ctx, "Get", "rooms")
			ended(err)
		}
		return nil, nil
	})), "{}")
	l := lines.all(t)[0]
	require.Equal(t, []any{1.0, 1.0, 1.0}, l.members["StoreLatency"])
	require.Equal(t, 1.0, l.members["StoreErrors"])
	require.Equal(t, 1.0, l.members["StoreThrottled"])
}

// A trace has an id in the line if X-Ray keeps it.
func TestTraceID(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]any{
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1": "1-5759e988-bd862e3fe1be46a994272793",
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0": nil,
		"Sampled=1": nil,
		"":          nil,
	} {
		o, lines, _ := observed(t)
		ctx := context.WithValue(t.Context(), "x-amzn-trace-id", header) //nolint:revive,staticcheck // the key of aws-lambda-go
		_, err := o.Handler(app(t)).Invoke(ctx, []byte(send("ok")))
		require.NoError(t, err)
		require.Equal(t, want, lines.all(t)[0].members["traceId"])
	}
}
