//go:build unix

package dev

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRunning(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	require.NoError(t, os.MkdirAll(locksIn(cache), 0o700))
	all, err := AllRunning(cache)
	require.NoError(t, err)
	require.Empty(t, all)

	one := Running{PID: os.Getpid(), Source: "/app/template.yaml", Folder: "/app", From: "/app", Workbench: "http://localhost:1/_gatesock/?token=x"}
	two := Running{PID: os.Getpid(), Source: "/shop/cmd/two", Folder: "/shop/cmd/two", From: "/shop", Workbench: "http://localhost:2/_gatesock/?token=x"}
	three := Running{PID: os.Getpid(), Source: "/shop/cmd/three", Folder: "/shop/cmd/three", From: "/shop", Workbench: "http://localhost:3/_gatesock/?token=x"}
	for _, r := range []Running{three, one, two} {
		require.NoError(t, r.publish(cache))
	}
	all, err = AllRunning(cache)
	require.NoError(t, err)
	require.Equal(t, []Running{one, three, two}, all)
	for folder, want := range map[string][]Running{
		"/app": {one}, "/app/src/deep": {one}, "/shop": {three, two}, "/shop/cmd/two": {two}, "/shop/cmd": {three, two},
		"/appendix": nil, "/": nil, "/elsewhere": nil,
	} {
		require.Equal(t, want, For(all, folder), folder)
	}
	require.Equal(t, []Running{{Folder: "/"}}, For([]Running{{Folder: "/"}}, "/tmp"))

	// What others can write, what has ended and what is not such a file does not count.
	path := filepath.Join(locksIn(cache), keyOf(one.Source)+runningSuffix)
	require.NoError(t, os.Chmod(path, 0o644)) //nolint:gosec // that is the case
	ended := exec.CommandContext(t.Context(), "true")
	require.NoError(t, ended.Run())
	two.PID = ended.Process.Pid
	require.NoError(t, two.publish(cache))
	require.NoError(t, os.WriteFile(filepath.Join(locksIn(cache), "dev-0"+runningSuffix), []byte("{"), 0o600))
	all, err = AllRunning(cache)
	require.NoError(t, err)
	require.Equal(t, []Running{three}, all)
	three.unpublish(cache)
	all, err = AllRunning(cache)
	require.NoError(t, err)
	require.Empty(t, all)
}

// TestRunningBehindALink has a folder with two paths.
func TestRunningBehindALink(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(folder, link))
	require.Len(t, For([]Running{{From: link}}, folder), 1)
	require.Len(t, For([]Running{{From: folder}}, link), 1)
}

func TestTokenIsKept(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	token, err := keepToken(cache, "/app")
	require.NoError(t, err)
	require.Regexp(t, tokenPattern, token)
	again, err := keepToken(cache, "/app")
	require.NoError(t, err)
	require.Equal(t, token, again)
	other, err := keepToken(cache, "/other")
	require.NoError(t, err)
	require.NotEqual(t, token, other)

	file := filepath.Join(cache, "workbench", keyOf("/app")+".token")
	require.NoError(t, os.Chmod(file, 0o644)) //nolint:gosec // that is the case
	fresh, err := keepToken(cache, "/app")
	require.NoError(t, err)
	require.NotEqual(t, token, fresh, "others could have read it")
	for _, text := range []string{"", "short", "with a blank in between", "0123456789abcdef\n0123456789abcdef"} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		made, err := keepToken(cache, "/app")
		require.NoError(t, err)
		require.NotContains(t, text, made)
	}
	_, err = keepToken(filepath.Join(file, "x"), "/app")
	require.ErrorContains(t, err, "the workbench's token")
}
