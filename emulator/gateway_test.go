package emulator

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/eventmux"
)

// forgetful is a wrapper that does not describe what it wraps.
type forgetful struct{ lambda.Handler }

// guarded returns a mux whose authorizer refuses every client.
func guarded() *eventmux.Mux {
	return eventmux.New(eventmux.WebSocket(gatesock.New()),
		eventmux.Authorizer(handlerFunc(func(context.Context, []byte) ([]byte, error) {
			return nil, errors.New("Unauthorized")
		})))
}

// A wrapper around a mux does not open the API to every client, whether it describes itself or not.
func TestWrappersKeepTheAuthorizer(t *testing.T) {
	t.Parallel()
	wrap := func(h lambda.Handler) lambda.Handler { return forgetful{h} }
	for name, tt := range map[string]struct {
		handler lambda.Handler
		status  int
	}{
		"no wrapper":        {guarded(), 401},
		"gatesock.Wrap":     {gatesock.Wrap(guarded(), wrap), 401},
		"forgetful wrapper": {forgetful{guarded()}, 502},
	} {
		var log bytes.Buffer
		gw, err := New(tt.handler, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		_, err = gw.Connect(t.Context(), Handshake{}, ignoring{})
		var refused *HandshakeError
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, tt.status, refused.StatusCode, name)
		require.NoError(t, gw.Shutdown(t.Context()))
		if tt.status == 502 {
			require.Contains(t, log.String(), "the handler does not describe itself: any client may connect")
			require.Contains(t, log.String(), "handler=emulator.forgetful")
			require.Contains(t, log.String(), "the handler does not describe its routes")
			require.Contains(t, log.String(), "a $connect event without an authorizer's result")
		} else {
			require.NotContains(t, log.String(), "does not describe")
		}
	}
}

// With a wrapper that describes itself, replies arrive and late registrations are detected.
func TestWrappersKeepRoutesAndFreeze(t *testing.T) {
	t.Parallel()
	r := gatesock.New(gatesock.DenyByDefault())
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	h := gatesock.Wrap(r, func(h lambda.Handler) lambda.Handler { return forgetful{h} })
	app, description := describe(h, Config{}.withDefaults())
	require.Equal(t, r.Describe().Routes, description.Routes)
	require.Same(t, r, app)
	require.Panics(t, func() { _, _ = New(h, Config{}) })
}

// A response on a route without route response is dropped and logged.
func TestDroppedAnswersAreLogged(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer string
		route  gatesock.Route
		logged bool
	}{
		"one way":            {`{"statusCode":200,"body":"hello"}`, gatesock.Route{Key: "$default"}, true},
		"one way, no answer": {`{"statusCode":200}`, gatesock.Route{Key: "$default"}, false},
		"one way, empty":     {`{"statusCode":200,"body":""}`, gatesock.Route{Key: "$default"}, false},
		"with route responses": {
			`{"statusCode":200,"body":"hello"}`,
			gatesock.Route{Key: "$default", NeedsResponse: true},
			false,
		},
	} {
		var log bytes.Buffer
		gw, err := New(handlerFunc(func(context.Context, []byte) ([]byte, error) { return []byte(tt.answer), nil }), Config{
			Routes: []gatesock.Route{tt.route}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		require.NoError(t, err)
		s, err := gw.Connect(t.Context(), Handshake{}, ignoring{})
		require.NoError(t, err)
		require.NoError(t, s.Receive(t.Context(), Message{Data: []byte("x")}))
		require.NoError(t, gw.Quiesce(t.Context()))
		require.NoError(t, gw.Shutdown(t.Context()))
		if tt.logged {
			want := `msg="a response was dropped: the route has no route response" routeKey=$default connectionId=`
			require.Contains(t, log.String(), want+strconv.Quote(s.ID()), name)
		} else {
			require.NotContains(t, log.String(), "dropped: the route", name)
		}
	}
}

// Text from a client, a handler or an authorizer is part of one line in the log, however long it
// is.
func TestLogIsShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long\n", 20_000)
	ask := func(method, path string, header http.Header) func(g *Gateway) {
		return func(g *Gateway) {
			r := httptest.NewRequestWithContext(context.Background(), method, path, nil)
			r.Header = header
			r.Host = cmp.Or(header.Get("Host"), r.Host)
			g.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	connect := func(h Handshake) func(g *Gateway) {
		return func(g *Gateway) { _, _ = g.Connect(context.Background(), h, discardClient{}) }
	}
	say := func(g *Gateway) {
		s, err := g.Connect(context.Background(), Handshake{}, discardClient{})
		if err == nil {
			_ = s.Receive(context.Background(), Message{Data: []byte(`{"action":"x"}`)})
		}
	}
	answer := func(text string) *Authorizer { return &Authorizer{Handler: always(text)} }
	ok := always(`{"statusCode":200}`)
	now := time.Now().UTC().Format("20060102T150405Z")
	signed := http.Header{"X-Amz-Date": {now}, "Authorization": {
		"AWS4-HMAC-SHA256 Credential=AK/" + now[:8] + "/us-east-1/execute-api/aws4_request, " +
			"SignedHeaders=host;x-amz-date, Signature=x",
	}}
	for name, c := range map[string]struct {
		handler handlerFunc
		cfg     Config
		act     func(g *Gateway)
		want    string
	}{
		"a panic": {
			func(context.Context, []byte) ([]byte, error) { panic(long) },
			Config{},
			say,
			"the handler panicked",
		},
		"an error": {
			func(context.Context, []byte) ([]byte, error) { return nil, errors.New(long) },
			Config{},
			say, "the invocation failed",
		},
		"a model": {
			ok,
			Config{Models: map[string]func([]byte) error{"$default": func([]byte) error { return errors.New(long) }}},
			say,
			"the model rejected",
		},
		"an authorizer's list": {ok, Config{Authorizer: answer(allow("Allow", "*",
			`,"context":{"a":["`+long[:5]+strings.Repeat("x", 7000)+`"]}`))}, say, "the authorizer failed"},
		"an effect": {
			ok,
			Config{Authorizer: answer(allow(strings.Repeat("x", 7000), "*", ""))},
			say,
			"the authorizer failed",
		},
		"a value": {
			ok,
			Config{},
			connect(Handshake{Authorizer: map[string]any{"a": []string{long}}}),
			"the authorizer's result",
		},
		"a value's name": {
			ok,
			Config{},
			connect(Handshake{Authorizer: map[string]any{long: nil}}),
			"the authorizer's result",
		},
		"a host": {
			ok,
			Config{},
			ask("GET", "/local", http.Header{"Host": {strings.Repeat("h", 4000)}}),
			"request refused",
		},
		"an origin": {ok, Config{}, ask("POST", "http://localhost/local/@connections/x",
			http.Header{"Origin": {"http://" + long}}), "call refused"},
		"a signature": {
			ok,
			Config{IAM: &IAM{Users: []IAMUser{{AccessKeyID: "AK", SecretAccessKey: "SK"}}}},
			ask("POST", "http://localhost/local/@connections/x?"+strings.Repeat("q", 3900),
				signed), "InvalidSignatureException: The request signature we calculated",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			withoutStack := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == "stack" {
					return slog.Attr{}
				}
				return a
			}}
			cfg := c.cfg
			cfg.Logger = slog.New(slog.NewTextHandler(&log, withoutStack))
			handler := handlerFunc(func(ctx context.Context, event []byte) ([]byte, error) {
				if in, err := read(event); err != nil || in.Context.RouteKey != gatesock.RouteDefault {
					return status(200), err
				}
				return c.handler(ctx, event)
			})
			g, err := New(handler, cfg)
			require.NoError(t, err)
			c.act(g)
			require.NoError(t, g.Shutdown(context.Background()))
			require.Contains(t, log.String(), c.want)
			for line := range strings.Lines(log.String()) {
				require.Less(t, len(line), 2*maxLogged)
			}
		})
	}
}

// The routes are those that the handler describes.
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
