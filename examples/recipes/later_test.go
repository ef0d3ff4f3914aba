package recipes

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"regexp"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

func TestReport(t *testing.T) {
	t.Parallel()
	recorder, queue := wstest.NewRecorder(), async.NewMemoryQueue()
	jobs := async.New(queue, recorder, async.NewMemoryOutcomes())
	h := wstest.New(t, newReports(jobs, count), wstest.WithPoster(recorder))
	ann := h.Connect(wstest.WithUser("ann"))

	call := ann.Request("report", Query{Year: 2026})
	call.ExpectAck()
	queue.Drain(t.Context(), jobs) // in production another invocation does it
	var report Report
	call.ExpectResult(&report)
	require.Equal(t, Report{Year: 2026, Total: 20260}, report)
	ann.ExpectNone()
}

func TestReportFails(t *testing.T) {
	t.Parallel()
	recorder, queue := wstest.NewRecorder(), async.NewMemoryQueue()
	jobs := async.New(queue, recorder, async.NewMemoryOutcomes())
	attempts := 0
	h := wstest.New(t, newReports(jobs, func(context.Context, int) (int, error) {
		attempts++
		return 0, errors.New("the warehouse is down")
	}), wstest.WithPoster(recorder))
	ann := h.Connect()

	ann.Request("report", Query{Year: 1999}).ExpectError(gatesock.CodeInvalidArgument)
	require.Zero(t, queue.Len())

	call := ann.Request("report", Query{Year: 2026})
	call.ExpectAck()
	queue.Drain(t.Context(), jobs)
	call.ExpectResultError(gatesock.CodeInternal)
	require.Equal(t, jobs.Attempts(), attempts)
	require.Len(t, queue.Dead(), 1)
}

// TestReportOverASocket runs the program for your machine.
func TestReportOverASocket(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	log, out := io.Pipe()
	served := make(chan error, 1)
	go func() {
		defer out.Close()
		served <- serveReports(ctx, "127.0.0.1:0", emulator.Config{Logger: slog.New(slog.NewTextHandler(out, nil))})
	}()
	lines := bufio.NewScanner(log)
	var url []string
	for len(url) == 0 && lines.Scan() {
		url = regexp.MustCompile(`msg=listening url=(\S+)`).FindStringSubmatch(lines.Text())
	}
	require.Len(t, url, 2)
	go func() { _, _ = io.Copy(io.Discard, log) }() // ends with the server

	c, _, err := websocket.Dial(ctx, url[1], nil) //nolint:bodyclose // the library closes it
	require.NoError(t, err)
	defer func() { _ = c.CloseNow() }()
	require.NoError(t, c.Write(ctx, websocket.MessageText, []byte(`{"action":"report","id":"1","year":2026}`)))
	var got []string
	for range 2 {
		_, frame, err := c.Read(ctx)
		require.NoError(t, err)
		got = append(got, string(frame))
	}
	require.ElementsMatch(t, []string{ // the result may overtake the acknowledgement
		`{"id":"1","action":"report","data":null}`,
		`{"event":"report","id":"1","data":{"year":2026,"total":20260}}`,
	}, got)
	stop()
	require.NoError(t, <-served)
}
