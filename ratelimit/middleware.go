package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/bounded"
)

// MiddlewareOptions changes what a middleware limits, and what happens to clients that go on.
// With the zero value every event but $disconnect costs one token.
type MiddlewareOptions struct {
	// Routes are the keys of the only routes to limit; "$connect" may be one. If it is empty, all
	// routes are limited.
	Routes []string
	// Costs is how many tokens a route takes, by its key. Other routes take one, and a cost of 0
	// is free. Messages that no route takes are those of "$default". A cost must not be above the
	// limit's burst or quota. If Routes is set, Costs must not name other routes.
	Costs map[string]int
	// Router is the application's [gatesock.Router]. It is required if Routes or Costs name
	// routes other than "$connect" and "$default": a misspelled route would limit nothing, so it
	// panics when the router is frozen. The middleware declares its limit in the Router, for its
	// description ([gatesock.Router.DeclareLimit]); if it is used for one route only, name that in
	// Routes too.
	Router interface{ Describe() gatesock.Description }
	// DisconnectAfter closes a connection after this many rejected messages; 0 never does. Each
	// process counts for itself.
	DisconnectAfter int
	// Disconnector closes the connections; DisconnectAfter requires it.
	Disconnector gatesock.Disconnector
	// Endpoint returns the endpoint of an event's connection, if the function serves several
	// APIs. The default is the Disconnector's own endpoint.
	Endpoint func(req *gatesock.Request) string
}

// Middleware rejects events above the limit. A message gets [gatesock.CodeRateLimited] and the
// time to wait, retryAfterMs; a $connect gets the same code, which is status 429. A $disconnect
// is never limited. If the store fails, [FailOpen] lets the event through and [FailClosed]
// answers [gatesock.CodeUnavailable].
//
//	limit := ratelimit.Limit{Rate: 5, Burst: 20}
//	messages := ratelimit.New(store, "messages", limit, ratelimit.FailOpen)
//	r.Use(messages.Middleware(ratelimit.ByConnection(), ratelimit.MiddlewareOptions{}))
//
// It panics if by is the zero [KeyFunc], or if the options contradict each other or the limit.
//
// # Order of middleware
//
// Put a limit by connection or by address before middleware that reads a store, such as
// authz.CredentialExpiry and authz.RestorePrincipal. A limit by user or by API key needs the
// principal. If the API has an authorizer, put this limit first too; if not, put it after
// authz.AuthenticateConnect and authz.RestorePrincipal. Put all limits before work that costs
// something, such as conn.Track.
//
// # Routes that cost too much
//
// A route that costs more than the limit ever allows gets [gatesock.CodePermissionDenied]. It
// still takes one token, so that clients cannot repeat it without end; a quota is not charged.
func (l *Limiter) Middleware(by KeyFunc, o MiddlewareOptions) gatesock.Middleware {
	all := []*Limiter{l}
	g := newGuard(by, o, l.most, func(context.Context, *gatesock.Request) ([]*Limiter, error) { return all, nil })
	o.declare(l.RouteLimit(by, o))
	return g.middleware
}

// MiddlewareFor is [Limiter.Middleware] for limits that depend on the event: choose returns the
// limiters that apply to it, in order. An event must pass all of them; what one rejects, those
// before it have already taken. An error of choose rejects the event with
// [gatesock.CodeUnavailable]. Package plan chooses by the client's plan.
//
// It panics as [Limiter.Middleware] does, and if choose is nil. A route that costs more than a
// chosen limiter allows at once is rejected with [gatesock.CodePermissionDenied].
func MiddlewareFor(
	by KeyFunc, o MiddlewareOptions, choose func(ctx context.Context, req *gatesock.Request) ([]*Limiter, error),
) gatesock.Middleware {
	if choose == nil {
		panic("ratelimit: MiddlewareFor: choose must not be nil")
	}
	return newGuard(by, o, anyCost, choose).middleware
}

// anyCost is the highest cost where the limits are not known yet.
const anyCost = 0

// guard applies limiters to events.
type guard struct {
	limiters func(ctx context.Context, req *gatesock.Request) ([]*Limiter, error)
	by       KeyFunc
	options  MiddlewareOptions
	costs    map[string]int // by route
	other    int            // of routes that are not in costs
	rejected *rejections
}

// newGuard returns a guard, or panics on options that make no sense. most is the highest cost.
func newGuard(
	by KeyFunc, o MiddlewareOptions, most int, limiters func(context.Context, *gatesock.Request) ([]*Limiter, error),
) *guard {
	if by.IsZero() {
		panic("ratelimit: Middleware: by must not be the zero KeyFunc")
	}
	checkRoutes(o)
	for route, cost := range o.Costs {
		if cost < 0 || most != anyCost && cost > most {
			panic(
				fmt.Sprintf(
					"ratelimit: the cost %d of route %q must be from 0 to %d, which may be done at once",
					cost,
					route,
					most,
				),
			)
		}
	}
	if o.DisconnectAfter < 0 || o.DisconnectAfter > 0 && o.Disconnector == nil {
		panic("ratelimit: DisconnectAfter must not be negative, and requires a Disconnector")
	}
	g := &guard{
		limiters: limiters, by: by, options: o, costs: maps.Clone(o.Costs), other: 1,
		rejected: newRejections(),
	}
	if len(o.Routes) > 0 {
		g.other = 0
		g.costs = make(map[string]int, len(o.Routes))
		for _, route := range o.Routes {
			g.costs[route] = 1
			if cost, ok := o.Costs[route]; ok {
				g.costs[route] = cost
			}
		}
	}
	return g
}

// middleware is called when the router is frozen and has all its routes.
func (g *guard) middleware(next gatesock.HandlerFunc) gatesock.HandlerFunc {
	checkRegistered(g.options)
	return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		if err := g.admit(ctx, req); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

func (g *guard) admit(ctx context.Context, req *gatesock.Request) error {
	if req.EventType == gatesock.EventDisconnect {
		if g.options.DisconnectAfter > 0 {
			g.rejected.forget(req.ConnectionID)
		}
		return nil
	}
	cost, ok := g.costs[req.Route]
	if !ok {
		cost = g.other
	}
	if cost == 0 {
		return nil
	}
	kind, name := g.by.Key(req)
	if name == "" {
		return nil
	}
	limiters, err := g.limiters(ctx, req)
	if err != nil {
		return unchecked(err)
	}
	for _, l := range limiters {
		d, err := l.charge(ctx, l.prefix+kind+":"+name, cost)
		if err != nil {
			return unchecked(err)
		}
		if !d.Allowed {
			return g.reject(ctx, req, l, cost, d)
		}
	}
	return nil
}

// charge takes the cost of an event. If no wait would ever help, it takes one token instead, so
// that such an event cannot be sent without end.
func (l *Limiter) charge(ctx context.Context, key string, cost int) (Decision, error) {
	d, err := Decision{RetryAfter: Never}, error(nil)
	if cost <= l.most {
		d, err = l.take(ctx, key, cost)
	}
	if err == nil && d.RetryAfter == Never && !l.quota {
		if d, err = l.take(ctx, key, 1); d.Allowed {
			d = Decision{RetryAfter: Never}
		}
	}
	return d, err
}

// reject returns the error for the client. It does not name the limiter; its cause, for the log,
// does.
func (g *guard) reject(ctx context.Context, req *gatesock.Request, l *Limiter, cost int, d Decision) error {
	g.disconnect(ctx, req, l)
	cause := fmt.Errorf("ratelimit: above the limit of %s", l.label)
	if d.RetryAfter == Never {
		return gatesock.Errorf(gatesock.CodePermissionDenied,
			"this counts as %d: more than the limit, which is %s", cost, l.text).WithCause(cause)
	}
	return gatesock.Errorf(gatesock.CodeRateLimited, "too many requests: the limit is %s", l.text).
		WithRetryAfter(d.RetryAfter).WithCause(cause)
}

func unchecked(err error) error {
	return gatesock.Errorf(gatesock.CodeUnavailable, "the limits cannot be checked now").WithCause(err)
}

// disconnect closes a connection whose client goes on regardless.
func (g *guard) disconnect(ctx context.Context, req *gatesock.Request, l *Limiter) {
	after := g.options.DisconnectAfter
	if after == 0 || req.EventType != gatesock.EventMessage || !g.rejected.reach(req.ConnectionID, after) {
		return
	}
	to := gatesock.Target{ConnectionID: req.ConnectionID}
	if g.options.Endpoint != nil {
		to.Endpoint = g.options.Endpoint(req)
	}
	if err := g.options.Disconnector.Disconnect(ctx, to); err != nil && !errors.Is(err, gatesock.ErrGone) {
		l.logger().WarnContext(ctx, "ratelimit: a connection above its limit could not be closed",
			"connectionId", req.ConnectionID, "error", err)
	}
}

// rejections counts the rejected messages of connections.
type rejections struct {
	mu sync.Mutex
	n  *bounded.Map[string, int]
}

// maxCounted is how many connections are counted at most.
const maxCounted = 10_000

func newRejections() *rejections {
	return &rejections{n: bounded.New[string](maxCounted, func(n int) int64 { return int64(n) })}
}

// reach counts one more message, and reports whether the count has reached a multiple of enough.
func (r *rejections) reach(id string, enough int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, _ := r.n.Get(id)
	r.n.Set(id, n+1)
	return (n+1)%enough == 0
}

func (r *rejections) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n.Delete(id)
}
