package ratelimit_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/wstest"
)

// silent is a logger for what is meant to fail.
func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// echo is an application with one route, behind middleware.
func echo(use ...gatesock.Middleware) *gatesock.Router {
	r := gatesock.New(gatesock.WithLogger(silent()))
	r.Use(use...)
	nothing := func(context.Context, *gatesock.Request, struct{}) error { return nil }
	gatesock.Handle(r, "say", nothing)
	gatesock.Handle(r, "export", nothing)
	gatesock.Handle(r, "ping", nothing)
	r.OnDefault(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		return nil, gatesock.Errorf(gatesock.CodeNotFound, "unknown")
	})
	return r
}

// limited is the application of echo with a limit, whose rule may name its routes.
func limited(l *ratelimit.Limiter, by ratelimit.KeyFunc, rule ratelimit.MiddlewareOptions) *gatesock.Router {
	r := echo()
	rule.Router = r
	r.Use(l.Middleware(by, rule))
	return r
}

// world is a gateway whose time moves when the test says, with a limiter that has the same.
type world struct {
	*wstest.Harness
}

// newWorld returns the world of an application that gets a store and its clock.
func newWorld(t *testing.T, app func(store *ratelimit.Memory, now func() time.Time) *gatesock.Router) world {
	t.Helper()
	var h *wstest.Harness
	now := func() time.Time { return h.Now() }
	h = wstest.New(t, app(ratelimit.NewMemory(ratelimit.WithClock(now)), now))
	return world{h}
}

func TestMessagesAboveTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(store *ratelimit.Memory, _ func() time.Time) *gatesock.Router {
		l := ratelimit.New(store, "messages", ratelimit.Limit{Rate: 2, Burst: 3}, ratelimit.FailOpen)
		return limited(
			l,
			ratelimit.ByConnection(),
			ratelimit.MiddlewareOptions{Costs: map[string]int{"export": 3, "ping": 0}},
		)
	})
	ann, bob := w.Connect(), w.Connect()
	for range 3 {
		ann.Request("say", nil).ExpectAck()
	}
	e := ann.Request("say", nil).ExpectError(gatesock.CodeRateLimited)
	require.Equal(t, "too many requests: the limit is 2 a second, 3 at once", e.Message)
	require.Equal(t, 500*time.Millisecond, e.RetryAfter)
	bob.Request("say", nil).ExpectAck() // each has its own
	for range 100 {
		ann.Request("ping", nil).ExpectAck() // free
	}
	w.Advance(499 * time.Millisecond)
	ann.Request("say", nil).ExpectError(gatesock.CodeRateLimited)
	w.Advance(time.Millisecond)
	ann.Request("say", nil).ExpectAck()
	e = ann.Request("export", nil).ExpectError(gatesock.CodeRateLimited)
	require.Equal(t, 1500*time.Millisecond, e.RetryAfter)
	w.Advance(e.RetryAfter)
	ann.Request("export", nil).ExpectAck()
	ann.Request("made up", nil).ExpectError(gatesock.CodeRateLimited) // unknown routes cost too
	ann.Close(1000, "")
}

func TestConnectsAboveTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(store *ratelimit.Memory, _ func() time.Time) *gatesock.Router {
		l := ratelimit.New(store, "connects", ratelimit.Limit{Rate: 1, Burst: 2}, ratelimit.FailOpen)
		return limited(
			l,
			ratelimit.BySourceIP(),
			ratelimit.MiddlewareOptions{Routes: []string{"$connect", "export"}, Costs: map[string]int{"export": 2}},
		)
	})
	from := wstest.WithSourceIP("2001:db8:1:2:3::1")
	ann := w.Connect(from)
	ann.Request("say", nil).ExpectAck()
	ann.Request("export", nil).ExpectError(gatesock.CodeRateLimited)
	w.Connect(wstest.WithSourceIP("2001:db8:1:2:ffff::9"))
	require.Equal(t, 429, w.ConnectRefused(from), "one network")
	w.Connect(wstest.WithSourceIP("2001:db8:1:3::1"))
	w.Connect(wstest.WithSourceIP("192.0.2.1"))
	w.Connect(wstest.WithSourceIP("192.0.2.2"))
	w.Advance(time.Second)
	w.Connect(from)
}

func TestKeys(t *testing.T) {
	t.Parallel()
	type options = []wstest.ConnectOption
	type connect func(w world) *wstest.Client
	as := func(o ...wstest.ConnectOption) connect {
		return func(w world) *wstest.Client { return w.Connect(o...) }
	}
	for name, c := range map[string]struct {
		by          ratelimit.KeyFunc
		same, other connect // as the first; as somebody else
		first       options
	}{
		"user": {
			ratelimit.ByUser(), as(wstest.WithUser("ann")), as(wstest.WithUser("bob")), options{wstest.WithUser("ann")},
		},
		"nobody": {
			ratelimit.ByUser(), as(), as(wstest.WithSourceIP("192.0.2.1")), nil,
		},
		"somebody called like an address": {
			ratelimit.ByUser(), as(), as(wstest.WithUser("127.0.0.1")), nil,
		},
		"somebody called like a key of the store": {
			ratelimit.ByUser(), as(), as(wstest.WithUser("source:127.0.0.1")), nil,
		},
		"API key": {
			ratelimit.ByAPIKey(), as(wstest.WithAuthorizerContext("bob", map[string]any{"attr.key": "k1"})),
			as(wstest.WithAuthorizerContext("ann", map[string]any{"attr.key": "k2"})),
			options{wstest.WithAuthorizerContext("ann", map[string]any{"attr.key": "k1"})},
		},
		"no API key": {ratelimit.ByAPIKey(), as(), as(wstest.WithSourceIP("192.0.2.1")), nil},
		"one's own": {
			ratelimit.ByFunc("tenant", func(req *gatesock.Request) string { return req.Authorizer["tenant"] }),
			as(wstest.WithAuthorizerContext("bob", map[string]any{"tenant": "t1"})),
			as(wstest.WithAuthorizerContext("ann", map[string]any{"tenant": "t2"})),
			options{wstest.WithAuthorizerContext("ann", map[string]any{"tenant": "t1"})},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(store *ratelimit.Memory, _ func() time.Time) *gatesock.Router {
				l := ratelimit.New(store, "x", ratelimit.Limit{Rate: 1, Burst: 1}, ratelimit.FailOpen)
				return limited(l, c.by, ratelimit.MiddlewareOptions{Costs: map[string]int{"$connect": 0}})
			})
			first, same, other := w.Connect(c.first...), c.same(w), c.other(w)
			first.Request("say", nil).ExpectAck()
			same.Request("say", nil).ExpectError(gatesock.CodeRateLimited)
			other.Request("say", nil).ExpectAck()
		})
	}
	t.Run("route", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(store *ratelimit.Memory, _ func() time.Time) *gatesock.Router {
			l := ratelimit.New(store, "x", ratelimit.Limit{Rate: 1, Burst: 1}, ratelimit.FailOpen)
			return limited(l, ratelimit.ByRoute(), ratelimit.MiddlewareOptions{Costs: map[string]int{"$connect": 0}})
		})
		ann, bob := w.Connect(), w.Connect()
		ann.Request("say", nil).ExpectAck()
		bob.Request("say", nil).ExpectError(gatesock.CodeRateLimited)
		bob.Request("export", nil).ExpectAck()
		ann.Request("made up", nil).ExpectError(gatesock.CodeNotFound)
		ann.Request("made up too", nil).ExpectError(gatesock.CodeRateLimited) // all that are unknown are one
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(store *ratelimit.Memory, _ func() time.Time) *gatesock.Router {
			l := ratelimit.New(store, "x", ratelimit.Limit{Rate: 1, Burst: 1}, ratelimit.FailOpen)
			return limited(
				l,
				ratelimit.ByFunc("none", func(*gatesock.Request) string { return "" }),
				ratelimit.MiddlewareOptions{},
			)
		})
		ann := w.Connect()
		for range 10 {
			ann.Request("say", nil).ExpectAck()
		}
	})
}

// broken is a store that fails.
type broken struct{}

func (broken) Take(context.Context, string, ratelimit.Limit, int) (ratelimit.Decision, error) {
	return ratelimit.Decision{}, errors.New("the table is gone")
}

func TestWhenTheStoreFails(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	logger := ratelimit.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
	limit := ratelimit.Limit{Rate: 1, Burst: 1}
	open := ratelimit.New(broken{}, "messages", limit, ratelimit.FailOpen, logger)
	h := wstest.New(t, limited(open, ratelimit.ByConnection(), ratelimit.MiddlewareOptions{}))
	ann := h.Connect()
	ann.Request("say", nil).ExpectAck()
	require.EqualValues(t, 1, open.Failures())
	require.Equal(t, 1, strings.Count(log.String(), "limiter=messages open=true error=\"the table is gone\""))

	closed := ratelimit.New(broken{}, "sign-in", limit, ratelimit.FailClosed, logger)
	h = wstest.New(t, limited(closed, ratelimit.BySourceIP(), ratelimit.MiddlewareOptions{}))
	require.Equal(t, 503, h.ConnectRefused())
	_, err := closed.Allow(t.Context(), "k", 1)
	require.ErrorContains(t, err, "ratelimit: sign-in: the table is gone")
	h = wstest.New(
		t,
		limited(closed, ratelimit.ByRoute(), ratelimit.MiddlewareOptions{Costs: map[string]int{"$connect": 0}}),
	)
	e := h.Connect().Request("say", nil).ExpectError(gatesock.CodeUnavailable)
	require.Equal(t, "the limits cannot be checked now", e.Message)
}

func TestDisconnectAfterRefusals(t *testing.T) {
	t.Parallel()
	var h *wstest.Harness
	store := ratelimit.NewMemory(ratelimit.WithClock(func() time.Time { return h.Now() }))
	l := ratelimit.New(store, "messages", ratelimit.Limit{Rate: 1, Burst: 1}, ratelimit.FailOpen)
	gateway := &hangUp{}
	h = wstest.New(
		t,
		limited(l, ratelimit.ByConnection(), ratelimit.MiddlewareOptions{DisconnectAfter: 3, Disconnector: gateway}),
	)
	gateway.of = h.Gateway().Disconnect
	ann, bob := h.Connect(), h.Connect()
	ann.Request("say", nil).ExpectAck()
	bob.Request("say", nil).ExpectAck()
	for range 2 {
		ann.Request("say", nil).ExpectError(gatesock.CodeRateLimited)
		bob.Request("say", nil).ExpectError(gatesock.CodeRateLimited)
	}
	ann.Send("say", nil)
	ann.ExpectClosed(1000)
	h.Advance(time.Second)
	bob.Request("say", nil).ExpectAck()
}

func TestRatesAreReadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(store *ratelimit.Memory, _ func() time.Time) *gatesock.Router {
		l := ratelimit.New(store, "messages", ratelimit.Limit{Rate: 10. / 60, Burst: 1}, ratelimit.FailOpen)
		return limited(l, ratelimit.ByConnection(), ratelimit.MiddlewareOptions{})
	})
	ann := w.Connect()
	ann.Request("say", nil).ExpectAck()
	e := ann.Request("say", nil).ExpectError(gatesock.CodeRateLimited)
	require.Equal(t, "too many requests: the limit is 0.1667 a second, 1 at once", e.Message)
}

// A $disconnect takes nothing and is never refused, so that the application can clean up.
func TestDisconnectsAreNotLimited(t *testing.T) {
	t.Parallel()
	left := 0
	w := newWorld(t, func(store *ratelimit.Memory, _ func() time.Time) *gatesock.Router {
		l := ratelimit.New(store, "x", ratelimit.Limit{Rate: 1, Burst: 2}, ratelimit.FailOpen)
		r := limited(l, ratelimit.ByUser(), ratelimit.MiddlewareOptions{})
		r.OnDisconnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { left++; return nil, nil })
		return r
	})
	for range 2 {
		ann := w.Connect(wstest.WithUser("ann"))
		w.Advance(500 * time.Millisecond)
		ann.Close(1000, "")
	}
	require.Equal(t, 2, left)
	ann := w.Connect(wstest.WithUser("ann")) // the last token
	ann.Request("say", nil).ExpectError(gatesock.CodeRateLimited)
	ann.Close(1000, "")
	require.Equal(t, 3, left)
}

// hangUp is a gateway that is known later.
type hangUp struct {
	of func(context.Context, gatesock.Target) error
}

func (h *hangUp) Disconnect(ctx context.Context, to gatesock.Target) error { return h.of(ctx, to) }

func TestMisuse(t *testing.T) {
	t.Parallel()
	store := ratelimit.NewMemory()
	good := ratelimit.Limit{Rate: 1, Burst: 2}
	l := ratelimit.New(store, "x", good, ratelimit.FailOpen)
	for name, f := range map[string]func(){
		"no store":    func() { ratelimit.New(nil, "x", good, ratelimit.FailOpen) },
		"no name":     func() { ratelimit.New(store, "", good, ratelimit.FailOpen) },
		"no choice":   func() { ratelimit.New(store, "x", good, 0) },
		"no limit":    func() { ratelimit.New(store, "x", ratelimit.Limit{}, ratelimit.FailOpen) },
		"no logger":   func() { ratelimit.WithLogger(nil) },
		"no key":      func() { l.Middleware(ratelimit.KeyFunc{}, ratelimit.MiddlewareOptions{}) },
		"a colon":     func() { ratelimit.ByFunc("a:b", func(*gatesock.Request) string { return "" }) },
		"no kind":     func() { ratelimit.ByFunc("", func(*gatesock.Request) string { return "" }) },
		"no function": func() { ratelimit.ByFunc("x", nil) },
		"a negative cost": func() {
			l.Middleware(ratelimit.ByUser(), ratelimit.MiddlewareOptions{Costs: map[string]int{"$default": -1}})
		},
		"a high cost": func() {
			l.Middleware(ratelimit.ByUser(), ratelimit.MiddlewareOptions{Costs: map[string]int{"$default": 3}})
		},
		"nobody hangs up": func() { l.Middleware(ratelimit.ByUser(), ratelimit.MiddlewareOptions{DisconnectAfter: 1}) },
		"negative":        func() { l.Middleware(ratelimit.ByUser(), ratelimit.MiddlewareOptions{DisconnectAfter: -1}) },
	} {
		require.Panics(t, f, name)
	}
}

// event is one of a message.
const event = `{"requestContext":{"routeKey":"ping","messageId":"m","eventType":"MESSAGE","extendedRequestId":"x","requestTime":"11/Nov/2024:13:45:46 +0000",` +
	`"messageDirection":"IN","stage":"prod","connectedAt":1731332735513,"requestTimeEpoch":1731332746514,"identity":{"sourceIp":"192.0.2.1"},"requestId":"x",` +
	`"domainName":"d","connectionId":"BFaT_fALIAMCKug=","apiId":"a"},"body":"{\"action\":\"ping\"}","isBase64Encoded":false}`

// measured are routers with and without limits, by what the limit is for.
func measured() map[string]*gatesock.Router {
	l := ratelimit.New(ratelimit.NewMemory(), "messages", ratelimit.Limit{Rate: 1e6, Burst: 1e6}, ratelimit.FailOpen)
	routers := map[string]*gatesock.Router{"none": echo()}
	for name, by := range map[string]ratelimit.KeyFunc{
		"connection": ratelimit.ByConnection(), "user": ratelimit.ByUser(), "source": ratelimit.BySourceIP(), "route": ratelimit.ByRoute(),
	} {
		routers[name] = limited(l, by, ratelimit.MiddlewareOptions{Costs: map[string]int{"export": 3}})
	}
	return routers
}

func TestMiddlewareAllocs(t *testing.T) {
	ctx := t.Context()
	allocs := func(r *gatesock.Router) float64 {
		return testing.AllocsPerRun(1000, func() { _, _ = r.Invoke(ctx, []byte(event)) })
	}
	routers := measured()
	without := allocs(routers["none"])
	for name, r := range routers {
		require.LessOrEqual(t, allocs(r), without+2, name)
	}
}

func BenchmarkMiddleware(b *testing.B) {
	for name, r := range measured() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			ctx := b.Context()
			for b.Loop() {
				if _, err := r.Invoke(ctx, []byte(event)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
