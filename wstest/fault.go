package wstest

import (
	"time"

	"github.com/gatesock/gatesock"
)

// fault is the simulated failure of posts to one connection. There is none if it is nil.
type fault struct {
	delay     time.Duration
	throttled int
	err       error
}

// take returns the error of the next post.
func (f *fault) take() error {
	switch {
	case f == nil:
		return nil
	case f.throttled > 0:
		f.throttled--
		return gatesock.ErrThrottled
	}
	return f.err
}

// Gone makes every post to a connection fail with [gatesock.ErrGone], as if the gateway had closed
// it and the $disconnect event had been lost. The connection itself stays open.
func (r *Recorder) Gone(connectionID string) { r.Fail(connectionID, gatesock.ErrGone) }

// Fail makes every post to a connection fail with an error that wraps err, for example
// [gatesock.ErrTooLarge]. It replaces an earlier Fail or [Recorder.Gone]; a nil err ends it.
func (r *Recorder) Fail(connectionID string, err error) {
	r.edit(connectionID, func(f *fault) { f.err = err })
}

// Throttle makes the next n posts to a connection fail with [gatesock.ErrThrottled]. Other failures
// of the connection apply after these. The number replaces what is left of an earlier one.
func (r *Recorder) Throttle(connectionID string, n int) {
	r.edit(connectionID, func(f *fault) { f.throttled = n })
}

// Slow delays every post to a connection by d. If its context ends first, the post fails with the
// context's error. The delay is in real time, or in that of a synctest bubble, and not in the
// harness's: [Harness.Advance] could not pass a handler that waits. A delay of 0 ends it.
func (r *Recorder) Slow(connectionID string, d time.Duration) {
	r.edit(connectionID, func(f *fault) { f.delay = d })
}

// Forbid makes every post to any connection fail with [gatesock.ErrForbidden], as if the function's
// role lacked execute-api:ManageConnections.
func (r *Recorder) Forbid() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forbid = true
}

// ClearFaults ends the simulated failures of some connections. Without an id it ends all, including
// [Recorder.Forbid].
func (r *Recorder) ClearFaults(connectionIDs ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range connectionIDs {
		delete(r.faults, id)
	}
	if len(connectionIDs) == 0 {
		clear(r.faults)
		r.forbid = false
	}
}

func (r *Recorder) edit(connectionID string, change func(*fault)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.faults[connectionID]
	if f == nil {
		f = new(fault)
		r.faults[connectionID] = f
	}
	change(f)
}

func (r *Recorder) delay(connectionID string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.faults[connectionID]; f != nil {
		return f.delay
	}
	return 0
}
