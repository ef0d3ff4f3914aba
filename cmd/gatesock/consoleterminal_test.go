//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/console/vttest"
	"github.com/gatesock/gatesock/emulator"
)

// consolePatience is for how long a test waits for what must be on the screen.
const consolePatience = 5 * time.Minute

// consoleProcess returns the command as a process of its own, whose history is in a folder.
func consoleProcess(t *testing.T, cache string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	c := exec.CommandContext(context.Background(), path, append([]string{"console"}, args...)...)
	c.Env = append(os.Environ(), asTool+"=1", "TERM=xterm", "XDG_CACHE_HOME="+cache, "HOME="+cache)
	t.Cleanup(func() {
		if c.Process != nil {
			_ = c.Process.Kill()
		}
	})
	return c
}

// atTerminal runs a process at a terminal. type types keys and waits for a text, end waits for the
// exit status.
func atTerminal(t *testing.T, c *exec.Cmd) (types func(keys, sees string), end func() int, screen *vttest.Screen) {
	t.Helper()
	screen = vttest.New(100, 40)
	terminal, err := pty.StartWithSize(c, &pty.Winsize{Rows: 40, Cols: 100})
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() { _, _ = io.Copy(screen, terminal) }) // ends with the process
	types = func(keys, sees string) {
		t.Helper()
		_, err := io.WriteString(terminal, keys)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), consolePatience)
		defer cancel()
		seen := screen.Await(ctx.Done(), func(text string) bool { return strings.Contains(text, sees) })
		require.True(t, seen, "%q is not in\n%s", sees, screen.Text())
	}
	end = func() int {
		_ = c.Wait()
		running.Wait()
		require.NoError(t, terminal.Close())
		return c.ProcessState.ExitCode()
	}
	return types, end, screen
}

// The history of a console is there in the next one, in a file that only the user can read.
func TestConsoleAtATerminal(t *testing.T) {
	t.Parallel()
	address, cache := serveEcho(t, emulator.Config{}), t.TempDir()
	types, end, screen := atTerminal(t, consoleProcess(t, cache, address, "--pretty"))
	types("", "\n>")
	types(echoed+"\r", "    \"text\": \"hi\"\n  }\n}")
	types(" {\"secret\":1}\r", "invalid_argument")
	types("half a line", "> half a line")
	types("\x03", "^C")
	types("\x03", "○ closed: 1000")
	require.Zero(t, end())
	require.Contains(t, string(screen.Bytes()), "\x1b[36m\"text\"", "there is color")
	file := filepath.Join(cache, "gatesock", "console-history")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, echoed+"\n", string(text))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	again := consoleProcess(t, cache, address)
	again.Env = append(again.Env, "NO_COLOR=1")
	types, end, screen = atTerminal(t, again)
	types("", "\n>")
	types("\x1b[A\r", `← {"id":"1","action":"echo","data":{"text":"hi"}}`)
	types("\x04", "closed: 1000")
	require.Zero(t, end())
	require.NotContains(t, string(screen.Bytes()), "\x1b[3")

	types, end, _ = atTerminal(t, consoleProcess(t, cache, address, "--expect", "1"))
	types("", "--wait and --expect are for scripts")
	require.Equal(t, misused, end())
	types, end, _ = atTerminal(t, consoleProcess(t, cache, "ws://127.0.0.1:1"))
	types("", "nobody listens there")
	require.Equal(t, failed, end())

	dumb := consoleProcess(t, cache, address)
	dumb.Env = append(dumb.Env, "TERM=dumb")
	types, end, screen = atTerminal(t, dumb)
	types("", "Ctrl-D ends the console")
	types(echoed+"\n", "← ")
	types("/quit\n", "closed: 1000")
	require.Zero(t, end())
	require.NotContains(t, string(screen.Bytes()), "\x1b")
}

// SIGINT ends a script, with a close frame and a word about what was not sent.
func TestConsoleScriptInterrupted(t *testing.T) {
	t.Parallel()
	c := consoleProcess(t, t.TempDir(), serveEcho(t, emulator.Config{}))
	in, err := c.StdinPipe()
	require.NoError(t, err)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	var problems bytes.Buffer
	c.Stderr = &problems
	require.NoError(t, c.Start())
	_, err = io.WriteString(in, echoed+"\n")
	require.NoError(t, err)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, answered, line)
	require.NoError(t, c.Process.Signal(syscall.SIGINT))
	_ = c.Wait()
	require.Equal(t, failed, c.ProcessState.ExitCode())
	require.Equal(t, "gatesock: standard input was not read to its end: what it has from line 2 on is not sent\n"+
		"gatesock: interrupted\n", problems.String())
}

// The reader of standard output goes away, as head -1 does.
func TestConsoleOutputIsClosed(t *testing.T) {
	t.Parallel()
	c := consoleProcess(t, t.TempDir(), serveEcho(t, emulator.Config{}), "--verbose")
	in, err := c.StdinPipe()
	require.NoError(t, err)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	var problems bytes.Buffer
	c.Stderr = &problems
	require.NoError(t, c.Start())
	_, err = io.WriteString(in, echoed+"\n")
	require.NoError(t, err)
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, out.Close())
	_, err = io.WriteString(in, echoed+"\n")
	require.NoError(t, err)
	_ = c.Wait()
	require.Equal(t, failed, c.ProcessState.ExitCode(), "it was not ended by a signal")
	require.Contains(t, problems.String(), "gatesock: closed: 1000\n")
	require.Contains(t, problems.String(), "from line 3 on is not sent\n")
}
