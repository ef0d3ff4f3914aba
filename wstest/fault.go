package wstest

import (
	"time"

	"github.com/gatesock/gatesock"
)

// fault is what the posts to one connection meet. Nil is none.
type fault struct {
	delay     time.Duration
	throttled int
	err       error
}

// take gives the error of the next post.
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

// Gone answers every post to a connection with [gatesock.ErrGone]. The connection itself stays open: this is
// how it looks when the gateway has closed it and the $disconnect was lost.
func (r *Recorder) Gone(connectionID string) { r.Fail(connectionID, gatesock.ErrGone) }

// TooLarge answers every post to a connection with [gatesock.ErrTooLarge].
func (r *Recorder) TooLarge(connectionID string) { r.Fail(connectionID, gatesock.ErrTooLarge) }

// Fail answers every post to a connection with an error that wraps err. It replaces an earlier Fail, Gone
// or TooLarge.
func (r *Recorder) Fail(connectionID string, err error) {
	r.edit(connectionID, func(f *fault) { f.err = err })
}

// Throttle answers the next n posts to a connection with [gatesock.ErrThrottled]; what else the connection was
// told comes after them.
func (r *Recorder) Throttle(connectionID string, n int) {
	r.edit(connectionID, func(f *fault) { f.throttled = n })
}

// Slow makes every post to a connection take d more, or until its context ends, which then is its error. It waits
// on the machine's clock, or a synctest bubble's, not on the harness's: a handler that waits could not be
// passed by [Harness.Advance].
func (r *Recorder) Slow(connectionID string, d time.Duration) {
	r.edit(connectionID, func(f *fault) { f.delay = d })
}

// Forbid answers every post to any connection with [gatesock.ErrForbidden], as where the function's role may not
// call the API.
func (r *Recorder) Forbid() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forbid = true
}

// Clear takes back what was told of some connections; without an id everything, Forbid too.
func (r *Recorder) Clear(connectionIDs ...string) {
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
