package ratelimit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"

	"github.com/gatesock/gatesock"
)

// MiddlewareOptions is what a [Limiter]'s middleware does beyond refusing. The zero Rule is one.
type MiddlewareOptions struct {
	// Routes are the keys of the only routes that are limited, "$connect" among them; empty is all.
	Routes []string
	// Costs says how many tokens a route takes, by its key; those that are not named take one, and a cost of 0 is free. Messages that
	// no route takes are those of "$default". No cost may be more than the limit's burst, or the quota. Where there are Routes as well, it
	// has those of them only.
	Costs map[string]int
	// Router is the application's [gatesock.Router], which the rule is looked up in: it is needed if Routes or Costs name others than
	// "$connect" and "$default". A route that it does not have panics when it is frozen, since it would limit nothing.
	Router interface{ Describe() gatesock.Description }
	// DisconnectAfter closes a connection with its so many-th refused message; 0 never does. Each process counts for itself.
	DisconnectAfter int
	// Disconnector closes them: an apigw.Client is one. Endpoint is where, for connections of other APIs; nil is the
	// Disconnector's own.
	Disconnector interface {
		Disconnect(ctx context.Context, from gatesock.Target) error
	}
	Endpoint func(req *gatesock.Request) string
}

// Middleware refuses events above the limit: a message with [gatesock.CodeRateLimited] and the time to wait (retryAfterMs), a
// $connect with the same code, which makes status 429. $disconnect is never limited. What a store fails to tell of goes on with
// [FailOpen], and is [gatesock.CodeUnavailable] with [FailClosed].
//
//	messages := ratelimit.New(store, "messages", ratelimit.Limit{Rate: 5, Burst: 20}, ratelimit.FailOpen)
//	r.Use(gatesock.Recover(), messages.Middleware(ratelimit.ByConnection(), ratelimit.MiddlewareOptions{}))
//
// A limit by connection or by address comes first, before what reads a store, such as authz.CredentialExpiry and authz.RestorePrincipal. One by user or by
// API key needs the principal: it comes first as well where the API has an authorizer, and after authz.AuthenticateConnect and authz.RestorePrincipal where it
// has none. All come before what costs something, such as conn.Track.
//
// A route that costs more than the limit ever holds is refused with [gatesock.CodePermissionDenied], and takes one token.
//
// It panics on a Key that is not of this package, and on a Rule that makes no sense; the handler that it makes panics when the router is
// frozen if the Rule names a route that [MiddlewareOptions].Router does not have.
func (l *Limiter) Middleware(by KeyFunc, rule MiddlewareOptions) gatesock.Middleware {
	g := newGuard(by, rule, l.most, l.log)
	all := []*Limiter{l}
	g.limiters = func(context.Context, *gatesock.Request) ([]*Limiter, error) { return all, nil }
	return g.middleware
}

// guard is a rule at work on events.
type guard struct {
	limiters func(ctx context.Context, req *gatesock.Request) ([]*Limiter, error)
	by       KeyFunc
	rule     MiddlewareOptions
	costs    map[string]int // by route
	other    int            // of routes that are not in costs
	log      *slog.Logger
	refusals refusals
}

// newGuard makes a guard of what makes sense. most is the highest cost; 0 is any.
func newGuard(by KeyFunc, rule MiddlewareOptions, most int, log *slog.Logger) *guard {
	if by.of == nil {
		panic("ratelimit: Middleware with an empty Key")
	}
	checkRoutes(rule)
	for route, cost := range rule.Costs {
		if cost < 0 || most > 0 && cost > most {
			panic("ratelimit: the cost of route " + route + " is below 0 or above what may be done at once")
		}
	}
	if rule.DisconnectAfter < 0 || rule.DisconnectAfter > 0 && rule.Disconnector == nil {
		panic("ratelimit: DisconnectAfter is below 0, or has no Disconnector")
	}
	g := &guard{by: by, rule: rule, costs: maps.Clone(rule.Costs), other: 1, log: log}
	if len(rule.Routes) > 0 {
		g.other = 0
		g.costs = make(map[string]int, len(rule.Routes))
		for _, route := range rule.Routes {
			g.costs[route] = 1
			if cost, ok := rule.Costs[route]; ok {
				g.costs[route] = cost
			}
		}
	}
	return g
}

// middleware is called when the router is frozen, and has all its routes.
func (g *guard) middleware(next gatesock.HandlerFunc) gatesock.HandlerFunc {
	checkRegistered(g.rule)
	return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		if err := g.admit(ctx, req); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

func (g *guard) admit(ctx context.Context, req *gatesock.Request) error {
	if req.EventType == gatesock.EventDisconnect {
		if g.rule.DisconnectAfter > 0 {
			g.refusals.forget(req.ConnectionID)
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
	kind, name := g.by.of(req)
	if name == "" {
		return nil
	}
	limiters, err := g.limiters(ctx, req)
	if err != nil {
		return unchecked(err)
	}
	for _, l := range limiters {
		key := l.prefix + kind + ":" + keyName(name)
		d, err := Decision{RetryAfter: Never}, error(nil)
		if cost <= l.most {
			d, err = l.take(ctx, key, cost)
		}
		if err == nil && d.RetryAfter == Never && !l.quota {
			// No wait helps. It costs what any message does, so that it can't be sent without end.
			if d, err = l.take(ctx, key, 1); d.Allowed {
				d = Decision{RetryAfter: Never}
			}
		}
		if err != nil || !d.Allowed {
			return g.refuse(ctx, req, l, cost, d, err)
		}
	}
	return nil
}

// refuse makes the error for the client, which does not name the limiter: its cause does, for the log.
func (g *guard) refuse(ctx context.Context, req *gatesock.Request, l *Limiter, cost int, d Decision, err error) error {
	if err != nil {
		return unchecked(err)
	}
	g.disconnect(ctx, req)
	cause := fmt.Errorf("ratelimit: above the limit of %s", l.name)
	if d.RetryAfter == Never {
		return gatesock.Errorf(gatesock.CodePermissionDenied, "this counts as %d: more than the limit, which is %s", cost, l.text).WithCause(cause)
	}
	return gatesock.Errorf(gatesock.CodeRateLimited, "too many requests: the limit is %s", l.text).WithRetryAfter(d.RetryAfter).WithCause(cause)
}

func unchecked(err error) error {
	return gatesock.Errorf(gatesock.CodeUnavailable, "the limits can't be checked now").WithCause(err)
}

// disconnect closes a connection that goes on regardless.
func (g *guard) disconnect(ctx context.Context, req *gatesock.Request) {
	if g.rule.DisconnectAfter == 0 || req.EventType != gatesock.EventMessage || !g.refusals.reach(req.ConnectionID, g.rule.DisconnectAfter) {
		return
	}
	to := gatesock.Target{ConnectionID: req.ConnectionID}
	if g.rule.Endpoint != nil {
		to.Endpoint = g.rule.Endpoint(req)
	}
	if err := g.rule.Disconnector.Disconnect(ctx, to); err != nil && !errors.Is(err, gatesock.ErrGone) {
		cmp.Or(g.log, slog.Default()).WarnContext(ctx, "ratelimit: a connection above its limit could not be closed",
			"connectionId", req.ConnectionID, "error", err)
	}
}

// refusals counts the refused messages of connections.
type refusals struct {
	mu sync.Mutex
	n  map[string]int
}

// maxCounted is how many connections are counted at most; one more puts out another.
const maxCounted = 10_000

// reach counts one more, and tells if that makes it enough, or again as many.
func (r *refusals) reach(id string, enough int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == nil {
		r.n = make(map[string]int)
	}
	n, known := r.n[id]
	if !known && len(r.n) >= maxCounted {
		for other := range r.n {
			delete(r.n, other)
			break
		}
	}
	r.n[id] = n + 1
	return (n+1)%enough == 0
}

func (r *refusals) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.n, id)
}
