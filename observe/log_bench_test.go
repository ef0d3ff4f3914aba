package observe_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"

	"github.com/gatesock/gatesock/observe"
)

// logs are records as handlers write them.
var logs = map[string]func(context.Context, *slog.Logger){ //nolint:gochecknoglobals // a table
	"message": func(ctx context.Context, log *slog.Logger) { log.InfoContext(ctx, "joined") },
	"attributes": func(ctx context.Context, log *slog.Logger) {
		log.LogAttrs(ctx, slog.LevelInfo, "joined a room", slog.String("room", "lobby"), slog.Int("members", 3), slog.String("token", "abc"))
	},
	"error": func(ctx context.Context, log *slog.Logger) {
		log.LogAttrs(ctx, slog.LevelError, "failed", slog.Any("error", errors.New(`get "https://x.test/?token=abc": EOF`)))
	},
	"map": func(ctx context.Context, log *slog.Logger) {
		log.LogAttrs(ctx, slog.LevelInfo, "m", slog.Any("m", map[string]string{"a": "b", "token": "abc"}))
	},
	"disabled": func(ctx context.Context, log *slog.Logger) { log.DebugContext(ctx, "joined") },
}

// What a record costs beside slog's own handler, whose lines have the secrets in them.
func BenchmarkLog(b *testing.B) {
	for name, log := range logs {
		for kind, h := range map[string]slog.Handler{
			"gatesock": observe.NewLogHandler(io.Discard, &observe.LogOptions{Format: observe.LogJSON}),
			"slog":     slog.NewJSONHandler(io.Discard, nil),
		} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.ReportAllocs()
				logger := slog.New(h)
				for b.Loop() {
					log(b.Context(), logger)
				}
			})
		}
	}
}

func BenchmarkNewLogHandler(b *testing.B) {
	for b.Loop() {
		observe.NewLogHandler(io.Discard, nil)
	}
}
