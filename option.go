package gatesock

import (
	"fmt"
	"log/slog"
)

// Option configures a [Router].
type Option interface{ applyRouter(*Router) }

// RouteOption configures one route.
type RouteOption interface{ applyRoute(*route) }

// SharedOption configures a [Router] and so all its routes, or one route.
type SharedOption interface {
	Option
	RouteOption
}

type routerOption func(*Router)

func (o routerOption) applyRouter(r *Router) { o(r) }

type routeOption func(*route)

func (o routeOption) applyRoute(rt *route) { o(rt) }

// WithLogger sets where errors of handlers are logged; the default is [slog.Default] at the first event. It panics
// if l is nil. Each error is one line with its code, the route key, the route that handled the event (handledBy), the
// connection, the request and, if there is an authorizer, the principal. Its level depends on who has to know:
//
//   - error: faults of the application and of what it needs, that is, the codes whose status is 500 or above
//     ([CodeInternal], [CodeUnavailable], [CodeDeadlineExceeded], and codes of the application's own), with the cause and,
//     for a panic, the stack;
//   - warning: what is wrong though the client was served, as a handler that ignores its [Timeout];
//   - information: other codes that have a cause behind the public message ([Error.WithCause]);
//   - debug: all other refusals, and every [CodeInvalidArgument]. Any client can provoke these, as often as it likes; lower
//     the level of the logger to see them.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic(fmt.Sprintf("gatesock: WithLogger at %s got no logger", callerSite()))
	}
	return routerOption(func(r *Router) { r.logger = l })
}

// WithMiddleware puts middleware around one route, inside that of [Router.Use], the first one outermost.
func WithMiddleware(mw ...Middleware) RouteOption {
	return routeOption(func(rt *route) {
		for i, m := range mw {
			if m == nil {
				panic(fmt.Sprintf("gatesock: middleware %d of route %q at %s is nil", i, rt.key, rt.site))
			}
			rt.middleware = append(rt.middleware, layer{m, rt.site})
		}
	})
}

// WithGuard is [WithMiddleware] for middleware that decides who may use the route, such as those of package authz. The name says what it asks
// for; [Route.Guards] has it, and [DenyByDefault] wants one. It panics if mw is nil or the name is empty.
func WithGuard(name string, mw Middleware) RouteOption {
	if name == "" || mw == nil {
		panic(fmt.Sprintf("gatesock: Guard at %s without a name or with nil middleware", callerSite()))
	}
	return routeOption(func(rt *route) {
		rt.middleware = append(rt.middleware, layer{mw, rt.site})
		rt.guards = append(rt.guards, name)
	})
}

// DenyByDefault makes a message route without a [WithGuard] a wrong registration, which [Router.Freeze] panics on. $default needs one if it
// has a handler; without one it only refuses.
func DenyByDefault() Option { return routerOption(func(r *Router) { r.guarded = true }) }

type codecOption struct{ codec Codec }

func (o codecOption) applyRouter(r *Router) { r.codec = o.codec }
func (o codecOption) applyRoute(rt *route)  { rt.codec = o.codec }

// WithCodec replaces encoding/json for the application's own data: the members of requests, and the data
// of replies and errors.
//
// It panics if c is nil.
func WithCodec(c Codec) SharedOption {
	if c == nil {
		panic(fmt.Sprintf("gatesock: WithCodec at %s got no codec", callerSite()))
	}
	return codecOption{c}
}

// OneWay makes a message route one that never answers: neither with a reply nor with an acknowledgement nor with an error,
// which is only logged. [Router.Routes] lists it without a route response, so that the API needs none and the client gets no
// frame at all; with one, the gateway would send an empty frame (observed: serverless#6816), as it does for a message
// that comes to a one-way action through a $default that answers others.
//
// On [Router.OnDefault] it takes the route response from all actions that have no route of their own in the API.
//
// [HandleReply] refuses a one-way route.
func OneWay() RouteOption { return routeOption(func(rt *route) { rt.oneWay = true }) }

// Raw takes a message route out of the wire format, for protocols with frames of their own, such as graphql-ws, JSON-RPC and OCPP,
// most often on [Router.OnDefault]. The message's id is not looked at, and may be anything; the data of a reply is sent as
// it is, without an envelope, and a nil reply sends nothing. The In of a typed handler is decoded from the whole message and may
// be of any type, and the route's [Codec] need not speak JSON.
//
// Errors, also those of middleware, are still sent as the wire format has them, unless [WithErrorFrame] says how.
//
// A message on $default whose "action" names another route goes to that route, also if Default is raw.
func Raw() RouteOption { return routeOption(func(rt *route) { rt.raw = true }) }

type errorFrameOption func(*Request, *Error) []byte

func (o errorFrameOption) applyRouter(r *Router) { r.errorFrame = o }
func (o errorFrameOption) applyRoute(rt *route)  { rt.errorFrame = o }

// WithErrorFrame sets the function that makes the frame for an error, in place of the error frame of the wire format. If
// encode returns an empty frame, nothing is sent. Only Code, Message, RetryAfter and Details of the error are public: its text is
// for the log, which has it in any case. encode must be safe for concurrent use. WithErrorFrame panics if it is nil.
func WithErrorFrame(encode func(req *Request, err *Error) []byte) SharedOption {
	if encode == nil {
		panic(fmt.Sprintf("gatesock: WithErrorFrame at %s got no function", callerSite()))
	}
	return errorFrameOption(encode)
}

// WithoutDefaultRoute takes $default out of [Router.Routes], so that an API is made without it, and the gateway answers a message
// with an unknown action by its own "Forbidden", which carries no id. That spares the invocation. [Router.OnDefault]
// is then a wrong registration.
func WithoutDefaultRoute() Option { return routerOption(func(r *Router) { r.noDefault = true }) }

type strictOption struct{}

func (strictOption) applyRouter(r *Router) { r.strict = true }
func (strictOption) applyRoute(rt *route)  { rt.strict = true }

// StrictDecoding refuses messages with members that the handler's type does not have, at any depth, other than "action" and
// "id" or what [WithEnvelope] has in their place. The route's codec must be a [StrictCodec].
func StrictDecoding() SharedOption { return strictOption{} }
