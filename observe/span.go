package observe

import (
	"context"
	"log/slog"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/observing"
)

// startSpan begins a span. If the tracer panics, there is no span, and the application goes on.
func (o *Observer) startSpan(ctx context.Context, s Span) (context.Context, func(SpanEnd)) {
	var inside context.Context
	var end func(SpanEnd)
	o.traced(func() error {
		inside, end = o.tracer.Start(ctx, s)
		return nil
	})
	if inside == nil || end == nil {
		return ctx, func(SpanEnd) {}
	}
	return inside, func(e SpanEnd) {
		o.traced(func() error {
			end(e)
			return nil
		})
	}
}

// flush sends the spans that have ended.
func (o *Observer) flush(ctx context.Context) {
	if o.tracer != nil {
		o.traced(func() error { return o.tracer.Flush(ctx) })
	}
}

// traced calls the tracer, and logs its first failure.
func (o *Observer) traced(call func() error) {
	err := func() (err error) {
		defer recoverTo(&err)
		return call()
	}()
	if err != nil && o.traceFailed.CompareAndSwap(false, true) {
		o.activeLogger().Error("observe: traces cannot be sent; further failures are not logged", slog.Any("error", err))
	}
}

// spanEnd returns the end of the span of the invocation's event.
func (i *invocation) spanEnd(rec *record, err error) SpanEnd {
	if i.endSpan == nil {
		return SpanEnd{}
	}
	end := SpanEnd{Name: i.source, Err: err, Attributes: []slog.Attr{slog.String("source", i.source)}}
	if i.name != "" {
		end.Name += " " + i.name
		end.Attributes = append(end.Attributes, slog.String("sourceName", i.name))
	}
	if i.lambdaRequestID != "" {
		end.Attributes = append(end.Attributes, slog.String("lambdaRequestId", i.lambdaRequestID))
	}
	if len(rec.requests) != 1 {
		return end
	}
	r := rec.requests[0]
	end.Name = eventName(r)
	if end.Err == nil {
		end.Err = r.err
	}
	end.Attributes = append(end.Attributes,
		slog.String("route", r.route), slog.String("api", r.apiID), slog.String("stage", r.stage),
		slog.String("connectionId", r.connectionID), slog.String("requestId", r.requestID))
	if r.err != nil {
		end.Attributes = append(end.Attributes, slog.String("code", string(gatesock.CodeOf(r.err))))
	}
	return end
}

// eventName returns the name of an event's span. There is one for each route.
func eventName(r *routed) string {
	switch r.event {
	case gatesock.EventConnect:
		return "connect"
	case gatesock.EventDisconnect:
		return "disconnect"
	case gatesock.EventMessage:
	}
	return "message " + r.route
}

// spanEnd returns the end of an operation's span. A refusal that the caller provoked does not count
// as an error.
func spanEnd(op observing.Op, r observing.Result) SpanEnd {
	end := SpanEnd{Err: r.Err}
	if r.Refused {
		end.Err = nil
		end.Attributes = append(end.Attributes, slog.Bool("refused", true))
	}
	if r.Throttled {
		end.Attributes = append(end.Attributes, slog.Bool("throttled", true))
	}
	if op.Kind == observing.Broadcast {
		end.Attributes = append(end.Attributes,
			slog.Int("audience", r.Audience), slog.Int("delivered", r.Delivered), slog.Int("gone", r.Gone),
			slog.Int("failed", r.Failed), slog.Int("unsent", r.Unsent), slog.Int("retries", r.Retries))
	}
	return end
}
