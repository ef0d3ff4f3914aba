package main

import (
	"io"
	"slices"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
)

// TestFaultCommands checks that each kind of fault is a command, with a flag for each parameter.
func TestFaultCommands(t *testing.T) {
	t.Parallel()
	k := newParser(t.Context(), streams{out: io.Discard, err: io.Discard}, func(int) {})
	for _, kind := range emulator.FaultKinds() {
		command, err := kong.Trace(k, []string{"trigger", kind.Fault})
		require.NoError(t, err)
		node := command.Selected()
		require.NotNil(t, node, kind.Fault)
		var flags, want []string
		for _, f := range node.Flags {
			switch f.Name {
			case "connection": // or user
				flags = append(flags, "connections")
			case "help", "user":
			default:
				flags = append(flags, f.Name)
			}
			if f.Required {
				require.Contains(t, kind.Parameters, emulator.FaultParameter{
					Name: f.Name, Type: emulator.ParameterDuration, Required: true, Text: textOfParameter(kind, f.Name),
				}, kind.Fault)
			}
		}
		for _, p := range kind.Parameters {
			want = append(want, p.Name)
		}
		slices.Sort(flags)
		slices.Sort(want)
		require.Equal(t, want, flags, kind.Fault)
	}
}

func textOfParameter(k emulator.FaultKind, name string) string {
	for _, p := range k.Parameters {
		if p.Name == name {
			return p.Text
		}
	}
	return ""
}
