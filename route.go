package gatesock

import (
	"bytes"
	"context"
	"fmt"
)

// Handle sets the handler of a custom route without a reply. The message's members are decoded into In by the
// route's [Codec]; "action" and "id" are among them. A message that carries an id is acknowledged when
// the handler has returned.
//
// If In, or a pointer to it, has a method Validate() error, it runs before the handler; the text of
// its error is public. A message that is not JSON, has a member of a wrong type, or fails the validation
// is answered with [CodeInvalidArgument] and a message that names the member; the handler is not called.
func Handle[In any](r *Router, key string, h func(context.Context, *Request, In) error, opts ...RouteOption) {
	register(r, key, h == nil, opts, func(ctx context.Context, req *Request, in In) (*Reply, error) {
		return nil, h(ctx, req, in)
	})
}

// HandleReply sets the handler of a custom route whose result is sent back to the client as the data of a reply
// frame. It is otherwise like [Handle].
func HandleReply[In, Out any](r *Router, key string, h func(context.Context, *Request, In) (Out, error), opts ...RouteOption) {
	register(r, key, h == nil, opts, func(ctx context.Context, req *Request, in In) (*Reply, error) {
		out, err := h(ctx, req, in)
		if err != nil {
			return nil, err
		}
		return &Reply{Data: out}, nil
	})
}

// register adds a custom route whose messages are decoded into an In.
func register[In any](r *Router, key string, isNil bool, opts []RouteOption, call func(context.Context, *Request, In) (*Reply, error)) {
	rt := r.newRoute(key, isNil, opts)
	rt.checkCustom()
	decode := newDecoder[In](rt)
	rt.handler = refuseBadID(func(ctx context.Context, req *Request) (*Reply, error) {
		in, err := decode(req)
		if err != nil {
			return nil, err
		}
		return call(ctx, req, in)
	})
	r.add(rt)
}

// newDecoder gives the function that makes an In of a message.
func newDecoder[In any](rt *route) func(*Request) (In, error) {
	unmarshal := rt.codec.Unmarshal
	if rt.strict {
		strict, ok := rt.codec.(StrictCodec)
		if !ok {
			panic(fmt.Sprintf("gatesock: route %q at %s wants strict decoding, but its codec %T is no StrictCodec", rt.key, rt.site, rt.codec))
		}
		unmarshal = strictly[In](strict)
	}
	_, onPointer := any(new(In)).(validator)
	_, onValue := any(*new(In)).(validator) // In is a pointer itself
	return func(req *Request) (in In, err error) {
		if string(bytes.TrimSpace(req.Body)) == "null" {
			return in, Errorf(CodeInvalidArgument, "the message must be a JSON object")
		}
		if err := unmarshal(req.Body, &in); err != nil {
			return in, decodeError(err, req.Body, func(b []byte) error { return unmarshal(b, new(In)) })
		}
		var v validator
		switch {
		case onPointer:
			v = any(&in).(validator)
		case onValue:
			v = any(in).(validator)
		default:
			return in, nil
		}
		if err := v.Validate(); err != nil {
			return in, validationError(err)
		}
		return in, nil
	}
}

// validator is what an In may have.
type validator interface{ Validate() error }
