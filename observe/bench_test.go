package observe_test

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/observe"
)

type joinIn struct {
	Room string `json:"room"`
}

type joinOut struct {
	Members int `json:"members"`
}

// quickstart returns a router like that of the quickstart.
func quickstart() *gatesock.Router {
	r := gatesock.New()
	gatesock.HandleReply(r, "join", func(context.Context, *gatesock.Request, joinIn) (joinOut, error) {
		return joinOut{Members: 3}, nil
	})
	return r
}

// message is the event of a message as the gateway sends it.
const message = `{"requestContext":{"routeKey":"$default","messageId":"IaXvKeVYliACFxw=","eventType":"MESSAGE",` +
	`"extendedRequestId":"IaXvKHEzFiAFcLA=","requestTime":"27/Nov/2026:12:00:00 +0000","messageDirection":"IN",` +
	`"stage":"prod","connectedAt":1795780790000,"requestTimeEpoch":1795780800000,` +
	`"identity":{"userAgent":"curl","sourceIp":"192.0.2.1"},"requestId":"IaXvKHEzFiAFcLA=",` +
	`"domainName":"a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com","connectionId":"IaXvJelrliACFxw=","apiId":"a1b2c3d4e5"},` +
	`"body":"{\"action\":\"join\",\"id\":\"1\",\"room\":\"lobby\"}","isBase64Encoded":false}`

// discard returns a logger that logs nothing.
func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func invoke(tb testing.TB, h lambda.Handler, event string) {
	tb.Helper()
	if _, err := h.Invoke(tb.Context(), []byte(event)); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkHandler has the cost of observing a message: that of observed minus that of unobserved.
func BenchmarkHandler(b *testing.B) {
	for name, h := range map[string]lambda.Handler{
		"unobserved": quickstart(),
		"observed":   observe.New(observe.WithOutput(io.Discard)).Handler(quickstart()),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			event := []byte(message)
			for b.Loop() {
				if _, err := h.Invoke(b.Context(), event); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
