package sweep

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/panics"
)

// grace is how old a connection must be to be probed: while its $connect runs, for up to 29
// seconds, API Gateway reports it as gone (AWS re:Post, "410 GoneException"; AWS Developer Guide,
// "Quotas for configuring and running a WebSocket API").
const grace = 30 * time.Second

// start counts a record, or starts a goroutine that settles and counts it. It returns false if the
// sweep has to stop before this record.
func (r *run) start(ctx context.Context, record sighting) bool {
	settle, paced := r.step(ctx, record)
	if settle == nil {
		return true
	}
	select {
	case r.places <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	if !r.admit(ctx, paced) {
		<-r.places
		return false
	}
	r.tasks.Go(func() {
		defer func() { <-r.places }()
		settle(ctx, record)
	})
	return true
}

// step returns what settles a record, and whether it is paced like a probe. If there is nothing to
// do but to count the record, step does that and returns nil.
func (r *run) step(ctx context.Context, record sighting) (settle func(context.Context, sighting), paced bool) {
	now := r.reg.Clock()
	switch {
	case record.err != nil:
		r.count(Counts{Failed: 1})
		r.logger().WarnContext(ctx, "sweep: found an item that is not a connection's record",
			"pk", record.at.PK, "error", record.err)
	case record.expires <= now.Unix() && r.reg.EndedFunc != nil:
		return r.expire, false
	case record.expires <= now.Unix():
		r.count(Counts{Expired: 1})
	case now.Sub(record.seen) < r.probeAfter || now.Sub(record.connected) < grace:
		r.count(Counts{Live: 1})
	case r.isForbidden(record.Endpoint):
		r.count(Counts{Live: 1, Unknown: 1})
	default:
		return r.ask, true
	}
	return nil, false
}

// admit waits, before a probe, for its turn. It returns false if the sweep has to stop.
func (r *run) admit(ctx context.Context, paced bool) bool {
	if paced {
		if err := r.pace.wait(ctx); err != nil {
			r.stop(nil)
			return false
		}
	}
	stopped, _ := r.outcome(ctx)
	return !stopped
}

// expire ends a record that has expired.
func (r *run) expire(ctx context.Context, record sighting) {
	found := Counts{Failed: 1} // if the function of dynamo.WithEnded does not return
	defer func() { r.count(found) }()
	ctx, cancel := r.removing(ctx, conn.EndExpired)
	defer cancel()
	if err := r.reg.Expire(ctx, record.ConnectionID); err != nil {
		r.logger().WarnContext(ctx, "sweep: an expired record could not be removed",
			"connectionId", record.ConnectionID, "error", err)
		return
	}
	found = Counts{Expired: 1}
}

// errPanicked stops a sweep whose panic is raised again when its progress is saved.
var errPanicked = errors.New("a probe has panicked")

// ask probes a connection and does what the answer asks for.
func (r *run) ask(ctx context.Context, record sighting) {
	found := Counts{Live: 1, Unknown: 1, Probed: 1} // if the probe does not return
	defer func() {
		if p := panics.New("sweep: panic while sweeping", recover()); p != nil {
			r.mu.Lock()
			if r.panicked == nil {
				r.panicked = p
			}
			r.mu.Unlock()
			r.stop(errPanicked)
		}
		r.count(found)
	}()
	if r.isForbidden(record.Endpoint) { // since it was admitted
		found = Counts{Live: 1, Unknown: 1}
		return
	}
	limited, cancel := context.WithTimeout(ctx, r.probeTimeout)
	active, err := r.probe(limited, record.Target)
	cancel()
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
		r.noteFault(ctx, record, err)
	}
}

// isIdle reports whether a connection that was active last at a time is to be closed.
func (r *run) isIdle(active time.Time) bool {
	return r.idle > 0 && !active.IsZero() && r.reg.Clock().Sub(active) > r.idle
}

// touch marks a connection as seen.
func (r *run) touch(ctx context.Context, record sighting) {
	ctx, cancel := r.finishing(ctx)
	defer cancel()
	if err := r.reg.Touch(ctx, record.ConnectionID); err != nil {
		r.logger().WarnContext(ctx, "sweep: an open connection could not be marked as seen",
			"connectionId", record.ConnectionID, "error", err)
	}
}

// disconnect closes a connection.
func (r *run) disconnect(ctx context.Context, record sighting) error {
	ctx, cancel := context.WithTimeout(ctx, r.probeTimeout)
	defer cancel()
	return r.closer.Disconnect(ctx, record.Target)
}

// close closes an idle connection. Its record is left to its $disconnect.
func (r *run) close(ctx context.Context, record sighting) Counts {
	switch err := r.disconnect(ctx, record); {
	case err == nil:
		return Counts{Idle: 1, Probed: 1}
	case errors.Is(err, gatesock.ErrGone):
		return r.remove(ctx, record)
	case errors.Is(err, gatesock.ErrForbidden):
		r.mayNotClose(ctx, record, err)
		r.touch(ctx, record) // or every sweep would probe it again
	default:
		r.noteFault(ctx, record, fmt.Errorf("the connection is idle and could not be closed: %w", err))
	}
	return Counts{Live: 1, Probed: 1}
}

// end closes, if there is a closer, and removes a connection that a probe has reported as gone.
func (r *run) end(ctx context.Context, record sighting) Counts {
	if r.closer == nil {
		return r.remove(ctx, record)
	}
	switch err := r.disconnect(ctx, record); {
	case err == nil, errors.Is(err, gatesock.ErrGone):
	case errors.Is(err, gatesock.ErrForbidden):
		r.mayNotClose(ctx, record, err)
	default:
		r.noteFault(ctx, record, fmt.Errorf("the connection is gone and could not be closed: %w", err))
		return Counts{Live: 1, Unknown: 1, Probed: 1}
	}
	return r.remove(ctx, record)
}

// remove removes a connection that is gone. It makes no difference if something else has removed it
// meanwhile.
func (r *run) remove(ctx context.Context, record sighting) Counts {
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

// noteFault reacts to an error that leaves open whether the connection is gone.
func (r *run) noteFault(ctx context.Context, record sighting, err error) {
	switch {
	case errors.Is(err, gatesock.ErrForbidden):
		r.forbid(ctx, record, err)
	case errors.Is(err, gatesock.ErrThrottled):
		r.pace.slowDown()
	case ctx.Err() == nil && r.first(&r.faulty):
		r.logger().WarnContext(ctx, "sweep: a connection could not be probed; further ones are only counted",
			"connectionId", record.ConnectionID, "error", err)
	}
}

// mayNotClose logs, once a sweep, that a connection may not be closed.
func (r *run) mayNotClose(ctx context.Context, record sighting, err error) {
	if r.first(&r.closeless) {
		r.logger().WarnContext(ctx, "sweep: a connection may not be closed; further ones are not logged",
			"connectionId", record.ConnectionID, "endpoint", record.Endpoint, "error", err)
	}
}

// forbid ends the probes of an endpoint or, for the API's own, the sweep.
func (r *run) forbid(ctx context.Context, record sighting, err error) {
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

func (r *run) isForbidden(endpoint string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.forbidden[endpoint]
}

// pace spaces the probes. A throttled probe halves the rate, at most once a second, since the
// probes under way will be throttled, too. Each answer then adds a little, up to the rate of the
// option.
type pace struct {
	limiter *rate.Limiter
	most    rate.Limit

	mu     sync.Mutex
	slowed time.Time
}

func newPace(perSecond float64) *pace {
	return &pace{limiter: rate.NewLimiter(rate.Limit(perSecond), 1), most: rate.Limit(perSecond)}
}

// wait waits for the turn of a probe. It fails at once if the context's deadline comes first.
func (p *pace) wait(ctx context.Context) error { return p.limiter.Wait(ctx) }

func (p *pace) slowDown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.slowed) >= time.Second {
		p.slowed = now
		p.limiter.SetLimit(max(p.limiter.Limit()/2, min(p.most, 1)))
	}
}

func (p *pace) speedUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if limit := p.limiter.Limit(); limit < p.most {
		p.limiter.SetLimit(min(limit+p.most/500, p.most))
	}
}
