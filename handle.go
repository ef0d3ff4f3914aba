package gatesock

import (
	"context"
	"fmt"
	"reflect"
)

// HandlerFunc handles one event. Typed handlers become one too, and a [Middleware] wraps one.
//
// The result is the answer to the client:
//
//   - An error refuses the request. A message is answered with an error frame, and on $connect the
//     error's code becomes the status of the handshake; see [Error].
//   - A [Reply] answers with its data.
//   - A nil Reply has no data. A message with an id is acknowledged; one without an id is not
//     answered. Nor is any message on a [Raw] route.
//
// Handlers run concurrently, even for one connection, and should be idempotent: the gateway
// guarantees neither order nor exactly-once delivery. A handler must wait for the goroutines that
// it starts, because Lambda freezes the process once the handler has returned.
type HandlerFunc func(ctx context.Context, req *Request) (*Reply, error)

// Middleware wraps a handler. It is called once for each route, before the first event, and returns
// the handler that runs for every event of that route. The returned handler must be safe for
// concurrent use.
//
//	func logged(next gatesock.HandlerFunc) gatesock.HandlerFunc {
//		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
//			slog.Info("event", "route", req.Route)
//			return next(ctx, req)
//		}
//	}
type Middleware func(next HandlerFunc) HandlerFunc

// Reply is a handler's answer. The zero Reply answers a message with null data, and accepts a
// connection.
type Reply struct {
	// Data becomes the data of the reply frame, encoded by the route's [Codec] (messages only). On a
	// [Raw] route it is the whole frame.
	Data any
	// Frame, if not nil, is sent unchanged in place of a reply frame (messages only). If it is empty,
	// nothing is sent. Bytes that are not UTF-8 are sent as U+FFFD.
	Frame []byte
	// Silent sends nothing, not even an acknowledgement (messages only). It is for a handler that has
	// already posted its answer, or leaves the answer to another invocation. Unless the route is
	// [OneWay], the gateway still sends an empty frame.
	Silent bool
	// Subprotocol is the WebSocket subprotocol that the handshake selects ($connect only), one of
	// those that the client offered in Sec-WebSocket-Protocol. The gateway selects none by itself, and
	// a browser that offered subprotocols refuses a handshake without one (observed:
	// serverless-offline#1176, aws-lambda-graphql#84).
	Subprotocol string
}

// Handle registers a handler for the messages of one action. The key is the route key of the API,
// which the gateway takes from the message's "action". The route's [Codec] decodes the message into
// In, then the handler runs:
//
//	type Rename struct {
//		Name string `json:"name"`
//	}
//
//	func (r Rename) Validate() error { … }
//
//	gatesock.Handle(r, "rename", func(ctx context.Context, req *gatesock.Request, in Rename) error {
//		return rooms.Rename(ctx, req.ConnectionID, in.Name)
//	})
//
// If the handler returns nil, a message with an id is acknowledged,
// {"id":"1","action":"rename","data":null}, and one without an id is not answered. To answer with
// data, use [HandleReply].
//
// If In, or a pointer to it, has a method Validate() error, it runs before the handler, and the
// client sees the text of its error. A message that is not JSON, has a member of the wrong type or
// fails the validation never reaches the handler: it is answered with [CodeInvalidArgument] and a
// text that names the member.
//
// Handle panics if the key is empty or begins with "$", if the handler is nil, if the key is
// registered already, after the first event, and if no message can be decoded into In.
//
// # Which types In may have
//
// In is a struct, a map, any, json.RawMessage, another type with UnmarshalJSON, or a pointer to one
// of these. Other types do not accept a JSON object, which every message is. JSON must fit every
// field: a func does not work, nor does a field "id" or "action" that does not accept a string,
// because both are members of the message. On a [Raw] route and with [Envelope.Input], In may have
// any type. With a codec other than [JSON], only types that no codec can decode are refused, such
// as a func or a chan.
func Handle[In any](r *Router, key string, h func(context.Context, *Request, In) error, opts ...RouteOption) {
	rt := r.newRoute(key, h == nil, opts)
	register(r, rt, func(ctx context.Context, req *Request, in In) (*Reply, error) {
		return nil, h(ctx, req, in)
	})
}

// HandleReply registers a handler that answers messages with data. Its result becomes the data of
// the reply frame:
//
//	func add(ctx context.Context, req *gatesock.Request, in Add) (Sum, error) {
//		return Sum{in.A + in.B}, nil
//	}
//
//	gatesock.HandleReply(r, "add", add)
//
//	→ {"action":"add","id":"1","a":1,"b":2}
//	← {"id":"1","action":"add","data":{"sum":3}}
//
// It is otherwise like [Handle]. It also panics if Out cannot be encoded, for example because it
// contains a func, and if the route is [OneWay]. A message without an id is answered too, by a
// reply without an id.
func HandleReply[In, Out any](
	r *Router, key string, h func(context.Context, *Request, In) (Out, error), opts ...RouteOption,
) {
	rt := r.newRoute(key, h == nil, opts)
	if rt.oneWay {
		panic(fmt.Sprintf("gatesock: route %q at %s is OneWay, but HandleReply would send a reply; use Handle", key, rt.site))
	}
	checkOut[Out](rt)
	rt.out = reflect.TypeFor[Out]()
	register(r, rt, func(ctx context.Context, req *Request, in In) (*Reply, error) {
		out, err := h(ctx, req, in)
		if err != nil {
			return nil, err
		}
		return &Reply{Data: out}, nil
	})
}

// register adds a custom route whose messages are decoded into an In.
func register[In any](r *Router, rt *route, call func(context.Context, *Request, In) (*Reply, error)) {
	rt.checkCustom()
	checkIn[In](rt)
	rt.in = reflect.TypeFor[In]()
	decode := newDecoder[In](rt)
	rt.handler = rt.refuseBadID(func(ctx context.Context, req *Request) (*Reply, error) {
		in, err := decode(req)
		if err != nil {
			return nil, err
		}
		return call(ctx, req, in)
	})
	r.add(rt)
}
