package emulator

import (
	"sync"
	"sync/atomic"
)

// maxIdleWorkers is how many goroutines wait for an invocation.
const maxIdleWorkers = 32

// workers are the goroutines that run invocations. There are as many as are needed at once; some that have done their
// work wait for more, because a goroutine that calls a handler for the first time has its stack to grow
// (measured by "cd bench && go run ./emulatorload").
type workers struct {
	next    chan *invocation
	idle    atomic.Int32
	quit    chan struct{}
	stop    func() // ends those that wait, also later; at most once
	running tracker
}

func newWorkers() *workers {
	w := &workers{next: make(chan *invocation), quit: make(chan struct{})}
	w.stop = sync.OnceFunc(func() { close(w.quit) })
	return w
}

// run runs an invocation in a goroutine that waits for one, or in a new one.
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
