package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/examples/internal/memnet"
	"github.com/gatesock/gatesock/topic"
)

// world is the application, in a bubble.
type world struct {
	*memnet.Net
	log   *flakyLog
	queue *async.MemoryQueue
}

func newWorld(t *testing.T, faults *emulator.Faults, model Model) world {
	t.Helper()
	w := world{log: &flakyLog{Log: topic.NewMemory()}, queue: async.NewMemoryQueue()}
	var jobs *async.Jobs
	w.Net = memnet.Serve(t, emulator.Config{Faults: faults},
		func(api gatesock.ConnectionsAPI) (app lambda.Handler, _ error) {
			app, jobs = newApp(api, w.log, w.queue, model)
			return app, nil
		})
	var running sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	running.Go(func() { w.queue.Run(ctx, jobs) })
	t.Cleanup(func() {
		stop()
		running.Wait()
	})
	return w
}

// flakyLog is a log whose next appends fail now and then, before or after they have stored the
// event.
type flakyLog struct {
	topic.Log
	mu     sync.Mutex
	random *rand.Rand
	fails  int // so many times
}

func (l *flakyLog) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	l.mu.Lock()
	fails := l.fails > 0 && l.random.IntN(10) == 0
	if fails {
		l.fails--
	}
	stored := !fails || l.random.IntN(2) == 0
	l.mu.Unlock()
	var at topic.Appended
	var err error
	if stored {
		at, err = l.Log.Append(ctx, name, e)
	}
	if fails {
		return topic.Appended{}, errors.Join(topic.ErrOutcome, errors.New("the table does not answer"))
	}
	return at, err
}
