package emulator

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// onBothFronts runs a test with clients in memory and with those over sockets.
func onBothFronts(t *testing.T, cfg Config, respond handlerFunc, test func(w *world)) {
	t.Helper()
	for name, front := range map[string]func() front{
		"in memory": func() front { return inMemory{} }, "sockets": func() front { return newSockets() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, front(), cfg, respond))
		})
	}
}

// session returns the session of a peer.
func (w *world) session(p *peer) *Session {
	w.t.Helper()
	s, ok := w.gw.Session(p.id)
	require.True(w.t, ok)
	return s
}

func TestSessionsOfAGateway(t *testing.T) {
	t.Parallel()
	onBothFronts(t, Config{}, nil, func(w *world) {
		require.Empty(w.t, w.gw.Sessions())
		peers := []*peer{w.connect(), w.connect(), w.connect()}
		w.clock.Advance(time.Minute)
		require.NoError(w.t, w.session(peers[1]).Disconnect(context.Background(), CloseStatus{}))
		_, ok := w.gw.Session(peers[1].id)
		require.False(w.t, ok)
		open := w.gw.Sessions()
		require.Len(w.t, open, 2)
		for i, s := range []int{0, 2} {
			require.Equal(w.t, peers[s].id, open[i].ID())
			require.Equal(w.t, uint64(s+1), open[i].Number())
			require.Equal(w.t, start(), open[i].Info().LastActiveAt)
			require.Equal(w.t, "127.0.0.1", open[i].Info().Identity.SourceIP)
		}
	})
}

// A client gets the close frame, and $disconnect the same status.
func TestSessionDisconnect(t *testing.T) {
	t.Parallel()
	onBothFronts(t, Config{}, nil, func(w *world) {
		for given, want := range map[CloseStatus]CloseStatus{
			{}:                        {1000, "Connection Closed Normally"},
			{Code: 1012}:              {Code: 1012},
			{4001, "kicked"}:          {4001, "kicked"},
			{Code: 1000}:              {Code: 1000},
			{3000, longReason('x')}:   {3000, longReason('x')},
			{1013, "später nochmals"}: {1013, "später nochmals"},
		} {
			p := w.connect()
			s := w.session(p)
			require.NoError(w.t, s.Disconnect(context.Background(), given))
			e := w.event("$disconnect") // it has ended
			require.Equal(w.t, want, CloseStatus{e.Context.Code, e.Context.Reason})
			require.Equal(w.t, want, w.end(p))
			require.ErrorIs(w.t, s.Disconnect(context.Background(), given), ErrClosed)
			w.noEvent()
		}
	})
}

// longReason returns the longest reason of a close frame.
func longReason(c byte) string { return strings.Repeat(string(c), maxCloseReason) }

func TestSessionDisconnectRefusesWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	onBothFronts(t, Config{}, nil, func(w *world) {
		p := w.connect()
		for text, status := range map[string]CloseStatus{
			`close status 1005 "" can't be sent`:        {Code: 1005},
			`close status 1006 "" can't be sent`:        {Code: 1006},
			`close status 1015 "" can't be sent`:        {Code: 1015},
			`close status 999 "" can't be sent`:         {Code: 999},
			`close status -1 "" can't be sent`:          {Code: -1},
			`close status 5000 "" can't be sent`:        {Code: 5000},
			`close status 0 "why" can't be sent`:        {Reason: "why"},
			`with a reason of 124 bytes`:                {1000, longReason('x') + "x"},
			`close frame with a reason that is not UTF`: {1000, "\xff"},
		} {
			require.ErrorContains(w.t, w.session(p).Disconnect(context.Background(), status), text)
		}
		w.noFrame(p) // it is still open
	})
}

// A client that is half-open gets nothing, but $disconnect is invoked.
func TestSessionDisconnectHalfOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inMemory{}, Config{}, nil)
	p := w.connect()
	w.gw.Faults().Add(HalfOpen(0, 0))
	require.NoError(t, w.session(p).Disconnect(context.Background(), CloseStatus{Code: 4000}))
	require.Equal(t, 4000, w.event("$disconnect").Context.Code)
	require.Empty(t, p.ends)
}

// Disconnect waits for $disconnect.
func TestSessionDisconnectWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := false
		g, err := New(on("$disconnect", func(context.Context, []byte) ([]byte, error) {
			<-time.After(time.Second)
			ended = true
			return status(200), nil
		}), Config{Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		s, err := g.Connect(t.Context(), Handshake{}, discardClient{})
		require.NoError(t, err)
		require.NoError(t, s.Disconnect(t.Context(), CloseStatus{}))
		require.True(t, ended)
		require.NoError(t, g.Shutdown(t.Context()))
	})
}

// Disconnect does not wait longer than its context.
func TestSessionDisconnectWithAContext(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	w := newWorld(t, inMemory{}, Config{}, on("$disconnect", func(context.Context, []byte) ([]byte, error) {
		<-release
		return status(200), nil
	}))
	s := w.session(w.connect())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, s.Disconnect(ctx, CloseStatus{}))
	close(release)
	w.event("$disconnect")
}

// A message that Receive takes for a client is one of that client, whose answer it gets, in between
// its own.
func TestReceiveForAClient(t *testing.T) {
	t.Parallel()
	echo := on("$default", func(_ context.Context, event []byte) ([]byte, error) {
		in, err := read(event)
		return []byte(`{"statusCode":200,"body":` + strconv.Quote(*in.Body) + `}`), err
	})
	cfg := Config{Routes: routes("$connect", "$disconnect", "$default!")}
	onBothFronts(t, cfg, echo, func(w *world) {
		p := w.connect()
		s := w.session(p)
		p.text("own")
		require.Equal(w.t, p.id, w.event("$default").Context.ConnectionID)
		require.Equal(w.t, "own", w.frame(p))
		require.NoError(w.t, s.Receive(context.Background(), Message{Data: []byte("for it")}))
		require.Equal(w.t, p.id, w.event("$default").Context.ConnectionID)
		require.Equal(w.t, "for it", w.frame(p))
		w.noEvent()

		require.NoError(w.t, s.Receive(context.Background(), Message{Binary: true}))
		require.Equal(w.t, 1003, w.end(p).Code)
		require.Equal(w.t, 1003, w.event("$disconnect").Context.Code)
		require.ErrorIs(w.t, s.Receive(context.Background(), Message{}), ErrClosed)
	})
}

// All that somebody can do to a client at the same time, with deployments and the end of the
// gateway. Each connection ends once, with one $disconnect.
func TestControlAtOnce(t *testing.T) {
	t.Parallel()
	const clients = 20
	var answered sync.Map
	respond := func(_ context.Context, event []byte) ([]byte, error) {
		in, err := read(event)
		if in.Context.RouteKey == "$disconnect" {
			if _, twice := answered.LoadOrStore(in.Context.ConnectionID, true); twice {
				t.Errorf("a second $disconnect of %s", in.Context.ConnectionID)
			}
		}
		return []byte(`{"statusCode":200,"body":"hello"}`), err
	}
	cfg := Config{Routes: routes("$connect", "$disconnect", "$default!"), Logger: slog.New(slog.DiscardHandler)}
	onBothFronts(t, cfg, respond, func(w *world) {
		var acts sync.WaitGroup
		ctx := context.Background()
		peers := make([]*peer, clients)
		for i := range peers {
			peers[i] = w.connect()
		}
		for _, p := range peers {
			s := w.session(p)
			for i := range 5 {
				acts.Go(func() { _ = s.Receive(ctx, Message{Data: []byte(strconv.Itoa(i))}) })
				acts.Go(func() { p.text("own") })
			}
			acts.Go(func() { _ = s.Disconnect(ctx, CloseStatus{Code: 4000}) })
			acts.Go(func() { s.Close(ctx, 4001, "") })
			acts.Go(func() { p.close(4002, "") })
			acts.Go(func() { w.gw.Sessions() })
		}
		acts.Go(func() {
			again := cfg
			again.Clock = w.clock
			if err := w.gw.Deploy(handlerFunc(respond), again); err != nil {
				w.t.Error(err)
			}
		})
		acts.Go(func() { w.clock.Advance(time.Minute) })
		acts.Wait()
		require.NoError(w.t, w.gw.Shutdown(ctx))
		require.Empty(w.t, w.gw.Sessions())
	})
	t.Cleanup(func() {
		n := 0
		answered.Range(func(any, any) bool { n++; return true })
		require.Equal(t, 2*clients, n)
	})
}

// handshakes has what Observe got of handshakes.
type handshakes []string

func (l *handshakes) observe(e Event) {
	if h := e.Handshake; h != nil {
		*l = append(*l, strings.Join([]string{
			string(e.Kind), h.Host, h.SourceIP, h.Query.Get("q"), headerValue(h.Header, "X-Me"),
			toText(h.Authorizer["principalId"]), toText(h.Authorizer["role"]),
		}, " "))
	} else if e.Kind == EventConnected || e.Kind == EventRefused {
		*l = append(*l, "no handshake")
	}
}

func toText(v any) string {
	text, _ := v.(string)
	return text
}

// Handshakes appear with what the client asked for and what the authorizer decided.
func TestObserveHandshakes(t *testing.T) {
	t.Parallel()
	var seen handshakes
	allow := `{"principalId":"ann","context":{"role":"x"},"policyDocument":{"Version":"2012-10-17",` +
		`"Statement":[{"Action":"execute-api:Invoke","Effect":"EFFECT","Resource":"*"}]}}`
	g, err := New(handlerFunc(func(_ context.Context, event []byte) ([]byte, error) {
		in, err := read(event)
		if in.Query["q"] == "refused" {
			return status(401), err
		}
		return status(200), err
	}), Config{
		Observe: seen.observe, Clock: NewManualClock(start()), Logger: slog.New(slog.DiscardHandler), Rate: 0.01, Burst: 5,
		Authorizer: &Authorizer{Handler: handlerFunc(func(_ context.Context, event []byte) ([]byte, error) {
			effect := "Allow"
			if strings.Contains(string(event), `"denied"`) {
				effect = "Deny"
			}
			return []byte(strings.ReplaceAll(allow, "EFFECT", effect)), nil
		})},
	})
	require.NoError(t, err)
	connect := func(q string, authorizer map[string]any) {
		_, _ = g.Connect(context.Background(), Handshake{
			Header: http.Header{"x-me": {"me"}}, Query: url.Values{"q": {q}}, Host: "example.com", Authorizer: authorizer,
		}, discardClient{})
	}
	connect("accepted", nil)
	connect("denied", nil)
	connect("refused", nil)
	connect("given", map[string]any{"principalId": "bob"})
	connect("invalid", map[string]any{"list": []string{}})
	connect("throttled", nil)
	require.NoError(t, g.Shutdown(context.Background()))
	connect("closed", nil)
	require.Equal(t, handshakes{
		"connected example.com 127.0.0.1 accepted me ann x",
		"refused example.com 127.0.0.1 denied me  ",
		"refused example.com 127.0.0.1 refused me ann x",
		"connected example.com 127.0.0.1 given me bob ",
		"refused example.com 127.0.0.1 invalid me  ",
		"refused example.com 127.0.0.1 throttled me  ",
		"refused example.com 127.0.0.1 closed me  ",
	}, seen)
}

// A call of a handler has the request id of its invocation, and one with another LambdaContext the
// id there.
func TestObserveTheInvocationOfACall(t *testing.T) {
	t.Parallel()
	var called, invoked string
	g, err := NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		return handlerFunc(func(ctx context.Context, event []byte) ([]byte, error) {
			in, err := read(event)
			if in.Body == nil {
				return status(200), err
			}
			return status(200), api.Post(ctx, gatesock.Target{ConnectionID: in.Context.ConnectionID}, []byte("x"))
		}), nil
	}, Config{Clock: NewManualClock(start()), Logger: slog.New(slog.DiscardHandler), Observe: func(e Event) {
		if e.Kind == EventCalled {
			called = e.RequestID
		}
		if e.Kind == EventInvoked {
			invoked = e.RequestID
		}
	}})
	require.NoError(t, err)
	ctx := context.Background()
	s, err := g.Connect(ctx, Handshake{}, discardClient{})
	require.NoError(t, err)
	require.NoError(t, s.Receive(ctx, Message{Data: []byte("x")}))
	require.Len(t, called, 16)
	require.Equal(t, invoked, called)
	to := gatesock.Target{ConnectionID: s.ID()}
	require.NoError(t, g.Post(lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: "r"}), to, nil))
	require.Equal(t, "r", called)
	require.NoError(t, g.Post(ctx, to, nil))
	require.Empty(t, called)
	require.NoError(t, g.Shutdown(ctx))
}
