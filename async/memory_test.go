package async_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
)

// queued is Jobs with a queue in memory and one route.
func queued(t *testing.T, queue *async.MemoryQueue, to gatesock.Poster, handler func(ctx, *request, struct{}) (string, error),
	opts ...async.Option,
) (*gatesock.Router, *async.Jobs) {
	t.Helper()
	quiet := (&logged{}).logger()
	r := gatesock.New(gatesock.WithLogger(quiet))
	jobs := async.New(queue, to, async.NewMemoryOutcomes(), append(opts, async.WithLogger(quiet))...)
	async.HandleReply(r, jobs, "work", handler)
	return r, jobs
}

func ask(t *testing.T, r *gatesock.Router, id string) string {
	t.Helper()
	answer, err := r.Invoke(t.Context(), message(id, `{"action":"work","id":"1"}`))
	require.NoError(t, err)
	return string(answer)
}

// TestQueueRuns: jobs run several at once, and those that fail again after a while.
func TestQueueRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var at []time.Duration
		start := time.Now()
		running, most := 0, 0
		queue, to := async.NewMemoryQueue(async.WithConcurrency(2), async.WithLogger((&logged{}).logger())), new(posts)
		r, jobs := queued(t, queue, to, func(_ ctx, req *request, _ struct{}) (string, error) {
			mu.Lock()
			running++
			most = max(most, running)
			failing := req.MessageID == "m0"
			if failing {
				at = append(at, time.Since(start))
			}
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			running--
			if failing && len(at) < 3 {
				return "", errors.New("down")
			}
			return "done", nil
		})
		ctx, stop := context.WithCancel(t.Context())
		var server sync.WaitGroup
		server.Go(func() { queue.Run(ctx, jobs) })
		synctest.Wait()
		for i := range 5 {
			ask(t, r, fmt.Sprint("m", i))
		}
		time.Sleep(time.Minute)
		stop()
		server.Wait()
		require.Len(t, to.frames, 5)
		require.Equal(t, 2, most)
		require.Len(t, at, 3)
		require.GreaterOrEqual(t, at[1]-at[0], time.Second)
		require.GreaterOrEqual(t, at[2]-at[1], 2*time.Second)
		require.LessOrEqual(t, at[2], 7*time.Second)
		require.Zero(t, queue.Len())
	})
}

// TestQueueStops: handlers are told, Run waits for them, and their jobs stay.
func TestQueueStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := new(logged)
		queue, to := async.NewMemoryQueue(async.WithLogger(log.logger()), async.WithConcurrency(1)), new(posts)
		returned := false
		r, jobs := queued(t, queue, to, func(ctx ctx, _ *request, _ struct{}) (string, error) {
			<-ctx.Done()
			time.Sleep(time.Second)
			returned = true
			return "", ctx.Err()
		}, async.WithAttempts(1))
		ask(t, r, "m1")
		ask(t, r, "m2")
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		go func() { time.Sleep(30 * time.Second); stop() }()
		queue.Run(ctx, jobs)
		require.True(t, returned)
		require.Equal(t, 2, queue.Len())
		require.Empty(t, queue.Dead())
		require.Empty(t, to.frames)
		require.Contains(t, log.String(), "jobs that are not done\" jobs=2")
	})
}

func TestQueueGivesUp(t *testing.T) {
	t.Parallel()
	log := new(logged)
	queue, to := async.NewMemoryQueue(async.WithLogger(log.logger())), new(posts)
	runs := 0
	r, jobs := queued(t, queue, to, func(ctx, *request, struct{}) (string, error) {
		runs++
		return "", errors.New("down")
	}, async.WithAttempts(2))
	for i := range 102 {
		ask(t, r, fmt.Sprint("m", i))
	}
	queue.Drain(t.Context(), jobs)
	require.Equal(t, 204, runs)
	require.Len(t, to.frames, 102)
	require.Len(t, queue.Dead(), 100)
	require.Contains(t, log.String(), "async: a job is given up")

	to.answers = nil // the gateway accepts nothing more
	for range 100 {
		to.answers = append(to.answers, gatesock.ErrForbidden)
	}
	to.begun = 0
	ask(t, r, "m200")
	queue.Drain(t.Context(), jobs)
	require.Equal(t, 2, to.begun, "one more delivery than attempts, of which the first has no result yet")
	require.Zero(t, queue.Len())
}

func TestQueueIsFull(t *testing.T) {
	t.Parallel()
	queue := async.NewMemoryQueue(async.WithCapacity(1))
	r, jobs := queued(t, queue, new(posts), func(ctx, *request, struct{}) (string, error) { return "", nil })
	require.Contains(t, ask(t, r, "m1"), `null`)
	require.Contains(t, ask(t, r, "m2"), `unavailable`)
	require.ErrorIs(t, queue.Enqueue(t.Context(), aJob()), async.ErrQueueFull)
	queue.Drain(t.Context(), jobs)
	require.Contains(t, ask(t, r, "m3"), `null`)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	queue.Drain(ended, jobs)
	require.Equal(t, 1, queue.Len())
	require.ErrorIs(t, async.NewMemoryQueue().Enqueue(ended, aJob()), context.Canceled)
}

// TestQueueSurvives a Poster that panics, or ends its goroutine.
func TestQueueSurvives(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		post func()
	}{
		"a panic":                {func() { panic("a bug") }},
		"the end of a goroutine": {runtime.Goexit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			queue := async.NewMemoryQueue(async.WithLogger((&logged{}).logger()))
			r, jobs := queued(t, queue, posterFunc(c.post), func(ctx, *request, struct{}) (string, error) { return "", nil })
			ask(t, r, "m1")
			for range 7 { // Goexit ends each of them
				var drain sync.WaitGroup
				drain.Go(func() { queue.Drain(t.Context(), jobs) })
				drain.Wait()
			}
			require.Zero(t, queue.Len())
			require.Len(t, queue.Dead(), 1)
		})
	}
}

type posterFunc func()

func (f posterFunc) Post(context.Context, gatesock.Target, []byte) error { f(); return nil }
