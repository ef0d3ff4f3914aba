package dev

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

// TestReported has what happens to an instance after its reply. An error that is the reply says
// nothing of it.
func TestReported(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		replied bool
		kind    string
		says    string
	}{
		{true, runtimeapi.TypeExit, "! Chat: after its reply to 1: Runtime.ExitError: why\n"},
		{true, runtimeapi.TypeTimeout, "! Chat: after its reply to 1: Sandbox.Timedout: why\n"},
		{true, "ValueError", ""},
		{false, runtimeapi.TypeExit, ""},
	} {
		var out bytes.Buffer
		s := &supervisor{life: t.Context(), out: NewPrinter(&out, PrintOptions{Now: noon})}
		err := &runtimeapi.Error{Type: c.kind, Message: "why"}
		s.reported("Chat", runtimeapi.Report{RequestID: "1", Err: err, Replied: c.replied})
		if c.says != "" {
			c.says = noon().Format("15:04:05.000") + "  " + c.says
		}
		require.Equal(t, c.says, out.String(), "%+v", c)
	}
}

// TestDroppedResponses has responses of routes that cannot answer, which are told once for each.
func TestDroppedResponses(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &supervisor{noted: map[string]bool{}}
	l := slog.New(logHandler{out: NewPrinter(&out, PrintOptions{Now: noon}), first: s.isNew})
	for _, route := range []string{"say", "say", "who", "say"} {
		l.Warn(dropped, slog.String("routeKey", route), slog.String("connectionId", "x="), slog.Int("bytes", 7))
	}
	l.Warn("another", slog.Int("bytes", 7))
	l.Warn("another", slog.Int("bytes", 7))
	at := noon().Format("15:04:05.000") + "  ! "
	require.Equal(t, strings.Join([]string{
		at + dropped + "  routeKey=say", at + dropped + "  routeKey=who", at + "another  bytes=7", at + "another  bytes=7", "",
	}, "\n"), out.String())
}
