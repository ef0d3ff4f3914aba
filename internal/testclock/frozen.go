package testclock

import (
	"time"
	"unsafe"
)

// Frozen returns the time that a process reads after it was frozen at t for d: the wall clock went
// on and the monotonic clock did not, as between two invocations of a Lambda function or on a
// suspended machine. It panics if t has no reading of the monotonic clock.
func Frozen(t time.Time, d time.Duration) time.Time {
	frozen := t.Add(d)
	// Sub uses the monotonic clock if both times have a reading of it. Package time has no way to set
	// it.
	(*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&frozen)).ext -= int64(d)
	if frozen.Sub(t) != 0 || frozen.Round(0).Sub(t.Round(0)) != d {
		panic("testclock: Frozen of a time without a monotonic clock, or package time has changed")
	}
	return frozen
}
