package gatesock_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// event returns an event with the members that the router looks at.
func event(eventType gatesock.EventType, routeKey, body string) []byte {
	b, err := json.Marshal(map[string]any{
		"requestContext": map[string]any{
			"routeKey": routeKey, "eventType": eventType, "connectionId": "BFaT_fALIAMCKug=", "requestId": "BFaVtH2HoAMFZEQ=",
		},
		"body": body,
	})
	if err != nil {
		panic(err)
	}
	return b
}

func message(routeKey, body string) []byte { return event(gatesock.EventMessage, routeKey, body) }

// response has the members of a function's response that API Gateway reads.
type response struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       *string           `json:"body"`
}

func invoke(t *testing.T, r *gatesock.Router, payload []byte) response {
	t.Helper()
	out, err := r.Invoke(t.Context(), payload)
	require.NoError(t, err)
	var resp response
	dec := json.NewDecoder(bytes.NewReader(out))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&resp), "%s", out)
	return resp
}

// frame invokes the router and returns the frame that the client would see, or "" for none.
func frame(t *testing.T, r *gatesock.Router, payload []byte) string {
	t.Helper()
	resp := invoke(t, r, payload)
	require.Equal(t, 200, resp.StatusCode)
	if resp.Body == nil {
		return ""
	}
	return *resp.Body
}

func quiet() gatesock.Option { return gatesock.WithLogger(slog.New(slog.DiscardHandler)) }

type say struct {
	Room string `json:"room"`
	Text string `json:"text"`
}

func TestReplies(t *testing.T) {
	t.Parallel()
	r := gatesock.New(quiet())
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, say) error { return nil })
	gatesock.HandleReply(r, "sum", func(_ context.Context, _ *gatesock.Request, in struct{ A, B int }) (int, error) {
		return in.A + in.B, nil
	})
	gatesock.HandleReply(r, "html", func(context.Context, *gatesock.Request, struct{}) (string, error) { return "<b>é\u2028", nil })
	gatesock.HandleReply(r, "huge", func(context.Context, *gatesock.Request, struct{}) (string, error) {
		return strings.Repeat("x", gatesock.MaxMessageSize), nil
	})
	gatesock.HandleReply(r, "unencodable", func(context.Context, *gatesock.Request, struct{}) (any, error) { return func() {}, nil })
	gatesock.Handle(r, "limited", func(context.Context, *gatesock.Request, struct{}) error {
		return gatesock.Errorf(gatesock.CodeRateLimited, "slow down").
			WithRetryAfter(1500 * time.Microsecond).WithDetails(map[string]int{"limit": 5})
	})
	gatesock.Handle(r, "broken", func(context.Context, *gatesock.Request, struct{}) error { return errors.New("password is hunter2") })
	gatesock.Handle(r, "wrapped", func(context.Context, *gatesock.Request, struct{}) error {
		return fmt.Errorf("outer: %w", gatesock.Errorf(gatesock.CodeNotFound, "no room").WithCause(errors.New("secret")))
	})
	gatesock.Handle(r, "baddetails", func(context.Context, *gatesock.Request, struct{}) error {
		return gatesock.Errorf(gatesock.CodeNotFound, "no room").WithDetails(func() {})
	})
	gatesock.Handle(r, "hugedetails", func(context.Context, *gatesock.Request, struct{}) error {
		return gatesock.Errorf(gatesock.CodeNotFound, "no room").WithDetails(strings.Repeat("x", gatesock.MaxMessageSize))
	})
	gatesock.Handle(r, "wait", func(context.Context, *gatesock.Request, struct{}) error {
		return gatesock.Errorf(gatesock.CodeRateLimited, "").WithRetryAfter(math.MaxInt64)
	})
	r.HandleFunc("raw", func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		return &gatesock.Reply{Frame: append([]byte("raw:"), req.Body...)}, nil
	})

	for _, tt := range []struct{ name, route, body, want string }{
		{"acknowledged with an id", "say", `{"action":"say","id":"7"}`, `{"id":"7","action":"say","data":null}`},
		{"silent without an id", "say", `{"action":"say"}`, ``},
		{"silent with a null id", "say", `{"action":"say","id":null}`, ``},
		{"reply", "sum", `{"action":"sum","id":"1","a":2,"b":3}`, `{"id":"1","action":"sum","data":5}`},
		{"reply without an id", "sum", `{"action":"sum","a":2,"b":3}`, `{"action":"sum","data":5}`},
		{"the last id counts", "sum", `{"id":"1","id":"2","action":"sum"}`, `{"id":"2","action":"sum","data":0}`},
		{"id that needs escapes", "say", `{"action":"say","id":"\"\\\u0001é"}`, `{"id":"\"\\\u0001é","action":"say","data":null}`},
		{"action stands for the route key", "say", `{"id":"1"}`, `{"id":"1","action":"say","data":null}`},
		{"no HTML escapes", "html", `{"action":"html"}`, `{"action":"html","data":"<b>é\u2028"}`},
		{"too large", "huge", `{"action":"huge"}`, `{"action":"huge","error":{"code":"too_large","message":"the reply of 131099 bytes is above the limit of 131072"}}`},
		{"not encodable", "unencodable", `{"action":"unencodable"}`, `{"action":"unencodable","error":{"code":"internal","message":"internal error"}}`},
		{"error with all members", "limited", `{"action":"limited","id":"9"}`, `{"id":"9","action":"limited","error":{"code":"rate_limited","message":"slow down","retryAfterMs":2,"details":{"limit":5}}}`},
		{"foreign error", "broken", `{"action":"broken","id":"9"}`, `{"id":"9","action":"broken","error":{"code":"internal","message":"internal error"}}`},
		{"wrapped error", "wrapped", `{"action":"wrapped"}`, `{"action":"wrapped","error":{"code":"not_found","message":"no room"}}`},
		{"details not encodable", "baddetails", `{"action":"baddetails"}`, `{"action":"baddetails","error":{"code":"not_found","message":"no room"}}`},
		{"details too large", "hugedetails", `{"action":"hugedetails"}`, `{"action":"hugedetails","error":{"code":"not_found","message":"the error is too large to be sent"}}`},
		{"id of 128 bytes", "say", `{"action":"say","id":"` + strings.Repeat("x", 128) + `"}`, `{"id":"` + strings.Repeat("x", 128) + `","action":"say","data":null}`},
		{"id of 129 bytes", "say", `{"action":"say","id":"` + strings.Repeat("x", 129) + `"}`, `{"action":"say","error":{"code":"invalid_argument","message":"\"id\" must be a string of at most 128 bytes"}}`},
		{"numeric id on an untyped route", "raw", `{"id":1}`, `{"id":1,"action":"raw","error":{"code":"invalid_argument","message":"\"id\" must be a string of at most 128 bytes"}}`},
		{"numeric id", "say", `{"action":"say","id":7}`, `{"id":7,"action":"say","error":{"code":"invalid_argument","message":"\"id\" must be a string of at most 128 bytes"}}`},
		{"numeric id of an unknown action", "$default", `{"action":"sya","id": -7.50e+1 }`, `{"id":-7.50e+1,"action":"sya","error":{"code":"not_found","message":"there is no action \"sya\""}}`},
		{"numeric id that is too long to echo", "say", `{"id":` + strings.Repeat("1", 129) + `}`, `{"action":"say","error":{"code":"invalid_argument","message":"\"id\" must be a string of at most 128 bytes"}}`},
		{"id that is an object", "say", `{"id":{"a":1}}`, `{"action":"say","error":{"code":"invalid_argument","message":"\"id\" must be a string of at most 128 bytes"}}`},
		{"of two ids the last counts", "say", `{"id":7,"id":"1"}`, `{"id":"1","action":"say","data":null}`},
		{"action too long to echo", "say", `{"action":"` + strings.Repeat("x", 129) + `","id":"1"}`, `{"id":"1","action":"say","data":null}`},
		{"id and action of broken JSON", "raw", `{"action":"x","id":"1"`, `raw:{"action":"x","id":"1"`},
		{"wait for ever", "wait", `{}`, `{"action":"wait","error":{"code":"rate_limited","message":"","retryAfterMs":9223372036855}}`},
		{"raw frame", "raw", "h\u00e9\"\n", "raw:h\u00e9\"\n"},
		{"through $default by its action", "$default", `{"action":"say","id":"7"}`, `{"id":"7","action":"say","data":null}`},
		{"unknown action", "$default", `{"action":"nope","id":"7"}`, `{"id":"7","action":"nope","error":{"code":"not_found","message":"there is no action \"nope\""}}`},
		{"unknown route", "nope", `{"action":"nope","id":"7"}`, `{"id":"7","action":"nope","error":{"code":"not_found","message":"there is no action \"nope\""}}`},
		{"reserved action", "$default", `{"action":"$connect"}`, `{"action":"$connect","error":{"code":"not_found","message":"there is no action \"$connect\""}}`},
		{"reserved route in a message", "$connect", `{"action":"$connect"}`, `{"action":"$connect","error":{"code":"not_found","message":"there is no action \"$connect\""}}`},
		{"not JSON", "$default", `hello`, `{"action":"$default","error":{"code":"invalid_argument","message":"the message must be a JSON object with a string \"action\""}}`},
		{"empty", "$default", ``, `{"action":"$default","error":{"code":"invalid_argument","message":"the message must be a JSON object with a string \"action\""}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, frame(t, r, message(tt.route, tt.body)))
		})
	}
}

func TestDefaultTakesWhatNoRouteTakes(t *testing.T) {
	t.Parallel()
	r := gatesock.New(quiet())
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, say) error { return nil })
	r.OnDefault(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		return &gatesock.Reply{Data: "default " + req.Action}, nil
	})
	require.Equal(t, `{"action":"nope","data":"default nope"}`, frame(t, r, message("$default", `{"action":"nope"}`)))
	require.Equal(t, `{"action":"nope","data":"default nope"}`, frame(t, r, message("nope", `{"action":"nope"}`)))
	require.Equal(t, `{"id":"1","action":"say","data":null}`, frame(t, r, message("$default", `{"action":"say","id":"1"}`)))
	require.Equal(t, `{"action":"$default","data":"default "}`, frame(t, r, message("$default", `ping`)))
	// JSON-RPC uses numbers as ids, which an untyped handler may need.
	require.Equal(t, `{"id":1,"action":"$default","data":"default "}`, frame(t, r, message("$default", `{"jsonrpc":"2.0","id":1}`)))
}

func TestConnectStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 200},
		{gatesock.Errorf(gatesock.CodeInvalidArgument, ""), 400},
		{gatesock.Errorf(gatesock.CodeUnauthenticated, ""), 401},
		{gatesock.Errorf(gatesock.CodePermissionDenied, ""), 403},
		{gatesock.Errorf(gatesock.CodeNotFound, ""), 404},
		{gatesock.Errorf(gatesock.CodeAlreadyExists, ""), 409},
		{gatesock.Errorf(gatesock.CodeFailedPrecondition, ""), 412},
		{gatesock.Errorf(gatesock.CodeTooLarge, ""), 413},
		{gatesock.Errorf(gatesock.CodeRateLimited, ""), 429},
		{gatesock.Errorf(gatesock.CodeUnavailable, ""), 503},
		{gatesock.Errorf(gatesock.CodeDeadlineExceeded, ""), 504},
		{gatesock.Errorf(gatesock.CodeInternal, ""), 500},
		{gatesock.Errorf("of_my_own", ""), 500},
		{fmt.Errorf("wrapped: %w", gatesock.Errorf(gatesock.CodeUnauthenticated, "")), 401},
		{errors.New("foreign"), 500},
	} {
		t.Run(fmt.Sprint(tt.err), func(t *testing.T) {
			t.Parallel()
			r := gatesock.New(quiet())
			r.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, tt.err })
			r.OnDisconnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, tt.err })
			for _, ev := range [][]byte{event(gatesock.EventConnect, "$connect", ""), event(gatesock.EventDisconnect, "$disconnect", "")} {
				resp := invoke(t, r, ev)
				require.Equal(t, tt.want, resp.StatusCode)
				require.Nil(t, resp.Body)
				require.Empty(t, resp.Headers)
			}
		})
	}
}

func TestConnectReturnsSubprotocol(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	r.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		return &gatesock.Reply{Subprotocol: "chat.v1", Data: "not sent"}, nil
	})
	resp := invoke(t, r, event(gatesock.EventConnect, "$connect", ""))
	require.Equal(t, response{StatusCode: 200, Headers: map[string]string{"Sec-WebSocket-Protocol": "chat.v1"}}, resp)
}

func TestNoHandlersAcceptEverything(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	require.Equal(t, response{StatusCode: 200}, invoke(t, r, event(gatesock.EventConnect, "$connect", "")))
	require.Equal(t, response{StatusCode: 200}, invoke(t, r, event(gatesock.EventDisconnect, "$disconnect", "")))
}

func TestMiddlewareOrder(t *testing.T) {
	t.Parallel()
	var trace []string
	mark := func(name string) gatesock.Middleware {
		return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
			return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
				trace = append(trace, name)
				defer func() { trace = append(trace, "/"+name) }()
				return next(ctx, req)
			}
		}
	}
	r := gatesock.New()
	r.Use(mark("a"), mark("b"))
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, say) error {
		trace = append(trace, "handler")
		return nil
	}, gatesock.WithMiddleware(mark("d"), mark("e")))
	r.Use(mark("c"))
	for _, tt := range []struct {
		payload []byte
		want    string
	}{
		{message("say", `{}`), "a b c d e handler /e /d /c /b /a"},
		{message("$default", `{"action":"nope"}`), "a b c /c /b /a"},
		{event(gatesock.EventConnect, "$connect", ""), "a b c /c /b /a"},
		{event(gatesock.EventDisconnect, "$disconnect", ""), "a b c /c /b /a"},
	} {
		trace = nil
		invoke(t, r, tt.payload)
		require.Equal(t, tt.want, strings.Join(trace, " "))
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	require.Equal(t, []gatesock.Route{{Key: "$connect"}, {Key: "$default", NeedsResponse: true}, {Key: "$disconnect"}}, r.Describe().Routes)
	without := gatesock.New(gatesock.WithoutDefaultRoute()).Describe()
	require.Equal(t, []gatesock.Route{{Key: "$connect"}, {Key: "$disconnect"}}, without.Routes)
	r.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	r.OnDefault(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, say) error { return nil })
	gatesock.Handle(r, "typing", func(context.Context, *gatesock.Request, say) error { return nil }, gatesock.OneWay())
	require.Equal(t, []gatesock.Route{
		{Key: "$connect"},
		{Key: "$default", NeedsResponse: true},
		{Key: "$disconnect"},
		{Key: "say", NeedsResponse: true, In: reflect.TypeFor[say](), JSON: true},
		{Key: "typing", In: reflect.TypeFor[say](), JSON: true},
	}, r.Describe().Routes)
}

func TestRecoverLogsTheStack(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.NewJSONHandler(&log, nil))))
	r.Use(gatesock.Recover())
	cause := errors.New("boom")
	gatesock.Handle(r, "panic", func(context.Context, *gatesock.Request, struct{}) error { panic(cause) })
	require.Equal(t, `{"id":"1","action":"panic","error":{"code":"internal","message":"internal error"}}`,
		frame(t, r, message("panic", `{"action":"panic","id":"1"}`)))
	var line struct{ Level, Msg, Error, Stack, ConnectionID, RequestID, RouteKey, Code string }
	require.NoError(t, json.Unmarshal(log.Bytes(), &line), log.String())
	require.Equal(t, "ERROR", line.Level)
	require.Contains(t, line.Error, "boom")
	require.Contains(t, line.Stack, "TestRecoverLogsTheStack")
	require.Equal(t, "BFaT_fALIAMCKug=", line.ConnectionID)
	require.Equal(t, "panic", line.RouteKey)
	require.Equal(t, "internal", line.Code)
}

func TestPanicsAreInternalWhateverTheirValue(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	r.Use(gatesock.Recover())
	gatesock.HandleReply(r, "handler", func(context.Context, *gatesock.Request, struct{}) (int, error) {
		panic(fmt.Errorf("wrapped: %w", gatesock.Errorf(gatesock.CodeNotFound, "not for the client")))
	})
	gatesock.HandleReply(r, "encoding", func(context.Context, *gatesock.Request, struct{}) (panicky, error) {
		return panicky{}, nil
	})
	gatesock.Handle(r, "details", func(context.Context, *gatesock.Request, struct{}) error {
		return gatesock.Errorf(gatesock.CodeInternal, "internal error").WithDetails(panicky{})
	})
	gatesock.Handle(r, "typednil", func(context.Context, *gatesock.Request, struct{}) error {
		var none *gatesock.Error
		return none
	})
	gatesock.Handle(r, "nilpointer", func(context.Context, *gatesock.Request, struct{}) error {
		var none *net.OpError
		return none
	})
	gatesock.Handle(r, "wrapped", func(context.Context, *gatesock.Request, struct{}) error { return fmt.Errorf("%w", vicious{}) })
	gatesock.HandleReply(r, "codec", func(context.Context, *gatesock.Request, struct{}) (vicious, error) {
		return vicious{}, nil
	})
	for _, action := range []string{"handler", "encoding", "details", "typednil", "nilpointer", "wrapped", "codec"} {
		require.Equal(t, `{"action":"`+action+`","error":{"code":"internal","message":"internal error"}}`,
			frame(t, r, message(action, `{"action":"`+action+`"}`)))
	}
	require.Equal(t, 6, strings.Count(log.String(), "stack="), log.String())
	require.Equal(t, 8, strings.Count(log.String(), "level=ERROR"), log.String())
	require.Contains(t, log.String(), "the handler returned an error of type *net.OpError that panics when it is read")
	connect := gatesock.New(quiet())
	connect.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, vicious{} })
	require.Equal(t, 500, invoke(t, connect, event(gatesock.EventConnect, "$connect", "")).StatusCode)
}

// vicious is an error that panics when it is read.
type vicious struct{}

func (vicious) Error() string                { return "vicious" }
func (vicious) As(any) bool                  { panic("boom") }
func (vicious) MarshalJSON() ([]byte, error) { return nil, vicious{} }

// panicky panics when it is encoded.
type panicky struct{}

func (panicky) MarshalJSON() ([]byte, error) { panic("boom") }

// TestBrokenMiddlewareLetsNothingThrough checks that a process that survives the panic of the first
// event does not serve handlers without their middleware.
func TestBrokenMiddlewareLetsNothingThrough(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	r.Use(func(gatesock.HandlerFunc) gatesock.HandlerFunc { panic("no configuration") })
	gatesock.Handle(r, "say", typed)
	for range 3 {
		require.PanicsWithValue(t, "no configuration", func() { _, _ = r.Invoke(t.Context(), message("say", `{}`)) })
	}
}

func TestMiddlewareMayAskForRoutes(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	r.Use(func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		require.Len(t, r.Describe().Routes, 3)
		return next
	})
	require.Equal(t, 200, invoke(t, r, event(gatesock.EventConnect, "$connect", "")).StatusCode)
}

func TestPanicPassesWithoutRecover(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	gatesock.Handle(r, "panic", func(context.Context, *gatesock.Request, struct{}) error { panic("boom") })
	require.PanicsWithValue(t, "boom", func() { _, _ = r.Invoke(t.Context(), message("panic", `{}`)) })
}

func TestLogLevels(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("foreign"), "ERROR"},
		{gatesock.Errorf(gatesock.CodeUnavailable, "later"), "ERROR"},
		{gatesock.Errorf(gatesock.CodeNotFound, "no room").WithCause(errors.New("cause")), "INFO"},
		{gatesock.Errorf(gatesock.CodeNotFound, "no room"), "DEBUG"},
		{gatesock.Errorf(gatesock.CodeInvalidArgument, "no").WithCause(errors.New("cause")), "DEBUG"},
	} {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		r := gatesock.New(gatesock.WithLogger(logger))
		gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, say) error { return tt.err })
		invoke(t, r, message("say", `{}`))
		require.Contains(t, log.String(), "level="+tt.want+" ", tt.err)
	}
}

// TestDispatchAllocations checks the budget for an event of 1.4 kB with a typed body of 300 B,
// which bench/dispatch measures too.
func TestDispatchAllocations(t *testing.T) {
	const budget = 22
	type in struct{ Room, Text, ReplyTo, ClientMessageID string }
	r := gatesock.New()
	called := false
	gatesock.Handle(r, "say", func(_ context.Context, req *gatesock.Request, in in) error {
		called = req.PrincipalID() != "" && in.Text != "" && in.ReplyTo != ""
		return nil
	})
	for _, name := range []string{"testdata/message.json", "testdata/message-dense.json"} {
		payload, err := os.ReadFile(name)
		require.NoError(t, err)
		ctx := t.Context()
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := r.Invoke(ctx, payload); err != nil {
				t.Fatal(err)
			}
		})
		require.True(t, called)
		require.LessOrEqual(t, allocs, float64(budget), name)
	}
}
