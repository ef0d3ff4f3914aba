package gatesock

import "slices"

// Describe returns what an API in front of this router needs, and what has been declared. The
// result shares no memory with the router.
//
// The routes are $connect, $disconnect, $default, every registered message route, and that of
// [WithKeepAlive]. Message routes have a route response unless they are [OneWay]. $default is
// included even without a handler, so that a client that misspells an action receives an answer
// with its id; see [WithoutDefaultRoute].
func (r *Router) Describe() Description {
	r.mu.Lock()
	d := Description{
		Routes:   r.describeRoutes(),
		Envelope: r.wire.names,
		Pushes:   slices.Clone(r.pushes),
	}
	for _, add := range r.described {
		add(&d)
	}
	r.mu.Unlock()
	return d
}

func (r *Router) describeRoutes() []Route {
	keys := []string{RouteConnect, RouteDisconnect}
	if !r.noDefault {
		keys = append(keys, RouteDefault)
	}
	for key := range r.registered {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	list := make([]Route, len(keys))
	for i, key := range keys {
		list[i].Key = key
		list[i].NeedsResponse = key != RouteConnect && key != RouteDisconnect
		if rt := r.registered[key]; rt != nil {
			rt.describe(&list[i])
		}
	}
	return list
}

// describe sets what only a registered route has.
func (rt *route) describe(to *Route) {
	_, isJSON := rt.codec.(JSON)
	to.NeedsResponse = to.NeedsResponse && !rt.oneWay
	to.Mock = append(to.Mock, rt.mock...)
	for _, g := range rt.guards {
		to.Guards = append(to.Guards, Guard{g.Name, append([]string(nil), g.Scopes...)})
	}
	to.In, to.Out, to.Idempotent = rt.in, rt.out, rt.idempotent
	to.Raw, to.Strict, to.JSON = rt.raw, rt.strict && rt.in != nil, isJSON && rt.in != nil
}
