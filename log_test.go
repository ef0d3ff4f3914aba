package gatesock_test

import (
	"bytes"
	"context"
	"errors"
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
	defer slog.SetDefault(slog.Default())
	for _, name := range []string{"first", "second"} {
		var log bytes.Buffer
		slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)).With("logger", name))
		_, err := r.Invoke(t.Context(), message("fail", `{"action":"fail"}`))
		require.NoError(t, err)
		require.Contains(t, log.String(), "logger="+name+" routeKey=")
		require.Contains(t, log.String(), "disk full")
	}
}
