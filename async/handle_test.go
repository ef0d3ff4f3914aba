package async_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/wstest"
)

func add(_ ctx, _ *request, in sum) (total, error) { return total{in.A + in.B}, nil }

func TestResultComesLater(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	async.HandleReply(a.router, a.jobs, "add", add)
	async.Handle(a.router, a.jobs, "note", func(_ ctx, _ *request, in sum) error {
		if in.B == 13 {
			return gatesock.Errorf(gatesock.CodeFailedPrecondition, "not 13").WithDetails(map[string]int{"b": 13})
		}
		return nil
	})
	h := a.start(t)
	c := h.Connect(wstest.WithUser("ann"))

	call := c.Request("add", sum{A: 1, B: 2})
	call.ExpectAck()
	c.ExpectNone()
	a.drain(t)
	var got total
	call.ExpectResult(&got)
	require.Equal(t, total{3}, got)

	call = c.Request("note", sum{})
	call.ExpectAck()
	a.drain(t)
	call.ExpectResult(nil)

	call = c.Request("note", sum{B: 13})
	call.ExpectAck()
	a.drain(t)
	failure := call.ExpectResultError(gatesock.CodeFailedPrecondition)
	require.Equal(t, "not 13", failure.Message)
	require.JSONEq(t, `{"b":13}`, string(failure.Details))
	c.ExpectNone()
	require.Empty(t, a.queue.Dead())
}

// TestFrames is the wire format of docs/protocol.md §6.5.
func TestFrames(t *testing.T) {
	t.Parallel()
	names := gatesock.Envelope{
		Action: "type", ID: "requestId", Data: "payload", Error: "fault", Event: "push", Input: "payload",
	}
	for name, c := range map[string]struct {
		options []gatesock.Option
		send    string
		want    []string
	}{
		"result": {nil, `{"action":"add","id":"é\"1","a":1,"b":2}`, []string{
			`{"id":"é\"1","action":"add","data":null}`, `{"event":"add","id":"é\"1","data":{"total":3}}`,
		}},
		"result without an id": {nil, `{"action":"add","a":1,"b":2}`, []string{"", `{"event":"add","data":{"total":3}}`}},
		"error": {nil, `{"action":"fail","id":"1"}`, []string{
			`{"id":"1","action":"fail","data":null}`, `{"event":"fail","id":"1","error":{"code":"not_found","message":"no <b>","details":"x"}}`,
		}},
		"error without an id": {nil, `{"action":"fail"}`, []string{
			"", `{"event":"fail","error":{"code":"not_found","message":"no <b>","details":"x"}}`,
		}},
		"no result":               {nil, `{"action":"note","id":"1"}`, []string{`{"id":"1","action":"note","data":null}`, `{"event":"note","id":"1","data":null}`}},
		"no result without an id": {nil, `{"action":"note"}`, []string{""}},
		"other names": {[]gatesock.Option{gatesock.WithEnvelope(names)}, `{"type":"add","requestId":"1","payload":{"a":1,"b":2}}`, []string{
			`{"requestId":"1","type":"add","payload":null}`, `{"push":"add","requestId":"1","payload":{"total":3}}`,
		}},
		"error with other names": {[]gatesock.Option{gatesock.WithEnvelope(names)}, `{"type":"fail","requestId":"1"}`, []string{
			`{"requestId":"1","type":"fail","payload":null}`,
			`{"push":"fail","requestId":"1","fault":{"code":"not_found","message":"no <b>","details":"x"}}`,
		}},
		"an error frame of the application": {
			[]gatesock.Option{gatesock.WithErrorFrame(func(req *request, e *gatesock.Error) []byte {
				return fmt.Appendf(nil, "%s failed: %s", req.ID, e.Message)
			})},
			`{"action":"fail","id":"1"}`,
			[]string{`{"id":"1","action":"fail","data":null}`, `1 failed: no <b>`},
		},
		"invalid input":         {nil, `{"action":"add","id":"1","a":-1}`, []string{`{"id":"1","action":"add","error":{"code":"invalid_argument","message":"a must not be negative"}}`}},
		"input of another type": {nil, `{"action":"add","id":"1","a":"x"}`, []string{`{"id":"1","action":"add","error":{"code":"invalid_argument","message":"\"a\" must be a whole number, not a string"}}`}},
		"a number as the id":    {nil, `{"action":"add","id":17}`, []string{`{"id":17,"action":"add","error":{"code":"invalid_argument","message":"\"id\" must be a string of at most 128 bytes"}}`}},
		"strict":                {[]gatesock.Option{gatesock.StrictDecoding()}, `{"action":"add","id":"1","c":1}`, []string{`{"id":"1","action":"add","error":{"code":"invalid_argument","message":"unknown member \"c\""}}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, c.options)
			async.HandleReply(a.router, a.jobs, "add", add)
			async.Handle(a.router, a.jobs, "note", func(ctx, *request, struct{}) error { return nil })
			async.HandleReply(a.router, a.jobs, "fail", func(ctx, *request, struct{}) (total, error) {
				return total{}, gatesock.Errorf(gatesock.CodeNotFound, "no <b>").WithDetails("x")
			})
			client := a.start(t).Connect()
			client.SendText(c.send)
			a.drain(t)
			var got []string
			for _, f := range client.Frames() {
				got = append(got, f.Text)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// upper is a codec of the application: it encodes in upper case, and decodes what it encodes.
type upper struct{ gatesock.JSON }

func (upper) Marshal(v any) ([]byte, error) {
	b, err := gatesock.JSON{}.Marshal(v)
	return []byte(strings.ToUpper(string(b))), err
}

func TestCodecsHoldInBothInvocations(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		router []gatesock.Option
		route  []gatesock.RouteOption
	}{
		"of the router": {[]gatesock.Option{gatesock.WithCodec(upper{})}, nil},
		"of the route":  {nil, []gatesock.RouteOption{gatesock.WithCodec(upper{})}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, c.router)
			async.HandleReply(a.router, a.jobs, "add", add, c.route...)
			client := a.start(t).Connect()
			client.SendText(`{"action":"add","id":"1","a":1,"b":2}`)
			a.drain(t)
			client.ExpectFrame(`{"event":"add","id":"1","data":{"TOTAL":3}}`)
		})
	}
}

// TestMiddleware: that of the Router and of the route runs once, when the request arrives.
func TestMiddleware(t *testing.T) {
	t.Parallel()
	var seen []string
	note := func(name string) gatesock.Middleware {
		return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
			return func(ctx ctx, req *request) (*gatesock.Reply, error) {
				if req.Route == "add" {
					seen = append(seen, name)
				}
				return next(ctx, req)
			}
		}
	}
	a := newApp(t, []gatesock.Option{gatesock.DenyByDefault(), gatesock.WithoutDefaultRoute()},
		async.WithMiddleware(note("job 1"), note("job 2")))
	a.router.Use(note("router"))
	async.HandleReply(a.router, a.jobs, "add", func(ctx ctx, req *request, in sum) (total, error) {
		seen = append(seen, "handler of "+req.PrincipalID())
		return add(ctx, req, in)
	}, gatesock.WithMiddleware(note("route")), authz.RequireScopes("sum"))
	h := a.start(t)

	h.Connect(wstest.WithUser("eve")).Request("add", sum{}).ExpectError(gatesock.CodePermissionDenied)
	require.Zero(t, a.queue.Len())
	seen = nil
	call := h.Connect(wstest.WithPrincipal(authz.Principal{ID: "ann", Scopes: []string{"sum"}})).Request("add", sum{})
	call.ExpectAck()
	a.drain(t)
	call.ExpectResult(nil)
	require.Equal(t, []string{"router", "route", "job 1", "job 2", "handler of ann"}, seen)
}

// TestRequestIsTheSame compares the requests of both invocations, field by field, for an event that
// has everything. A new field of the Request fails the test until it is in the event here.
func TestRequestIsTheSame(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"text":   `"body":"{\"action\":\"keep\",\"id\":\"ü\",\"x\":\"\u2028<&>日本🎉\"}"`,
		"base64": `"body":"eyJhY3Rpb24iOiJrZWVwIiwiaWQiOiLDvCIsIngiOiL/In0=","isBase64Encoded":true`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event := `{"requestContext":{"routeKey":"$default","eventType":"MESSAGE","connectionId":"c1=","requestId":"r1","messageId":"m1",
				"apiId":"api","stage":"prod","domainName":"d.example.com","requestTimeEpoch":1700000000123,"connectedAt":1700000000001,
				"identity":{"sourceIp":"1.2.3.4","userAgent":"agent","apiKey":"k","apiKeyId":"ki","accountId":"a","caller":"b","user":"u",
				"userArn":"arn","principalOrgId":"o"},"authorizer":{"principalId":"ann","integrationLatency":12,"admin":true,"x":"\"ü"}},
				"stageVariables":{"color":"blue"},` + body + `}`
			a := newApp(t, nil)
			var first, second *request
			a.router.Use(func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
				return func(ctx ctx, req *request) (*gatesock.Reply, error) {
					first = req
					return next(ctx, req)
				}
			})
			async.Handle(a.router, a.jobs, "keep", func(_ ctx, req *request, _ struct{}) error {
				second = req
				return nil
			})
			_, err := a.router.Invoke(t.Context(), []byte(event))
			require.NoError(t, err)
			a.recorder.Gone("c1=")
			a.drain(t)
			require.NotNil(t, second)
			require.Equal(t, *first, *second)
			handshake := map[string]bool{"Header": true, "Query": true, "DisconnectCode": true, "DisconnectReason": true}
			for i := range reflect.TypeFor[request]().NumField() {
				field := reflect.TypeFor[request]().Field(i)
				if field.IsExported() && !handshake[field.Name] {
					require.False(t, reflect.ValueOf(*first).Field(i).IsZero(), "the event has no %s", field.Name)
				}
			}
		})
	}
}

// failingQueue is a queue that accepts nothing.
type failingQueue struct{ err error }

func (q failingQueue) Enqueue(context.Context, async.Job) error { return q.err }

func TestQueueThatFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want gatesock.Code
	}{
		"by an error":  {errors.New("no network"), gatesock.CodeUnavailable},
		"full":         {async.ErrQueueFull, gatesock.CodeUnavailable},
		"too large":    {fmt.Errorf("sqs: %w", async.ErrTooLarge), gatesock.CodeTooLarge},
		"out of time":  {fmt.Errorf("sqs: %w", context.DeadlineExceeded), gatesock.CodeDeadlineExceeded},
		"by a refusal": {gatesock.Errorf(gatesock.CodeNotFound, "secret"), gatesock.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := gatesock.New(gatesock.WithLogger((&logged{}).logger()))
			jobs := async.New(failingQueue{c.err}, wstest.NewRecorder(), async.NewMemoryOutcomes())
			async.HandleReply(r, jobs, "add", add)
			failure := wstest.New(t, r).Connect().Request("add", sum{}).ExpectError(c.want)
			require.NotContains(t, failure.Message, "secret")
		})
	}
}

func TestDescription(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	async.HandleReply(a.router, a.jobs, "add", add)
	async.Handle(a.router, a.jobs, "note", func(ctx, *request, sum) error { return nil })
	d := a.router.Describe()
	for _, r := range d.Routes {
		if r.Key == "add" || r.Key == "note" {
			require.True(t, r.NeedsResponse)
			require.Equal(t, reflect.TypeFor[sum](), r.In)
			require.Nil(t, r.Out)
		}
	}
	require.Equal(t, []gatesock.PushInfo{
		{Event: "add", Data: reflect.TypeFor[total](), JSON: true}, {Event: "note", Data: reflect.TypeFor[async.Null](), JSON: true},
	}, d.Pushes)
	data, err := json.Marshal(async.Null{})
	require.NoError(t, err)
	require.Equal(t, "null", string(data))
}

func TestRegistrationPanics(t *testing.T) {
	t.Parallel()
	site := ` at \S+/async/handle_test\.go:\d+`
	for name, c := range map[string]struct {
		register func(a *app)
		want     string
	}{
		"one-way": {func(a *app) {
			async.HandleReply(a.router, a.jobs, "add", add, gatesock.OneWay())
		}, `^gatesock: route "add".*OneWay`},
		"one-way without a result": {func(a *app) {
			async.Handle(a.router, a.jobs, "note", func(ctx, *request, sum) error { return nil }, gatesock.OneWay())
		}, `^async: route "note"` + site + ` is OneWay, but the client gets an acknowledgement and a result$`},
		"raw": {func(a *app) {
			async.HandleReply(a.router, a.jobs, "add", add, gatesock.Raw())
		}, `^async: route "add"` + site + ` is Raw, but the result needs the envelope$`},
		"twice": {func(a *app) {
			async.HandleReply(a.router, a.jobs, "add", add)
			async.HandleReply(gatesock.New(), a.jobs, "add", add)
		}, `^async: route "add"` + site + `: these Jobs have a route with that key already$`},
		"no handler": {func(a *app) {
			async.HandleReply[sum, total](a.router, a.jobs, "add", nil)
		}, `^async: HandleReply: route "add"` + site + `: h must not be nil$`},
		"no jobs": {func(a *app) {
			async.HandleReply(a.router, nil, "add", add)
		}, `^async: HandleReply: route "add"` + site + `: jobs must not be nil$`},
		"a reserved key": {func(a *app) {
			async.HandleReply(a.router, a.jobs, "$default", add)
		}, `^gatesock: the route key "\$default"` + site + ` is reserved`},
		"a result that cannot be encoded": {func(a *app) {
			async.HandleReply(a.router, a.jobs, "add", func(ctx, *request, sum) (func(), error) { return nil, nil })
		}, `^gatesock: route "add"` + site},
		"a push that is declared": {func(a *app) {
			gatesock.DeclarePush[total](a.router, "add")
			async.HandleReply(a.router, a.jobs, "add", add)
		}, `^gatesock: DeclarePush` + site + `: the event "add" is declared already$`},
		"events that look like answers": {func(a *app) {
			r := gatesock.New(gatesock.WithEnvelope(gatesock.Envelope{Action: "type", Event: "type"}))
			async.HandleReply(r, a.jobs, "add", add)
		}, `^async: route "add"` + site + `: the envelope has the name "type" for Event and Action`},
		"middleware that returns nil": {func(a *app) {
			none := func(gatesock.HandlerFunc) gatesock.HandlerFunc { return nil }
			jobs := async.New(a.queue, a.recorder, a.outcomes, async.WithMiddleware(none))
			async.HandleReply(a.router, jobs, "add", add)
		}, `^gatesock: the middleware` + site + ` returned nil`},
		"no queue":    {func(*app) { async.New(nil, wstest.NewRecorder(), async.NewMemoryOutcomes()) }, `^async: New: queue must not be nil$`},
		"no poster":   {func(a *app) { async.New(a.queue, nil, async.NewMemoryOutcomes()) }, `^async: New: poster must not be nil$`},
		"no outcomes": {func(a *app) { async.New(a.queue, a.recorder, nil) }, `^async: New: outcomes must not be nil$`},
		"an option of another constructor": {func(*app) {
			async.NewMemoryQueue(async.WithAttempts(1))
		}, `^async: NewMemoryQueue does not take the option WithAttempts$`},
		"no option":      {func(*app) { async.NewMemoryQueue(nil) }, `an option is nil$`},
		"no attempts":    {func(*app) { async.WithAttempts(0) }, `^async: WithAttempts\(0\)`},
		"no time":        {func(*app) { async.WithTimeout(0) }, `^async: WithTimeout\(0s\)`},
		"no margin":      {func(*app) { async.WithDeadlineMargin(-time.Second) }, `^async: WithDeadlineMargin\(-1s\)`},
		"no logger":      {func(*app) { async.WithLogger(nil) }, `^async: WithLogger`},
		"no clock":       {func(*app) { async.WithClock(nil) }, `^async: WithClock`},
		"no middleware":  {func(*app) { async.WithMiddleware(gatesock.Recover(), nil) }, `^async: WithMiddleware: middleware 1`},
		"no capacity":    {func(*app) { async.WithCapacity(0) }, `^async: WithCapacity\(0\)`},
		"no concurrency": {func(*app) { async.WithConcurrency(0) }, `^async: WithConcurrency\(0\)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, nil)
			defer func() { require.Regexp(t, c.want, recover()) }()
			c.register(a)
		})
	}
}
