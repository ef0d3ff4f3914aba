package gatesock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/gatesock/gatesock/internal/observing"
)

// Invoke handles one event in the form that Lambda delivers, and returns the response for the
// gateway: a status for $connect and $disconnect, and the frame of a reply or an error for a
// message. It makes Router a lambda.Handler.
//
// Errors of handlers are part of the response. Invoke itself fails only if payload is not an event
// of a WebSocket API, with an error that wraps [ErrNotWebSocket], or if the event is malformed. It
// does not recover from a panic in a handler; see [Recover].
func (r *Router) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	r.freezing()
	req, err := decodeEvent(payload, r.wire)
	if err != nil {
		return nil, err
	}
	rt := r.lookup(req)
	req.Route = rt.key
	observer := observing.OfRequests(ctx)
	if observer != nil {
		ctx = observer.Routed(ctx, req)
	}
	reply, err := rt.handler(ctx, req)
	err = readable(err)
	if req.late >= lateThreshold {
		r.logLate(ctx, req)
	}
	var response []byte
	var frame int
	if req.EventType == EventMessage {
		response, frame, err = r.answer(ctx, rt, req, reply, err)
	} else {
		response = r.status(ctx, req, reply, err)
	}
	if observer != nil {
		observer.Answered(ctx, frame, err)
	}
	return response, nil
}

// status returns the response to an event that is not a message.
func (r *Router) status(ctx context.Context, req *Request, reply *Reply, err error) []byte {
	switch {
	case err != nil:
		r.log(ctx, req, err)
		return statusResponse(publicError(err).Code.HTTPStatus(), "")
	case reply != nil && req.EventType == EventConnect:
		return statusResponse(http.StatusOK, reply.Subprotocol)
	}
	return statusResponse(http.StatusOK, "")
}

func (r *Router) lookup(req *Request) *route {
	switch req.EventType {
	case EventConnect:
		return r.routes[RouteConnect]
	case EventDisconnect:
		return r.routes[RouteDisconnect]
	case EventMessage:
	}
	key := req.RouteKey
	if key == RouteDefault {
		key = req.Action
	}
	if rt := r.routes[key]; rt != nil && key[0] != '$' {
		return rt
	}
	return r.fallback
}

// answer returns the response to a message, the size of the frame in it, and the error of the
// handler or of its reply. The status of the response is 200 even for an error, because the gateway
// was observed to replace the body of a response with any other status by a frame of its own
// (architect/sandbox#560).
func (r *Router) answer(ctx context.Context, rt *route, req *Request, reply *Reply, err error) ([]byte, int, error) {
	if err == nil {
		var frame []byte
		var short [256]byte // saves an allocation
		if frame, err = rt.appendFrame(short[:0], req, reply); err == nil {
			if rt.oneWay && reply != nil && !reply.Silent {
				r.activeLogger().LogAttrs(ctx, slog.LevelWarn, "gatesock: the route is one-way, so the reply of its handler is not sent", req.logAttrs()...)
			}
			return okResponse(frame), len(frame), nil
		}
	}
	r.log(ctx, req, err)
	if rt.oneWay {
		return okResponse(nil), 0, err
	}
	e := publicError(err)
	frame, ok := r.ownErrorFrame(ctx, rt, req, e)
	if !ok {
		frame = rt.wire.errorFrame(req, e, r.details(ctx, rt, req, e))
	}
	if len(frame) > MaxMessageSize {
		frame = rt.wire.errorFrame(req, &Error{Code: e.Code, Message: "the error is too large to be sent"}, nil)
	}
	return okResponse(frame), len(frame), err
}

// details returns the encoded details of an error. Details that cannot be encoded are logged and
// left out.
func (r *Router) details(ctx context.Context, rt *route, req *Request, e *Error) []byte {
	if e.Details == nil {
		return nil
	}
	details, err := marshal(rt.codec, e.Details)
	if err == nil {
		err = checkEncoded(rt.codec, details)
	}
	if err != nil {
		r.log(ctx, req, err)
		return nil
	}
	return details
}

// ownErrorFrame returns the application's frame for an error ([WithErrorFrame]), and false if there
// is none.
func (r *Router) ownErrorFrame(ctx context.Context, rt *route, req *Request, e *Error) (frame []byte, ok bool) {
	if rt.errorFrame == nil {
		return nil, false
	}
	defer func() {
		if v := recover(); v != nil {
			r.log(ctx, req, recovered(v))
			ok = false
		}
	}()
	return rt.errorFrame(req, e), true
}

// appendFrame appends the frame of a reply to b, which is empty. It returns nil if there is nothing
// to send.
func (rt *route) appendFrame(b []byte, req *Request, reply *Reply) ([]byte, error) {
	var frame []byte
	switch {
	case rt.oneWay, reply != nil && reply.Silent, reply == nil && (rt.raw || !req.hasID()):
		return nil, nil
	case reply == nil:
		frame = rt.wire.appendReply(b, req, []byte("null"))
	case reply.Frame != nil:
		frame = reply.Frame
	default:
		data, err := rt.encode(reply.Data)
		switch {
		case err != nil:
			return nil, err
		case rt.raw:
			frame = data
		default:
			frame = rt.wire.appendReply(b, req, data)
		}
	}
	if len(frame) > MaxMessageSize {
		return nil, Errorf(CodeTooLarge, "the reply of %d bytes is above the limit of %d", len(frame), MaxMessageSize)
	}
	return frame, nil
}

// encode encodes the data of a reply. On a raw route the codec need not return JSON, but must
// return something.
func (rt *route) encode(v any) ([]byte, error) {
	data, err := marshal(rt.codec, v)
	switch {
	case err != nil:
		return nil, err
	case !rt.raw:
		return data, checkEncoded(rt.codec, data)
	case len(data) == 0:
		return nil, fmt.Errorf("codec %T returned nothing for a %T", rt.codec, v)
	}
	return data, nil
}

// marshal encodes a value of the application. It runs outside all middleware, so it recovers from
// panics itself.
func marshal(c Codec, v any) (data []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = recovered(v)
		}
	}()
	data, err = c.Marshal(v)
	return data, readable(err)
}

// readable returns err, or another error in its place if reading it panics, for example because it
// is a nil pointer of the application's error type. The router reads a handler's error outside all
// middleware.
func readable(err error) (safe error) {
	if err == nil {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			safe = recovered(fmt.Errorf("the handler returned an error of type %T that panics when it is read: %v", err, v))
		}
	}()
	_ = publicError(err).Error() + err.Error()
	return err
}

// activeLogger returns the logger of [WithLogger], or the default one of this moment.
func (r *Router) activeLogger() *slog.Logger { return cmp.Or(r.logger, slog.Default()) }

// log logs an error at the level that [WithLogger] documents.
func (r *Router) log(ctx context.Context, req *Request, err error) {
	level := slog.LevelDebug
	e := publicError(err)
	switch {
	case e.Code.HTTPStatus() >= http.StatusInternalServerError:
		level = slog.LevelError
	case e.cause != nil && e.Code != CodeInvalidArgument:
		level = slog.LevelInfo
	}
	logger := r.activeLogger()
	if !logger.Enabled(ctx, level) || observing.Over(ctx) {
		return
	}
	attrs, name := append(req.logAttrs(), slog.String("code", string(e.Code))), "error"
	if e.cause != nil && e.Code == CodeInvalidArgument { // it may quote the body
		attrs, name = append(attrs, slog.String(name, e.Message)), "errorInBody"
	}
	attrs = append(attrs, slog.String(name, err.Error()))
	var p *PanicError
	if errors.As(err, &p) {
		attrs = append(attrs, slog.String("stack", string(p.Stack)))
	}
	logger.LogAttrs(ctx, level, "gatesock: handler failed", attrs...)
}

// logLate logs that a handler returned long after its [Timeout].
func (r *Router) logLate(ctx context.Context, req *Request) {
	r.activeLogger().LogAttrs(ctx, slog.LevelWarn, "gatesock: the handler returned late, because it ignores the end of its context",
		append(req.logAttrs(), slog.Duration("late", req.late))...)
}

// logAttrs returns the attributes that identify a request in the log.
func (r *Request) logAttrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("routeKey", r.RouteKey),
		slog.String("handledBy", r.Route),
		slog.String("connectionId", r.ConnectionID),
		slog.String("requestId", r.RequestID),
	}
	if id := r.PrincipalID(); id != "" {
		attrs = append(attrs, slog.String("principalId", id))
	}
	return attrs
}
