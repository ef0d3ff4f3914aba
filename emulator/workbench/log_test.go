package workbench_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/slogtest"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

func TestLogHandler(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{})
	id := f.connect(`{}`)
	f.send(id, `{"action":"echo","text":"x"}`)
	var request string
	for _, e := range entries(t, f.bench) {
		if e.Kind == "received" {
			request = e.RequestID
		}
	}
	var out bytes.Buffer
	log := slog.New(f.bench.LogHandler(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})))
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: request})
	log.InfoContext(ctx, "hello", "a", 1, "b", "two words")
	log.With("connectionId", id).WithGroup("g").Warn("careful", "k", "v", slog.Group("h", "x", true))
	log.WithGroup("").Info("nobody's")
	nothing := slog.New(f.bench.LogHandler(nil)).With("a", 1).WithGroup("g")
	nothing.Debug("nobody wants it")
	nothing.Info("to the record only", "b", 2)
	list := entries(t, f.bench)
	list = list[len(list)-4:]
	require.Equal(t, "hello a=1 b=\"two words\"", list[0].Text)
	require.Equal(t, "INFO", list[0].Level)
	require.Equal(t, id, list[0].ConnectionID)
	require.EqualValues(t, 1, list[0].Connection)
	require.Equal(t, "dev", list[0].Stage)
	require.Equal(t, "careful g.k=v g.h.x=true", list[1].Text)
	require.Equal(t, id, list[1].ConnectionID)
	require.Equal(t, "dev", list[1].Stage)
	require.Empty(t, list[2].ConnectionID)
	require.Equal(t, "to the record only a=1 g.b=2", list[3].Text)
	require.Regexp(t, `^time=\S+ level=WARN msg=careful connectionId=\S+ g.k=v g.h.x=true\n$`, out.String())
}

// TestLogHandlerPassesOn checks that records pass on unchanged.
func TestLogHandlerPassesOn(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	var out bytes.Buffer
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		t.Helper()
		out.Reset()
		return b.LogHandler(slog.NewJSONHandler(&out, nil))
	}, func(t *testing.T) (m map[string]any) {
		t.Helper()
		require.NoError(t, json.Unmarshal(out.Bytes(), &m))
		return m
	})
}

// TestGatewayWarnings checks that what the gateway warns about is in the timeline once, also if the
// program's own logger is recorded.
func TestGatewayWarnings(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	var out bytes.Buffer
	logger := slog.New(b.LogHandler(slog.NewTextHandler(&out, nil)))
	s, gw := newStage(t, b, "dev", emulator.Config{Logger: logger})
	f := &fixture{t, b, s, gw}
	status, _ := call(t, b, "POST", "connections", `{"authorizer":{"a":"`+strings.Repeat("x", 10)+`"},"query":{"user":"mallory"}}`)
	require.Equal(t, http.StatusForbidden, status)
	id := f.connect(`{}`)
	ok[anyMap](t, b, "POST", "faults", `{"fault":"buffer-full"}`)
	f.send(id, `{"action":"echo","text":"x"}`)
	var lines []string
	for _, e := range entries(t, b) {
		if e.Kind == "log" {
			lines = append(lines, e.Function+" "+e.Text)
			require.Equal(t, id, e.ConnectionID)
		}
	}
	require.Len(t, lines, 1)
	require.Regexp(t, "^gateway a frame was dropped", lines[0])
	require.Contains(t, out.String(), "connection refused")
	require.Contains(t, out.String(), "a frame was dropped")
}

func TestLines(t *testing.T) {
	t.Parallel()
	b := newBench(t, workbench.Config{})
	b.Log(workbench.Line{Text: strings.Repeat("x", 100_000), Level: "WARN", Function: "f", Late: true})
	b.Log(workbench.Line{Text: "a\xffb", ConnectionID: "nobody", RequestID: "nothing"})
	list := entries(t, b)
	require.Len(t, list[0].Text, 64<<10)
	require.Equal(t, 100_000-64<<10, list[0].Cut)
	require.True(t, list[0].Late)
	require.Equal(t, "a\uFFFDb", list[1].Text)
	require.Empty(t, list[1].Stage)
}
