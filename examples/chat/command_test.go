package chat_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// buildCommand returns the path of the command gatesock.
func buildCommand(t *testing.T) string {
	t.Helper()
	command := filepath.Join(t.TempDir(), "gatesock")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", command, "./cmd/gatesock")
	build.Dir = "../.."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return command
}
