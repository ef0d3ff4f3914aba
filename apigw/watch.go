package apigw

import (
	"context"
	"errors"
	"net/http/httptrace"
	"sync"
	"time"
)

// patience is how long a signed request waits for a connection before it is signed anew: AWS refuses one whose signature
// is older than five minutes (IAM User Guide, "Elements of an AWS API request signature").
const patience = 4 * time.Minute

// errStale says that a request waited for longer than that. Nothing was sent.
var errStale = errors.New("apigw: the signature has become old")

// watch bounds what a call over net/http takes by itself. The time does not run while the call waits for a connection
// that others use, of which net/http reports. Its methods may be called on nil, which bounds nothing.
type watch struct {
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer
	left  time.Duration // when since was
	since time.Time     // zero while the call waits
	late  bool
	stale bool
}

// newWatch returns a watch that runs, and the context that it ends. It returns nil, and ctx itself, if that ends earlier
// anyway.
func newWatch(ctx context.Context, timeout time.Duration) (context.Context, *watch) {
	now := time.Now()
	if deadline, ok := ctx.Deadline(); ok && !deadline.After(now.Add(timeout)) {
		return ctx, nil
	}
	w := &watch{left: timeout, since: now}
	ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(timeout, w.expire)
	return ctx, w
}

// wait stops the time, run lets it go on.
func (w *watch) wait() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.late || w.since.IsZero() {
		return
	}
	w.left -= time.Since(w.since)
	w.since = time.Time{}
	w.timer.Reset(patience)
}

func (w *watch) run() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stale || !w.since.IsZero() {
		return
	}
	w.since = time.Now()
	w.timer.Reset(w.left)
}

func (w *watch) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.since.IsZero():
		w.stale = true
		w.cancel(errStale)
	case time.Since(w.since) >= w.left: // otherwise it was reset just now
		w.late = true
		w.cancel(context.DeadlineExceeded)
	}
}

// end ends the context, and reports whether the time was up, or whether the call waited for too long.
func (w *watch) end() (late, stale bool) {
	if w == nil {
		return false, false
	}
	w.timer.Stop()
	w.cancel(nil)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.late, w.stale
}

// sees makes a trace report to the watch. A connection is opened for a call, or for whichever call waits first; the
// time runs from then on in both cases. Some of these events may come late, when the call has ended.
func (w *watch) sees(trace *httptrace.ClientTrace) {
	trace.DNSStart = func(httptrace.DNSStartInfo) { w.run() }
	trace.ConnectStart = func(string, string) { w.run() }
	trace.TLSHandshakeStart = w.run
}
