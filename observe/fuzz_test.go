package observe_test

import (
	"context"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/observe"
)

// Whatever the event and the application's metrics are, there are only valid lines.
func FuzzHandler(f *testing.F) {
	for _, e := range []string{
		send("ok"), send("own"), send("busy"), event("CONNECT", "$connect", "", ""),
		event("DISCONNECT", "$disconnect", "", `,"disconnectStatusCode":1006`), message,
		`{"Records":[{"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:mail"}]}`,
		`{"type":"REQUEST","methodArn":"a","requestContext":{"connectionId":"x"}}`, `{}`, `[`, ``,
		`{"requestContext":{"eventType":"MESSAGE","connectionId":"\u0000\ud800","apiId":"\"\\\n","stage":"\u2028ü",` +
			`"requestId":"<\u007f>"},"body":"\"\\"}`,
	} {
		f.Add([]byte(e), "OrdersPlaced", 1.5, "Root=1-5759e988;Sampled=1")
		f.Add([]byte(e), "a\n\"\xff", 0.0, "Root=\xff\";Sampled=1")
	}
	f.Fuzz(func(t *testing.T, payload []byte, name string, value float64, trace string) {
		o, lines, _ := observed(t)
		r := app(t)
		r.Use(func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
			return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
				observe.Measure(ctx, name, observe.Bytes, value)
				return next(ctx, req)
			}
		}, gatesock.Recover())
		ctx := context.WithValue(t.Context(), "x-amzn-trace-id", trace) //nolint:revive,staticcheck // the key of aws-lambda-go
		for _, h := range []lambda.Handler{
			o.Handler(r),
			o.Handler(eventmux.New(eventmux.WebSocket(r), eventmux.SQS(eventmux.Any, lambda.NewHandler(func() {})))),
		} {
			_, _ = h.Invoke(ctx, payload)
		}
		if n := len(lines.all(t, "OrdersPlaced", "OrderValue", name)); n != 2 {
			t.Fatalf("%d lines of 2 invocations:\n%s", n, lines.String())
		}
	})
}
