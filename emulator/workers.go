package emulator

import (
	"context"
	"sync"
	"sync/atomic"
)

// maxIdleWorkers is how many goroutines may wait for an invocation.
const maxIdleWorkers = 32

// workers are the goroutines that run invocations. There are as many as are needed at once. After
// an invocation, some wait for the next, because a new goroutine must grow its stack when it calls
// a handler (measured by "cd bench && go run ./emulatorload").
type workers struct {
	next    chan *invocation
	idle    atomic.Int32
	quit    chan struct{}
	stop    func() // ends idle goroutines, now and later; may be called again
	running tracker
}

func newWorkers() *workers {
	w := &workers{next: make(chan *invocation), quit: make(chan struct{})}
	w.stop = sync.OnceFunc(func() { close(w.quit) })
	return w
}

// run runs an invocation in an idle goroutine, or in a new one.
func (w *workers) run(inv *invocation) {
	select {
	case w.next <- inv:
	default:
		w.running.begin()
		go w.work(inv)
	}
}

func (w *workers) work(inv *invocation) {
	defer w.running.end()
	for inv.run(); w.idle.Add(1) <= maxIdleWorkers; inv.run() {
		select {
		case inv = <-w.next:
			w.idle.Add(-1)
		case <-w.quit:
			w.idle.Add(-1)
			return
		}
	}
	w.idle.Add(-1)
}

// tracker counts what is running. Unlike a sync.WaitGroup, its count may rise while a goroutine
// waits, and the wait takes a context.
type tracker struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when n becomes zero; nil if nothing waits
}

func (t *tracker) begin() {
	t.mu.Lock()
	t.n++
	t.mu.Unlock()
}

func (t *tracker) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n--
	if t.n == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// wait returns when nothing runs, or with the context's error.
func (t *tracker) wait(ctx context.Context) error {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return nil
	}
	if t.idle == nil {
		t.idle = make(chan struct{})
	}
	idle := t.idle
	t.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
