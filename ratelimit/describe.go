package ratelimit

import (
	"maps"
	"slices"

	"github.com/gatesock/gatesock"
)

// RouteLimit returns the description of a middleware with these arguments. [Limiter.Middleware]
// declares it in the Router of its options, so only middleware of [MiddlewareFor] needs it.
func (l *Limiter) RouteLimit(by KeyFunc, o MiddlewareOptions) gatesock.RouteLimit {
	d := l.limit
	d.Name, d.By = l.label, by.kind
	d.Routes, d.Costs = slices.Clone(o.Routes), maps.Clone(o.Costs)
	return d
}

// declare adds a limit to the description of the router, if it takes any.
func (o MiddlewareOptions) declare(limit gatesock.RouteLimit) {
	if r, ok := o.Router.(interface{ DeclareLimit(gatesock.RouteLimit) }); ok {
		r.DeclareLimit(limit)
	}
}
