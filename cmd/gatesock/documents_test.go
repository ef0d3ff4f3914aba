package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAsyncAPI(t *testing.T) {
	t.Parallel()
	out, problems, status := here(t, "", "asyncapi", "--from", chatDescription, "--title", "Talk", "--api-version", "1.2.3", "--host", "ws.example.com", "--path", "/x")
	require.Zero(t, status, "%s", problems)
	require.Empty(t, problems)
	for _, want := range []string{`"asyncapi": "3.0.0"`, `"title": "Talk"`, `"version": "1.2.3"`, `"host": "ws.example.com"`, `"pathname": "/x"`} {
		require.Contains(t, out, want)
	}
}

func TestAsyncAPIFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "asyncapi.json")
	write := func(args ...string) string {
		out, problems, _ := here(t, "", append([]string{"asyncapi", "--from", chatDescription, "-o", path}, args...)...)
		require.Empty(t, out)
		return problems
	}
	require.Equal(t, "gatesock: wrote "+path+"\n", write())
	require.Equal(t, "gatesock: "+path+" is up to date\n", write())
	require.Equal(t, "gatesock: wrote "+path+"\n", write("--title", "Talk"))
	require.NoError(t, os.WriteFile(path, []byte(`{"name":"my-package"}`), 0o600))
	require.Equal(t, "gatesock: "+path+" is not an AsyncAPI document: choose another file, or use --force to overwrite it\n", write())
	require.Equal(t, "gatesock: wrote "+path+"\n", write("--force"))
}

func TestTypes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "api.ts")
	write := func(args ...string) string {
		out, problems, _ := here(t, "", append([]string{"types", "--from", chatDescription, "-o", path}, args...)...)
		require.Empty(t, out)
		return problems
	}
	require.Equal(t, "gatesock: wrote "+path+"\n", write())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), "export interface Join {")
	require.Equal(t, "gatesock: "+path+" is up to date\n", write())
	require.NoError(t, os.WriteFile(path, append(text, "// more\n"...), 0o600))
	require.Equal(t, "gatesock: wrote "+path+"\n", write())
	require.NoError(t, os.WriteFile(path, []byte("export type Mine = 1\n"), 0o600))
	require.Equal(t, "gatesock: "+path+" was not written by gatesock types: choose another file, or use --force to overwrite it\n", write())
	require.Equal(t, "gatesock: wrote "+path+"\n", write("--force"))
}
