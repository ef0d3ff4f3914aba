package observe

import (
	"context"
	"log/slog"
)

// Tracer records how long the parts of an invocation take. The module otelgatesock has one for
// OpenTelemetry. A Tracer is safe for concurrent use.
type Tracer interface {
	// Start begins a span, and returns the context for what is inside and a function that ends it.
	Start(ctx context.Context, s Span) (context.Context, func(SpanEnd))
	// Flush sends what has ended. It is called before an invocation returns, because Lambda freezes
	// the process afterwards. Its context is Lambda's, which ends with the function's time. The first
	// error is logged.
	Flush(ctx context.Context) error
}

// Span is the beginning of a part of an invocation.
type Span struct {
	// Kind is "event", "broadcast", "store" or "job".
	Kind string
	// Name is the name of an operation, such as "Query". It is empty for an event, whose name is known
	// at its end.
	Name string
	// Target is what the operation is about, such as the name of a table.
	Target string
	// TraceHeader is the X-Amzn-Trace-Id of the invocation, for an event; empty if there is none.
	TraceHeader string
}

// SpanEnd is the end of a part of an invocation.
type SpanEnd struct {
	// Name is the name of an event, such as "message join"; empty for other spans.
	Name string
	// Err is the error that it ended with.
	Err error
	// Attributes say more. An event has its source and sourceName, lambdaRequestId, route, api, stage,
	// connectionId, requestId and code, as far as there are such; a broadcast has the numbers of its
	// report, such as audience and delivered; a job or a request to a store may be
	// refused, and that request throttled. No text of an error is among them.
	Attributes []slog.Attr
}
