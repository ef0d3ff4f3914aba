//go:build unix

package dev

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLock(t *testing.T) {
	t.Parallel()
	files := filepath.Join(t.TempDir(), "locks")
	l, err := takeLock(files, "/app")
	require.NoError(t, err)
	other, err := takeLock(files, "/other")
	require.NoError(t, err, "of another folder")
	other.release()

	pid := strconv.Itoa(os.Getpid())
	_, err = takeLock(files, "/app")
	require.EqualError(t, err, "gatesock dev runs for /app already (process "+pid+"): use that one, or end it with Ctrl-C or kill "+pid)
	require.NoError(t, l.announce("/app", "ws://localhost:3001/dev"))
	_, err = takeLock(files, "/app")
	require.ErrorContains(t, err, " already at ws://localhost:3001/dev (process ")

	l.release()
	left, err := os.ReadDir(files)
	require.NoError(t, err)
	require.Empty(t, left)
	l, err = takeLock(files, "/app")
	require.NoError(t, err, "it is free again")
	l.release()
}

// A file that a process left that was killed does not matter.
func TestLockThatWasLeft(t *testing.T) {
	t.Parallel()
	files := t.TempDir()
	l, err := takeLock(files, "/app")
	require.NoError(t, err)
	path := l.file.Name()
	require.NoError(t, l.announce("/app", "ws://localhost:3001/dev"))
	l.release()
	require.NoError(t, os.WriteFile(path, []byte(`{"pid":1,"folder":"/app","address":"something that is longer than the next one"}`), 0o600))
	l, err = takeLock(files, "/app")
	require.NoError(t, err)
	defer l.release()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.JSONEq(t, `{"pid":`+strconv.Itoa(os.Getpid())+`,"folder":"/app"}`, string(data))
}

// A file that its owner removes while another process waits at it is not taken for the lock.
func TestLockOfARemovedFile(t *testing.T) {
	t.Parallel()
	files := t.TempDir()
	l, err := takeLock(files, "/app")
	require.NoError(t, err)
	require.True(t, isAt(l.file, l.file.Name()))
	require.NoError(t, os.Remove(l.file.Name()))
	require.False(t, isAt(l.file, l.file.Name()))
	require.NoError(t, os.WriteFile(l.file.Name(), nil, 0o600))
	require.False(t, isAt(l.file, l.file.Name()))
	l.release()
}
