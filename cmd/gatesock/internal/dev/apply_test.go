package dev

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

// TestReported has what happens to an instance after its reply. An error that is the reply says
// nothing of it.
func TestReported(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		replied bool
		kind    string
		says    string
	}{
		{true, runtimeapi.TypeExit, "! Chat: after its reply to 1: Runtime.ExitError: why\n"},
		{true, runtimeapi.TypeTimeout, "! Chat: after its reply to 1: Sandbox.Timedout: why\n"},
		{true, "ValueError", ""},
		{false, runtimeapi.TypeExit, ""},
	} {
		var out bytes.Buffer
		s := &supervisor{life: t.Context(), out: NewPrinter(&out, PrintOptions{Now: noon})}
		err := &runtimeapi.Error{Type: c.kind, Message: "why"}
		s.reported("Chat", runtimeapi.Report{RequestID: "1", Err: err, Replied: c.replied})
		if c.says != "" {
			c.says = noon().Format("15:04:05.000") + "  " + c.says
		}
		require.Equal(t, c.says, out.String(), "%+v", c)
	}
}

// TestDroppedResponses has responses of routes that cannot answer, which are told once for each.
func TestDroppedResponses(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &supervisor{noted: map[string]bool{}}
	l := slog.New(logHandler{out: NewPrinter(&out, PrintOptions{Now: noon}), first: s.isNew})
	for _, route := range []string{"say", "say", "who", "say"} {
		l.Warn(dropped, slog.String("routeKey", route), slog.String("connectionId", "x="), slog.Int("bytes", 7))
	}
	l.Warn("another", slog.Int("bytes", 7))
	l.Warn("another", slog.Int("bytes", 7))
	at := noon().Format("15:04:05.000") + "  ! "
	require.Equal(t, strings.Join([]string{
		at + dropped + "  routeKey=say", at + dropped + "  routeKey=who", at + "another  bytes=7", at + "another  bytes=7", "",
	}, "\n"), out.String())
}

// TestRuntimesWithoutProgram has functions that gatesock dev cannot run.
func TestRuntimesWithoutProgram(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := &supervisor{o: Options{Folder: folder}}
	for runtime, says := range map[string]string{
		"java21":          "the runtime java21 does not run here: gatesock dev runs Go, Node.js, Python and programs with a bootstrap",
		"provided.al2023": "there is no file code/bootstrap: build the function first, as for a deployment",
		"":                "there is no file code/bootstrap: build the function first, as for a deployment",
		"go1.x":           "there is no file code/main: build the function first, as for a deployment",
	} {
		fn := &project.Function{Runtime: runtime, Handler: "main", Code: filepath.Join(folder, "code")}
		require.EqualError(t, s.bootstrap(fn, &runtimeapi.Config{}), says, runtime)
	}
}

// TestCDKWithoutOutput has an app of the CDK whose template was not made yet.
func TestCDKWithoutOutput(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, "{}", folder, "cdk.json")
	_, err := (&Options{Folder: filepath.Dir(folder), Target: folder}).find(t.Context())
	require.ErrorContains(t, err, "/ has an app of the CDK without its cdk.out: run cdk synth first")
}
