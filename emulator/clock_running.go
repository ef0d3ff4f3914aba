package emulator

import (
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// RunningClock is a [Clock] that runs with the machine's, and that [RunningClock.Advance] puts
// forward: for a gateway that people use while it runs and that shall not let them wait ten minutes
// for an idle timeout. Clients and functions keep the machine's time, so that signatures of
// requests are checked by that. A timer costs O(log n) of those that are pending. It is safe for
// concurrent use.
type RunningClock struct {
	advance sync.Mutex             // held while the clock moves
	motion  atomic.Pointer[motion] // changed with the lock of pending; nil for a moment in between
	pending pendingCalls

	// The lock of pending guards these.
	moving map[*func()]struct{} // what Advance calls first
	alarm  *time.Timer          // calls ring; nil before the first AfterFunc
	rings  time.Time            // when the alarm rings at the latest, by this clock; zero: it is not set
}

// motion is what a running clock does. It is not changed: a clock gets another one.
type motion struct {
	ahead  time.Duration // of the machine's clock, while the clock runs
	stands bool          // the clock stands at that time, since it is put forward
	at     time.Time
}

// NewRunningClock returns a clock that shows the machine's time.
func NewRunningClock() *RunningClock {
	c := new(RunningClock)
	c.motion.Store(new(motion))
	return c
}

// Now returns the machine's time plus [RunningClock.Offset]. While Advance moves the clock, it
// returns the time at which the clock stands on its way.
func (c *RunningClock) Now() time.Time {
	for {
		m := c.current()
		if m.stands {
			return m.at
		}
		now := time.Now()
		if c.motion.Load() == m { // otherwise a move has begun, perhaps before now
			return now.Add(m.ahead)
		}
	}
}

// current returns what the clock does.
func (c *RunningClock) current() *motion {
	if m := c.motion.Load(); m != nil { // always so for callers that have the lock
		return m
	}
	c.pending.mu.Lock()
	defer c.pending.mu.Unlock()
	return c.motion.Load()
}

// Offset returns by how much the clock is ahead of the machine's: the sum of all moves that have
// ended.
func (c *RunningClock) Offset() time.Duration { return c.current().ahead }

// AfterFunc calls f in a goroutine of its own when d has passed, or when Advance passes that time.
func (c *RunningClock) AfterFunc(d time.Duration, f func()) Timer {
	c.pending.mu.Lock()
	defer c.pending.mu.Unlock()
	now := c.Now()
	t := c.pending.add(now.Add(d), f)
	c.setAlarm(now)
	return t
}

// setAlarm makes the alarm ring when the first call is due. An alarm that rings earlier, for a call
// that was stopped since, is left as it is: most timers are stopped, and to set the alarm again
// costs more than to let it ring.
func (c *RunningClock) setAlarm(now time.Time) {
	due, ok := c.pending.first()
	if !ok || !c.rings.IsZero() && !due.Before(c.rings) {
		return
	}
	c.rings = due
	if c.alarm == nil {
		c.alarm = time.AfterFunc(due.Sub(now), c.ring)
		return
	}
	c.alarm.Reset(due.Sub(now))
}

// ring makes the calls that are due, all at the same time.
func (c *RunningClock) ring() {
	for _, t := range c.takeDue() {
		go t.call()
	}
}

func (c *RunningClock) takeDue() (due []*pendingCall) {
	c.pending.mu.Lock()
	defer c.pending.mu.Unlock()
	c.rings = time.Time{}
	if c.current().stands { // Advance makes the calls, and sets the alarm again
		return nil
	}
	now := c.Now()
	for t := c.pending.take(now); t != nil; t = c.pending.take(now) {
		due = append(due, t)
	}
	c.setAlarm(now)
	return due
}

// Advance puts the clock forward by d. It makes the calls that are due on the way, including those
// that are added during the move, one after the other, each at its own time. So when Advance
// returns, what a timeout causes has happened, such as a close frame or a whole $disconnect
// invocation. On its way the clock stands still while a call runs; afterwards it runs on, from the
// machine's time and the new [RunningClock.Offset].
//
// Advance stops waiting for a call after three seconds of the machine's time, for example for a
// $disconnect handler whose post is [Slow]: it waits for the clock.
//
// A negative d moves the clock back, as when a machine's clock is set. The times at which calls are
// due do not move with it. A clock that would be more than 292 years ahead stops there.
//
// The functions that Advance calls must not call Advance. Concurrent calls run one after the other.
func (c *RunningClock) Advance(d time.Duration) {
	c.advance.Lock()
	defer c.advance.Unlock()
	c.announce()
	end, ahead := c.stop(d)
	for t := c.next(end, ahead); t != nil; t = c.next(end, ahead) {
		t.callAndWait(patienceWhileRunning)
	}
}

// patienceWhileRunning is how long [RunningClock.Advance] waits for a call to return. It is shorter
// than patience, because clients wait with it.
const patienceWhileRunning = 3 * time.Second

// beforeMoves lets Advance call f before the clock moves, until remove is called.
func (c *RunningClock) beforeMoves(f func()) (remove func()) {
	c.pending.mu.Lock()
	defer c.pending.mu.Unlock()
	if c.moving == nil {
		c.moving = make(map[*func()]struct{})
	}
	c.moving[&f] = struct{}{}
	return func() {
		c.pending.mu.Lock()
		defer c.pending.mu.Unlock()
		delete(c.moving, &f)
	}
}

// announce calls what is to be called before a move. It may add calls to the clock.
func (c *RunningClock) announce() {
	c.pending.mu.Lock()
	calls := slices.Collect(maps.Keys(c.moving))
	c.pending.mu.Unlock()
	for _, f := range calls {
		(*f)()
	}
}

// stop lets the clock stand for a move by d. It returns the time at the end of the move, and by how
// much the clock will be ahead.
func (c *RunningClock) stop(d time.Duration) (end time.Time, ahead time.Duration) {
	c.pending.mu.Lock()
	defer c.pending.mu.Unlock()
	before := c.Offset()
	ahead = addDurations(before, d)
	c.motion.Store(nil) // so that nobody reads a time after now
	now := time.Now().Add(before)
	c.motion.Store(&motion{ahead: before, stands: true, at: now})
	return now.Add(ahead - before), ahead
}

// next removes and returns the first call that is due by end and lets the clock stand at its time.
// If there is none, it lets the clock run and returns nil.
func (c *RunningClock) next(end time.Time, ahead time.Duration) *pendingCall {
	c.pending.mu.Lock()
	defer c.pending.mu.Unlock()
	m := c.current()
	t := c.pending.take(end)
	switch {
	case t == nil:
		c.motion.Store(&motion{ahead: ahead})
		c.rings = time.Time{}
		c.setAlarm(c.Now())
	case t.due.After(m.at):
		c.motion.Store(&motion{ahead: m.ahead, stands: true, at: t.due})
	}
	return t
}

// addDurations returns the sum, or the most or the least that a duration can be.
func addDurations(a, b time.Duration) time.Duration {
	switch sum := a + b; {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	default:
		return sum
	}
}
