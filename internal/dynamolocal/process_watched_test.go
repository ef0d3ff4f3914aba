//go:build unix

package dynamolocal

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWatchedProcessEnds: where the system does not end a child with its parent, a shell does.
func TestWatchedProcessEnds(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "echo up; exec sleep 1000")
	release, err := watched(cmd)
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line := make([]byte, 3)
	_, err = out.Read(line)
	require.NoError(t, err)
	require.Equal(t, "up\n", string(line))
	release() // as the system does it when this process dies
	require.Error(t, cmd.Wait())
	require.Equal(t, 137, cmd.ProcessState.ExitCode())
}
