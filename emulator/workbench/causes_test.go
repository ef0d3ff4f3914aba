package workbench

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
)

// TestCauses checks that an event of somebody else is not taken for one of the page.
func TestCauses(t *testing.T) {
	t.Parallel()
	var c causes
	end := c.expect(cause{emulator.EventReceived, "a", "text", "page"})
	require.Empty(t, c.of(emulator.EventReceived, "b", []byte("text")))
	require.Empty(t, c.of(emulator.EventReceived, "a", []byte("other")))
	require.Empty(t, c.of(emulator.EventCalled, "a", []byte("text")))
	require.Equal(t, "page", c.of(emulator.EventReceived, "a", []byte("text")))
	require.Empty(t, c.of(emulator.EventReceived, "a", []byte("text")), "once")
	end()
	end = c.expect(cause{kind: emulator.EventDisconnected, id: "a", by: "api"})
	end()
	require.Empty(t, c.of(emulator.EventDisconnected, "a", nil))
	require.Zero(t, c.expected.Load())
}
