package conntest

import (
	"context"
	"sync"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/testclock"
)

// Harness is a store under test and what the suite has to know about it.
type Harness struct {
	// Store is the store under test. It is empty.
	Store conn.Store
	// Clock is what Store takes the time from. Records expire only as a case moves it.
	Clock *Clock
	// MaxName is the most bytes that Store takes in a name or id; 0 means no bound that the suite
	// would reach. A longer one has to be refused with [conn.ErrInvalid].
	MaxName int
	// Large is how many members the large groups of the suite have; 0 means 2,500.
	Large int
	// Ended, if not nil, was given to the store as the function that is called for each record that ends, by its
	// method Record. Cases of that are for stores that have it only.
	Ended *Ended
	// Close, if not nil, is called at the end of a case. Its error fails the case.
	Close func() error
}

// NewHarness makes a Harness with a fresh, empty store. It may be called at the same time from several
// goroutines.
type NewHarness func(ctx context.Context) (Harness, error)

func (h Harness) large() int {
	if h.Large > 0 {
		return h.Large
	}
	return 2500
}

func (h Harness) close() error {
	if h.Close == nil {
		return nil
	}
	return h.Close()
}

// Clock is a clock that stands still until it is moved. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows noon, UTC, of the next day and a bit more than half a second: ahead of the real
// time, so that a service that deletes what has expired by the real time leaves what the cases keep.
func NewClock() *Clock {
	return &Clock{now: testclock.Noon().Add(543_210_987 * time.Nanosecond)}
}

// Now gives the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock ahead.
func (c *Clock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

// Set moves the clock to a time.
func (c *Clock) Set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = to
}

// Ended notes the records that a store says have ended. It is safe for concurrent use.
type Ended struct {
	mu   sync.Mutex
	list []End
	then func(ctx context.Context, e End)
}

// End is a record that has ended, and why.
type End struct {
	Conn  conn.Conn
	Cause conn.EndCause
}

// Record notes a record; it is a [conn.EndedFunc].
func (e *Ended) Record(ctx context.Context, c conn.Conn, cause conn.EndCause) {
	e.mu.Lock()
	e.list = append(e.list, End{c, cause})
	then := e.then
	if len(e.list) > 20 { // more than any case ends: a store that announces what does not end would go on for ever
		then = nil
	}
	e.mu.Unlock()
	if then != nil {
		then(ctx, End{c, cause})
	}
}

// take returns what was noted, and forgets it.
func (e *Ended) take() []End {
	e.mu.Lock()
	defer e.mu.Unlock()
	taken := e.list
	e.list = nil
	return taken
}

// does sets what Record does when it has noted a record.
func (e *Ended) does(then func(ctx context.Context, e End)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.then = then
}
