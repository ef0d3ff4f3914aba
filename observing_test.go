package gatesock_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/observing"
)

// observer keeps what a router calls it with.
type observer struct {
	routed   []string
	answered []string
	frames   []int
	errs     []error
}

type routedKey struct{}

func (o *observer) Routed(ctx context.Context, req any) context.Context {
	route := req.(*gatesock.Request).Route
	o.routed = append(o.routed, route)
	return context.WithValue(ctx, routedKey{}, route)
}

func (o *observer) Answered(ctx context.Context, frame int, err error) {
	route, _ := ctx.Value(routedKey{}).(string)
	o.answered = append(o.answered, route)
	o.frames = append(o.frames, frame)
	o.errs = append(o.errs, err)
}

// A router calls the observer in its context for each request and for its answer, unless the
// handler panics; the handler has the observer's context.
func TestObserver(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	inside := func(reply *gatesock.Reply, err error) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			require.Equal(t, req.Route, ctx.Value(routedKey{}))
			return reply, err
		}
	}
	r.OnConnect(inside(nil, gatesock.Errorf(gatesock.CodePermissionDenied, "no")))
	r.HandleFunc("ok", inside(&gatesock.Reply{Data: 1}, nil))
	r.HandleFunc("silent", inside(&gatesock.Reply{Silent: true}, nil))
	r.HandleFunc("one-way", inside(&gatesock.Reply{Data: 1}, nil), gatesock.OneWay())
	r.HandleFunc("one-way-broken", inside(nil, broken), gatesock.OneWay())
	r.HandleFunc("broken", inside(nil, broken))
	r.HandleFunc("unencodable", inside(&gatesock.Reply{Data: make(chan int)}, nil))
	r.HandleFunc("too-large", inside(&gatesock.Reply{Data: make([]byte, gatesock.MaxMessageSize)}, nil))
	panics := func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { panic("oh no") }
	r.HandleFunc("recovered", panics, gatesock.WithMiddleware(gatesock.Recover()))
	r.HandleFunc("panics", panics)

	const errorFrame = `{"id":"1","action":"broken","error":{"code":"internal","message":"internal error"}}`
	for _, c := range []struct {
		route string
		frame int // -1: some
		err   string
	}{
		{"$connect", 0, "permission_denied: no"},
		{"$disconnect", 0, ""},
		{"ok", len(`{"id":"1","action":"ok","data":1}`), ""},
		{"silent", 0, ""},
		{"one-way", 0, ""},
		{"one-way-broken", 0, "broken"},
		{"broken", len(errorFrame), "broken"},
		{"unencodable", -1, "unsupported type"},
		{"too-large", -1, "above the limit"},
		{"recovered", -1, "oh no"},
		{"$default", -1, "not_found"},
	} {
		o := new(observer)
		ctx := context.WithValue(t.Context(), observing.Key{}, o)
		event := `{"requestContext":{"eventType":"MESSAGE","routeKey":"$default","connectionId":"x"},` +
			`"body":"{\"id\":\"1\",\"action\":\"` + c.route + `\"}"}`
		switch c.route {
		case gatesock.RouteConnect:
			event = `{"requestContext":{"eventType":"CONNECT","routeKey":"$connect","connectionId":"x"}}`
		case gatesock.RouteDisconnect:
			event = `{"requestContext":{"eventType":"DISCONNECT","routeKey":"$disconnect","connectionId":"x"}}`
		}
		_, err := r.Invoke(ctx, []byte(event))
		require.NoError(t, err)
		require.Equal(t, []string{c.route}, o.routed)
		require.Equal(t, []string{c.route}, o.answered)
		if c.frame >= 0 {
			require.Equal(t, c.frame, o.frames[0], c.route)
		} else {
			require.Positive(t, o.frames[0], c.route)
		}
		if c.err == "" {
			require.NoError(t, o.errs[0], c.route)
		} else {
			require.ErrorContains(t, o.errs[0], c.err, c.route)
		}
	}

	o := new(observer)
	ctx := context.WithValue(t.Context(), observing.Key{}, o)
	require.PanicsWithValue(t, "oh no", func() {
		_, _ = r.Invoke(ctx, []byte(`{"requestContext":{"eventType":"MESSAGE","routeKey":"panics","connectionId":"x"},"body":"{}"}`))
	})
	require.Equal(t, []string{"panics"}, o.routed)
	require.Empty(t, o.answered)
	_, err := r.Invoke(ctx, []byte(`{}`))
	require.Error(t, err)
	require.Len(t, o.routed, 1)
}
