package sweep

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// touch marks a connection as seen.
func (r *sweep) touch(ctx context.Context, record sighting) {
	ctx, cancel := r.finishing(ctx)
	defer cancel()
	if err := r.reg.Touch(ctx, record.ConnectionID); err != nil {
		r.logger().WarnContext(ctx, "sweep: an open connection could not be marked as seen",
			"connectionId", record.ConnectionID, "error", err)
	}
}

// count adds a record that was looked at.
func (r *sweep) count(c Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.Scanned = 1
	r.report.Run.add(c)
	r.progress.Pass.add(c)
}

func (r *sweep) stop(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	if r.err == nil {
		r.err = err
	}
}

func (r *sweep) forbids(endpoint string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.forbidden[endpoint]
}

func (r *sweep) firstFault() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := !r.faulty
	r.faulty = true
	return first
}

// mayNotClose logs, once a sweep, that a connection may not be closed.
func (r *sweep) mayNotClose(ctx context.Context, record sighting, err error) {
	r.mu.Lock()
	first := !r.closeless
	r.closeless = true
	r.mu.Unlock()
	if first {
		r.logger().WarnContext(ctx, "sweep: a connection may not be closed; more of this sweep are not logged",
			"connectionId", record.ConnectionID, "endpoint", record.Endpoint, "error", err)
	}
}

// probePanic carries a panic from a probe to the goroutine that called Sweep.
type probePanic struct {
	value any
	stack []byte
}

func (p *probePanic) Error() string {
	return fmt.Sprintf("sweep: panic while sweeping: %v\n\n%s", p.value, p.stack)
}

func (p *probePanic) Unwrap() error {
	err, _ := p.value.(error)
	return err
}

var errPanicked = errors.New("a probe has panicked")

// escalate stops the sweep for a panic, which is raised again when its progress is saved.
func (r *sweep) escalate(value any) {
	p := &probePanic{value, debug.Stack()}
	r.mu.Lock()
	if r.panicked == nil {
		r.panicked = p
	}
	r.mu.Unlock()
	r.stop(errPanicked)
}
