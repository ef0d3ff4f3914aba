package apigw

import (
	"context"
	"sync"
	"time"
)

// queues are where calls over net/http wait, one queue for each host. As many calls run at once as
// the transport may open connections. Otherwise calls would wait inside net/http, where their
// timeouts run and their signatures age.
type queues struct {
	places int // in each queue

	mu    sync.Mutex
	hosts map[host]*queue
}

// host is the key by which net/http counts connections.
type host struct{ scheme, name string }

// queue admits its calls in the order in which they came.
type queue struct {
	places chan struct{}
	calls  int // waiting or running; guarded by the lock of queues
}

func newQueues(places int) *queues { return &queues{places: places, hosts: map[host]*queue{}} }

// enter waits until a call may run, or until ctx ends. The call has to leave the queue at its end.
func (q *queues) enter(ctx context.Context, to *endpoint) (*queue, error) {
	at := q.join(host{to.uri.Scheme, to.host})
	select {
	case at.places <- struct{}{}:
		if ctx.Err() == nil {
			return at, nil
		}
		<-at.places
	case <-ctx.Done():
	}
	q.quit(at)
	return nil, context.Cause(ctx)
}

func (q *queues) leave(at *queue) {
	<-at.places
	q.quit(at)
}

func (q *queues) join(h host) *queue {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := q.hosts[h]
	if at == nil {
		q.prune()
		at = &queue{places: make(chan struct{}, q.places)}
		q.hosts[h] = at
	}
	at.calls++
	return at
}

func (q *queues) quit(at *queue) {
	q.mu.Lock()
	at.calls--
	q.mu.Unlock()
}

// prune removes empty queues if there are more than a client keeps endpoints.
func (q *queues) prune() {
	if len(q.hosts) <= maxOthers {
		return
	}
	for h, at := range q.hosts {
		if at.calls == 0 {
			delete(q.hosts, h)
		}
	}
}

// within bounds a context by the timeout of a call. If ctx ends earlier anyway, it returns ctx. The
// function that it returns releases the context, and reports whether the timeout has passed.
func within(ctx context.Context, timeout time.Duration) (context.Context, func() (timedOut bool)) {
	if deadline, ok := ctx.Deadline(); ok && !deadline.After(time.Now().Add(timeout)) {
		return ctx, func() bool { return false }
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, func() bool {
		timedOut := ended(ctx) != nil
		cancel()
		return timedOut
	}
}
