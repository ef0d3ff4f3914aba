package gatesock

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// DeclareLimit adds a limit to [Router.Describe]. It limits nothing by itself: middleware that
// limits calls it, such as that of package ratelimit if it has the Router.
//
// It panics if the limit has no Name or By, if it is neither a Rate with a Burst nor a Quota with a
// Period, if a cost is negative, and after the first event. [Router.Freeze] panics if the limit
// names a route that the router does not have.
func (r *Router) DeclareLimit(l RouteLimit) {
	site := callerSite()
	if why := l.fault(); why != "" {
		panic(fmt.Sprintf("gatesock: DeclareLimit at %s: %s", site, why))
	}
	l = l.clone()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuseLate("DeclareLimit", site)
	r.described = append(r.described, func(to *Description) { to.Limits = append(to.Limits, l.clone()) })
	r.checks = append(r.checks, func(routes map[string]*route) { l.check(routes, site) })
}

// clone returns a copy that shares no memory with l.
func (l RouteLimit) clone() RouteLimit {
	l.Routes, l.Costs = slices.Clone(l.Routes), maps.Clone(l.Costs)
	return l
}

// fault describes what is wrong with a limit. It returns "" if nothing is.
func (l RouteLimit) fault() string {
	isRate := l.Rate > 0 && !math.IsInf(l.Rate, 0) && l.Burst > 0
	isQuota := l.Quota > 0 && slices.Contains([]string{"day", "week", "month"}, l.Period)
	hasRate, hasQuota := l.Rate != 0 || l.Burst != 0, l.Quota != 0 || l.Period != ""
	switch {
	case l.Name == "" || l.By == "":
		return "Name and By must not be empty"
	case isRate == isQuota || hasRate && hasQuota:
		return fmt.Sprintf("the limit %q must have either a Rate and a Burst, or a Quota and a Period", l.Name)
	}
	for _, route := range slices.Sorted(maps.Keys(l.Costs)) {
		if l.Costs[route] < 0 {
			return fmt.Sprintf("the limit %q has the negative cost %d for the route %q", l.Name, l.Costs[route], route)
		}
	}
	return ""
}

// check panics if a limit, which was declared at site, names a route that does not exist.
func (l RouteLimit) check(routes map[string]*route, site string) {
	for _, key := range append(slices.Clone(l.Routes), slices.Sorted(maps.Keys(l.Costs))...) {
		if routes[key] == nil {
			panic(fmt.Sprintf("gatesock: the limit %q, declared at %s, names the route %q, which the router does not have",
				l.Name, site, key))
		}
	}
}
