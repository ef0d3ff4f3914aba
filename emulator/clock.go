package emulator

import (
	"container/heap"
	"sync"
	"time"
)

// Clock provides the time of a [Gateway]. It must be safe for concurrent use.
type Clock interface {
	// Now returns the current time.
	Now() time.Time
	// AfterFunc calls f once, in any goroutine, after d has passed.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is a pending call of [Clock].AfterFunc. A *[time.Timer] is one.
type Timer interface {
	// Stop prevents the call. It returns false if the call has begun or was stopped before.
	Stop() bool
}

// systemClock is the machine's clock, or that of a testing/synctest bubble.
type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

// patience is how long [ManualClock.Advance] waits for a call to return.
const patience = 30 * time.Second

// ManualClock is a [Clock] that moves only by [ManualClock.Advance]. It is safe for concurrent use.
type ManualClock struct {
	advance sync.Mutex // held while the clock moves

	mu      sync.Mutex
	now     time.Time
	pending timerHeap
	seq     uint64
}

// NewManualClock returns a clock that stands at now.
func NewManualClock(now time.Time) *ManualClock { return &ManualClock{now: now} }

// Now returns the time at which the clock stands.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc lets [ManualClock.Advance] call f when it passes the time d from now.
func (c *ManualClock) AfterFunc(d time.Duration, f func()) Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	t := &manualTimer{clock: c, due: c.now.Add(d), seq: c.seq, call: f}
	heap.Push(&c.pending, t)
	return t
}

// Advance moves the clock by d. It makes the calls that are due on the way, including those that
// are added during the move, each at its own time and in the order of these times. It waits for
// each call to return. So when Advance returns, what a timeout causes has happened, such as a close
// frame or a whole $disconnect invocation.
//
// A call that itself waits for the clock can't return, for example a $disconnect handler that waits
// for its context to end. Advance stops waiting for it after 30 seconds of the machine's time,
// which pass at once in a testing/synctest bubble.
//
// A negative d moves the clock back, as when a machine's clock is set. The times at which calls are
// due do not move with it.
//
// The functions that Advance calls must not call Advance. Concurrent calls run one after the other.
func (c *ManualClock) Advance(d time.Duration) {
	c.advance.Lock()
	defer c.advance.Unlock()
	c.mu.Lock()
	end := c.now.Add(d)
	c.mu.Unlock()
	for {
		t := c.next(end)
		if t == nil {
			return
		}
		returned := make(chan struct{})
		go func() {
			defer close(returned)
			t.call()
		}()
		wait := time.NewTimer(patience)
		select {
		case <-returned:
		case <-wait.C:
		}
		wait.Stop()
	}
}

// next removes and returns the first timer that is due by end and sets the clock to its time. If
// there is none, it sets the clock to end and returns nil.
func (c *ManualClock) next(end time.Time) *manualTimer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) == 0 || c.pending[0].due.After(end) {
		c.now = end
		return nil
	}
	t := heap.Pop(&c.pending).(*manualTimer)
	if t.due.After(c.now) {
		c.now = t.due
	}
	return t
}

type manualTimer struct {
	clock *ManualClock
	due   time.Time
	seq   uint64
	call  func()
	index int // in the heap, or -1
}

func (t *manualTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	if t.index < 0 {
		return false
	}
	heap.Remove(&t.clock.pending, t.index)
	return true
}

// timerHeap is a heap.Interface ordered by time, then by the order in which the timers were set.
type timerHeap []*manualTimer

func (h timerHeap) Len() int { return len(h) }

func (h timerHeap) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].seq < h[j].seq
	}
	return h[i].due.Before(h[j].due)
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*manualTimer)
	t.index = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}
