//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/console"
)

func TestIsTerminal(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "stdin")
	require.NoError(t, os.Symlink(os.DevNull, name))
	null, err := os.Open(name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, null.Close()) })
	require.False(t, console.IsTerminal(null), "nobody types there")
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	require.False(t, console.IsTerminal(file))
	require.False(t, console.IsTerminal(new(testing.T)))
}
