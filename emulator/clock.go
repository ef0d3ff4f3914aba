package emulator

import "time"

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
