package emulator

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

func TestNewNamesTheBadSetting(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]Config{
		"Stage":                    {Stage: "a/b"},
		"BasePath":                 {BasePath: "x"},
		"begins or ends":           {CustomDomain: true, BasePath: "/x"},
		"IntegrationTimeout":       {IntegrationTimeout: 30 * time.Second},
		"FunctionTimeout":          {FunctionTimeout: -1},
		"IdleTimeout":              {IdleTimeout: -1},
		"MaxAge":                   {MaxAge: -1},
		"Rate":                     {Rate: -1},
		"OutboundBuffer":           {OutboundBuffer: -1},
		"RouteSelectionExpression": {RouteSelectionExpression: "$context.routeKey"},
		"reason of 124 bytes":      {Undocumented: Undocumented{TooBigReason: strings.Repeat("x", 124)}},
		"close status 999":         {Undocumented: Undocumented{MaxAgeClose: CloseStatus{Code: 999}}},
		"PlainRequestStatus":       {Undocumented: Undocumented{PlainRequestStatus: 101}},
		`route "a" twice`:          {Routes: routes("a", "a")},
		"without a key":            {Routes: routes("")},
		`"nope", which RouteTime`:  {RouteTimeouts: map[string]Timeouts{"nope": {}}},
		`"nope", which Models`:     {Models: map[string]func([]byte) error{"nope": nil}},
		`for route "$default"`:     {RouteTimeouts: map[string]Timeouts{"$default": {Integration: time.Minute}}},
		`"$default": Function`:     {RouteTimeouts: map[string]Timeouts{"$default": {Function: -1}}},
		"Authorizer.Function":      {Authorizer: &Authorizer{Handler: handlerFunc(failing), FunctionTimeout: -1}},
		"close status 1006":        {Undocumented: Undocumented{ThrottledClose: CloseStatus{Code: 1006}}},
		"HTTP APIs":                {Stage: "$default"},
		`Hosts has "http://a"`:     {Hosts: []string{"http://a"}},
		`Hosts has "a:80"`:         {Hosts: []string{"a:80"}},
		`Hosts has ""`:             {Hosts: []string{""}},
	} {
		_, err := New(handlerFunc(failing), cfg)
		require.ErrorContains(t, err, want)
	}
	_, err := New(nil, Config{})
	require.ErrorContains(t, err, "no handler")
}

func TestExpressionErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "empty",
		"$":                         "unknown variable",
		"$default":                  `a plain dollar sign is \$`,
		"$request.header.x":         "unknown variable",
		"$request.bodyx":            "unknown variable",
		"${request.body.a":          `without "}"`,
		"$request.body..a":          "empty name",
		"$request.body.a[x]":        "index",
		"$request.body.a[-1]":       "index",
		"$request.body.a[":          "bad path",
		"$request.body.a]":          "name",
		"${request.body.a[?(@.b)]}": "index",
	} {
		_, err := parseExpression(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestExpressionValues(t *testing.T) {
	t.Parallel()
	const body = ` {"a":{"b":[1,"x",{"c":null,"d":true}]},"a.b":"dot","e":"","f":{"g":1},"h":[["x","y"],2],"k":1,"k":2} `
	for text, want := range map[string]string{
		"$request.body.a.b[0]":                 "1",
		"$request.body.a.b[9]":                 "",
		"$request.body.a.b[2].c":               "",
		"$request.body.a.b[2].d":               "true",
		"$request.body['a.b']":                 "dot",
		"$request.body.e.x":                    "",
		"$request.body.f":                      `{"g":1}`,
		"$request.body.h":                      "[[x, y], 2]",
		"$request.body.h[*]":                   "[[x, y], 2]",
		"$request.body.f.*":                    "[1]",
		"$request.body.a.b[*].d":               "[true]",
		"$request.body.k":                      "2",
		"$request.body.a.b[1]/$request.body.k": "x/2",
	} {
		e, err := parseExpression(text)
		require.NoError(t, err, text)
		key, ok := e.evaluate([]byte(body))
		require.True(t, ok)
		require.Equal(t, want, key, text)
	}
}

func TestManualClock(t *testing.T) {
	t.Parallel()
	c := NewManualClock(start())
	var calls []string
	at := func(name string) func() {
		return func() { calls = append(calls, name+" at "+c.Now().Sub(start()).String()) }
	}
	c.AfterFunc(2*time.Second, at("b"))
	c.AfterFunc(time.Second, func() {
		at("a")()
		c.AfterFunc(500*time.Millisecond, at("nested"))
	})
	stopped := c.AfterFunc(time.Second, at("stopped"))
	late := c.AfterFunc(time.Minute, at("late"))
	require.True(t, stopped.Stop())
	require.False(t, stopped.Stop())
	c.Advance(3 * time.Second)
	require.Equal(t, []string{"a at 1s", "nested at 1.5s", "b at 2s"}, calls)
	require.Equal(t, start().Add(3*time.Second), c.Now())
	require.True(t, late.Stop())
}

func TestManualClockLeavesBehindWhoWaitsForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(*testing.T) { // its patience passes at once
		c := NewManualClock(start())
		tick, done := make(chan struct{}), make(chan struct{})
		c.AfterFunc(time.Second, func() {
			<-tick
			close(done)
		})
		c.AfterFunc(2*time.Second, func() { close(tick) })
		c.Advance(3 * time.Second)
		<-done
	})
}

// TestManualClockWaitsForASlowCall: one that takes long on a busy machine is not left behind.
func TestManualClockWaitsForASlowCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := NewManualClock(start())
		returned := false
		c.AfterFunc(time.Second, func() {
			<-time.After(patience - time.Second)
			returned = true
		})
		c.Advance(time.Second)
		require.True(t, returned)
	})
}

// TestIDsAreUnique also where the clock stands still for more ids than a tick has room for.
func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	s := newIDSource([4]byte{1, 2, 3, 7})
	seen := make(map[string]bool, 70_000)
	last := ""
	for range 70_000 {
		id := s.next(start(), kindMessage)
		require.False(t, seen[id])
		require.True(t, validID(id))
		seen[id], last = true, id
	}
	require.NotEqual(t, last[:6], newIDSource([4]byte{1, 2, 3, 7}).next(start(), kindMessage)[:6])
}

// TestIDsOfTwoGateways: they differ though all else is alike, also the time.
func TestIDsOfTwoGateways(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 20 {
		id := newWorld(t, inMemory{}, Config{}, nil).connect().id
		require.False(t, seen[id], id)
		seen[id] = true
		raw, err := base64.URLEncoding.DecodeString(id)
		require.NoError(t, err)
		require.Zero(t, raw[10]%4)
	}
}

// TestIDsOfCaptures: at the time of two public captures the counter reads what they read.
func TestIDsOfCaptures(t *testing.T) {
	t.Parallel()
	for connectedAt, prefix := range map[int64]string{1660651467489: "W9In", 1731332735513: "BFaT"} {
		require.Equal(t, prefix, newIDSource([4]byte{}).next(time.UnixMilli(connectedAt), kindMessage)[:4])
	}
}

func TestValidID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"W9In0cvXIAMCFvw=", "BFaT_fALIAMCKug=", "R1kmxc2VNjMCFIA="} {
		require.True(t, validID(id))
	}
	for _, id := range []string{"", "nope", "W9In0cvXIAMCFvw", "W9In0cvXIAMCFvwx", "W9In0cvXIAMCF/w=", "W9In0cvXIAMCFvw=="} {
		require.False(t, validID(id), id)
	}
}

// TestRoutesOfTheHandler: a handler that describes itself is believed.
func TestRoutesOfTheHandler(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	gatesock.HandleReply(r, "add", func(_ context.Context, _ *gatesock.Request, in struct{ A, B int }) (int, error) {
		return in.A + in.B, nil
	})
	g, err := New(r, Config{})
	require.NoError(t, err)
	p := &peer{frames: make(chan string, 1)}
	s, err := g.Connect(context.Background(), Handshake{}, memoryClient{p})
	require.NoError(t, err)
	require.NoError(t, s.Receive(context.Background(), Message{Data: []byte(`{"action":"add","id":"7","a":1,"b":2}`)}))
	require.JSONEq(t, `{"id":"7","action":"add","data":3}`, <-p.frames)
	s.Close(context.Background(), 1000, "")
	require.ErrorIs(t, s.Receive(context.Background(), Message{}), ErrClosed)
	require.NoError(t, g.Shutdown(context.Background()))
}

// TestFunctionContext: what a function finds in its context.
func TestFunctionContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	got := make(chan context.Context, 1)
	before := time.Now()
	w := newWorld(t, inMemory{}, Config{}, on("$connect", func(ctx context.Context, _ []byte) ([]byte, error) {
		got <- ctx
		deadline, ok := ctx.Deadline()
		require.True(t, ok)
		require.WithinRange(t, deadline, before.Add(30*time.Second), time.Now().Add(30*time.Second))
		return status(200), ctx.Err()
	}))
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "value"))
	cancel()
	_, err := w.gw.Connect(ctx, Handshake{}, memoryClient{&peer{}})
	require.ErrorIs(t, err, context.Canceled) // the client has gone …
	seen := <-got
	require.Equal(t, "value", seen.Value(key{})) // … but the function was not told
	lc, ok := lambdacontext.FromContext(seen)
	require.True(t, ok)
	require.Equal(t, w.event("$connect").Context.RequestID, lc.AwsRequestID)
	require.ErrorIs(t, seen.Err(), context.Canceled) // it has returned
}

// TestAnotherClient connects with a WebSocket client that is not ours.
func TestAnotherClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newSockets(), Config{Routes: routes("$connect", "$disconnect", "$default!")}, func(_ context.Context, event []byte) ([]byte, error) {
		in, err := read(event)
		if err != nil || in.Body == nil {
			return []byte(`{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"chat"}}`), err
		}
		return json.Marshal(events.APIGatewayProxyResponse{StatusCode: 200, Body: *in.Body})
	})
	ctx := context.Background()
	server := w.front.(*sockets).server(w)
	//nolint:bodyclose // the package says that it never needs to be closed
	c, _, err := websocket.Dial(ctx, server.URL+"?token=t", &websocket.DialOptions{
		Subprotocols: []string{"chat"}, CompressionMode: websocket.CompressionContextTakeover,
	})
	require.NoError(t, err)
	require.Equal(t, "chat", c.Subprotocol())
	require.NoError(t, c.Write(ctx, websocket.MessageText, []byte("hello")))
	kind, data, err := c.Read(ctx)
	require.NoError(t, err)
	require.Equal(t, websocket.MessageText, kind)
	require.Equal(t, "hello", string(data))
	w.event("$connect")
	w.event("$default")
	require.NoError(t, c.Close(websocket.StatusNormalClosure, "bye"))
	e := w.event("$disconnect")
	require.Equal(t, CloseStatus{1000, "bye"}, CloseStatus{e.Context.Code, e.Context.Reason})
}
