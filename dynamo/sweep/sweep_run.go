package sweep

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// sweepGrace is how old a connection must be to be probed: while its $connect runs, for up to 29 seconds, the gateway
// answers that it is gone (AWS re:Post, "410 GoneException"; AWS Developer Guide, "Quotas for configuring and
// running a WebSocket API").
const sweepGrace = 30 * time.Second

// sweep is the state of one call of Sweep.
type sweep struct {
	*lease
	progress progress
	report   Report
	saved    time.Time // when the progress was, last
	paged    bool      // a page was read

	mu        sync.Mutex // guards the rest, and the counts of report and progress
	forbidden map[string]bool
	faulty    bool // a fault of a probe was logged
	closeless bool // that connections may not be closed was logged
	stopped   bool
	err       error // what stopped it, if that is an error
	panicked  *probePanic
}

func newSweep(l *lease, p progress) *sweep {
	if p.Pass.Started.IsZero() {
		p.Pass.Started = l.reg.Clock().UTC().Truncate(time.Second)
	}
	return &sweep{lease: l, progress: p, saved: time.Now(), forbidden: make(map[string]bool)}
}

// run works until the pass is complete or something stops it, and saves how far it has come.
func (r *sweep) run(ctx context.Context) error {
	done, err := r.work(ctx)
	r.report.Pass, r.report.Last = r.progress.Pass, r.progress.Last
	if errors.Is(err, errLost) {
		return err
	}
	p := r.progress
	if done {
		ended := p.Pass
		ended.Ended = r.reg.Clock().UTC().Truncate(time.Second)
		p = progress{Last: &ended}
	}
	ctx, cancel := r.finishing(ctx)
	defer cancel()
	if failed := r.save(ctx, p, true); failed != nil {
		return errors.Join(err, failed)
	}
	if done {
		r.report.Done, r.report.Pass, r.report.Last = true, *p.Last, p.Last
	}
	return err
}

// work reads pages and settles them. It tells if it came to the end of the table.
func (r *sweep) work(ctx context.Context) (done bool, err error) {
	for {
		page, err := r.scan(ctx, r.progress.After)
		if err != nil && r.paged && outOfTime(ctx) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		r.paged = true
		if whole, err := r.settlePage(ctx, page.records); !whole || err != nil {
			return false, err
		}
		r.progress.After = page.last
		if page.last == (place{}) {
			return true, nil
		}
		if err := r.keep(ctx); err != nil {
			return false, err
		}
	}
}

// settlePage settles the records of a page, and tells if these are all. Where that takes long the progress is saved in
// between.
func (r *sweep) settlePage(ctx context.Context, records []sighting) (whole bool, err error) {
	for {
		n := r.settle(ctx, records)
		if n > 0 {
			r.progress.After = records[n-1].at
			records = records[n:]
		}
		if stopped, err := r.outcome(ctx); stopped {
			return false, err
		}
		if len(records) == 0 {
			return true, nil
		}
		if err := r.keep(ctx); err != nil {
			return false, err
		}
	}
}

// outcome tells if the sweep has stopped, and with what error.
func (r *sweep) outcome(ctx context.Context) (stopped bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && ctx.Err() != nil && !outOfTime(ctx) {
		r.err = context.Cause(ctx)
	}
	return r.stopped || r.err != nil || ctx.Err() != nil, r.err
}

// keep saves the progress in the middle of the work.
func (r *sweep) keep(ctx context.Context) error {
	if err := r.save(ctx, r.progress, false); err != nil && !outOfTime(ctx) {
		return err
	}
	r.saved = time.Now()
	return nil
}

// outOfTime tells if the context ended because of the reserve, not because the caller ended it.
func outOfTime(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errReserve) }

// settle settles records from the first on, and tells how many: all, unless the sweep stops or it is time to save.
func (r *sweep) settle(ctx context.Context, records []sighting) int {
	var probes sync.WaitGroup
	defer probes.Wait()
	places := make(chan struct{}, r.concurrency)
	for i, record := range records {
		expired := r.announces(record)
		if !expired && !r.asks(ctx, record) {
			continue
		}
		if !r.admit(ctx, places, !expired) {
			return i
		}
		probes.Go(func() {
			defer func() { <-places }()
			if expired {
				r.expire(ctx, record)
			} else {
				r.ask(ctx, record)
			}
		})
	}
	return len(records)
}

// asks tells if a record is to be probed. Others are counted.
func (r *sweep) asks(ctx context.Context, record sighting) bool {
	now := r.reg.Clock()
	switch {
	case record.err != nil:
		r.count(Counts{Failed: 1})
		r.logger().WarnContext(ctx, "sweep: the sweeper found an item that is no record of a connection",
			"pk", record.at.PK, "error", record.err)
	case record.expires <= now.Unix():
		r.count(Counts{Expired: 1})
	case now.Sub(record.seen) < r.unseen || now.Sub(record.connected) < sweepGrace:
		r.count(Counts{Live: 1})
	case r.forbids(record.Endpoint):
		r.count(Counts{Live: 1, Unknown: 1})
	default:
		return true
	}
	return false
}

// announces reports whether a record has expired and somebody wants to be told.
func (r *sweep) announces(record sighting) bool {
	return r.reg.EndedFunc != nil && record.err == nil && record.expires <= r.reg.Now()
}

// expire ends a record that has expired, and counts it.
func (r *sweep) expire(ctx context.Context, record sighting) {
	found := Counts{Failed: 1} // if the function that is told does not return
	defer func() { r.count(found) }()
	ctx, cancel := r.removing(ctx, conn.EndExpired)
	defer cancel()
	if err := r.reg.Expire(ctx, record.ConnectionID); err != nil {
		r.logger().WarnContext(ctx, "sweep: a record that has expired could not be removed",
			"connectionId", record.ConnectionID, "error", err)
		return
	}
	found = Counts{Expired: 1}
}

// admit waits for a place and, before a probe, for its turn. It returns false if there is to be none now.
func (r *sweep) admit(ctx context.Context, places chan<- struct{}, probe bool) bool {
	if time.Since(r.saved) >= saveEvery {
		return false
	}
	select {
	case places <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	if probe {
		if err := r.pace.wait(ctx); err != nil {
			r.stop(nil)
			return false
		}
	}
	stopped, _ := r.outcome(ctx)
	return !stopped
}

// ask probes a connection, does what follows, and counts it.
func (r *sweep) ask(ctx context.Context, record sighting) {
	found := Counts{Live: 1, Unknown: 1, Probed: 1} // if the probe does not return
	defer func() {
		if v := recover(); v != nil {
			r.escalate(v)
		}
		r.count(found)
	}()
	if r.forbids(record.Endpoint) { // since it was admitted
		found = Counts{Live: 1, Unknown: 1}
		return
	}
	active, err := r.callProbe(ctx, record.Target)
	switch {
	case err == nil && r.isIdle(active):
		r.pace.speedUp()
		found = r.close(ctx, record)
	case err == nil:
		r.pace.speedUp()
		r.touch(ctx, record)
		found = Counts{Live: 1, Probed: 1}
	case errors.Is(err, gatesock.ErrGone):
		r.pace.speedUp()
		found = r.end(ctx, record)
	default:
		r.heed(ctx, record, err)
	}
}

// isIdle reports whether a connection that was active at a time is to be closed.
func (r *sweep) isIdle(active time.Time) bool {
	return r.idle > 0 && !active.IsZero() && r.reg.Clock().Sub(active) > r.idle
}

// close closes a connection that is idle. Its record is left to its $disconnect.
func (r *sweep) close(ctx context.Context, record sighting) Counts {
	limited, cancel := context.WithTimeout(ctx, r.probeTimeout)
	defer cancel()
	err := r.closer.Disconnect(limited, record.Target)
	switch {
	case err == nil:
		return Counts{Idle: 1, Probed: 1}
	case errors.Is(err, gatesock.ErrGone):
		return r.remove(ctx, record)
	case errors.Is(err, gatesock.ErrForbidden):
		r.mayNotClose(ctx, record, err)
		r.touch(ctx, record) // or every sweep would probe it again
		return Counts{Live: 1, Probed: 1}
	}
	r.heed(ctx, record, fmt.Errorf("it is idle and could not be closed: %w", err))
	return Counts{Live: 1, Probed: 1}
}

// end closes a connection that a probe has called gone, where the sweeper can, and removes it. The gateway has been seen to
// call an open connection gone (aws-sdk-js#3773), which without a record would never get a message again, and never know.
func (r *sweep) end(ctx context.Context, record sighting) Counts {
	if r.closer != nil {
		limited, cancel := context.WithTimeout(ctx, r.probeTimeout)
		err := r.closer.Disconnect(limited, record.Target)
		cancel()
		switch {
		case err == nil, errors.Is(err, gatesock.ErrGone):
		case errors.Is(err, gatesock.ErrForbidden):
			r.mayNotClose(ctx, record, err)
		default:
			r.heed(ctx, record, fmt.Errorf("it is gone and could not be closed: %w", err))
			return Counts{Live: 1, Unknown: 1, Probed: 1}
		}
	}
	return r.remove(ctx, record)
}

func (r *sweep) callProbe(ctx context.Context, to gatesock.Target) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, r.probeTimeout)
	defer cancel()
	return r.probe(ctx, to)
}

// remove removes a connection that is gone. If somebody else was faster it is as good.
func (r *sweep) remove(ctx context.Context, record sighting) Counts {
	ctx, cancel := r.removing(ctx, conn.EndSwept)
	defer cancel()
	_, err := r.connections.Delete(ctx, record.ConnectionID)
	if err == nil || errors.Is(err, conn.ErrNotFound) {
		return Counts{Gone: 1, Probed: 1}
	}
	r.logger().WarnContext(ctx, "sweep: a connection that is gone could not be removed",
		"connectionId", record.ConnectionID, "error", err)
	return Counts{Failed: 1, Probed: 1}
}

// heed does what a probe's error asks for that is not that the connection is gone.
func (r *sweep) heed(ctx context.Context, record sighting, err error) {
	switch {
	case errors.Is(err, gatesock.ErrForbidden):
		r.forbid(ctx, record, err)
	case errors.Is(err, gatesock.ErrThrottled):
		r.pace.slowDown()
	case ctx.Err() == nil && r.firstFault():
		r.logger().WarnContext(ctx, "sweep: a connection could not be probed; more of this sweep are only counted",
			"connectionId", record.ConnectionID, "error", err)
	}
}

// forbid ends the probes of an endpoint, and with the prober's own the sweep.
func (r *sweep) forbid(ctx context.Context, record sighting, err error) {
	if record.Endpoint == "" {
		r.stop(fmt.Errorf("probe connection %q: %w", record.ConnectionID, err))
		return
	}
	r.mu.Lock()
	known := r.forbidden[record.Endpoint]
	r.forbidden[record.Endpoint] = true
	r.mu.Unlock()
	if !known {
		r.logger().WarnContext(ctx, "sweep: the connections of an endpoint may not be probed",
			"endpoint", record.Endpoint, "error", err)
	}
}
