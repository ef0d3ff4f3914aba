package program_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/program"
	"github.com/gatesock/gatesock/describe"
)

const programs = "../../testdata/programs"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func keys(app *describe.App) (list []string) {
	for _, r := range app.Routes {
		list = append(list, r.Key)
	}
	return list
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs(programs)
	require.NoError(t, err)
	for name, p := range map[string]program.Program{
		"a folder of another module":       {Package: programs + "/good"},
		"an absolute folder":               {Package: root + "/good"},
		"a folder below another":           {Folder: programs, Package: "./good"},
		"a folder without ./":              {Folder: programs, Package: "good"},
		"the current folder":               {Folder: programs + "/good", Package: "."},
		"the folder above":                 {Folder: programs + "/good", Package: "../good"},
		"an import path":                   {Folder: programs, Package: "example.com/programs/good"},
		"an import path, in a subfolder":   {Folder: programs + "/exits", Package: "example.com/programs/good"},
		"a timeout that is long enough":    {Folder: programs + "/good", Package: ".", Timeout: time.Hour},
		"a file, as the go command has it": {Folder: programs + "/good", Package: "main.go"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := p.Describe(t.Context())
			require.NoError(t, err)
			require.Equal(t, []string{"$connect", "ping"}, keys(got.App))
			if !strings.HasPrefix(name, "a file") {
				require.Equal(t, root, got.Module)
			}
		})
	}
}

func TestDescribeFailures(t *testing.T) {
	t.Parallel()
	const advice = "must reach gatesock.Start, and print nothing after it"
	for name, c := range map[string]struct {
		says   []string // of the error
		output []string // of the program or the compiler, whole lines
	}{
		"./missing":        {[]string{"there is no folder ./missing: name the folder or the import path"}, nil},
		"missing":          {[]string{"there is no folder and no package missing: name the folder"}, nil},
		"example.com/none": {[]string{"there is no package example.com/none: no required module provides package"}, nil},
		"./empty":          {[]string{"there is no package ./empty: no Go files in", "; name the folder of the program's main package"}, nil},
		"./library":        {[]string{"./library is package library, and not a program: name the folder of the main package"}, nil},
		"./...":            {[]string{"packages: name the main package"}, nil},
		"-x":               {[]string{"there is no package -x"}, nil},
		"":                 {[]string{"the package's name is empty"}, nil},
		"./broken":         {[]string{"./broken does not build"}, []string{"undefined: missing", "declared and not used: unused", "too many return values"}},
		"./exits":          {[]string{"./exits ended with exit status 1 before it reached gatesock.Start", "--env NAME=VALUE", "method Value of gatesock.Need"}, []string{`TABLE is not set\x1b[31m` + "\nset it, please"}},
		"./fails":          {[]string{"ended with exit status 3"}, []string{"no license"}},
		"./silent":         {[]string{"./silent ended without printing its description", advice}, nil},
		"./garbage":        {[]string{"the last line that ./garbage prints is \"Hello, world\\x1b[2J\", and not its description: ", advice}, nil},
		"./endless":        {[]string{"a line of more than 16 MiB", advice}, nil},
		"./later":          {[]string{"of a later version", "version 99"}, nil},
		"./deadlocks":      {[]string{"./deadlocks panics before it has described itself: ", "deadlocks/main.go:4: fatal error: all goroutines are asleep - deadlock!"}, nil},
		"./panics":         {[]string{"./panics panics before it has described itself: ", "panics/main.go:9: assignment to entry in nil map", "--env NAME=VALUE"}, nil},
		"./lambda":         {[]string{"./lambda starts as a Lambda function", "hand its router to gatesock.Start", "go get github.com/gatesock/gatesock@latest"}, []string{"connection refused"}},
		"./wrong":          {[]string{"./wrong prints a description that cannot be used: ", "the envelope has no name"}, nil},
		"./aws":            {[]string{"./aws calls AWS before it reaches gatesock.Start", "at the first event"}, []string{"GetParameter: "}},
		"../../../..":      {[]string{"is package gatesock, and not a program"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := program.Program{Folder: programs, Package: name}.Describe(t.Context())
			require.Error(t, err)
			for _, text := range c.says {
				require.ErrorContains(t, err, text)
			}
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "goroutine ")
			var failed *program.Failure
			output := ""
			if errors.As(err, &failed) {
				output = failed.Output
			}
			require.NotContains(t, output, "\x1b")
			for _, text := range c.output {
				require.Contains(t, output, text)
			}
		})
	}
}

// TestDescribeLaterVersion checks that callers can tell a description of a later version.
func TestDescribeLaterVersion(t *testing.T) {
	t.Parallel()
	_, err := program.Program{Folder: programs, Package: "./later"}.Describe(t.Context())
	require.ErrorIs(t, err, describe.ErrVersion)
}

func TestDescribeWithoutModule(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "main.go"), []byte("package main\nfunc main() {}\n"), 0o600))
	_, err := program.Program{Package: folder}.Describe(t.Context())
	require.ErrorContains(t, err, folder+" is not in a module: run go mod init")
}

// TestDescribePanicWithSite checks that a panic that names its place has no other added.
func TestDescribePanicWithSite(t *testing.T) {
	t.Parallel()
	_, err := program.Program{Folder: programs, Package: "./panics", Environ: []string{"SITE=1"}}.Describe(t.Context())
	require.EqualError(t, err, "./panics panics before it has described itself: "+
		`gatesock: Handle at /app/rooms.go:12: the route "join" is registered already, see /app/main.go:9`)
}

// TestDescribeAdvice checks that an error says what the caller has for variables that are missing.
func TestDescribeAdvice(t *testing.T) {
	t.Parallel()
	_, err := program.Program{Folder: programs, Package: "./panics", Advice: "ask Ann"}.Describe(t.Context())
	require.ErrorContains(t, err, "panics/main.go:9: assignment to entry in nil map (if a variable is missing, ask Ann)")
	_, err = program.Program{Folder: programs, Package: "./exits", Advice: "ask Ann"}.Describe(t.Context())
	require.ErrorContains(t, err, "If a variable is missing, ask Ann")
}

func TestDescribeVariables(t *testing.T) {
	t.Parallel()
	got, err := program.Program{Folder: programs, Package: "./exits", Environ: []string{"TABLE=a=b", "GATESOCK_DESCRIBE=0"}}.Describe(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"a=b"}, keys(got.App))
}

// TestDescribeEnvironment checks what a program that describes itself sees, and that nothing leads
// it to AWS.
func TestDescribeEnvironment(t *testing.T) { //nolint:paralleltest // it changes the environment
	for _, name := range []string{"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_REGION"} {
		t.Setenv(name, "secret")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "secret")
	t.Setenv("_LAMBDA_SERVER_PORT", "1")
	t.Setenv("GOOS", "plan9")
	t.Setenv("ORIGINS", "https://example.com")
	got, err := program.Program{Folder: programs, Package: "./environment"}.Describe(t.Context())
	require.NoError(t, err)
	all := keys(got.App)
	var secret []string
	for _, v := range all {
		if strings.HasSuffix(v, "=secret") || strings.HasPrefix(v, "_LAMBDA") {
			secret = append(secret, v)
		}
	}
	require.Equal(t, []string{"AWS_REGION=secret"}, secret, "the region is the caller's")
	root, err := filepath.Abs(programs)
	require.NoError(t, err)
	for _, want := range []string{
		"ORIGINS=https://example.com",
		"GATESOCK_DESCRIBE=1",
		"AWS_ACCESS_KEY_ID=describe",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_LAMBDA_RUNTIME_API=127.0.0.1:0",
		"AWS_ENDPOINT_URL=http://127.0.0.1:0",
		"FOLDER=" + root,
	} {
		require.Contains(t, all, want)
	}
	t.Setenv("AWS_REGION", "")
	got, err = program.Program{Folder: programs, Package: "./environment"}.Describe(t.Context())
	require.NoError(t, err)
	require.Contains(t, keys(got.App), "AWS_REGION=us-east-1")
}

func TestDescribeMegabytes(t *testing.T) {
	t.Parallel()
	got, err := program.Program{Folder: programs, Package: "./chatty"}.Describe(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"after"}, keys(got.App))
}

func TestDescribeTimeout(t *testing.T) {
	t.Parallel()
	_, err := program.Program{Folder: programs, Package: "./hangs", Timeout: time.Millisecond}.Describe(t.Context())
	require.ErrorContains(t, err, "./hangs did not print its description within 1ms, and was stopped")
	require.ErrorContains(t, err, "--timeout")
}

// TestDescribeInterrupted checks that the program and what it has started end with the context.
func TestDescribeInterrupted(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		environ := []string{"SOCKET=" + listener.Addr().String()}
		_, err := program.Program{Folder: programs, Package: "./hangs", Environ: environ}.Describe(ctx)
		ended <- err
	}()
	child := accept(t, listener)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	_, err := child.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "the child of the program has ended")
}

// TestDescribeLeavesNoProcess checks that what a program has started does not outlive it.
func TestDescribeLeavesNoProcess(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	environ := []string{"SOCKET=" + listener.Addr().String()}
	got, err := program.Program{Folder: programs, Package: "./leaves", Environ: environ}.Describe(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"left"}, keys(got.App))
	_, err = accept(t, listener).Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

// listen returns a socket on which a process shows that it lives.
func listen(t *testing.T) net.Listener {
	t.Helper()
	folder, err := os.MkdirTemp("", "") // the path of a socket is short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(folder, "s"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func accept(t *testing.T, listener net.Listener) net.Conn {
	t.Helper()
	child, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = child.Close() })
	return child
}

// TestDescribeInterruptedBuild checks that a context that has ended ends the build.
func TestDescribeInterruptedBuild(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := program.Program{Folder: programs, Package: "./good"}.Describe(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestDescribeWithoutGo(t *testing.T) { //nolint:paralleltest // it changes the environment
	t.Setenv("PATH", t.TempDir())
	_, err := program.Program{Folder: programs, Package: "./good"}.Describe(t.Context())
	require.ErrorContains(t, err, "no go command on PATH")
	require.ErrorContains(t, err, "--from")
}

// TestDescribeTidiesUp checks that no file stays behind.
func TestDescribeTidiesUp(t *testing.T) { //nolint:paralleltest // it changes the environment
	folder := t.TempDir()
	t.Setenv("GOTMPDIR", folder)
	for _, name := range []string{"good", "broken", "exits", "garbage"} {
		_, _ = program.Program{Folder: programs, Package: "./" + name}.Describe(t.Context())
		left, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.Empty(t, left, name)
	}
}

func TestComments(t *testing.T) {
	t.Parallel()
	got, err := program.Program{Folder: programs, Package: "./comments"}.Describe(t.Context())
	require.NoError(t, err)
	again, err := program.Program{Folder: programs, Package: "./comments"}.Describe(t.Context())
	require.NoError(t, err)
	require.Equal(t, got, again)
	texts := map[string]string{}
	for name, s := range got.App.Types {
		collect(texts, name, s)
	}
	require.Equal(t, map[string]string{
		"Join": "Join enters a room. The name is optional: without one, the server chooses.\n\n" +
			"It may be sent twice. The reply is a Page of types.Base, or [none] (see encoding/json).",
		"Join.room":           "Room is the room's name.",
		"Join.name":           "the name in the room",
		"Join.options":        "Options are not known everywhere.",
		"Join.options.Silent": "Silent hides the others.",
		"Join.at":             "At is when it was sent.",
		"Join.deep":           "is far down",
		"Header":              "Header is at the beginning of each message.",
		"Header.trace":        "Trace connects messages.",
		"Base":                "Base is embedded in messages.",
		"Base.at":             "At is when it was sent.",
		"Base.deep":           "is far down",
		"Page":                "Page is a part of a list.",
		"Page.items":          "Items are at most 100.",
		"Page.rooms":          "Rooms are by name.",
		"Page.rooms.*.size":   "Size is the number of people.",
		"Told":                "Own words.",
		"Told.x":              "Own words, too.",
		"Renamed":             "Renamed is defined by another type.",
		"Renamed.room":        "Room is the room's name.",
	}, texts)
}

func collect(texts map[string]string, at string, s *describe.Schema) {
	if s.Description != "" {
		texts[at] = s.Description
	}
	for _, p := range s.Properties {
		collect(texts, at+"."+p.Name, p.Schema)
	}
	if s.Additional != nil {
		collect(texts, at+".*", s.Additional)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	const document = `{"version":1,"envelope":{"action":"action","id":"id","data":"data","error":"error","event":"event",` +
		`"topic":"topic"},"routes":[{"key":"a","answer":"ack"}]}`
	for name, text := range map[string]string{
		"a line":           document + "\n",
		"indented":         strings.ReplaceAll(document, ",", ",\n  "),
		"after other text": "starting\n\n" + document + "\n\n",
	} {
		app, err := program.Read(strings.NewReader(text))
		require.NoError(t, err, name)
		require.Equal(t, []string{"a"}, keys(app), name)
	}
	for text, want := range map[string]string{
		"":                                  "it is empty",
		" \n":                               "it is empty",
		"AWSTemplateFormatVersion: x":       "not the description of an app",
		"{}":                                "it has no version",
		`{"version":2}`:                     "later version",
		strings.Repeat(" ", 16<<20) + "{}}": "more than 16 MiB",
	} {
		_, err := program.Read(strings.NewReader(text))
		require.ErrorContains(t, err, want)
	}
	_, err := program.Read(slowly{})
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

type slowly struct{}

func (slowly) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }
