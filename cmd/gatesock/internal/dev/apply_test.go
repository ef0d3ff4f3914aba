package dev

import (
	"bytes"
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
