package emulator

import (
	"sync"
	"time"
)

// ManualClock is a [Clock] that moves only by [ManualClock.Advance]. It is safe for concurrent use.
type ManualClock struct {
	advance sync.Mutex // held while the clock moves
	pending pendingCalls
	now     time.Time // guarded by the lock of pending
}

// NewManualClock returns a clock that stands at now.
func NewManualClock(now time.Time) *ManualClock { return &ManualClock{now: now} }

// Now returns the time at which the clock stands.
func (c *ManualClock) Now() time.Time {
	c.pending.mu.Lock()
	defer c.pending.mu.Unlock()
	return c.now
}

// AfterFunc lets [ManualClock.Advance] call f when it passes the time d from now.
func (c *ManualClock) AfterFunc(d time.Duration, f func()) Timer {
	c.pending.mu.Lock()
	defer c.pending.mu.Unlock()
	return c.pending.add(c.now.Add(d), f)
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
	end := c.Now().Add(d)
	for t := c.next(end); t != nil; t = c.next(end) {
		t.callAndWait(patience)
	}
}

// patience is how long [ManualClock.Advance] waits for a call to return.
const patience = 30 * time.Second

// next removes and returns the first call that is due by end and sets the clock to its time. If
// there is none, it sets the clock to end and returns nil.
func (c *ManualClock) next(end time.Time) *pendingCall {
	c.pending.mu.Lock()
	defer c.pending.mu.Unlock()
	t := c.pending.take(end)
	switch {
	case t == nil:
		c.now = end
	case t.due.After(c.now):
		c.now = t.due
	}
	return t
}
