package otelgatesock_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/observe"
	"github.com/gatesock/gatesock/otelgatesock"
	"github.com/gatesock/gatesock/wstest"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

// An application on DynamoDB: clients enter a room, and what one says, the others get.
func TestSpansOfAnApplication(t *testing.T) {
	t.Parallel()
	exporter := tracetest.NewInMemoryExporter()
	// Only a flush empties the batch within the test.
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(context.Background())) })
	own := provider.Tracer("application")

	table := dynamotest.Table(t)
	db := dynamo.Open(dynamotest.Client(t), table, dynamo.WithNamespace(dynamotest.Namespace(t)))
	store, rec := db.Connections(), wstest.NewRecorder()
	b := broadcast.New(rec, store)
	r := gatesock.New(gatesock.WithLogger(slog.New(slog.DiscardHandler)))
	r.Use(gatesock.Recover(), conn.Track(store))
	gatesock.Handle(r, "join", func(ctx context.Context, req *gatesock.Request, _ any) error {
		return store.Join(ctx, req.ConnectionID, "room")
	})
	gatesock.Handle(r, "say", func(ctx context.Context, req *gatesock.Request, in struct{ Text string }) error {
		ctx, span := own.Start(ctx, "spell-check")
		defer span.End()
		_, err := b.Send(ctx, broadcast.To("room").Except(req.ConnectionID), gatesock.Push{Event: "said", Data: in.Text})
		return err
	})
	gatesock.Handle(r, "refuse", func(context.Context, *gatesock.Request, any) error {
		return gatesock.Errorf(gatesock.CodePermissionDenied, "token=abc is not yours")
	})
	gatesock.Handle(r, "fail", func(context.Context, *gatesock.Request, any) error { return errors.New("token=abc: disk full") })
	gatesock.Handle(r, "panic", func(context.Context, *gatesock.Request, any) error { panic("token=abc") })

	obs := observe.New(observe.WithOutput(new(strings.Builder)), observe.WithTracer(otelgatesock.New(provider)))
	h := wstest.New(t, obs.Handler(r), wstest.WithPoster(rec))
	ann := h.Connect()
	bob := h.Connect()
	ann.Request("join", nil).ExpectAck()
	bob.Request("join", nil).ExpectAck()
	exporter.Reset()

	ann.Request("say", map[string]string{"Text": "hello"}).ExpectAck()
	var said string
	bob.ExpectPush("said", &said)
	spans := exporter.GetSpans()
	require.Equal(t, []string{
		"message say (server)",
		"  spell-check (internal)",
		"    broadcast send (internal)",
		"      DynamoDB.Query (client)",
	}, tree(spans))
	event := named(t, spans, "message say")
	require.Equal(t, otelgatesockScope, event.InstrumentationScope.Name)
	require.Equal(t, map[string]string{
		"faas.coldstart": "false", "faas.trigger": "other", "gatesock.source": "websocket", "gatesock.route": "say",
		"gatesock.stage": "local", "gatesock.connection_id": ann.ID(), "faas.invocation_id": "…", "gatesock.request_id": "…", "gatesock.api": "…",
		"cloud.resource_id": "…", "cloud.account.id": "…", "aws.lambda.invoked_arn": "…",
	}, attributes(event, "faas.invocation_id", "gatesock.request_id", "gatesock.api", "cloud.resource_id", "cloud.account.id", "aws.lambda.invoked_arn"))
	require.Equal(t, map[string]string{
		"gatesock.audience": "1", "gatesock.delivered": "1", "gatesock.gone": "0", "gatesock.failed": "0", "gatesock.unsent": "0", "gatesock.retries": "0",
	}, attributes(named(t, spans, "broadcast send")))
	require.Equal(t, map[string]string{
		"db.system.name": "aws.dynamodb", "db.operation.name": "Query", "aws.dynamodb.table_names": `["` + table + `"]`,
	}, attributes(named(t, spans, "DynamoDB.Query")))

	for action, want := range map[string]struct {
		status string
		code   gatesock.Code
	}{
		"refuse": {"Unset", gatesock.CodePermissionDenied}, "fail": {"Error", gatesock.CodeInternal}, "panic": {"Error", gatesock.CodeInternal},
	} {
		exporter.Reset()
		ann.Request(action, nil).ExpectError(want.code)
		spans := exporter.GetSpans()
		require.Len(t, spans, 1)
		require.Equal(t, want.status, spans[0].Status.Code.String(), action)
		require.Equal(t, string(want.code), attributes(spans[0])["error.type"], action)
		require.NotContains(t, fmt.Sprintf("%+v", spans[0]), "abc", "the text of an error is not in its span")
	}

	exporter.Reset()
	bob.Close(1000, "")
	require.Equal(t, "disconnect (server)", tree(exporter.GetSpans())[0])
}

const otelgatesockScope = "github.com/gatesock/gatesock/otelgatesock"

// tree returns the names of spans in the order of their beginning, inside of each other.
func tree(spans tracetest.SpanStubs) (lines []string) {
	slices.SortStableFunc(spans, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	var below func(parent trace.SpanID, indent string)
	below = func(parent trace.SpanID, indent string) {
		for _, s := range spans {
			if s.Parent.SpanID() == parent {
				lines = append(lines, fmt.Sprintf("%s%s (%s)", indent, s.Name, s.SpanKind))
				below(s.SpanContext.SpanID(), indent+"  ")
			}
		}
	}
	below(trace.SpanID{}, "")
	return lines
}

func named(t *testing.T, spans tracetest.SpanStubs, name string) tracetest.SpanStub {
	t.Helper()
	i := slices.IndexFunc(spans, func(s tracetest.SpanStub) bool { return s.Name == name })
	require.GreaterOrEqual(t, i, 0, "no span %q", name)
	return spans[i]
}

// attributes returns the attributes of a span, with … for values that differ from run to run.
func attributes(s tracetest.SpanStub, differ ...string) map[string]string {
	all := map[string]string{}
	for _, a := range s.Attributes {
		all[string(a.Key)] = a.Value.String()
		if slices.Contains(differ, string(a.Key)) {
			all[string(a.Key)] = "…"
		}
	}
	return all
}
