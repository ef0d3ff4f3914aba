package ratelimit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatesock/gatesock"
)

// routesOf returns the routes that a rule names, sorted.
func routesOf(rule MiddlewareOptions) []string {
	names := slices.AppendSeq(slices.Clone(rule.Routes), maps.Keys(rule.Costs))
	slices.Sort(names)
	return slices.Compact(names)
}

// isCustom reports whether a route is one of the application's.
func isCustom(route string) bool {
	return route != gatesock.RouteConnect && route != gatesock.RouteDefault
}

// checkRoutes panics on a rule that names a route which can't be one.
func checkRoutes(rule MiddlewareOptions) {
	for _, route := range routesOf(rule) {
		switch {
		case route == gatesock.RouteDisconnect:
			panic(fmt.Sprintf("ratelimit: the Rule names the route %q, but %q is never limited", route, route))
		case route == "" || isCustom(route) && strings.HasPrefix(route, "$"):
			panic(fmt.Sprintf("ratelimit: the Rule names the route %q, which the gateway does not have", route))
		case isCustom(route) && rule.Router == nil:
			panic(fmt.Sprintf("ratelimit: the Rule names the route %q, but has no Router to look it up in", route))
		case len(rule.Routes) > 0 && !slices.Contains(rule.Routes, route):
			panic(fmt.Sprintf("ratelimit: the Rule has a cost of the route %q, which is not among its Routes", route))
		}
	}
}

// checkRegistered panics on a rule that names a route which its router does not have.
func checkRegistered(rule MiddlewareOptions) {
	if rule.Router == nil {
		return
	}
	var has []string
	for _, r := range rule.Router.Describe().Routes {
		has = append(has, r.Key)
	}
	for _, route := range routesOf(rule) {
		if isCustom(route) && !slices.Contains(has, route) {
			panic(fmt.Sprintf("ratelimit: the Rule names the route %q, which the router does not have: %s", route, quoted(has)))
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
		return "it has none of its own"
	}
	return strings.Join(list, ", ")
}
