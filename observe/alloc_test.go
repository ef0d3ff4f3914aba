//go:build !race

// The race detector allocates, and makes pools forget.

package observe_test

import (
	"context"
	"io"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/observe"
)

func TestAllocsOfAMessage(t *testing.T) {
	measure := func(h lambda.Handler) float64 {
		event := []byte(message)
		return testing.AllocsPerRun(500, func() {
			if _, err := h.Invoke(t.Context(), event); err != nil {
				t.Fatal(err)
			}
		})
	}
	unobserved := measure(quickstart())
	observed := measure(observe.New(observe.WithOutput(io.Discard)).Handler(quickstart()))
	t.Logf("%v allocations unobserved, %v observed", unobserved, observed)
	require.LessOrEqual(t, observed-unobserved, 2.0)
}

// A router that is not observed pays nothing for what observes, and an observed post nothing for
// being counted.
func TestAllocsOfObserving(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() {
		observing.Posted(t.Context(), nil)
		observing.Gauge(t.Context(), observing.LiveConnections, 1)
		observing.Source(t.Context(), "sqs", "mail")
		observe.Business(t.Context(), "OrdersPlaced", 1)
		_, ended := observing.Begin(t.Context(), observing.Op{Kind: observing.Store, Name: "Query"})
		ended(observing.Result{})
	}))
	h := observe.New(observe.WithOutput(io.Discard)).Handler(in(func(ctx context.Context) {
		require.Zero(t, testing.AllocsPerRun(100, func() { observing.Posted(ctx, nil) }))
		require.Zero(t, testing.AllocsPerRun(100, func() { observe.Business(ctx, "OrdersPlaced", 1) }))
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
			_, ended := observing.Begin(ctx, observing.Op{Kind: observing.Store, Name: "Query"})
			ended(observing.Result{})
		}), 2.0)
	}))
	invoke(t, h, "{}")
}
