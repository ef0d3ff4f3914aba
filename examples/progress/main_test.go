package main

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

func Example() {
	main()
	// Output:
	// ■□□□ 1 of 4
	// ■■□□ 2 of 4
	// ■■■□ 3 of 4
	// ■■■■ 4 of 4
	// 10 rows imported
}

// world is the application, whose queue the test drains.
type world struct {
	*wstest.Harness
	queue *async.MemoryQueue
	jobs  *async.Jobs
}

func newWorld(t *testing.T, load func(ctx context.Context, file string) (int, error)) world {
	t.Helper()
	recorder, queue := wstest.NewRecorder(), async.NewMemoryQueue()
	jobs := async.New(queue, recorder, async.NewMemoryOutcomes())
	app := newApp(jobs, broadcast.New(recorder, conn.NewMemory()), load)
	return world{wstest.New(t, app, wstest.WithPoster(recorder)), queue, jobs}
}

func TestOnlyTheClientThatAskedIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(context.Context, string) (int, error) { return 7, nil })
	ann, bob := w.Connect(), w.Connect()
	ann.Request("import", Import{}).ExpectError(gatesock.CodeInvalidArgument)
	require.Zero(t, w.queue.Len())

	call := ann.Request("import", Import{Files: []string{"a", "b"}})
	call.ExpectAck()
	ann.ExpectNone()
	w.queue.Drain(t.Context(), w.jobs)
	var result Imported
	for done := range 2 {
		var p Progress
		ann.ExpectPush("progress", &p)
		require.Equal(t, Progress{call.ID(), done + 1, 2}, p)
	}
	call.ExpectResult(&result)
	require.Equal(t, Imported{14}, result)
	ann.ExpectNone()
	bob.ExpectNone()
}

// A file that cannot be loaded at first is tried again, from the start, and progress with it.
func TestAFault(t *testing.T) {
	t.Parallel()
	fails := 1
	w := newWorld(t, func(_ context.Context, file string) (int, error) {
		if file == "b" && fails > 0 {
			fails--
			return 0, errors.New("the disk is full")
		}
		return 1, nil
	})
	ann := w.Connect()
	call := ann.Request("import", Import{Files: []string{"a", "b"}})
	call.ExpectAck()
	w.queue.Drain(t.Context(), w.jobs)
	for _, done := range []int{1, 1, 2} {
		var p Progress
		ann.ExpectPush("progress", &p)
		require.Equal(t, done, p.Done)
	}
	call.ExpectResult(nil)
}

// The work does not end because the client has gone.
func TestNobodyWatches(t *testing.T) {
	t.Parallel()
	loaded := 0
	w := newWorld(t, func(context.Context, string) (int, error) { loaded++; return 1, nil })
	ann := w.Connect()
	ann.Request("import", Import{Files: []string{"a", "b"}}).ExpectAck()
	ann.Close(1000, "")
	w.queue.Drain(t.Context(), w.jobs)
	require.Equal(t, 2, loaded)
	require.Empty(t, w.queue.Dead())
}
