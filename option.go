package gatesock

import (
	"fmt"
	"log/slog"
	"slices"
)

// Option configures a [Router]. Options are given to [New].
type Option interface{ applyRouter(*Router) }

// RouteOption configures one route. Options are given to the function that registers the route,
// such as [Handle]. On $connect and $disconnect, which no frame answers, only [WithMiddleware] and
// [WithGuard] have an effect, and [OneWay] and [Raw] panic.
type RouteOption interface{ applyRoute(*route) }

// SharedOption configures one route, or a [Router] and so all its routes.
type SharedOption interface {
	Option
	RouteOption
}

type routerOption func(*Router)

func (o routerOption) applyRouter(r *Router) { o(r) }

type routeOption func(*route)

func (o routeOption) applyRoute(rt *route) { o(rt) }

// WithLogger sets the logger for errors of handlers. The default is what [slog.Default] returns
// when something is logged. It panics if l is nil.
//
// Each error is one record with its code, the route key, the route that handled the event
// (handledBy), the connection, the request and, if there is one, the principal. Its level depends
// on who must act:
//
//   - Error: failures of the application and its dependencies, which are the codes with a status of
//     500 or above ([CodeInternal], [CodeUnavailable], [CodeDeadlineExceeded] and the application's
//     own codes), with the cause and, for a panic, the stack.
//   - Warn: problems although the client was served, such as a handler that ignores its [Timeout].
//   - Info: other codes with a cause behind the public message ([Error.WithCause]).
//   - Debug: all other refusals, and every [CodeInvalidArgument]. Any client can provoke these as
//     often as it likes, so they are logged only if the logger's level is lowered. The cause of a
//     CodeInvalidArgument may quote the client's message. Therefore the record has the public
//     message as error, and the whole error as errorInBody, of which package observe logs the size.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic(fmt.Sprintf("gatesock: WithLogger at %s: l must not be nil", callerSite()))
	}
	return routerOption(func(r *Router) { r.logger = l })
}

// WithMiddleware wraps one route in middleware, the first one outermost. The middleware of
// [Router.Use] is outside it. A nil middleware panics when the route is registered.
func WithMiddleware(mw ...Middleware) RouteOption {
	return routeOption(func(rt *route) {
		for i, m := range mw {
			if m == nil {
				panic(fmt.Sprintf("gatesock: route %q at %s: middleware %d must not be nil", rt.key, rt.site, i))
			}
			rt.middleware = append(rt.middleware, layer{m, rt.site})
		}
	})
}

// WithGuard is [WithMiddleware] for middleware that decides who may use the route, such as the
// guards of package authz. The name describes what the guard requires; scopes are the OAuth scopes
// that it requires, all of them, if that is what it does. [Route.Guards] lists it, and
// [DenyByDefault] requires one. WithGuard panics if name is empty or mw is nil.
func WithGuard(name string, mw Middleware, scopes ...string) RouteOption {
	if name == "" || mw == nil {
		panic(fmt.Sprintf("gatesock: WithGuard at %s: name must not be empty, mw must not be nil", callerSite()))
	}
	guard := Guard{Name: name, Scopes: slices.Clone(scopes)}
	return routeOption(func(rt *route) {
		rt.middleware = append(rt.middleware, layer{mw, rt.site})
		rt.guards = append(rt.guards, guard)
	})
}

// DenyByDefault requires a [WithGuard] for every message route, so that no route is open by
// mistake. [Router.Freeze] panics if one has none. That includes $default if it has a handler;
// without one it only refuses messages.
func DenyByDefault() Option { return routerOption(func(r *Router) { r.denyByDefault = true }) }

type codecOption struct{ codec Codec }

func (o codecOption) applyRouter(r *Router) { r.codec = o.codec }
func (o codecOption) applyRoute(rt *route)  { rt.codec = o.codec }

// WithCodec sets the [Codec] for the application's own data: the members of requests, and the data
// of replies and errors. The default is [JSON]. It panics if c is nil.
func WithCodec(c Codec) SharedOption {
	if c == nil {
		panic(fmt.Sprintf("gatesock: WithCodec at %s: c must not be nil", callerSite()))
	}
	return codecOption{c}
}

// WithOptionsOf sets the options that decide how messages are decoded and answered to those of
// another router: [WithCodec], [WithEnvelope], [WithErrorFrame], [StrictDecoding], and
// [WithLogger]. It is for packages that handle the messages of a router in another place, such as
// package async. It panics if r is nil.
func WithOptionsOf(r *Router) Option {
	if r == nil {
		panic(fmt.Sprintf("gatesock: WithOptionsOf at %s: r must not be nil", callerSite()))
	}
	return routerOption(func(to *Router) {
		to.codec, to.wire, to.errorFrame, to.strict, to.logger = r.codec, r.wire, r.errorFrame, r.strict, r.logger
	})
}

// OneWay makes a message route one that never answers: it sends no reply, no acknowledgement and no
// error. Errors are only logged. [Router.Describe] lists the route without a route response, so
// that the client receives no frame at all.
//
// [HandleReply] panics for a one-way route. On [Router.OnDefault], OneWay removes the route
// response from all actions that have no route of their own in the API.
//
// If the API has a route response for the route all the same, or if the message comes through a
// $default that answers other actions, the gateway sends an empty frame (observed:
// serverless#6816).
func OneWay() RouteOption { return routeOption(func(rt *route) { rt.oneWay = true }) }

// Idempotent declares that a message of the route may arrive twice: carried out twice it has the
// effect of once, as one that reads, one that sets a value, or one that the handler recognizes by a
// key in it. It changes nothing in the router. Clients repeat such a message if the connection is
// lost before the answer, in place of an error: "gatesock types" writes the list for them.
func Idempotent() RouteOption { return routeOption(func(rt *route) { rt.idempotent = true }) }

// Raw removes a message route from the wire format, for other protocols such as graphql-ws,
// JSON-RPC and OCPP. It is most useful on [Router.OnDefault]. On a raw route
//
//   - the data of a reply is sent without an envelope, and a nil reply sends nothing;
//   - the In of a typed handler is decoded from the whole message, and may have any type;
//   - the message's id is ignored, whatever it is;
//   - the [Codec] need not be for JSON.
//
// Errors, also those of middleware, still have the frame of the wire format; [WithErrorFrame]
// changes that.
//
// A message on $default whose "action" names another route goes to that route, even if $default is
// raw.
func Raw() RouteOption { return routeOption(func(rt *route) { rt.raw = true }) }

type errorFrameOption func(*Request, *Error) []byte

func (o errorFrameOption) applyRouter(r *Router) { r.errorFrame = o }
func (o errorFrameOption) applyRoute(rt *route)  { rt.errorFrame = o }

// WithErrorFrame sets the function that encodes the frame of an error, in place of the error frame
// of the wire format. If encode returns an empty frame, nothing is sent. Send only Code, Message,
// RetryAfter and Details: the text of the error, [Error.Error], is for the log, where the router
// writes it in any case. encode must be safe for concurrent use. WithErrorFrame panics if encode is
// nil.
func WithErrorFrame(encode func(req *Request, err *Error) []byte) SharedOption {
	if encode == nil {
		panic(fmt.Sprintf("gatesock: WithErrorFrame at %s: encode must not be nil", callerSite()))
	}
	return errorFrameOption(encode)
}

// WithoutDefaultRoute removes $default from [Router.Describe], for an API without it. The gateway
// then answers a message with an unknown action itself, with "Forbidden" and without an id, which
// saves the invocation. [Router.OnDefault] panics for such a router.
func WithoutDefaultRoute() Option { return routerOption(func(r *Router) { r.noDefault = true }) }

type strictOption struct{}

func (strictOption) applyRouter(r *Router) { r.strict = true }
func (strictOption) applyRoute(rt *route)  { rt.strict = true }

// StrictDecoding refuses messages with members that the handler's In does not have, at any depth.
// "action" and "id", or the names that [WithEnvelope] sets, are always accepted. [Handle] and
// [HandleReply] panic if the route's codec is not a [StrictCodec]. Untyped handlers decode nothing,
// so it has no effect on them.
func StrictDecoding() SharedOption { return strictOption{} }
