package conn_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
)

// TestEndedPanicIsShort checks that a panic is stopped and that only a part of it is logged.
func TestEndedPanicIsShort(t *testing.T) { //nolint:paralleltest // it sets the default logger
	var log bytes.Buffer
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(
		slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == "stack" {
				return slog.Attr{}
			}
			return a
		}})),
	)
	m := conn.NewMemory(
		conn.WithEnded(func(context.Context, conn.Conn, conn.EndCause) { panic(strings.Repeat("long ", 20_000)) }),
	)
	require.NoError(t, m.Put(t.Context(), conn.Conn{ID: "c1"}))
	_, err := m.Delete(t.Context(), "c1")
	require.NoError(t, err)
	require.Contains(t, log.String(), `"panic":"long long`)
	require.Less(t, log.Len(), 4000)
}

func TestErrorsAreShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 20_000)
	m := conn.NewMemory()
	_, set := m.SetAttributes(t.Context(), "c", map[string]string{long: ""}, long)
	for _, err := range []error{
		m.Put(t.Context(), conn.Conn{ID: long + "\xff"}),
		m.Join(t.Context(), long, "g"),
		set,
		&conn.NotFoundError{ID: long},
	} {
		require.Error(t, err)
		require.Less(t, len(err.Error()), 1000)
	}
}
