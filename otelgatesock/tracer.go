package otelgatesock

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/propagators/aws/xray"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatesock/gatesock/observe"
)

const scope = "github.com/gatesock/gatesock/otelgatesock"

// Option is an option of [New].
type Option interface{ apply(*tracer) }

type option func(*tracer)

func (o option) apply(to *tracer) { o(to) }

// WithXRaySampling leaves it to X-Ray which invocations are recorded: the span of an event is
// always a part of X-Ray's trace, and a provider with a sampler such as sdktrace.ParentBased, which
// is the default, drops it if X-Ray does not sample the invocation. A function without active
// tracing then has no spans at all.
func WithXRaySampling() Option { return option(func(t *tracer) { t.xraySampling = true }) }

// WithFlushMargin sets how much time before the end of an invocation's context the provider has to
// be done with sending. The default is 100 ms. A flush without time does nothing, and fails. It
// panics if margin is negative; zero means none.
func WithFlushMargin(margin time.Duration) Option {
	if margin < 0 {
		panic("otelgatesock: WithFlushMargin: margin must not be negative")
	}
	return option(func(t *tracer) { t.margin = margin })
}

const (
	defaultMargin = 100 * time.Millisecond
	// longestFlush bounds a flush, because the client waits for its reply meanwhile.
	longestFlush = 2 * time.Second
	// shortFlush bounds it after one that failed: if nobody takes the spans, only the first
	// invocations wait.
	shortFlush = 100 * time.Millisecond
)

// New returns a Tracer for [observe.WithTracer] whose spans are those of a provider. If the
// provider has a method ForceFlush, as the SDK's has, it is called at the end of each invocation.
// New panics if provider is nil.
func New(provider trace.TracerProvider, opts ...Option) observe.Tracer {
	if provider == nil {
		panic("otelgatesock: New: provider must not be nil")
	}
	t := &tracer{
		tracer: provider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL)),
		margin: defaultMargin,
	}
	if f, ok := provider.(flusher); ok {
		t.flusher = f
	}
	for i, opt := range opts {
		if opt == nil {
			panic(fmt.Sprintf("otelgatesock: New: option %d is nil", i))
		}
		opt.apply(t)
	}
	return t
}

type flusher interface {
	ForceFlush(ctx context.Context) error
}

// tracer makes spans of OpenTelemetry.
type tracer struct {
	tracer       trace.Tracer
	flusher      flusher // nil if the provider has none
	xraySampling bool
	margin       time.Duration
	started      atomic.Bool // there was an event
	failed       atomic.Bool // the last flush failed
}

// Start begins a span.
func (t *tracer) Start(ctx context.Context, s observe.Span) (context.Context, func(observe.SpanEnd)) {
	ctx, opts := t.parent(ctx, s)
	name, more := t.begin(ctx, s)
	ctx, span := t.tracer.Start(ctx, name, append(opts, more...)...)
	return ctx, func(end observe.SpanEnd) { finish(span, s, end) }
}

// parent returns the context and the options with which the span of an event is a part of X-Ray's
// trace, or linked to it. Other spans have their parent in the context.
func (t *tracer) parent(ctx context.Context, s observe.Span) (context.Context, []trace.SpanStartOption) {
	if s.Kind != kindEvent {
		return ctx, nil
	}
	header := s.TraceHeader
	if header == "" {
		header = os.Getenv("_X_AMZN_TRACE_ID")
	}
	carrier := propagation.MapCarrier{"X-Amzn-Trace-Id": header}
	remote := trace.SpanContextFromContext(xray.Propagator{}.Extract(context.Background(), carrier))
	switch {
	case !remote.IsValid():
		return ctx, nil
	case remote.IsSampled() || t.xraySampling:
		return trace.ContextWithRemoteSpanContext(ctx, remote), nil
	}
	return ctx, []trace.SpanStartOption{trace.WithLinks(trace.Link{SpanContext: remote})}
}

// Flush sends the spans that have ended.
func (t *tracer) Flush(ctx context.Context) error {
	if t.flusher == nil {
		return nil
	}
	most := longestFlush
	if t.failed.Load() {
		most = shortFlush
	}
	deadline := time.Now().Add(most)
	if end, ok := ctx.Deadline(); ok && end.Add(-t.margin).Before(deadline) {
		deadline = end.Add(-t.margin)
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("otelgatesock: no time is left to send spans; they are kept for the next invocation: %w", err)
	}
	err := t.flusher.ForceFlush(ctx)
	t.failed.Store(err != nil)
	if err != nil {
		return fmt.Errorf("otelgatesock: send spans: %w", err)
	}
	return nil
}

// The kinds of [observe.Span].
const (
	kindEvent = "event"
	kindStore = "store"
	kindJob   = "job"
)

// begin returns the name of a span and what is known of it at its beginning, by which samplers
// decide.
func (t *tracer) begin(ctx context.Context, s observe.Span) (name string, opts []trace.SpanStartOption) {
	switch s.Kind {
	case kindEvent:
		return "event", []trace.SpanStartOption{
			trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(invocationAttributes(ctx, t.started.CompareAndSwap(false, true))...),
		}
	case kindStore:
		return "DynamoDB." + s.Name, []trace.SpanStartOption{
			trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(
				semconv.DBSystemNameAWSDynamoDB, semconv.DBOperationName(s.Name), semconv.AWSDynamoDBTableNames(s.Target)),
		}
	case kindJob:
		return kindJob + " " + s.Name, []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer)}
	}
	var attributes []attribute.KeyValue
	if s.Target != "" {
		attributes = append(attributes, attribute.String("gatesock.target", s.Target))
	}
	return s.Kind + " " + s.Name, []trace.SpanStartOption{trace.WithAttributes(attributes...)}
}
