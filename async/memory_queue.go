package async

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/internal/panics"
)

// maxDead is how many jobs that have failed for good a queue in memory keeps.
const maxDead = 100

// MemoryQueue is a [Queue] in memory, for tests and for servers on your machine. Its jobs end with
// the process. It does not work in Lambda, which freezes the process between invocations. Make it
// with [NewMemoryQueue]. It is safe for concurrent use.
//
// In a test, [MemoryQueue.Drain] runs what the requests so far have queued:
//
//	call := client.Request("report", Query{Year: 2026})
//	call.ExpectAck()
//	queue.Drain(t.Context(), jobs)
//	call.ExpectResult(&report)
//
// A server runs [MemoryQueue.Run] beside the gateway:
//
//	gateway, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
//		jobs = async.New(queue, api, async.NewMemoryOutcomes())
//		return newRouter(jobs), nil
//	}, emulator.Config{})
//	...
//	running.Go(func() { queue.Run(ctx, jobs) })
//	err = emulator.Serve(ctx, gateway, "localhost:3001")
//	running.Wait() // a sync.WaitGroup
type MemoryQueue struct {
	settings

	mu      sync.Mutex
	waiting deliveries
	running int
	number  uint64        // of jobs so far
	dead    []Job         // the last ones
	changed chan struct{} // closed and replaced when a job is added
}

var _ Queue = (*MemoryQueue)(nil)

// NewMemoryQueue returns an empty queue. It takes the options [WithCapacity], [WithConcurrency] and
// [WithLogger].
func NewMemoryQueue(opts ...Option) *MemoryQueue {
	return &MemoryQueue{
		settings: newSettings("NewMemoryQueue", opts, "WithCapacity", "WithConcurrency", "WithLogger"),
		changed:  make(chan struct{}),
	}
}

// delivery is a job and how often it was delivered.
type delivery struct {
	job    Job
	count  int
	due    time.Time
	number uint64
}

// Enqueue adds a job. It fails with [ErrQueueFull] if the queue has as many as [WithCapacity]
// allows, with those that run.
func (q *MemoryQueue) Enqueue(ctx context.Context, job Job) error {
	done, err := observing.BeginCall(ctx, "async.Enqueue")
	if err != nil {
		return err
	}
	defer done()
	if ctx.Err() != nil {
		return fmt.Errorf("async: enqueue: %w", context.Cause(ctx))
	}
	job.Event = bytes.Clone(job.Event)
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting)+q.running >= q.capacity {
		return fmt.Errorf("%w: it has %d jobs", ErrQueueFull, q.capacity)
	}
	q.number++
	q.add(delivery{job: job, number: q.number})
	return nil
}

// add adds a delivery. The caller holds the lock.
func (q *MemoryQueue) add(d delivery) {
	heap.Push(&q.waiting, d)
	close(q.changed)
	q.changed = make(chan struct{})
}

// Len returns how many jobs wait.
func (q *MemoryQueue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// Dead returns the last 100 jobs that the queue has given up, the latest last.
func (q *MemoryQueue) Dead() []Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.dead)
}

// Drain runs the jobs that wait, and those that they add, one after the other, and returns when
// none waits or ctx has ended. A job that fails is tried again without a wait. It runs in the
// goroutine of the caller. If Run is at work too, Drain does not wait for its jobs.
func (q *MemoryQueue) Drain(ctx context.Context, jobs *Jobs) {
	for ctx.Err() == nil {
		d, _, ok := q.take(time.Time{})
		if !ok {
			return
		}
		q.deliver(ctx, jobs, d)
	}
}

// Run runs jobs, several at once, until ctx has ended and the handlers that run have returned. A
// job that fails is tried again after [RetryDelay]. Jobs that still wait when ctx ends stay in the
// queue.
func (q *MemoryQueue) Run(ctx context.Context, jobs *Jobs) {
	var workers sync.WaitGroup
	for range q.concurrency {
		workers.Go(func() { q.work(ctx, jobs) })
	}
	workers.Wait()
	if n := q.Len(); n > 0 {
		q.logger().WarnContext(ctx, "async: the queue in memory was stopped with jobs that are not done", slog.Int("jobs", n))
	}
}

func (q *MemoryQueue) work(ctx context.Context, jobs *Jobs) {
	for ctx.Err() == nil {
		now := time.Now()
		d, changed, ok := q.take(now)
		if ok {
			q.deliver(ctx, jobs, d)
			continue
		}
		await(ctx, changed, d.due.Sub(now), !d.due.IsZero())
	}
}

// await returns when the channel is closed, when ctx has ended and, if that is to count, after d.
func await(ctx context.Context, changed <-chan struct{}, d time.Duration, counts bool) {
	var due <-chan time.Time
	if counts {
		timer := time.NewTimer(d)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-changed:
	case <-due:
	case <-ctx.Done():
	}
}

// take removes and returns the first delivery that is due at a time; at the zero time all are. If
// none is, it returns the next one without removing it, and a channel that is closed when one is
// added.
func (q *MemoryQueue) take(now time.Time) (d delivery, changed <-chan struct{}, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.waiting) == 0:
		return delivery{}, q.changed, false
	case !now.IsZero() && now.Before(q.waiting[0].due):
		return q.waiting[0], q.changed, false
	}
	d, _ = heap.Pop(&q.waiting).(delivery)
	q.running++
	return d, nil, true
}

// deliver runs a job once. A panic of the store or of the poster is an error, and so is the end of
// the goroutine.
func (q *MemoryQueue) deliver(ctx context.Context, jobs *Jobs, d delivery) {
	d.count++
	var err error
	panics.Watch("async: panic in a job", func() {
		err = jobs.Run(ctx, d.job, d.count)
	}, func(end error) {
		q.settle(ctx, jobs.Attempts(), d, errors.Join(end, err))
	})
}

// settle keeps a job that was delivered, unless it is done.
func (q *MemoryQueue) settle(ctx context.Context, attempts int, d delivery, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	attrs := []any{
		slog.String("job", d.job.ID), slog.String("route", d.job.Route), slog.Int("deliveries", d.count), slog.Any("error", err),
	}
	switch {
	case err == nil:
	case errors.Is(err, ErrDead), errors.Is(err, ErrBadJob):
		q.giveUp(ctx, d, attrs)
	case ctx.Err() != nil: // the job did not fail, it was stopped
		d.count--
		q.add(d)
	case d.count > attempts:
		q.giveUp(ctx, d, attrs)
	default:
		q.logger().WarnContext(ctx, "async: a job will be tried again", attrs...)
		d.due = time.Now().Add(RetryDelay(err, d.count))
		q.add(d)
	}
}

// giveUp keeps a job among the dead ones. The caller holds the lock.
func (q *MemoryQueue) giveUp(ctx context.Context, d delivery, attrs []any) {
	q.logger().ErrorContext(ctx, "async: a job is given up", attrs...)
	q.dead = append(q.dead[max(0, len(q.dead)+1-maxDead):], d.job)
}

// deliveries is a heap: the delivery that is due first, of several the oldest job.
type deliveries []delivery

func (h deliveries) Len() int      { return len(h) }
func (h deliveries) Swap(i, k int) { h[i], h[k] = h[k], h[i] }
func (h deliveries) Less(i, k int) bool {
	if !h[i].due.Equal(h[k].due) {
		return h[i].due.Before(h[k].due)
	}
	return h[i].number < h[k].number
}

// Push adds a delivery.
func (h *deliveries) Push(x any) {
	d, _ := x.(delivery)
	*h = append(*h, d)
}

// Pop removes the last delivery.
func (h *deliveries) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = delivery{}
	*h = (*h)[:len(*h)-1]
	return last
}
