package gatesock

import (
	"maps"
	"slices"
)

// Describe returns what an API in front of this router needs, and what has been declared.
//
// The routes are $connect, $disconnect, $default, every registered message route, and that of
// [WithKeepAlive]. Message routes have a route response unless they are [OneWay]. $default is
// included even without a handler, so that a client that misspells an action receives an answer
// with its id; see [WithoutDefaultRoute].
func (r *Router) Describe() Description {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Description{
		Routes:   r.describeRoutes(),
		Envelope: r.wire.names,
		Pushes:   slices.Clone(r.pushes),
		Limits:   r.describeLimits(),
		Needs:    slices.Clone(r.needs),
	}
}

func (r *Router) describeLimits() []RouteLimit {
	var list []RouteLimit
	for _, l := range r.limits {
		list = append(list, l.RouteLimit)
	}
	return list
}

func (r *Router) describeRoutes() []Route {
	routes := map[string]Route{RouteConnect: {}, RouteDisconnect: {}}
	if !r.noDefault {
		routes[RouteDefault] = Route{NeedsResponse: true}
	}
	for key, rt := range r.registered {
		routes[key] = rt.describe()
	}
	list := make([]Route, 0, len(routes))
	for _, key := range slices.Sorted(maps.Keys(routes)) {
		route := routes[key]
		route.Key = key
		list = append(list, route)
	}
	return list
}

func (rt *route) describe() Route {
	message := rt.key != RouteConnect && rt.key != RouteDisconnect
	_, isJSON := rt.codec.(JSON)
	return Route{
		NeedsResponse: message && !rt.oneWay,
		Mock:          rt.mock,
		Guards:        slices.Clone(rt.guards),
		In:            rt.in,
		Out:           rt.out,
		Raw:           rt.raw,
		Strict:        rt.strict && rt.in != nil,
		JSON:          isJSON && rt.in != nil,
	}
}
