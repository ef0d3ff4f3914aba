package observe_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/observe"
)

// event returns the event of a client.
func event(kind, route, body, more string) string {
	if body != "" {
		body = fmt.Sprintf(`,"body":%q`, body)
	}
	return fmt.Sprintf(`{"requestContext":{"eventType":%q,"routeKey":%q,"connectionId":"IaXvJelrliACFxw=",`+
		`"requestId":"IaXvKHEzFiAFcLA=","apiId":"a1b2c3d4e5","stage":"prod","connectedAt":1795780790000,`+
		`"requestTimeEpoch":1795780800000%s}%s}`, kind, route, more, body)
}

func send(action string) string {
	return event("MESSAGE", "$default", `{"action":"`+action+`","id":"1","data":{}}`, "")
}

// topicCounters returns what package topic counts.
func topicCounters() []observing.CounterName {
	return []observing.CounterName{
		observing.EventsPublished, observing.RecoveriesComplete, observing.RecoveriesNoHistory,
		observing.RecoveriesNewEpoch, observing.RecoveriesAhead, observing.HistoryPages,
		observing.SyncsBehind, observing.SyncsNotMember,
	}
}

// app returns a router that does what its tests need.
func app(t *testing.T) *gatesock.Router {
	t.Helper()
	r := gatesock.New(gatesock.WithLogger(discard()))
	r.OnConnect(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
		if req.Header.Get("Origin") == "https://evil.example" {
			return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "no")
		}
		return nil, nil
	})
	reply := func(key string, f func(context.Context) (*gatesock.Reply, error)) {
		r.HandleFunc(key, func(ctx context.Context, _ *gatesock.Request) (*gatesock.Reply, error) { return f(ctx) })
	}
	reply("ok", func(context.Context) (*gatesock.Reply, error) { return &gatesock.Reply{Data: 1}, nil })
	reply("limited", func(context.Context) (*gatesock.Reply, error) {
		return nil, gatesock.Errorf(gatesock.CodeRateLimited, "slowly")
	})
	reply("own", func(context.Context) (*gatesock.Reply, error) { return nil, gatesock.Errorf("sold_out", "sold out") })
	reply("panics", func(context.Context) (*gatesock.Reply, error) { panic("oh no") })
	reply("unencodable", func(context.Context) (*gatesock.Reply, error) { return &gatesock.Reply{Data: make(chan int)}, nil })
	reply("busy", func(ctx context.Context) (*gatesock.Reply, error) {
		for i, err := range []error{nil, nil, gatesock.ErrGone, fmt.Errorf("x: %w", gatesock.ErrThrottled), errors.New("broken")} {
			for range i + 1 {
				observing.Posted(ctx, err)
			}
		}
		for _, r := range []observing.Result{
			{}, {Err: errors.New("broken")}, {Err: errors.New("x"), Throttled: true}, {Err: errors.New("x"), Refused: true},
		} {
			_, ended := observing.Begin(ctx, observing.Op{Kind: observing.Store, Name: "Query", Target: "chat"})
			ended(r)
		}
		_, ended := observing.Begin(ctx, observing.Op{Kind: observing.Broadcast, Name: "send"})
		ended(observing.Result{Audience: 100, Delivered: 90, Gone: 3, Failed: 5, Unsent: 2})
		for _, r := range []observing.Result{{}, {Err: errors.New("broken")}, {Err: errors.New("x"), Refused: true}} {
			_, ended := observing.Begin(ctx, observing.Op{Kind: observing.Job, Name: "report"})
			ended(r)
		}
		for i, name := range topicCounters() {
			observing.Count(ctx, name, i+1)
		}
		observing.Count(ctx, "Unknown", 1)
		observing.Gauge(ctx, observing.LiveConnections, 0)
		observe.Business(ctx, "OrdersPlaced", 1)
		observe.Business(ctx, "OrdersPlaced", 2)
		observe.Measure(ctx, "OrderValue", observe.NoUnit, 19.99)
		observe.Measure(ctx, "OrderValue", observe.NoUnit, 1e-9)
		return nil, nil
	})
	return r
}

const api, function = "[Api Stage]", "[Function]"

// route, code and closed are the sets of dimensions with the API and the stage.
const route, code, closed = "[Api Stage Route]", "[Api Stage Code]", "[Api Stage CloseCode]"

func TestLines(t *testing.T) {
	cold := "ColdStarts Count " + function
	var golden strings.Builder
	for _, c := range []struct {
		name    string
		event   string
		panics  any
		err     string
		metrics []string
		members map[string]any // some of them
	}{
		{
			name: "connect", event: event("CONNECT", "$connect", "", ""),
			metrics: []string{"ConnectionsOpened Count " + api, "Duration Milliseconds " + route, cold},
			members: map[string]any{
				"Api": "a1b2c3d4e5", "Stage": "prod", "Route": "$connect", "ConnectionsOpened": 1.0, "Duration": 1.0,
				"Function": "local", "ColdStarts": 1.0,
				"requestId": "IaXvKHEzFiAFcLA=", "connectionId": "IaXvJelrliACFxw=", "source": "websocket",
			},
		},
		{
			name: "refused", event: strings.Replace(event("CONNECT", "$connect", "", ""), "{",
				`{"headers":{"Origin":"https://evil.example"},"multiValueHeaders":{"Origin":["https://evil.example"]},`, 1),
			metrics: []string{
				"ConnectionsRefused Count " + api, "Duration Milliseconds " + route, cold,
				"Errors Count " + api, "Errors Count " + route, "Errors Count " + code,
			},
			members: map[string]any{"ConnectionsRefused": 1.0, "Errors": 1.0, "Code": "permission_denied"},
		},
		{
			name: "closed", event: event("DISCONNECT", "$disconnect", "", `,"disconnectStatusCode":1001`),
			metrics: []string{
				"ConnectionDuration Seconds " + api, "ConnectionsClosed Count " + api, "ConnectionsClosed Count " + closed,
				"Duration Milliseconds " + route, cold,
			},
			members: map[string]any{"ConnectionDuration": 10.0, "ConnectionsClosed": 1.0, "CloseCode": "1001"},
		},
		{
			name: "closed with a code of the client", event: event("DISCONNECT", "$disconnect", "", `,"disconnectStatusCode":4711`),
			metrics: []string{
				"ConnectionDuration Seconds " + api, "ConnectionsClosed Count " + api, "ConnectionsClosed Count " + closed,
				"Duration Milliseconds " + route, cold,
			},
			members: map[string]any{"CloseCode": "other"},
		},
		{
			name: "message", event: send("ok"),
			metrics: []string{
				"Messages Count " + api, "BytesIn Bytes " + api, "BytesOut Bytes " + api, "Duration Milliseconds " + route, cold,
			},
			members: map[string]any{"Route": "ok", "Messages": 1.0, "BytesIn": 34.0, "BytesOut": 33.0},
		},
		{
			name: "an action that a client made up", event: send("12345"),
			metrics: []string{
				"Messages Count " + api, "BytesIn Bytes " + api, "BytesOut Bytes " + api, "Duration Milliseconds " + route, cold,
				"Errors Count " + api, "Errors Count " + route, "Errors Count " + code,
			},
			members: map[string]any{"Route": "$default", "Code": "not_found"},
		},
		{
			name: "rate limited", event: send("limited"),
			metrics: []string{
				"Messages Count " + api, "BytesIn Bytes " + api, "BytesOut Bytes " + api, "RateLimited Count " + api,
				"Duration Milliseconds " + route, cold,
				"Errors Count " + api, "Errors Count " + route, "Errors Count " + code,
			},
			members: map[string]any{"RateLimited": 1.0, "Code": "rate_limited"},
		},
		{
			name: "an error code of the application", event: send("own"),
			metrics: []string{
				"Messages Count " + api, "BytesIn Bytes " + api, "BytesOut Bytes " + api, "Duration Milliseconds " + route, cold,
				"Errors Count " + api, "Errors Count " + route, "Errors Count " + code,
			},
			members: map[string]any{"Code": "other", "code": "sold_out"},
		},
		{
			name: "panic", event: send("panics"), panics: "oh no",
			metrics: []string{
				"Messages Count " + api, "BytesIn Bytes " + api, "Duration Milliseconds " + route, cold,
				"Errors Count " + api, "Errors Count " + route, "Errors Count " + code,
			},
			members: map[string]any{"Code": "internal", "outcome": "panic", "Duration": 1.0},
		},
		{
			name: "unencodable reply", event: send("unencodable"),
			metrics: []string{
				"Messages Count " + api, "BytesIn Bytes " + api, "BytesOut Bytes " + api, "Duration Milliseconds " + route, cold,
				"Errors Count " + api, "Errors Count " + route, "Errors Count " + code,
			},
			members: map[string]any{"Code": "internal"},
		},
		{
			name: "posts, broadcasts, stores, jobs and the application's own", event: send("busy"),
			metrics: []string{
				"Messages Count " + api, "BytesIn Bytes " + api, "BytesOut Bytes " + api, "Duration Milliseconds " + route, cold,
				"PostsDelivered Count " + function, "PostsGone Count " + function, "PostsThrottled Count " + function,
				"PostsFailed Count " + function, "FanOutUnreached Count " + function, "FanOutDuration Milliseconds " + function,
				"FanOutAudience Count " + function, "StoreThrottled Count " + function, "StoreErrors Count " + function,
				"StoreLatency Milliseconds " + function, "Jobs Count " + function, "JobErrors Count " + function,
				"EventsPublished Count " + function, "RecoveriesComplete Count " + function,
				"RecoveriesNoHistory Count " + function, "RecoveriesNewEpoch Count " + function,
				"RecoveriesAhead Count " + function, "HistoryPages Count " + function,
				"SyncsBehind Count " + function, "SyncsNotMember Count " + function,
				"LiveConnections Count " + function, "OrdersPlaced Count " + function, "OrderValue None " + function,
			},
			members: map[string]any{
				"PostsDelivered": 3.0, "PostsGone": 3.0, "PostsThrottled": 4.0, "PostsFailed": 5.0,
				"FanOutUnreached": 7.0, "FanOutAudience": 100.0, "FanOutDuration": 1.0,
				"StoreLatency": []any{1.0, 1.0, 1.0, 1.0}, "StoreThrottled": 1.0, "StoreErrors": 1.0,
				"EventsPublished": 1.0, "RecoveriesComplete": 2.0, "RecoveriesNoHistory": 3.0, "RecoveriesNewEpoch": 4.0,
				"RecoveriesAhead": 5.0, "HistoryPages": 6.0, "SyncsBehind": 7.0, "SyncsNotMember": 8.0,
				"Jobs": 3.0, "JobErrors": 1.0, "LiveConnections": 0.0, "OrdersPlaced": 3.0, "OrderValue": []any{19.99, 1e-9},
			},
		},
		{
			name: "queue", event: `{"Records":[{"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:mail"}]}`,
			metrics: []string{cold},
			members: map[string]any{"source": "sqs", "sourceName": "mail", "requestId": "8476a536"},
		},
		{
			name: "queue whose handler fails", err: "no mail",
			event:   `{"Records":[{"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:broken"}]}`,
			metrics: []string{cold},
			members: map[string]any{"source": "sqs", "sourceName": "broken", "outcome": "error"},
		},
		{
			name:    "queue with a message that fails",
			event:   `{"Records":[{"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:some"}]}`,
			metrics: []string{cold},
			members: map[string]any{"source": "sqs", "sourceName": "some", "outcome": "partial"},
		},
		{
			name:    "queue whose messages are done",
			event:   `{"Records":[{"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:all"}]}`,
			metrics: []string{cold},
			members: map[string]any{"source": "sqs", "sourceName": "all", "outcome": nil},
		},
		{
			name: "authorizer", event: `{"type":"REQUEST","methodArn":"arn:aws:execute-api:eu-west-1:1:a/prod/$connect",` +
				`"requestContext":{"connectionId":"x","eventType":"CONNECT","routeKey":"$connect"}}`,
			metrics: []string{cold},
			members: map[string]any{"source": "authorizer"},
		},
		{
			name: "an event without a source", event: `{"what":1}`, err: "no source",
			metrics: []string{cold},
			members: map[string]any{"source": "other", "outcome": "error"},
		},
	} {
		o, lines, log := observed(t)
		h := o.Handler(eventmux.New(
			eventmux.WebSocket(app(t)),
			eventmux.SQS("mail", lambda.NewHandler(func() {})),
			eventmux.SQS("broken", lambda.NewHandler(func() error { return errors.New("no mail") })),
			eventmux.SQS("some", respond(`{ "batchItemFailures": [{"itemIdentifier": "m2"}] }`)),
			eventmux.SQS("all", respond(`{"batchItemFailures":[]}`)),
			eventmux.Authorizer(lambda.NewHandler(func() {})),
		))
		ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "8476a536"})
		call := func() {
			_, err := h.Invoke(ctx, []byte(strings.Replace(c.event, `"apiId"`, `"authorizer":{"principalId":"u"},"apiId"`, 1)))
			if c.err == "" {
				require.NoError(t, err, c.name)
			} else {
				require.ErrorContains(t, err, c.err, c.name)
			}
		}
		if c.panics == nil {
			call()
		} else {
			require.PanicsWithValue(t, c.panics, call, c.name)
		}
		got := lines.all(t, "OrdersPlaced", "OrderValue")
		require.Len(t, got, 1, c.name)
		require.Equal(t, 1, lines.writes, c.name)
		require.ElementsMatch(t, c.metrics, got[0].metrics, c.name)
		for name, want := range c.members {
			require.Equal(t, want, got[0].members[name], "%s: %s", c.name, name)
		}
		require.Empty(t, log.String(), c.name)
		golden.WriteString(lines.String())
	}
	requireGolden(t, "lines.jsonl", golden.String())
}

// What a line is about comes before its lists: CloudWatch Logs Insights knows the first 200 fields
// of a line, and each element of a list is a field.
func TestListsComeLast(t *testing.T) {
	text, err := os.ReadFile("testdata/lines.jsonl")
	require.NoError(t, err)
	lists := 0
	for l := range strings.Lines(string(text)) {
		_, members, ok := strings.Cut(l, "]}]}")
		require.True(t, ok)
		list := strings.Index(members, ":[")
		if list < 0 {
			continue
		}
		lists++
		for _, name := range []string{"requestId", "source", "PostsDelivered", "LiveConnections"} {
			at := strings.Index(members, `"`+name+`":`)
			require.True(t, at >= 0 && at < list, "%s: %s", name, members)
		}
	}
	require.Positive(t, lists)
}

// respond returns a handler with that response.
func respond(response string) lambda.Handler {
	return handlerFunc(func(context.Context, []byte) ([]byte, error) { return []byte(response), nil })
}

// Each metric is in a line of the test above, so that none is documented that does not exist.
func TestEveryMetricIsWritten(t *testing.T) {
	text, err := os.ReadFile("testdata/lines.jsonl")
	require.NoError(t, err)
	written := make(map[string]bool)
	for l := range strings.Lines(string(text)) {
		for _, m := range checked(t, strings.TrimSuffix(l, "\n"), "OrdersPlaced", "OrderValue").metrics {
			written[m] = true
		}
	}
	for _, m := range observe.Metrics() {
		require.True(t, written[m.Name+" "+string(m.Unit)+" ["+strings.Join(m.Dimensions, " ")+"]"], m.Name)
		require.NotEmpty(t, m.Description)
	}
}
