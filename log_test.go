package gatesock_test

import (
	"bytes"
	"context"
	"errors"
	"log"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// The default logger is looked up when something is logged.
func TestDefaultLogger(t *testing.T) { //nolint:paralleltest // it sets the default logger
	r := gatesock.New()
	gatesock.Handle(r, "fail", func(context.Context, *gatesock.Request, any) error { return errors.New("disk full") })
	r.Freeze()
	restoreDefaultLogger(t)
	for _, name := range []string{"first", "second"} {
		var out bytes.Buffer
		slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)).With("logger", name))
		_, err := r.Invoke(t.Context(), message("fail", `{"action":"fail"}`))
		require.NoError(t, err)
		require.Contains(t, out.String(), "logger="+name+" routeKey=")
		require.Contains(t, out.String(), "disk full")
	}
}

// restoreDefaultLogger restores the default logger after the test, and package log, which
// slog.SetDefault redirects.
func restoreDefaultLogger(t *testing.T) {
	t.Helper()
	logger, out, flags := slog.Default(), log.Writer(), log.Flags()
	t.Cleanup(func() {
		slog.SetDefault(logger)
		log.SetOutput(out)
		log.SetFlags(flags)
	})
}
