package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
)

// queueLatency is the time from sending a job to the queue to its invocation.
const queueLatency = 20 * time.Millisecond

// fleet is a queue that delivers at least once, and the function instances that it invokes.
type fleet struct {
	scenario
	gateway *gateway
	store   *store
	chance  *rand.Rand

	jobs    chan broadcast.Job
	pending sync.WaitGroup // jobs in the queue or running

	mu       sync.Mutex
	receipts []receipt
	hops     int
	crashes  int
	doubles  int
	failures []error
}

// receipt is a report and its time.
type receipt struct {
	broadcast.Report
	at time.Time
}

var errCrash = errors.New("the process crashed")

// Relay puts a job into the queue, sometimes twice.
func (f *fleet) Relay(_ context.Context, j broadcast.Job) error {
	parsed, err := broadcast.ParseJob(j.Encode())
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hops = max(f.hops, j.Hops)
	f.deliver(parsed, j.Delay+queueLatency)
	if f.chance.Float64() < f.doubled {
		f.doubles++
		f.deliver(parsed, j.Delay+queueLatency+time.Duration(f.chance.Int64N(int64(10*time.Second))))
	}
	return nil
}

func (f *fleet) deliver(j broadcast.Job, in time.Duration) {
	f.pending.Add(1)
	time.AfterFunc(in, func() { f.jobs <- j })
}

// broadcaster returns a Broadcaster as a process makes it at its start.
func (f *fleet) broadcaster() *broadcast.Broadcaster {
	return broadcast.New(f.gateway, f.store, broadcast.WithRelay(f),
		broadcast.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
}

// work is one function instance: one job at a time, until the queue is closed.
func (f *fleet) work() {
	b := f.broadcaster()
	for j := range f.jobs {
		if f.invoke(b, j) {
			b = f.broadcaster()
		}
	}
}

// invoke runs a job within the time limit, and reports whether the process crashed. The queue then
// delivers the job again after the visibility timeout.
func (f *fleet) invoke(b *broadcast.Broadcaster, j broadcast.Job) (died bool) {
	ctx, cancel := context.WithTimeout(context.Background(), f.limit)
	defer cancel()
	if after := f.crashAfter(); after > 0 {
		dying, kill := context.WithCancelCause(ctx)
		stop := time.AfterFunc(after, func() { kill(errCrash) })
		defer stop.Stop()
		ctx = dying
	}
	rep, err := b.Run(ctx, j)
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.pending.Done()
	switch {
	case err == nil:
		f.receipts = append(f.receipts, receipt{rep, time.Now()})
	case errors.Is(context.Cause(ctx), errCrash):
		f.crashes++
		f.deliver(j, f.visibility())
		return true
	default:
		f.failures = append(f.failures, err)
	}
	return false
}

// visibility returns how long the queue waits for the end of an invocation.
func (f *fleet) visibility() time.Duration { return min(f.limit, 30*time.Second) + 5*time.Second }

func (f *fleet) crashAfter() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.chance.Float64() >= f.crashed {
		return 0
	}
	return 1 + time.Duration(f.chance.Int64N(int64(min(f.limit, 20*time.Second))))
}

// run sends to the group and waits until the queue is empty.
func (f *fleet) run() {
	f.jobs = make(chan broadcast.Job)
	var instances sync.WaitGroup
	for range f.workers {
		instances.Go(f.work)
	}
	ctx, cancel := context.WithTimeout(context.Background(), f.limit)
	defer cancel()
	rep, err := f.broadcaster().Send(ctx, broadcast.To("everyone"), gatesock.Push{Event: "news"})
	if err != nil {
		f.failures = append(f.failures, fmt.Errorf("send: %w", err))
	}
	f.mu.Lock()
	f.receipts = append([]receipt{{rep, time.Now()}}, f.receipts...)
	f.mu.Unlock()
	f.pending.Wait()
	close(f.jobs)
	instances.Wait()
}
