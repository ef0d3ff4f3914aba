package dev

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/program"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
)

var update = flag.Bool("update", false, "write the golden files") //nolint:gochecknoglobals // a flag

// noon is the time of all lines: 12:00 wherever the test runs.
func noon() time.Time { return time.Date(2026, 11, 28, 12, 0, 0, 5_000_000, time.Local) }

// everything prints one line of each kind.
func everything(p *Printer) {
	const ms = time.Millisecond
	at := noon()
	p.banner(banner{
		name: "./cmd/lambda",
		addresses: []Address{{
			API: "chat", Stage: "dev", URL: "ws://localhost:3001/dev", TLS: "wss://localhost:3001/dev", Page: "http://localhost:3001/",
			Routes: []string{"$connect", "$disconnect", "say"}, Authorizer: "Authorize",
			Identity: []string{"route.request.header.Authorization", "route.request.querystring.name"},
		}},
		functions: []string{"App", "Authorize"}, services: []string{"table chat-Table", "queue jobs"}, watching: 12,
		workbench: "http://localhost:3001/_gatesock/?token=GSOCK", seed: "4242",
	})
	for _, e := range []emulator.Event{
		{Kind: emulator.EventInvoked, Route: "$connect", Bytes: 18, Duration: 34 * ms, Input: []byte(`{"requestContext":{}}`), Body: []byte(`{"statusCode":200}`)},
		{Kind: emulator.EventConnected, Status: 101, Duration: 35 * ms},
		{Kind: emulator.EventRefused, Status: 403, Duration: 2 * ms, Reason: "Forbidden"},
		{Kind: emulator.EventReceived, Route: "say", Bytes: 48, Body: []byte(`{"action":"say"}` + "\x1b[2J")},
		{Kind: emulator.EventReceived, Bytes: 4800},
		{Kind: emulator.EventInvoked, Route: "say", Bytes: 20, Duration: 3100 * time.Microsecond},
		{Kind: emulator.EventInvoked, Route: "say", Duration: 3 * time.Second, Err: errors.New("emulator: Sandbox.Timedout: Task timed out\nafter 3 s")},
		{Kind: emulator.EventSent, Route: "say", Frame: emulator.FrameAnswer, Bytes: 62, Body: []byte(`{"id":"1"}`)},
		{Kind: emulator.EventSent, Route: "", Frame: emulator.FrameError, Bytes: 120_000},
		{Kind: emulator.EventSent, Route: "say", Frame: emulator.FrameAnswer, Bytes: 62, Err: errors.New("the buffer is full")},
		{Kind: emulator.EventCalled, Method: "POST", Status: 200, Bytes: 120, Duration: ms},
		{Kind: emulator.EventCalled, Method: "GET", Status: 200, Duration: ms},
		{Kind: emulator.EventCalled, Method: "POST", Status: 410, Bytes: 120, Duration: ms, Err: errors.New("gone")},
		{Kind: emulator.EventCalled, Method: "DELETE", Duration: ms, Err: errors.New("context canceled")},
		{Kind: emulator.EventDisconnected, Code: 1000, Reason: "bye", ByClient: true, Duration: 65 * time.Second},
		{Kind: emulator.EventDisconnected, Code: 1001, Reason: "Going away", Duration: 10 * time.Minute},
	} {
		e.Time, e.Connection, e.ConnectionID, e.RequestID = at, 7, "L0SM9cOFvHcCIhw=", "r1"
		if e.Status == 410 {
			e.Connection = 0
		}
		p.Event("", e)
	}
	p.Event("game", emulator.Event{Kind: emulator.EventConnected, Time: at, Connection: 1, Status: 101})
	for _, l := range []runtimeapi.Line{
		{Stream: runtimeapi.Stdout, Text: "joined\tlobby \x1b[31mred"},
		{Stream: runtimeapi.Stderr, Text: `{"level":"info","msg":"joined"}`, JSON: true},
		{Stream: runtimeapi.Stdout, Text: `{"_aws":{"Timestamp":1}}`, JSON: true},
		{Stream: runtimeapi.Platform, Text: "the init took longer than 10s"},
		{Stream: runtimeapi.Stdout, Text: "still here", Late: true, RequestID: "r1"},
	} {
		l.Time = at
		p.Line("app", l)
	}
	for _, e := range []cloud.Event{
		{Kind: cloud.KindQueue, Source: "arn:aws:sqs:us-east-1:123456789012:jobs", Target: "arn:aws:lambda:us-east-1:123456789012:function:worker", Duration: 4 * ms, Attempts: 1, Records: 3},
		{Kind: cloud.KindAsync, Target: "worker", Duration: 4 * ms, Attempts: 2, Err: errors.New("it failed")},
		{Kind: cloud.KindNotice, Text: "The topic x is not served."},
		{Kind: cloud.KindRefused, Text: "kms is not served."},
	} {
		e.Time = at
		p.Cloud(e)
	}
	p.Finding("/app", project.Finding{Severity: project.Failure, File: "/app/template.yaml", Line: 12, Resource: "SayRoute", Text: "there is no function Say: define it"})
	p.Finding("/app", project.Finding{Severity: project.Notice, Text: "roles are ignored"})
	p.Finding("/app", project.Finding{Severity: project.Warning, File: "/elsewhere/x.yaml", Text: "the route has no response"})
	p.trouble("/app", trouble{
		title: "./cmd/lambda does not build",
		problems: []problem{
			{File: "/app/say.go", Line: 12, Column: 3, Text: "undefined: foo", Source: "\t\tfoo()"},
			{File: "/app/room.go", Line: 7, Text: "not enough arguments\nhave (int)\nwant (int, int)", Source: "é := join(1)"},
		},
		output: "too many errors",
	})
	p.Say(good, "reloaded in %s", took(640*ms))
	p.Say(info, "two\nlines")
}

func TestPrinter(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]PrintOptions{
		"text": {}, "color": {Color: true}, "bodies": {Bodies: true}, "json": {JSON: true}, "json-bodies": {JSON: true, Bodies: true},
	} {
		o.Now = noon
		var out bytes.Buffer
		everything(NewPrinter(&out, o))
		got := out.String()
		if o.JSON { // whose times are in UTC
			got = strings.ReplaceAll(got, noon().UTC().Format("2006-01-02T15:04:05.000Z"), "2026-11-28T12:00:00.005Z")
			for _, line := range strings.Split(strings.TrimSpace(got), "\n") {
				require.True(t, json.Valid([]byte(line)), line)
			}
		}
		if !o.Color {
			require.NotContains(t, got, "\x1b", name)
		}
		file := filepath.Join("testdata", "print-"+name+".txt")
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), got, name)
	}
}

// TestPlainError has errors of packages as they are told.
func TestPlainError(t *testing.T) {
	t.Parallel()
	require.Equal(t, "no", plainError(errors.New("runtimeapi: no")))
	require.Equal(t, "fork/exec x: exec format error: it was built for another system or processor; build it with GOOS="+
		runtime.GOOS+" GOARCH="+runtime.GOARCH, plainError(errors.New("fork/exec x: exec format error")))
}

func TestTook(t *testing.T) {
	t.Parallel()
	for text, d := range map[string]time.Duration{
		"0.1 ms": 50 * time.Microsecond, "9.9 ms": 9900 * time.Microsecond, "640 ms": 640*time.Millisecond + 999*time.Microsecond,
		"1.5 s": 1500 * time.Millisecond, "1m5s": 65 * time.Second,
	} {
		require.Equal(t, text, took(d))
	}
	for text, n := range map[string]int{"0 B": 0, "999 B": 999, "1.5 kB": 1500, "32 kB": 32_768} {
		require.Equal(t, text, size(n))
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, "package x\n\n\tfoo()\n", folder, "sub", "a.go")
	all, rest := problemsIn("# example.com/x\nsub/a.go:3:2: undefined: foo\n\thave ()\n\twant (int)\n"+
		"/abs/b.go:9: old style\nvet: sub/a.go:1:1: says vet\nnote: too many\n\tdeep\n", folder)
	require.Equal(t, []problem{
		{filepath.Join(folder, "sub", "a.go"), 3, 2, "undefined: foo\nhave ()\nwant (int)", "\tfoo()"},
		{"/abs/b.go", 9, 0, "old style", ""},
		{filepath.Join(folder, "sub", "a.go"), 1, 1, "says vet", "package x"},
	}, all)
	require.Equal(t, "note: too many\n\tdeep", rest)
	plain := troubleOf(errors.New("no\x1b go"), folder)
	require.Equal(t, trouble{title: `no\x1b go`}, plain)
	require.Empty(t, troubleOf(&program.Failure{}, folder).problems)
}
