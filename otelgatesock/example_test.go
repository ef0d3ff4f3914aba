package otelgatesock_test

import (
	"context"
	"fmt"
	"io"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/observe"
	"github.com/gatesock/gatesock/otelgatesock"
)

// A function whose events are spans. The exporter is, in a program, one that sends them, such as
// that of go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp.
func ExampleNew() {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	defer provider.Shutdown(context.Background()) //nolint:errcheck // the exporter cannot fail
	obs := observe.New(observe.WithTracer(otelgatesock.New(provider)), observe.WithOutput(io.Discard))

	r := gatesock.New()
	gatesock.Handle(r, "join", func(ctx context.Context, _ *gatesock.Request, _ any) error {
		_, span := provider.Tracer("chat").Start(ctx, "look up the room")
		span.End()
		return nil
	})
	app := obs.Handler(r) // gatesock.Start(app), in main

	ctx := context.WithValue(context.Background(), "x-amzn-trace-id", //nolint:revive,staticcheck // as aws-lambda-go does
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
	_, _ = app.Invoke(ctx, []byte(`{"requestContext": {"eventType": "MESSAGE", "routeKey": "$default",
		"connectionId": "L0SM9cOFvHcCIhw=", "requestId": "JKJaXmPLvHcESHA="}, "body": "{\"action\":\"join\"}"}`))

	for _, span := range exporter.GetSpans() {
		fmt.Println(span.Name, "in trace", span.SpanContext.TraceID())
	}
	// Output:
	// look up the room in trace 5759e988bd862e3fe1be46a994272793
	// message join in trace 5759e988bd862e3fe1be46a994272793
}
