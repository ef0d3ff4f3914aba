package gatesock

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-lambda-go/lambda"
)

// Router hands the events of a WebSocket API to handlers by their route key. It is a [lambda.Handler].
//
// Handlers and middleware are registered first, from any goroutine; the first event freezes the router, and
// it is then safe for concurrent use. A wrong registration (a route twice, an empty or reserved key, a nil
// handler, anything after the first event) panics, and names where it was made: it is a mistake in the program
// that should show when the program starts.
type Router struct {
	logger *slog.Logger
	codec  Codec
	strict bool
	// wire has the names of the members that are the protocol's own.
	wire       *wire
	errorFrame func(*Request, *Error) []byte
	// guarded: every message route has to have a guard.
	guarded bool
	// noDefault: the API has no $default.
	noDefault bool

	mu         sync.Mutex // guards what follows
	frozen     bool
	middleware []layer
	registered map[string]*route

	freezing func()            // runs build once, and panics each time if build did
	routes   map[string]*route // every route in its middleware, set by build
	fallback *route            // for messages that no route takes
}

// layer is a middleware and where it was registered.
type layer struct {
	wrap Middleware
	site string
}

var _ lambda.Handler = (*Router)(nil)

// route is one registered handler and what was said of it.
type route struct {
	key        string
	site       string
	handler    HandlerFunc
	middleware []layer
	codec      Codec
	strict     bool
	oneWay     bool // it never answers
	raw        bool // what it takes and answers has no envelope
	wire       *wire
	errorFrame func(*Request, *Error) []byte
	guards     []string
}

// New returns a Router without routes.
func New(opts ...Option) *Router {
	r := &Router{codec: JSON{}, wire: protocolWire, registered: make(map[string]*route)}
	r.freezing = sync.OnceFunc(r.build)
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("gatesock: option %d given to New at %s is nil", i, callerSite()))
		}
		o.applyRouter(r)
	}
	return r
}

// Use adds middleware around every handler, the first one outermost. It also runs for $connect and $disconnect,
// with and without a handler for them, and for messages that no route takes. Middleware applies to all
// routes, whether they are registered before or after it. Each middleware is called once for each route, at the first
// event: what it makes outside the handler it returns is that route's own.
func (r *Router) Use(mw ...Middleware) {
	site := callerSite()
	layers := make([]layer, len(mw))
	for i, m := range mw {
		if m == nil {
			panic(fmt.Sprintf("gatesock: middleware %d given to Use at %s is nil", i, site))
		}
		layers[i] = layer{m, site}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.frozen {
		panic(fmt.Sprintf("gatesock: Use at %s comes after the first event", site))
	}
	r.middleware = append(r.middleware, layers...)
}

// Connect sets the handler of $connect. The connection opens if it returns no error; an error refuses the
// handshake with the status of its code ([Code.HTTPStatus]). Nothing can be posted to the connection before
// the handler has returned. Without a handler every connection is accepted, unless middleware refuses it.
func (r *Router) OnConnect(h HandlerFunc, opts ...RouteOption) { r.handle(RouteConnect, h, opts) }

// Disconnect sets the handler of $disconnect. The connection is closed already; the gateway tries to send the
// event, but does not promise it (AWS Developer Guide, "Manage connected users and client apps"). What the
// handler returns reaches nobody; an error is logged.
func (r *Router) OnDisconnect(h HandlerFunc, opts ...RouteOption) {
	r.handle(RouteDisconnect, h, opts)
}

// Default sets the handler of messages that no other route takes: no JSON, no action, or an unknown one.
// Without it they are answered with [CodeNotFound], or [CodeInvalidArgument] if they have no action; see [WithoutDefaultRoute] for
// APIs that leave that to the gateway.
//
// A message that the gateway sends to $default although its action names a registered route goes to that
// route. An API can therefore do with $connect, $disconnect and $default.
func (r *Router) OnDefault(h HandlerFunc, opts ...RouteOption) { r.handle(RouteDefault, h, opts) }

// Message sets an untyped handler for a custom route; [Handle] and [HandleReply] set typed ones.
func (r *Router) HandleFunc(key string, h HandlerFunc, opts ...RouteOption) {
	rt := r.newRoute(key, h == nil, opts)
	rt.checkCustom()
	rt.handler = rt.refuseBadID(h)
	r.add(rt)
}

func (r *Router) handle(key string, h HandlerFunc, opts []RouteOption) {
	rt := r.newRoute(key, h == nil, opts)
	switch {
	case key == RouteDefault && r.noDefault:
		panic(fmt.Sprintf("gatesock: Default at %s, but the router was made WithoutDefaultRoute", rt.site))
	case key != RouteDefault && (rt.oneWay || rt.raw):
		panic(fmt.Sprintf("gatesock: OneWay and Raw at %s are for message routes, not for %s", rt.site, key))
	}
	rt.handler = h
	r.add(rt)
}

func (r *Router) newRoute(key string, isNil bool, opts []RouteOption) *route {
	rt := &route{key: key, site: callerSite(), codec: r.codec, strict: r.strict, wire: r.wire, errorFrame: r.errorFrame}
	if isNil {
		panic(fmt.Sprintf("gatesock: the handler of route %q at %s is nil", key, rt.site))
	}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("gatesock: option %d of route %q at %s is nil", i, key, rt.site))
		}
		o.applyRoute(rt)
	}
	return rt
}

func (rt *route) checkCustom() {
	switch {
	case rt.key == "":
		panic(fmt.Sprintf("gatesock: the route key at %s is empty", rt.site))
	case strings.HasPrefix(rt.key, "$"):
		panic(fmt.Sprintf("gatesock: the route key %q at %s is reserved; use Connect, Disconnect or Default", rt.key, rt.site))
	}
}

func (r *Router) add(rt *route) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.frozen {
		panic(fmt.Sprintf("gatesock: route %q at %s comes after the first event", rt.key, rt.site))
	}
	if old := r.registered[rt.key]; old != nil {
		panic(fmt.Sprintf("gatesock: route %q at %s was registered already at %s", rt.key, rt.site, old.site))
	}
	r.registered[rt.key] = rt
}

// Routes lists the routes that an API in front of this router needs, sorted by key: $connect, $disconnect, $default, and
// every registered message route. Those of messages have a route response, but for the ones that are [OneWay]. $default is
// there without a handler too, so that a client that misspells an action gets an answer with its id; see [WithoutDefaultRoute].
// Routes does not freeze the router.
func (r *Router) Routes() []Route {
	r.mu.Lock()
	defer r.mu.Unlock()
	routes := map[string]Route{RouteConnect: {}, RouteDisconnect: {}}
	if !r.noDefault {
		routes[RouteDefault] = Route{NeedsResponse: true}
	}
	for key, rt := range r.registered {
		message := key != RouteConnect && key != RouteDisconnect
		routes[key] = Route{NeedsResponse: message && !rt.oneWay, Guards: slices.Clone(rt.guards)}
	}
	list := make([]Route, 0, len(routes))
	for _, key := range slices.Sorted(maps.Keys(routes)) {
		route := routes[key]
		route.Key = key
		list = append(list, route)
	}
	return list
}

// Freeze ends the registration, which the first event does otherwise, so that what is wrong shows when the program starts:
// it panics, each time, if middleware does or if a route has no guard that has to have one ([DenyByDefault]). [Start] calls
// it, and so does the emulator.
func (r *Router) Freeze() { r.freezing() }

// checkGuards panics if a message route should have a guard and has not.
func (r *Router) checkGuards(registered map[string]*route) {
	if !r.guarded {
		return
	}
	var open []string
	for _, key := range slices.Sorted(maps.Keys(registered)) {
		rt := registered[key]
		if len(rt.guards) == 0 && key != RouteConnect && key != RouteDisconnect {
			open = append(open, fmt.Sprintf("%q at %s", key, rt.site))
		}
	}
	if len(open) > 0 {
		panic("gatesock: RequireGuards, but these routes have no Guard: " + strings.Join(open, ", "))
	}
}

// build puts every handler into its middleware. From here on nothing is registered.
func (r *Router) build() {
	r.mu.Lock()
	r.frozen = true
	outer, registered := r.middleware, r.registered
	r.mu.Unlock()
	r.checkGuards(registered)

	if r.logger == nil {
		r.logger = slog.Default()
	}
	routes := make(map[string]*route)
	for key, h := range map[string]HandlerFunc{RouteConnect: doNothing, RouteDisconnect: doNothing, RouteDefault: r.refuseUnknown} {
		routes[key] = &route{key: key, handler: h, codec: r.codec, wire: r.wire, errorFrame: r.errorFrame}
	}
	maps.Copy(routes, registered)
	for _, key := range slices.Sorted(maps.Keys(routes)) {
		routes[key] = routes[key].wrapped(outer)
	}
	r.fallback = routes[RouteDefault]
	r.routes = routes
}

// wrapped returns a route whose handler is that of rt in all its middleware.
func (rt *route) wrapped(outer []layer) *route {
	w := *rt
	for _, layers := range [][]layer{rt.middleware, outer} {
		for _, l := range slices.Backward(layers) {
			if w.handler = l.wrap(w.handler); w.handler == nil {
				panic(fmt.Sprintf("gatesock: the middleware given at %s returned nil for route %q", l.site, rt.key))
			}
		}
	}
	return &w
}

func doNothing(context.Context, *Request) (*Reply, error) { return nil, nil }

// refuseBadID keeps requests whose id is not as the protocol wants it from the handler of a custom route.
func (rt *route) refuseBadID(next HandlerFunc) HandlerFunc {
	if rt.raw {
		return next
	}
	return func(ctx context.Context, req *Request) (*Reply, error) {
		if req.badID {
			return nil, Errorf(CodeInvalidArgument, `%q must be a string of at most %d bytes`, rt.wire.names.ID, maxIDLength)
		}
		return next(ctx, req)
	}
}

func (r *Router) refuseUnknown(_ context.Context, req *Request) (*Reply, error) {
	if req.Action == "" {
		return nil, Errorf(CodeInvalidArgument, `the message must be a JSON object with a string %q`, r.wire.names.Action)
	}
	return nil, Errorf(CodeNotFound, "there is no action %s", quoteShort(req.Action))
}

// callerSite returns the file and line from which this package was called.
func callerSite() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "github.com/gatesock/gatesock.") || !more {
			return fmt.Sprintf("%s:%d", f.File, f.Line)
		}
	}
}
