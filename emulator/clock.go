package emulator

import (
	"container/heap"
	"sync"
	"time"
)

// Clock is where a [Gateway] takes the time from. It must be safe for concurrent use.
type Clock interface {
	// Now gives the time.
	Now() time.Time
	// AfterFunc calls f once, in any goroutine, when d has passed.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is a pending call of [Clock] AfterFunc. *[time.Timer] is one.
type Timer interface {
	// Stop keeps the call from happening; it gives false if it has begun or was stopped before.
	Stop() bool
}

// systemClock is the machine's clock. In a bubble of testing/synctest it is the bubble's.
type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

// patience is how long a move of a [ManualClock] waits for a call that it has made.
const patience = 30 * time.Second

// ManualClock is a [Clock] that moves only when it is told to. It is safe for concurrent use.
type ManualClock struct {
	advance sync.Mutex // held while the clock moves

	mu      sync.Mutex
	now     time.Time
	pending timerHeap
	seq     uint64
}

// NewManualClock returns a clock that stands at now.
func NewManualClock(now time.Time) *ManualClock { return &ManualClock{now: now} }

// Now gives the time at which the clock stands.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc calls f from the [ManualClock.Advance] that passes the time d from now.
func (c *ManualClock) AfterFunc(d time.Duration, f func()) Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	t := &manualTimer{clock: c, due: c.now.Add(d), seq: c.seq, call: f}
	heap.Push(&c.pending, t)
	return t
}

// Advance moves the clock by d and makes the calls that fall due on the way, each at its own time and in the
// order of those times, also those that are asked for during the move. It waits for each call to return before it
// goes on, so that what a timeout causes (a close frame, a whole $disconnect invocation) has happened when
// Advance returns. A call that itself waits for the clock can't return, as a $disconnect handler that waits for its
// context to end: after 30 s of the machine's time, which pass at once in a bubble of testing/synctest, Advance leaves it
// behind. A call that merely takes long on a busy machine is waited for.
//
// It must not be called from a call that it makes. Concurrent calls follow one another.
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

// next takes the first timer that is due by end and puts the clock on its time; without one it puts the clock
// on end and gives nil.
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
	index int // in the heap; -1 outside
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

// timerHeap is a heap.Interface: the earliest first, and of two at one time the one that was set first.
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
