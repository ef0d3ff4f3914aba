//go:build !race && unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

const devProgram = `package main

import (
	"context"
	"os"

	"github.com/gatesock/gatesock"
)

func main() {
	r := gatesock.New()
	gatesock.HandleReply(r, "pid", func(context.Context, *gatesock.Request, struct{}) (int, error) {
		return os.Getpid(), nil
	})
	gatesock.HandleReply(r, "echo", func(_ context.Context, _ *gatesock.Request, in struct{ Text string }) (string, error) {
		return in.Text, nil
	})
	gatesock.Start(r)
}
`

// runningDev is gatesock dev as a process of its own, with the process of its function.
type runningDev struct {
	t        *testing.T
	command  *exec.Cmd
	problems *bytes.Buffer
	folder   string // for temporary files
	lines    *bufio.Scanner
	function int    // the process
	bench    string // the address of the workbench
}

// devModule makes a module with a program in a new folder.
func devModule(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	_, requirements, _ := strings.Cut(string(mod), "\n")
	folder := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/app\n" + requirements +
			"\nrequire github.com/gatesock/gatesock v0.0.0\nreplace github.com/gatesock/gatesock => " + root + "\n",
		"go.sum": string(sum), "main.go": devProgram,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	return folder
}

// startDev starts the command, and its function by a message.
func startDev(t *testing.T, module string, args ...string) *runningDev {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	d := &runningDev{t: t, problems: new(bytes.Buffer), folder: t.TempDir()}
	all := append([]string{"dev", "--port", "0", "--log", "json"}, args...)
	d.command = exec.CommandContext(context.Background(), path, all...)
	d.command.Dir, d.command.Stderr = module, d.problems
	d.command.Env = append(os.Environ(), asTool+"=1", "GOFLAGS=-mod=mod", "TMPDIR="+d.folder,
		"XDG_CACHE_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	if cache, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output(); err == nil {
		d.command.Env = append(d.command.Env, "GOCACHE="+strings.TrimSpace(string(cache)))
	}
	out, err := d.command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, d.command.Start())
	t.Cleanup(func() { _ = d.command.Process.Kill() })
	d.lines = bufio.NewScanner(out)
	var ready struct {
		Kind, Workbench string
		Addresses       []struct{ URL string }
	}
	for ready.Kind != "ready" {
		require.True(t, d.lines.Scan(), "%s", d.problems)
		require.NoError(t, json.Unmarshal(d.lines.Bytes(), &ready))
	}
	d.bench = ready.Workbench
	ws, answer, err := websocket.Dial(t.Context(), ready.Addresses[0].URL, nil)
	require.NoError(t, err)
	if answer.Body != nil {
		_ = answer.Body.Close()
	}
	defer func() { _ = ws.CloseNow() }()
	require.NoError(t, ws.Write(t.Context(), websocket.MessageText, []byte(`{"action":"pid","id":"1"}`)))
	_, data, err := ws.Read(t.Context())
	require.NoError(t, err)
	var reply struct{ Data int }
	require.NoError(t, json.Unmarshal(data, &reply), string(data))
	d.function = reply.Data
	require.NoError(t, syscall.Kill(d.function, 0))
	return d
}

// wait waits for the end of the command, and returns its status.
func (d *runningDev) wait() int {
	for d.lines.Scan() {
	}
	_ = d.command.Wait()
	return d.command.ProcessState.ExitCode()
}

// TestDevEnds checks that nothing is left when the command ends, however it ends. The two folders
// are the same, so that the second build costs nothing.
func TestDevEnds(t *testing.T) {
	t.Parallel()
	module := devModule(t)
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		d := startDev(t, module)
		require.NoError(t, d.command.Process.Signal(signal))
		require.Equal(t, succeeded, d.wait(), "%s", d.problems)
		require.Empty(t, d.problems.String())
		require.ErrorIs(t, syscall.Kill(d.function, 0), syscall.ESRCH)
		left, err := os.ReadDir(d.folder)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func TestDevMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		args   []string
		says   string
	}{
		{misused, []string{"--port", "70000"}, "--port 70000: want 0 to 65535"},
		{misused, []string{"--concurrency", "0"}, "--concurrency must be at least 1"},
		{misused, []string{".", "--template", "x"}, "--template replaces the folder"},
		{misused, []string{"--store", "redis"}, "--store"},
		{misused, []string{"--parameter", "x"}, "--parameter"},
		{failed, []string{"./nowhere"}, "there is no folder ./nowhere"},
		{failed, []string{"--template", "nowhere.yaml"}, "there is no file nowhere.yaml"},
		{failed, []string{"testdata"}, "testdata/ has neither a template (template.yaml, cdk.out, serverless.yml) nor a Go program"},
		{failed, []string{"./testdata/programs/good", "--pages", "nowhere", "--port", "0"}, "--pages: there is no folder"},
		{failed, []string{"./testdata/programs/good", "--env-file", "nowhere", "--port", "0"}, "--env-file: open "},
	} {
		var out, problems bytes.Buffer
		status := run(t.Context(), append([]string{"dev"}, c.args...), streams{strings.NewReader(""), &out, &problems})
		require.Equal(t, c.status, status, "%q: %s", c.args, problems.String())
		require.Contains(t, problems.String(), c.says, "%q", c.args)
		require.Empty(t, out.String())
	}
}
