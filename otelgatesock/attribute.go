package otelgatesock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"unicode"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/observe"
)

// invocationAttributes returns what is known of an invocation in Lambda (OpenTelemetry,
// "Instrumenting AWS Lambda").
func invocationAttributes(ctx context.Context, cold bool) []attribute.KeyValue {
	all := []attribute.KeyValue{semconv.FaaSColdstart(cold)}
	lc, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return all
	}
	all = append(all, semconv.FaaSInvocationID(lc.AwsRequestID))
	// arn:aws:lambda:region:account:function:name, and a version or alias
	parts := strings.Split(lc.InvokedFunctionArn, ":")
	if len(parts) < 7 {
		return all
	}
	resource := strings.Join(parts[:7], ":")
	if version := os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"); len(parts) > 7 && version != "" {
		resource += ":" + version // which is what an alias stands for
	}
	return append(all, semconv.AWSLambdaInvokedARN(lc.InvokedFunctionArn),
		semconv.CloudResourceID(resource), semconv.CloudAccountID(parts[4]))
}

// finish ends a span.
func finish(span trace.Span, s observe.Span, end observe.SpanEnd) {
	if span.IsRecording() {
		if end.Name != "" {
			span.SetName(end.Name)
		}
		span.SetAttributes(endAttributes(s, end)...)
		if end.Err != nil {
			fail(span, s, end.Err)
		}
	}
	span.End()
}

// fail says how a span has failed. Its status is an error unless a client provoked it, as that of a
// server's span is for HTTP (OpenTelemetry, "Semantic conventions for HTTP spans").
func fail(span trace.Span, s observe.Span, err error) {
	kind := errorType(s, err)
	span.SetAttributes(semconv.ErrorTypeKey.String(kind))
	if s.Kind == kindStore || gatesock.CodeOf(err).HTTPStatus() >= 500 {
		span.SetStatus(codes.Error, kind)
	}
}

// errorType returns one of few names for an error, and nothing of its text.
func errorType(s observe.Span, err error) string {
	var public *gatesock.Error
	var coded interface{ ErrorCode() string } // those of AWS's SDK
	switch {
	case errors.As(err, &public), s.Kind == kindEvent || s.Kind == kindJob:
		return string(gatesock.CodeOf(err))
	case errors.As(err, &coded):
		return coded.ErrorCode()
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline_exceeded"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return fmt.Sprintf("%T", err)
}

// endAttributes returns the attributes of a span that are known at its end.
func endAttributes(s observe.Span, end observe.SpanEnd) []attribute.KeyValue {
	all := make([]attribute.KeyValue, 0, len(end.Attributes)+3)
	var source, name string
	for _, a := range end.Attributes {
		value := a.Value.Resolve()
		switch a.Key {
		case "lambdaRequestId":
			continue // it is the faas.invocation_id
		case "code":
			continue // it is the error.type
		case "source":
			source = value.String()
		case "sourceName":
			name = value.String()
		}
		all = append(all, keyValue("gatesock."+snake(a.Key), value))
	}
	if s.Kind == kindEvent {
		all = append(all, trigger(source, name, end.Name)...)
	}
	return all
}

// trigger returns the attributes of what an event came from (OpenTelemetry, "Semantic conventions
// for FaaS spans", function trigger types).
func trigger(source, name, event string) []attribute.KeyValue {
	switch source {
	case "http", "authorizer":
		return []attribute.KeyValue{semconv.FaaSTriggerHTTP}
	case "websocket":
		if event == "connect" { // the handshake is a request of HTTP, and a message is not
			return []attribute.KeyValue{semconv.FaaSTriggerHTTP}
		}
	case "schedule":
		return []attribute.KeyValue{semconv.FaaSTriggerTimer}
	case "dynamodb":
		return []attribute.KeyValue{semconv.FaaSTriggerDatasource}
	case "sqs":
		return messaging(semconv.MessagingSystemAWSSQS, name)
	case "sns":
		return messaging(semconv.MessagingSystemAWSSNS, name)
	case "kinesis":
		return messaging(semconv.MessagingSystemKey.String("aws_kinesis"), name)
	case "eventbridge":
		return messaging(semconv.MessagingSystemKey.String("aws_eventbridge"), name)
	case "iot":
		return messaging(semconv.MessagingSystemKey.String("aws_iot"), name)
	}
	return []attribute.KeyValue{semconv.FaaSTriggerOther}
}

func messaging(system attribute.KeyValue, destination string) []attribute.KeyValue {
	all := []attribute.KeyValue{semconv.FaaSTriggerPubSub, system, semconv.MessagingOperationTypeProcess}
	if destination != "" {
		all = append(all, semconv.MessagingDestinationName(destination))
	}
	return all
}

// keyValue returns an attribute of OpenTelemetry.
func keyValue(key string, v slog.Value) attribute.KeyValue {
	switch v.Kind() {
	case slog.KindBool:
		return attribute.Bool(key, v.Bool())
	case slog.KindInt64:
		return attribute.Int64(key, v.Int64())
	case slog.KindFloat64:
		return attribute.Float64(key, v.Float64())
	case slog.KindDuration:
		return attribute.Float64(key, v.Duration().Seconds())
	default:
		return attribute.String(key, v.String())
	}
}

// snake returns a name such as connectionId in the spelling of OpenTelemetry, connection_id.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
