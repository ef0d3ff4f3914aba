package emulator

import "time"

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
