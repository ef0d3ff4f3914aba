package ratelimit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatesock/gatesock"
)

// routesOf returns the routes that the options name, sorted.
func routesOf(o MiddlewareOptions) []string {
	names := slices.AppendSeq(slices.Clone(o.Routes), maps.Keys(o.Costs))
	slices.Sort(names)
	return slices.Compact(names)
}

// isCustom reports whether a route is one of the application's.
func isCustom(route string) bool {
	return route != gatesock.RouteConnect && route != gatesock.RouteDefault
}

// checkRoutes panics if the options name a route that cannot exist.
func checkRoutes(o MiddlewareOptions) {
	for _, route := range routesOf(o) {
		switch {
		case route == gatesock.RouteDisconnect:
			panic(
				fmt.Sprintf("ratelimit: MiddlewareOptions name the route %q, but %q is never limited", route, route),
			)
		case route == "" || isCustom(route) && strings.HasPrefix(route, "$"):
			panic(
				fmt.Sprintf("ratelimit: MiddlewareOptions name the route %q, which the gateway does not have", route),
			)
		case isCustom(route) && o.Router == nil:
			panic(fmt.Sprintf("ratelimit: MiddlewareOptions name the route %q: set Router to look it up in", route))
		case len(o.Routes) > 0 && !slices.Contains(o.Routes, route):
			panic(
				fmt.Sprintf(
					"ratelimit: MiddlewareOptions have a cost for the route %q, which is not among Routes",
					route,
				),
			)
		}
	}
}

// checkRegistered panics if the options name a route that the router does not have.
func checkRegistered(o MiddlewareOptions) {
	if o.Router == nil {
		return
	}
	var has []string
	for _, r := range o.Router.Describe().Routes {
		has = append(has, r.Key)
	}
	for _, route := range routesOf(o) {
		if isCustom(route) && !slices.Contains(has, route) {
			panic(fmt.Sprintf(
				"ratelimit: MiddlewareOptions name the route %q, but the router has %s", route, quoted(has)))
		}
	}
}

// quoted lists an application's own routes.
func quoted(routes []string) string {
	var list []string
	for _, route := range routes {
		if !strings.HasPrefix(route, "$") {
			list = append(list, fmt.Sprintf("%q", route))
		}
	}
	if len(list) == 0 {
		return "no routes of its own"
	}
	return strings.Join(list, ", ")
}
