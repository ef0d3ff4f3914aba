package gatesock

import (
	"context"
	"fmt"
)

// Handle sets the handler of a custom route without a reply. The message's members are decoded into In by the
// route's [Codec]; "action" and "id" are among them. A message that carries an id is acknowledged when
// the handler has returned.
//
// In is a struct, a map, any, json.RawMessage, another type with an UnmarshalJSON, or a pointer to one of these; on a [Raw] route,
// or with [Envelope.Input], it may be of any type. A type that no message fits into is a wrong registration: one that is
// not for an object, that has members which JSON can't be decoded into, as a func, or whose own "id" or "action" takes
// no string. With another codec than [JSON], only a func, a chan and the like are.
//
// If In, or a pointer to it, has a method Validate() error, it runs before the handler; the text of
// its error is public. A message that is not JSON, has a member of a wrong type, or fails the validation
// is answered with [CodeInvalidArgument] and a message that names the member; the handler is not called.
func Handle[In any](r *Router, key string, h func(context.Context, *Request, In) error, opts ...RouteOption) {
	rt := r.newRoute(key, h == nil, opts)
	register(r, rt, func(ctx context.Context, req *Request, in In) (*Reply, error) {
		return nil, h(ctx, req, in)
	})
}

// HandleReply sets the handler of a custom route whose result is sent back to the client as the data of a reply
// frame. It is otherwise like [Handle]. An Out that can't be encoded, such as one with a func in it, is a wrong registration, and
// so is a route that is [OneWay].
func HandleReply[In, Out any](r *Router, key string, h func(context.Context, *Request, In) (Out, error), opts ...RouteOption) {
	rt := r.newRoute(key, h == nil, opts)
	if rt.oneWay {
		panic(fmt.Sprintf("gatesock: route %q at %s is OneWay, but HandleReply would send a reply; use Handle", key, rt.site))
	}
	checkOut[Out](rt)
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
