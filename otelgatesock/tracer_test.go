package otelgatesock_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/observe"
	"github.com/gatesock/gatesock/otelgatesock"
)

// record returns the span of an event that begins and ends as given.
//
//nolint:revive // t first
func record(
	t testing.TB, ctx context.Context, s observe.Span, end observe.SpanEnd, opts ...otelgatesock.Option,
) tracetest.SpanStubs {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	_, ended := otelgatesock.New(provider, opts...).Start(ctx, s)
	ended(end)
	return exporter.GetSpans()
}

const (
	xrayTrace = "1-5759e988-bd862e3fe1be46a994272793"
	sampled   = "Root=" + xrayTrace + ";Parent=53995c3f42cd8ad8;Sampled=1"
	unsampled = "Root=" + xrayTrace + ";Parent=53995c3f42cd8ad8;Sampled=0"
	traceID   = "5759e988bd862e3fe1be46a994272793"
	parentID  = "53995c3f42cd8ad8"
)

func TestTracesOfXRay(t *testing.T) { //nolint:paralleltest // it sets a variable
	xray := []otelgatesock.Option{otelgatesock.WithXRaySampling()}
	for name, c := range map[string]struct {
		header, variable string
		opts             []otelgatesock.Option
		child, linked    bool // of X-Ray's trace
		dropped          bool
	}{
		"sampled":                           {header: sampled, child: true},
		"sampled with more":                 {header: sampled + ";Lineage=1:a87bd80c:0", child: true},
		"from the environment":              {variable: sampled, child: true},
		"the context's before the variable": {header: sampled, variable: unsampled, child: true},
		"not sampled":                       {header: unsampled, linked: true},
		"sampled, X-Ray decides":            {header: sampled, opts: xray, child: true},
		"not sampled, X-Ray decides":        {header: unsampled, opts: xray, dropped: true},
		"none":                              {},
		"none, X-Ray decides":               {opts: xray},
		"without a parent":                  {header: "Root=" + xrayTrace + ";Sampled=1"},
		"not a header":                      {header: "x"},
		"a trace id that is too short":      {header: "Root=1-0-0;Parent=53995c3f42cd8ad8;Sampled=1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("_X_AMZN_TRACE_ID", c.variable)
			spans := record(t, t.Context(), observe.Span{Kind: "event", TraceHeader: c.header}, observe.SpanEnd{}, c.opts...)
			if c.dropped {
				require.Empty(t, spans)
				return
			}
			require.Len(t, spans, 1)
			s := spans[0]
			require.Equal(t, c.child, s.SpanContext.TraceID().String() == traceID)
			require.Equal(t, c.child, s.Parent.SpanID().String() == parentID && s.Parent.IsRemote())
			require.Len(t, s.Links, map[bool]int{true: 1}[c.linked])
			if c.linked {
				require.Equal(t, traceID, s.Links[0].SpanContext.TraceID().String())
			}
		})
	}
}

// A header that is malformed in any way does not make a parent, and nothing fails.
func FuzzTraceHeader(f *testing.F) {
	for _, header := range []string{sampled, unsampled, "", ";;=", "Root=;Parent=;Sampled=", "Root=" + strings.Repeat("1-", 50)} {
		f.Add(header)
	}
	form := regexp.MustCompile(`(^|;)Root=1-[0-9a-f]{8}-[0-9a-f]{24}`)
	f.Fuzz(func(t *testing.T, header string) {
		if header == "" {
			return // the variable counts
		}
		for _, s := range record(t, context.Background(), observe.Span{Kind: "event", TraceHeader: header}, observe.SpanEnd{}) {
			if s.Parent.IsValid() && !form.MatchString(header) {
				t.Fatalf("%q is a parent: %s", header, s.Parent.TraceID())
			}
		}
	})
}

func TestSpans(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		span   observe.Span
		end    observe.SpanEnd
		name   string
		kind   trace.SpanKind
		status string // and its description
		want   map[string]string
	}{
		"a handshake": {
			observe.Span{Kind: "event"},
			observe.SpanEnd{Name: "connect", Attributes: []slog.Attr{slog.String("source", "websocket")}},
			"connect", trace.SpanKindServer, "Unset ",
			map[string]string{"faas.coldstart": "true", "faas.trigger": "http", "gatesock.source": "websocket"},
		},
		"a message that is refused": {
			observe.Span{Kind: "event"},
			observe.SpanEnd{
				Name: "message x", Err: gatesock.Errorf(gatesock.CodeNotFound, "secret"),
				Attributes: []slog.Attr{slog.String("source", "websocket"), slog.String("code", "not_found")},
			},
			"message x", trace.SpanKindServer, "Unset ",
			map[string]string{"faas.coldstart": "true", "faas.trigger": "other", "gatesock.source": "websocket", "error.type": "not_found"},
		},
		"a queue": {
			observe.Span{Kind: "event"},
			observe.SpanEnd{Name: "sqs jobs", Err: errors.New("secret"), Attributes: []slog.Attr{
				slog.String("source", "sqs"), slog.String("sourceName", "jobs"), slog.String("lambdaRequestId", "x"),
			}},
			"sqs jobs", trace.SpanKindServer, "Error internal",
			map[string]string{
				"faas.coldstart": "true", "faas.trigger": "pubsub", "gatesock.source": "sqs", "gatesock.source_name": "jobs",
				"messaging.system": "aws_sqs", "messaging.operation.type": "process", "messaging.destination.name": "jobs", "error.type": "internal",
			},
		},
		"a message of AWS IoT": {
			observe.Span{Kind: "event"},
			observe.SpanEnd{Name: "iot", Attributes: []slog.Attr{slog.String("source", "iot"), slog.String("sourceName", "telemetry")}},
			"iot", trace.SpanKindServer, "Unset ",
			map[string]string{
				"faas.coldstart": "true", "faas.trigger": "pubsub",
				"gatesock.source": "iot", "gatesock.source_name": "telemetry",
				"messaging.system": "aws_iot", "messaging.operation.type": "process", "messaging.destination.name": "telemetry",
			},
		},
		"a schedule": {
			observe.Span{Kind: "event"},
			observe.SpanEnd{Name: "schedule", Attributes: []slog.Attr{slog.String("source", "schedule")}},
			"schedule", trace.SpanKindServer, "Unset ",
			map[string]string{"faas.coldstart": "true", "faas.trigger": "timer", "gatesock.source": "schedule"},
		},
		"a stream": {
			observe.Span{Kind: "event"},
			observe.SpanEnd{Name: "dynamodb", Attributes: []slog.Attr{slog.String("source", "dynamodb")}},
			"dynamodb", trace.SpanKindServer, "Unset ",
			map[string]string{"faas.coldstart": "true", "faas.trigger": "datasource", "gatesock.source": "dynamodb"},
		},
		"a request that is throttled": {
			observe.Span{Kind: "store", Name: "PutItem", Target: "chat"},
			observe.SpanEnd{Err: fmt.Errorf("dynamo: %w", apiError{}), Attributes: []slog.Attr{slog.Bool("throttled", true)}},
			"DynamoDB.PutItem", trace.SpanKindClient, "Error ThrottlingException",
			map[string]string{
				"db.system.name": "aws.dynamodb", "db.operation.name": "PutItem", "aws.dynamodb.table_names": `["chat"]`,
				"gatesock.throttled": "true", "error.type": "ThrottlingException",
			},
		},
		"a request that takes too long": {
			observe.Span{Kind: "store", Name: "Query", Target: "chat"},
			observe.SpanEnd{Err: fmt.Errorf("secret: %w", context.DeadlineExceeded)},
			"DynamoDB.Query", trace.SpanKindClient, "Error deadline_exceeded",
			map[string]string{
				"db.system.name": "aws.dynamodb", "db.operation.name": "Query", "aws.dynamodb.table_names": `["chat"]`,
				"error.type": "deadline_exceeded",
			},
		},
		"a broadcast": {
			observe.Span{Kind: "broadcast", Name: "send"},
			observe.SpanEnd{Err: errors.New("secret"), Attributes: []slog.Attr{
				slog.Int("audience", 3), slog.Duration("took", 1500*time.Millisecond), slog.Float64("share", .5),
			}},
			"broadcast send", trace.SpanKindInternal, "Error *errors.errorString",
			map[string]string{"gatesock.audience": "3", "gatesock.took": "1.5", "gatesock.share": "0.5", "error.type": "*errors.errorString"},
		},
		"a job": {
			observe.Span{Kind: "job", Name: "report"},
			observe.SpanEnd{Err: fmt.Errorf("x: %w", gatesock.Errorf(gatesock.CodeUnavailable, "secret"))},
			"job report", trace.SpanKindConsumer, "Error unavailable",
			map[string]string{"error.type": "unavailable"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spans := record(t, t.Context(), c.span, c.end)
			require.Len(t, spans, 1)
			s := spans[0]
			require.Equal(t, c.name, s.Name)
			require.Equal(t, c.kind, s.SpanKind)
			require.Equal(t, c.status, s.Status.Code.String()+" "+s.Status.Description)
			require.Equal(t, c.want, attributes(s))
			require.Empty(t, s.Events)
			require.NotContains(t, fmt.Sprintf("%+v", s), "secret")
		})
	}
}

type apiError struct{}

func (apiError) Error() string     { return "secret" }
func (apiError) ErrorCode() string { return "ThrottlingException" }

// What is known of an invocation in Lambda. The resource is the version that an alias stands for.
func TestSpanOfALambdaInvocation(t *testing.T) { //nolint:paralleltest // it sets a variable
	t.Setenv("AWS_LAMBDA_FUNCTION_VERSION", "7")
	const arn = "arn:aws:lambda:eu-west-1:123456789012:function:chat"
	for invoked, resource := range map[string]string{arn: arn, arn + ":live": arn + ":7", "": ""} {
		lc := &lambdacontext.LambdaContext{AwsRequestID: "id", InvokedFunctionArn: invoked}
		ctx := lambdacontext.NewContext(t.Context(), lc)
		got := attributes(record(t, ctx, observe.Span{Kind: "event"}, observe.SpanEnd{})[0])
		require.Equal(t, "id", got["faas.invocation_id"])
		require.Equal(t, resource, got["cloud.resource_id"])
		require.Equal(t, invoked, got["aws.lambda.invoked_arn"])
	}
}

// The first event of a process is a cold start, and no other.
func TestColdStartIsTheFirstEvent(t *testing.T) {
	t.Parallel()
	exporter := tracetest.NewInMemoryExporter()
	tracer := otelgatesock.New(sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)))
	for _, kind := range []string{"store", "event", "event"} {
		_, ended := tracer.Start(t.Context(), observe.Span{Kind: kind})
		ended(observe.SpanEnd{})
	}
	spans := exporter.GetSpans()
	require.Equal(t, "true", attributes(spans[1])["faas.coldstart"])
	require.Equal(t, "false", attributes(spans[2])["faas.coldstart"])
}

// flushing is a provider that notes how much time it has to flush.
type flushing struct {
	noop.TracerProvider

	had *time.Duration
	err error
}

func (f flushing) ForceFlush(ctx context.Context) error {
	deadline, _ := ctx.Deadline()
	*f.had = time.Until(deadline)
	return f.err
}

func TestFlushEndsBeforeTheInvocation(t *testing.T) {
	t.Parallel()
	withMargin := func(margin time.Duration) []otelgatesock.Option {
		return []otelgatesock.Option{otelgatesock.WithFlushMargin(margin)}
	}
	for name, c := range map[string]struct {
		left time.Duration // of the invocation; 0 means that it does not end
		opts []otelgatesock.Option
		fail error
		had  time.Duration // 0 means that the provider was not flushed
		err  string
	}{
		"a margin":              {left: 2 * time.Second, had: 1900 * time.Millisecond},
		"another margin":        {left: 2 * time.Second, opts: withMargin(time.Second), had: time.Second},
		"no margin":             {left: 2 * time.Second, opts: withMargin(0), had: 2 * time.Second},
		"a long time":           {left: time.Hour, had: 2 * time.Second},
		"no end":                {had: 2 * time.Second},
		"no time":               {left: 50 * time.Millisecond, err: "otelgatesock: no time is left to send spans"},
		"a provider that fails": {fail: errors.New("no route"), had: 2 * time.Second, err: "otelgatesock: send spans: no route"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.left > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.left)
					defer cancel()
				}
				var had time.Duration
				err := otelgatesock.New(flushing{had: &had, err: c.fail}, c.opts...).Flush(ctx)
				require.Equal(t, c.had, had)
				if c.err == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, c.err)
				}
			})
		})
	}
	require.NoError(t, otelgatesock.New(noop.NewTracerProvider()).Flush(t.Context()), "a provider that sends nothing")
}

// hanging is an exporter of a collector that does not answer.
type hanging struct{ answers bool }

func (h *hanging) ExportSpans(ctx context.Context, _ []sdktrace.ReadOnlySpan) error {
	if h.answers {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (h *hanging) Shutdown(context.Context) error { return nil }

// A collector that does not answer holds up the first invocation for a time, and others hardly.
func TestFlushOfACollectorThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		exporter := &hanging{}
		provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
		tracer := otelgatesock.New(provider)
		took := func() (d time.Duration, err error) {
			_, end := tracer.Start(t.Context(), observe.Span{Kind: "event"})
			end(observe.SpanEnd{})
			start := time.Now()
			err = tracer.Flush(t.Context())
			return time.Since(start), err
		}
		for _, want := range []time.Duration{2 * time.Second, 100 * time.Millisecond, 100 * time.Millisecond} {
			d, err := took()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, want, d)
			synctest.Wait()
		}
		exporter.answers = true
		_, err := took()
		require.NoError(t, err)
		exporter.answers = false
		d, err := took()
		require.Error(t, err)
		require.Equal(t, 2*time.Second, d, "it had answered")
		require.NoError(t, provider.Shutdown(t.Context()))
	})
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "otelgatesock: New: provider must not be nil", func() { otelgatesock.New(nil) })
	require.PanicsWithValue(t, "otelgatesock: New: option 0 is nil", func() { otelgatesock.New(noop.NewTracerProvider(), nil) })
	require.PanicsWithValue(t, "otelgatesock: WithFlushMargin: margin must not be negative", func() { otelgatesock.WithFlushMargin(-1) })
}
