package lineedit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/console/lineedit"
)

func all(h *lineedit.History) (lines []string) {
	for n := h.Len(); n > 0; n-- {
		lines = append(lines, h.Back(n))
	}
	return lines
}

func open(t *testing.T, file string) *lineedit.History {
	t.Helper()
	h, err := lineedit.OpenHistory(file)
	require.NoError(t, err)
	return h
}

func TestHistoryFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "folder", "history")
	h, other := open(t, file), open(t, file)
	for _, line := range []string{"one", "one", "", "   ", " secret", "{\n  \"a\": 1\r\n}", "four"} {
		require.NoError(t, h.Add(line))
	}
	want := []string{"one", `{   "a": 1 }`, "four"}
	require.Equal(t, want, all(h))
	require.Empty(t, all(other))
	require.NoError(t, other.Add("five"))
	require.Equal(t, append(want, "five"), all(open(t, file)))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(text), "secret")
	if runtime.GOOS != "windows" {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

func TestHistoryOfOthers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "history")
	require.NoError(t, os.WriteFile(file, []byte("one\r\n\n\xff\ntwo"), 0o644)) //nolint:gosec // that is the test
	require.Equal(t, []string{"one", "two"}, all(open(t, file)))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "nobody else may read it from now on")

	_, err = lineedit.OpenHistory(t.TempDir())
	require.Error(t, err, "a folder")
	_, err = lineedit.OpenHistory(filepath.Join(file, "x"))
	require.Error(t, err)
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "history")
	h := open(t, file)
	long := strings.Repeat("x", 20_000)
	require.NoError(t, h.Add(long))
	require.Equal(t, long, h.Back(1))
	require.Zero(t, open(t, file).Len(), "it is too long for the file")
	padding := strings.Repeat("x", 1200)
	for i := range 1100 {
		require.NoError(t, h.Add(fmt.Sprint(i, padding)))
	}
	require.Equal(t, 1000, h.Len())
	before, err := os.Stat(file)
	require.NoError(t, err)
	again := open(t, file)
	require.Equal(t, all(h), all(again))
	after, err := os.Stat(file)
	require.NoError(t, err)
	require.Less(t, after.Size(), before.Size())
	require.Equal(t, os.FileMode(0o600), after.Mode().Perm())
	require.Equal(t, all(h), all(open(t, file)))
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.Mkdir(file, 0o700))
	require.Error(t, again.Add("x"))
	require.Equal(t, "x", again.Back(1), "it is in memory")
}
