package private_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/private"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "token")
	require.False(t, private.Is(file), "it is not there")
	for _, text := range []string{"one", "two"} {
		require.NoError(t, private.Write(file, []byte(text)))
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, text, string(got))
		require.True(t, private.Is(file))
	}
	if runtime.GOOS != "windows" {
		require.NoError(t, os.Chmod(file, 0o644)) //nolint:gosec // that is the case
		require.False(t, private.Is(file))
	}
	require.Error(t, private.Write(filepath.Join(folder, "none", "token"), nil))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "folder"), 0o700))
	require.Error(t, private.Write(filepath.Join(folder, "folder"), nil))
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, 2, "nothing is left of what failed")
}
