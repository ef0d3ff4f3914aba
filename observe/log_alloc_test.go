//go:build !race

// The race detector allocates, and makes pools forget.

package observe_test

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/observe"
)

// Outside a handler and inside of one, where a record has the event's ids too.
func TestLogAlloc(t *testing.T) {
	log := slog.New(observe.NewLogHandler(io.Discard, &observe.LogOptions{Format: observe.LogJSON}))
	check := func(ctx context.Context, most map[string]float64) {
		for name, n := range most {
			require.LessOrEqual(t, testing.AllocsPerRun(200, func() { logs[name](ctx, log) }), n, name)
		}
	}
	check(t.Context(), map[string]float64{"disabled": 0, "message": 1, "attributes": 1, "error": 5, "map": 14})

	r := gatesock.New()
	gatesock.Handle(r, "x", func(ctx context.Context, _ *gatesock.Request, _ any) error {
		check(ctx, map[string]float64{"disabled": 0, "message": 2, "attributes": 3, "error": 7, "map": 16})
		return nil
	})
	_, err := observe.New(observe.WithOutput(io.Discard)).Handler(r).Invoke(t.Context(), []byte(`{"requestContext":
		{"eventType":"MESSAGE","routeKey":"$default","connectionId":"c","requestId":"r","messageId":"m"},"body":"{\"action\":\"x\"}"}`))
	require.NoError(t, err)
}
