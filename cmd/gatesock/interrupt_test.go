package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDescribeInterrupted checks that Ctrl-C ends the command, the program, and what the program
// has started.
func TestDescribeInterrupted(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "") // the path of a socket is short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "s")
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	path, err := os.Executable()
	require.NoError(t, err)

	c := exec.CommandContext(t.Context(), path, "describe", "./testdata/programs/hangs", "--env", "SOCKET="+socket)
	var out, problems bytes.Buffer
	c.Env, c.Stdout, c.Stderr = append(os.Environ(), asTool+"=1", "GOTMPDIR="+folder), &out, &problems
	require.NoError(t, c.Start())
	child, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = child.Close() })
	require.NoError(t, c.Process.Signal(os.Interrupt))
	_ = c.Wait()
	require.Equal(t, failed, c.ProcessState.ExitCode())
	require.Equal(t, "gatesock: interrupted\n", problems.String())
	require.Empty(t, out.String())
	_, err = child.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	left, err := filepath.Glob(filepath.Join(folder, "gatesock-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
