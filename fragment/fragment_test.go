package fragment_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/fragment"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/ratelimit"
)

// invoke passes a message to a router, as the gateway does, and returns the frame of the answer.
func invoke(t testing.TB, r *gatesock.Router, connectionID, body string) string {
	t.Helper()
	quoted, err := json.Marshal(body)
	require.NoError(t, err)
	out, err := r.Invoke(t.Context(), fmt.Appendf(nil, `{"requestContext":{"eventType":"MESSAGE","routeKey":"$default",`+
		`"connectionId":%q,"messageId":"m","authorizer":{"principalId":"ann"}},"body":%s}`, connectionID, quoted))
	require.NoError(t, err)
	var response struct {
		StatusCode int
		Body       string
	}
	require.NoError(t, json.Unmarshal(out, &response))
	require.Equal(t, 200, response.StatusCode)
	return response.Body
}

// frames returns the frames of a message that is cut into pieces.
func frames(t testing.TB, id string, pieces ...string) []string {
	t.Helper()
	list := make([]string, len(pieces))
	for i, p := range pieces {
		quoted, err := gatesock.JSON{}.Marshal(map[string]any{
			"action": "fragment", "id": id, "index": i, "count": len(pieces), "piece": p,
		})
		require.NoError(t, err)
		list[i] = string(quoted)
	}
	return list
}

func quiet() gatesock.Option {
	return gatesock.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
}

type save struct {
	Text string `json:"text"`
}

func echo(_ context.Context, _ *gatesock.Request, in save) (string, error) { return in.Text, nil }

// app returns a router with some routes, and fragments.
func app(opts ...fragment.Option) *gatesock.Router {
	r := gatesock.New(quiet())
	r.Use(gatesock.Recover())
	gatesock.HandleReply(r, "save", echo)
	gatesock.Handle(r, "quiet", func(context.Context, *gatesock.Request, save) error { return nil }, gatesock.OneWay())
	gatesock.Handle(r, "panic", func(context.Context, *gatesock.Request, save) error { panic("boom") })
	denied := func(gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
			return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "no")
		}
	}
	gatesock.Handle(r, "admin", func(context.Context, *gatesock.Request, save) error { return nil },
		gatesock.WithGuard("nobody", denied))
	fragment.Register(r, fragment.NewMemory(), opts...)
	return r
}

// TestTheMessageIsAnswered: the answer to the last fragment is that of the message, whatever it is,
// and the other fragments are not answered.
func TestTheMessageIsAnswered(t *testing.T) {
	t.Parallel()
	r := app()
	for i, tt := range []struct{ message, want string }{
		{`{"action":"save","id":"7","text":"hello"}`, `{"id":"7","action":"save","data":"hello"}`},
		{`{"action":"save","text":"hello"}`, `{"action":"save","data":"hello"}`},
		{`{"action":"save","id":"7","text":"hello"`, `"code":"invalid_argument"`},
		{`{"action":"save","id":"7","text":7}`, `{"id":"7","action":"save","error":{"code":"invalid_argument"`},
		{`{"action":"save","id":7,"text":"hello"}`, `{"id":7,"action":"save","error":{"code":"invalid_argument"`},
		{`{"action":"quiet","id":"7"}`, ``},
		{`{"action":"panic","id":"7"}`, `{"id":"7","action":"panic","error":{"code":"internal","message":"internal error"}}`},
		{`{"action":"admin","id":"7"}`, `{"id":"7","action":"admin","error":{"code":"permission_denied","message":"no"}}`},
		{`{"action":"none","id":"7"}`, `{"id":"7","action":"none","error":{"code":"not_found","message":"there is no action \"none\""}}`},
		{`{"id":"7"}`, `"code":"invalid_argument"`},
		{`[[[[[["7"]]]]]]`, `"code":"invalid_argument"`},
		{`{"action":"save","id":"8"}`, `{"id":"7","action":"fragment","error":{"code":"invalid_argument","message":"the message has another \"id\" than its fragments"}}`},
		{
			`{"action":"fragment","id":"7","index":0,"count":2,"piece":"x"}`,
			`{"id":"7","action":"fragment","error":{"code":"invalid_argument","message":"a message in fragments must not be a fragment"}}`,
		},
	} {
		connection := fmt.Sprint("c", i)
		list := frames(t, "7", tt.message[:3], tt.message[3:9], tt.message[9:])
		require.Empty(t, invoke(t, r, connection, list[2]))
		require.Empty(t, invoke(t, r, connection, list[0]))
		require.Empty(t, invoke(t, r, connection, list[2]), "again")
		got := invoke(t, r, connection, list[1])
		if tt.want == "" || strings.HasSuffix(tt.want, "}") {
			require.Equal(t, tt.want, got, tt.message)
		} else {
			require.Contains(t, got, tt.want, tt.message)
		}
		require.Empty(t, invoke(t, r, connection, list[1]), "after the message")
	}
}

func TestFragmentsAreRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 60)
	for _, tt := range []struct{ want, body string }{
		{`"error":{"code":"invalid_argument","message":"\"id\" is missing; a fragment needs it"}`, `{"action":"fragment","index":0,"count":2,"piece":"x"}`},
		{`"error":{"code":"invalid_argument"`, `{"action":"fragment","id":7,"index":0,"count":2,"piece":"x"}`},
		{`"message":"\"count\" must be from 2 to 128"`, `{"action":"fragment","id":"1","index":0,"piece":"x"}`},
		{`"message":"\"count\" must be from 2 to 128"`, `{"action":"fragment","id":"1","index":0,"count":1,"piece":"x"}`},
		{`"message":"\"count\" must be from 2 to 128"`, `{"action":"fragment","id":"1","index":0,"count":129,"piece":"x"}`},
		{`"message":"\"index\" must be from 0 to \"count\" - 1"`, `{"action":"fragment","id":"1","index":2,"count":2,"piece":"x"}`},
		{`"message":"\"index\" must be from 0 to \"count\" - 1"`, `{"action":"fragment","id":"1","index":-1,"count":2,"piece":"x"}`},
		{`"message":"\"piece\" must not be empty"`, `{"action":"fragment","id":"1","index":0,"count":2}`},
		{`"piece\" must be a string`, `{"action":"fragment","id":"1","index":0,"count":2,"piece":{}}`},
		{`"code":"too_large","message":"the message is above the limit of 50 bytes"`, `{"action":"fragment","id":"1","index":0,"count":2,"piece":"` + long + `"}`},
		{`"code":"invalid_argument","message":"the fragment contradicts another one with its \"id\""`, `{"action":"fragment","id":"0","index":0,"count":3,"piece":"x"}`},
		{`"error":{"code":"rate_limited","message":"too many messages in fragments are under way","retryAfterMs":1000}`, `{"action":"fragment","id":"2","index":0,"count":2,"piece":"x"}`},
	} {
		r := app(fragment.WithMaxSize(50), fragment.WithMaxMessages(1))
		if !strings.Contains(tt.want, "too_large") {
			require.Empty(t, invoke(t, r, "c", frames(t, "0", "x", "y")[0]))
		}
		require.Contains(t, invoke(t, r, "c", tt.body), tt.want, tt.body)
	}
}

// failing is a store that fails.
type failing struct{ err error }

func (s failing) Add(context.Context, fragment.Piece, fragment.Limits) ([]byte, error) {
	return nil, s.err
}

func TestTheStoreFails(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"unavailable":       errors.New("down"),
		"deadline_exceeded": fmt.Errorf("slow: %w", context.DeadlineExceeded),
	} {
		r := gatesock.New(quiet())
		fragment.Register(r, failing{err})
		require.Contains(t, invoke(t, r, "c", frames(t, "1", "a", "b")[0]), `"error":{"code":"`+want+`"`)
	}
}

// TestTheRequestOfTheMessage: the handler gets the request of the last fragment, with the message.
func TestTheRequestOfTheMessage(t *testing.T) {
	t.Parallel()
	var got *gatesock.Request
	var routes []string
	r := gatesock.New(quiet())
	r.Use(func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			routes = append(routes, req.Route)
			return next(ctx, req)
		}
	})
	gatesock.Handle(r, "save", func(_ context.Context, req *gatesock.Request, _ save) error {
		got = req
		return nil
	})
	fragment.Register(r, fragment.NewMemory())
	message := `{"action":"save","id":"7","text":"日本🎉\u2028<&>"}`
	list := frames(t, "7", message[:40], message[40:])
	require.Empty(t, invoke(t, r, "c=", list[0]))
	require.Equal(t, `{"id":"7","action":"save","data":null}`, invoke(t, r, "c=", list[1]))
	require.Equal(t, []string{"fragment", "fragment", "save"}, routes)
	require.Equal(t, &gatesock.Request{
		EventType: gatesock.EventMessage, RouteKey: "$default", Route: "save", ConnectionID: "c=", MessageID: "m",
		Authorizer: map[string]string{"principalId": "ann"}, Body: []byte(message), Action: "save", ID: "7",
	}, clean(got))
}

// clean returns the exported fields.
func clean(r *gatesock.Request) *gatesock.Request {
	return &gatesock.Request{
		EventType: r.EventType, RouteKey: r.RouteKey, Route: r.Route, ConnectionID: r.ConnectionID, MessageID: r.MessageID,
		RequestID: r.RequestID, Time: r.Time, ConnectedAt: r.ConnectedAt, Identity: r.Identity,
		StageVariables: r.StageVariables, Authorizer: r.Authorizer, Body: r.Body, Action: r.Action, ID: r.ID,
	}
}

// TestLimitsCountFragments: a limit of the router counts each fragment, and the message.
func TestLimitsCountFragments(t *testing.T) {
	t.Parallel()
	clock := testclock.New(testclock.Noon())
	r := gatesock.New(quiet())
	store := ratelimit.NewMemory(ratelimit.WithClock(clock.Now))
	messages := ratelimit.New(store, "messages", ratelimit.Limit{Rate: 0.001, Burst: 5}, ratelimit.FailOpen)
	r.Use(messages.Middleware(ratelimit.ByConnection(), ratelimit.MiddlewareOptions{}))
	gatesock.Handle(r, "save", func(context.Context, *gatesock.Request, save) error { return nil })
	fragment.Register(r, fragment.NewMemory())
	for _, want := range []string{"", `{"id":"1","action":"save","data":null}`} {
		require.Equal(t, want, invoke(t, r, "c", frames(t, "1", `{"action":"save",`, `"id":"1"}`)[min(len(want), 1)]))
	}
	list := frames(t, "2", `{"action":"save",`, `"id":"2"}`)
	require.Empty(t, invoke(t, r, "c", list[0]))
	require.Contains(t, invoke(t, r, "c", list[1]), `{"id":"2","action":"save","error":{"code":"rate_limited"`, "the sixth request")
	require.Contains(t, invoke(t, r, "c", list[1]), `{"id":"2","action":"fragment","error":{"code":"rate_limited"`, "the seventh request")
}

// TestOtherNames has clients with other names for the members of requests.
func TestOtherNames(t *testing.T) {
	t.Parallel()
	r := gatesock.New(quiet(), gatesock.WithEnvelope(gatesock.Envelope{
		Action: "type", ID: "requestId", Data: "payload", Input: "payload", Error: "fault",
	}))
	gatesock.HandleReply(r, "save", echo)
	fragment.Register(r, fragment.NewMemory())
	for index, want := range []string{"", `{"requestId":"7","type":"save","payload":"hi"}`} {
		piece := []string{`{\"type\":\"save\",\"requestId\":`, `\"7\",\"payload\":{\"text\":\"hi\"}}`}[index]
		require.Equal(t, want, invoke(t, r, "c", fmt.Sprintf(
			`{"type":"fragment","requestId":"7","payload":{"index":%d,"count":2,"piece":"%s"}}`, index, piece)))
	}
	require.Equal(t, `{"type":"fragment","fault":{"code":"invalid_argument","message":"\"requestId\" is missing; a fragment needs it"}}`,
		invoke(t, r, "c", `{"type":"fragment","payload":{"index":0,"count":2,"piece":"x"}}`))
}

// TestGuardsOfFragments: the options of the route hold for fragments.
func TestGuardsOfFragments(t *testing.T) {
	t.Parallel()
	refuse := func(gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
			return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "no")
		}
	}
	r := gatesock.New(quiet(), gatesock.DenyByDefault())
	fragment.Register(r, fragment.NewMemory(), fragment.WithRouteOptions(gatesock.WithGuard("nobody", refuse)))
	require.Equal(t, `{"id":"1","action":"fragment","error":{"code":"permission_denied","message":"no"}}`,
		invoke(t, r, "c", frames(t, "1", "a", "b")[0]))
}

func TestRegisterPanics(t *testing.T) {
	t.Parallel()
	r, store := gatesock.New(), fragment.NewMemory()
	for want, f := range map[string]func(){
		"r and store must not be nil":          func() { fragment.Register(r, nil) },
		"Register: r and store":                func() { fragment.Register(nil, store) },
		"option 0 must not be nil":             func() { fragment.Register(r, store, nil) },
		"cannot be Raw":                        func() { fragment.Register(r, store, fragment.WithRouteOptions(gatesock.Raw())) },
		"cannot be OneWay":                     func() { fragment.Register(r, store, fragment.WithRouteOptions(gatesock.OneWay())) },
		"WithMaxSize(0): it must be from 1":    func() { fragment.WithMaxSize(0) },
		"WithMaxSize(1048577)":                 func() { fragment.WithMaxSize(1<<20 + 1) },
		"WithMaxMessages(0)":                   func() { fragment.WithMaxMessages(0) },
		"WithClock: now must not be nil":       func() { fragment.WithClock(nil) },
		"WithCapacity(0): it must be positive": func() { fragment.WithCapacity(0) },
		"NewMemory: an option is nil":          func() { fragment.NewMemory(nil) },
		`route "fragment" at `: func() {
			fragment.Register(r, store)
			fragment.Register(r, store)
		},
	} {
		require.Contains(t, panicOf(f), want)
	}
}

func panicOf(f func()) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	f()
	return ""
}

// TestMemoryIsBounded fills a store, which refuses more until what it holds is forgotten.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	clock := testclock.New(testclock.Noon())
	s := fragment.NewMemory(fragment.WithClock(clock.Now), fragment.WithCapacity(10_000))
	limits := fragment.Limits{Size: 1 << 20, Messages: 1000}
	fill := func() (n int) {
		for ; ; n++ {
			p := fragment.Piece{ConnectionID: fmt.Sprint(n), Message: "m", Count: 2, Data: strings.Repeat("x", 1000)}
			if _, err := s.Add(t.Context(), p, limits); err != nil {
				require.ErrorIs(t, err, fragment.ErrTooMany)
				return n
			}
		}
	}
	require.Equal(t, 7, fill())
	second := fragment.Piece{ConnectionID: "0", Message: "m", Index: 1, Count: 2, Data: strings.Repeat("y", 1000)}
	_, err := s.Add(t.Context(), second, limits)
	require.ErrorIs(t, err, fragment.ErrTooMany, "there is no room for a second piece")
	clock.Advance(fragment.Keep + 1)
	require.Equal(t, 7, fill())
	second.Data = "y"
	for i := range 7 { // complete messages make room
		second.ConnectionID = fmt.Sprint(i)
		got, err := s.Add(t.Context(), second, limits)
		require.NoError(t, err)
		require.Len(t, got, 1001)
	}
	clock.Advance(time.Second)
	n := 0
	for ; ; n++ {
		p := fragment.Piece{ConnectionID: fmt.Sprint("new", n), Message: "m", Count: 2, Data: strings.Repeat("x", 1000)}
		if _, err := s.Add(t.Context(), p, limits); err != nil {
			break
		}
	}
	require.Equal(t, 6, n)
	clock.Advance(fragment.Keep)
	require.Equal(t, 1, fill(), "only the complete ones are forgotten")
}
