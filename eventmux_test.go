package gatesock_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

type handlerFunc func(context.Context, []byte) ([]byte, error)

func (f handlerFunc) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return f(ctx, payload)
}

func named(name string) handlerFunc {
	return func(context.Context, []byte) ([]byte, error) { return []byte(name), nil }
}

func TestEvents(t *testing.T) {
	t.Parallel()
	mux := &gatesock.EventMux{WebSocket: named("websocket"), Authorizer: named("authorizer"), Queue: named("queue"), Schedule: named("schedule")}
	for _, tt := range []struct {
		name, payload string
		want          string // the handler that takes it, or
		looks         string // what it is said to look like
	}{
		{"message", string(message("say", "{}")), "websocket", ""},
		{"request authorizer", `{"type":"REQUEST","methodArn":"arn:aws:execute-api:us-east-1:1:a/s/$connect","requestContext":{"connectionId":"a","eventType":"CONNECT"}}`, "authorizer", "the event of a REQUEST authorizer"},
		{"queue", `{"Records":[{"messageId":"1","body":"{}","eventSource":"aws:sqs"}]}`, "queue", "an SQS event"},
		{"rule", `{"version":"0","detail-type":"Scheduled Event","source":"aws.events","detail":{}}`, "schedule", "a scheduled event"},
		{"scheduler", `{"version":"0","detail-type":"Scheduled Event","source":"aws.scheduler","detail":"{}"}`, "schedule", "a scheduled event"},
		{"notification", `{"Records":[{"EventSource":"aws:sns","Sns":{}}]}`, "", "an SNS event"},
		{"records of nothing", `{"Records":[1,{}]}`, "", "a batch of records"},
		{"records that are none", `{"Records":5}`, "", "a batch of records"},
		{"rest", `{"resource":"/","path":"/","httpMethod":"GET","requestContext":{"stage":"x"}}`, "", "an API Gateway REST API event"},
		{"http", `{"version":"2.0","routeKey":"GET /","rawPath":"/","requestContext":{"http":{"method":"GET"}}}`, "", "an API Gateway HTTP API event, or one of a function URL"},
		{"alb", `{"requestContext":{"elb":{}},"path":"/","httpMethod":"GET"}`, "", "an Application Load Balancer event"},
		{"token authorizer", `{"type":"TOKEN","methodArn":"arn"}`, "", "the event of a TOKEN authorizer"},
		{"bridge", `{"detail-type":"Order","source":"my.app"}`, "", `an EventBridge event "Order" from "my.app"`},
		{"object", `{"requestContext":7}`, "", `a JSON object with the member "requestContext"`},
		{"empty", ``, "", "an empty payload"},
		{"blank", " \n", "", "an empty payload"},
		{"null", `null`, "", "a JSON null"},
		{"array", `[1]`, "", "a JSON array"},
		{"string", `"hello"`, "", "a JSON string"},
		{"number", `5`, "", "a JSON number"},
		{"boolean", `true`, "", "a JSON boolean"},
		{"text", `hello`, "", "something that is not JSON"},
		{"cut", `{"requestContext":{"connectionId":"a"`, "", "broken JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out, err := mux.Invoke(t.Context(), []byte(tt.payload))
			if tt.want != "" {
				require.NoError(t, err)
				require.Equal(t, tt.want, string(out))
			} else {
				require.EqualError(t, err, "gatesock: no event that an EventMux knows: it looks like "+tt.looks)
			}
			if tt.looks != "" {
				_, err = gatesock.New().Invoke(t.Context(), []byte(tt.payload))
				require.ErrorIs(t, err, gatesock.ErrNotWebSocket)
				require.ErrorContains(t, err, "it looks like "+tt.looks)
			}
		})
	}
}

func TestEventMuxNamesTheMissingHandler(t *testing.T) {
	t.Parallel()
	_, err := (&gatesock.EventMux{}).Invoke(t.Context(), []byte(`{"Records":[{"eventSource":"aws:sqs"}]}`))
	require.EqualError(t, err, "gatesock: EventMux.Queue is not set, but an SQS event arrived")
}

func TestEventMuxHasTheRoutesOfItsRouter(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, struct{}) error { return nil })
	require.Equal(t, r.Routes(), (&gatesock.EventMux{WebSocket: r}).Routes())
	require.Nil(t, (&gatesock.EventMux{}).Routes())
	require.Nil(t, (&gatesock.EventMux{WebSocket: &gatesock.EventMux{}}).Routes())
}
