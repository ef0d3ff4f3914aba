package gatesock

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/gatesock/gatesock/internal/event"
)

// Router routes the events of a WebSocket API to handlers. [New] makes one, [Start] runs it in
// Lambda. It has handlers for
//
//   - messages, by their action: [Handle], [HandleReply] and [Router.HandleFunc];
//   - clients that connect: [Router.OnConnect], which may refuse them;
//   - clients that have disconnected: [Router.OnDisconnect];
//   - messages that no other route takes: [Router.OnDefault].
//
// Middleware of [Router.Use] wraps them all:
//
//	r := gatesock.New()
//	r.Use(gatesock.Recover(), gatesock.Timeout(25*time.Second))
//	r.OnConnect(authenticate)
//	gatesock.HandleReply(r, "add", add)
//	gatesock.Start(r)
//
// Register everything first, from any goroutine. The first event freezes the router, which is then
// safe for concurrent use, also on Lambda Managed Instances, where one process handles several
// events at once. A wrong registration panics with a text that names the line where it was
// made, because it is a mistake in the program that should show when the program starts: a route
// twice, an empty or reserved key, a nil handler, or anything after the first event.
type Router struct {
	logger        *slog.Logger // nil: slog.Default when something is logged
	codec         Codec
	strict        bool
	wire          *wire // the names of the members of the wire format
	errorFrame    func(*Request, *Error) []byte
	denyByDefault bool   // every message route needs a guard
	noDefault     bool   // the API has no $default
	keepAlive     func() // adds the route of WithKeepAlive; or nil

	mu         sync.Mutex // guards what follows
	frozen     bool
	middleware []layer
	registered map[string]*route
	pushes     []PushInfo
	needs      []Need
	checks     []func(routes map[string]*route) // of what was declared, for Freeze
	described  []func(to *Description)          // adds copies of what was declared

	freezing func()            // runs build once, and panics each time if build did
	routes   map[string]*route // every route in its middleware, set by build
	fallback *route            // for messages that no route takes
}

// layer is a middleware and where it was registered.
type layer struct {
	wrap Middleware
	site string
}

var _ App = (*Router)(nil)

// route is one registered handler and its options.
type route struct {
	key        string
	site       string
	handler    HandlerFunc
	middleware []layer
	codec      Codec
	strict     bool
	oneWay     bool
	raw        bool
	idempotent bool
	wire       *wire
	errorFrame func(*Request, *Error) []byte
	guards     []Guard
	in, out    reflect.Type // of a typed handler
	mock       []byte       // the frame of WithKeepAlive
}

// New returns a Router without routes.
func New(opts ...Option) *Router {
	r := &Router{codec: JSON{}, wire: protocolWire, registered: make(map[string]*route)}
	r.freezing = sync.OnceFunc(r.build)
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("gatesock: New at %s: option %d must not be nil", callerSite(), i))
		}
		o.applyRouter(r)
	}
	if r.keepAlive != nil {
		r.keepAlive()
	}
	return r
}

// Use wraps every handler in middleware, the first one outermost, whether the route is registered
// before or after the call. The middleware also runs for messages that no route takes, and for
// $connect and $disconnect without a handler. It is called once for each route, before the first
// event, so each route has its own copy of anything that the middleware makes outside the handler
// it returns. Use panics if a middleware is nil, and after the first event.
func (r *Router) Use(mw ...Middleware) {
	site := callerSite()
	layers := make([]layer, len(mw))
	for i, m := range mw {
		if m == nil {
			panic(fmt.Sprintf("gatesock: Use at %s: middleware %d must not be nil", site, i))
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

// OnConnect sets the handler of $connect. The connection opens if the handler returns no error. An
// error refuses the handshake with the status of its code, [Code.HTTPStatus]. Nothing can be posted
// to the connection before the handler has returned. Without a handler every connection is
// accepted, unless middleware refuses it.
func (r *Router) OnConnect(h HandlerFunc, opts ...RouteOption) { r.handle(RouteConnect, h, opts) }

// OnDisconnect sets the handler of $disconnect. The connection is already closed, and the handler's
// result reaches nobody; an error is logged. The gateway tries to deliver the event, but does not
// guarantee it (AWS Developer Guide, "Manage connected users and client apps").
func (r *Router) OnDisconnect(h HandlerFunc, opts ...RouteOption) {
	r.handle(RouteDisconnect, h, opts)
}

// OnDefault sets the handler of $default, for messages that no other route takes. Without a handler
// they are answered with [CodeNotFound], or with [CodeInvalidArgument] if they have no action. For
// an API without $default, see [WithoutDefaultRoute].
//
// A message that the gateway sends to $default although its action names a registered route goes to
// that route. An API therefore needs no routes other than $connect, $disconnect and $default.
func (r *Router) OnDefault(h HandlerFunc, opts ...RouteOption) { r.handle(RouteDefault, h, opts) }

// HandleFunc registers an untyped handler for the messages of one action. [Handle] and
// [HandleReply] register typed ones. It panics if the key is empty or begins with "$", if h is nil,
// if the key is registered already, and after the first event.
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
		panic(fmt.Sprintf("gatesock: OnDefault at %s, but the router has the option WithoutDefaultRoute", rt.site))
	case key != RouteDefault && (rt.oneWay || rt.raw):
		panic(fmt.Sprintf("gatesock: OneWay and Raw at %s are for message routes, not for %s", rt.site, key))
	}
	rt.handler = h
	r.add(rt)
}

func (r *Router) newRoute(key string, isNil bool, opts []RouteOption) *route {
	rt := &route{key: key, site: callerSite(), codec: r.codec, strict: r.strict, wire: r.wire, errorFrame: r.errorFrame}
	if isNil {
		panic(fmt.Sprintf("gatesock: route %q at %s: h must not be nil", key, rt.site))
	}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("gatesock: route %q at %s: option %d must not be nil", key, rt.site, i))
		}
		o.applyRoute(rt)
	}
	return rt
}

func (rt *route) checkCustom() {
	switch {
	case rt.key == "":
		panic(fmt.Sprintf("gatesock: the route at %s: key must not be empty", rt.site))
	case strings.HasPrefix(rt.key, "$"):
		panic(fmt.Sprintf("gatesock: the route key %q at %s is reserved; use OnConnect, OnDisconnect or OnDefault", rt.key, rt.site))
	}
}

func (r *Router) add(rt *route) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.frozen {
		panic(fmt.Sprintf("gatesock: route %q at %s comes after the first event", rt.key, rt.site))
	}
	if old := r.registered[rt.key]; old != nil {
		panic(fmt.Sprintf("gatesock: route %q at %s is already registered at %s", rt.key, rt.site, old.site))
	}
	r.registered[rt.key] = rt
}

// Freeze ends the registration, as the first event would, so that mistakes show when the program
// starts. It panics, every time, if a middleware panics or returns nil, if [DenyByDefault] finds a
// route without a guard, or if [Router.DeclareLimit] was given a route that does not exist. [Start]
// and the emulator call it.
func (r *Router) Freeze() { r.freezing() }

// checkGuards panics if DenyByDefault finds a message route without a guard.
func (r *Router) checkGuards(registered map[string]*route) {
	if !r.denyByDefault {
		return
	}
	var open []string
	for _, key := range slices.Sorted(maps.Keys(registered)) {
		rt := registered[key]
		if len(rt.guards) == 0 && rt.mock == nil && key != RouteConnect && key != RouteDisconnect {
			open = append(open, fmt.Sprintf("%q at %s", key, rt.site))
		}
	}
	if len(open) > 0 {
		panic("gatesock: DenyByDefault requires a guard, but these routes have none: " + strings.Join(open, ", "))
	}
}

// build wraps every handler in its middleware. Nothing can be registered any more.
func (r *Router) build() {
	r.mu.Lock()
	r.frozen = true
	outer, registered, checks := r.middleware, r.registered, r.checks
	r.mu.Unlock()
	r.checkGuards(registered)

	routes := make(map[string]*route)
	for key, h := range map[string]HandlerFunc{
		RouteConnect: doNothing, RouteDisconnect: doNothing, RouteDefault: r.refuseUnknown,
	} {
		routes[key] = &route{key: key, handler: h, codec: r.codec, wire: r.wire, errorFrame: r.errorFrame}
	}
	maps.Copy(routes, registered)
	for _, key := range slices.Sorted(maps.Keys(routes)) {
		routes[key] = routes[key].wrapped(outer)
	}
	for _, check := range checks {
		check(routes)
	}
	r.fallback = routes[RouteDefault]
	r.routes = routes
}

// wrapped returns a copy of rt whose handler is wrapped in all its middleware.
func (rt *route) wrapped(outer []layer) *route {
	w := *rt
	for _, layers := range [][]layer{rt.middleware, outer} {
		for _, l := range slices.Backward(layers) {
			if w.handler = l.wrap(w.handler); w.handler == nil {
				panic(fmt.Sprintf("gatesock: the middleware at %s returned nil for route %q", l.site, rt.key))
			}
		}
	}
	return &w
}

func doNothing(context.Context, *Request) (*Reply, error) { return nil, nil }

// refuseBadID refuses messages with an invalid id before they reach the handler of a custom route.
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
	return nil, Errorf(CodeNotFound, "there is no action %s", event.Quote(req.Action))
}

// callerSite returns the file and line that called this package. Package async registers routes for
// its callers.
func callerSite() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		// Package strings would make every Lambda function 200 bytes larger.
		const module, n = "github.com/gatesock/gatesock", len("github.com/gatesock/gatesock")
		name := f.Function
		if !more || len(name) < n+2 || name[:n] != module || name[n] != '.' && name[n:min(n+7, len(name))] != "/async." {
			return fmt.Sprintf("%s:%d", f.File, f.Line)
		}
	}
}
