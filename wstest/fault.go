package wstest

import (
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

// setting is a method of a [Recorder] that sets a fault of a connection.
type setting int

const (
	failing setting = iota
	throttling
	slowing
)

// faultKey is what a connection has at most one fault for.
type faultKey struct {
	setting      setting
	connectionID string
}

// Gone makes every post to a connection fail with [gatesock.ErrGone], as if the gateway had closed
// it and the $disconnect event had been lost. The connection itself stays open.
func (r *Recorder) Gone(connectionID string) { r.Fail(connectionID, gatesock.ErrGone) }

// Fail makes every post to a connection fail with an error that wraps err, for example
// [gatesock.ErrTooLarge]. It replaces an earlier Fail or [Recorder.Gone]; a nil err ends it.
func (r *Recorder) Fail(connectionID string, err error) {
	if err == nil {
		r.replace(failing, connectionID)
		return
	}
	r.replace(failing, connectionID, emulator.Fail(err))
}

// Throttle makes the next n posts to a connection fail with [gatesock.ErrThrottled]. Other failures
// of the connection apply after these. The number replaces what is left of an earlier one.
func (r *Recorder) Throttle(connectionID string, n int) {
	if n <= 0 {
		r.replace(throttling, connectionID)
		return
	}
	r.replace(throttling, connectionID, emulator.Throttled(emulator.Throttle{}).Times(n))
}

// Slow delays every post to a connection by d. If its context ends first, the post fails with the
// context's error. The delay is in real time, or in that of a synctest bubble, and not in the
// harness's: [Harness.Advance] could not pass a handler that waits. A delay of 0 ends it.
func (r *Recorder) Slow(connectionID string, d time.Duration) {
	if d <= 0 {
		r.replace(slowing, connectionID)
		return
	}
	r.replace(slowing, connectionID, emulator.Slow(d))
}

// Forbid makes every post to any connection fail with [gatesock.ErrForbidden], as if the function's
// role lacked execute-api:ManageConnections.
func (r *Recorder) Forbid() { r.faults.Add(emulator.Fail(gatesock.ErrForbidden)) }

// ClearFaults ends the simulated failures of some connections. Without an id it ends all, including
// [Recorder.Forbid].
func (r *Recorder) ClearFaults(connectionIDs ...string) { r.faults.Clear(connectionIDs...) }

// replace sets the fault of a connection that a setting is for, or ends it if there is none.
func (r *Recorder) replace(s setting, connectionID string, faults ...emulator.Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := faultKey{s, connectionID}
	if end, set := r.endFault[key]; set {
		end()
		delete(r.endFault, key)
	}
	for _, f := range faults {
		r.endFault[key] = r.faults.Add(f.For(connectionID))
	}
}
