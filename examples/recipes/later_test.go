package recipes

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/wstest"
)

// count stands for work that takes long.
func count(_ context.Context, year int) (int, error) { return 10 * year, nil }

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
