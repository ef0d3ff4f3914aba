package metering

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/internal/oneline"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/plan"
)

// Meter counts the events that pass its [Meter.Middleware]. It is safe for concurrent use.
//
// It adds up the counts in memory and writes them together, while it handles an event: nothing
// runs in the background, since Lambda would freeze it. An instance that ends loses what it has
// counted since its last write: at most what it counted within one flush interval, unless the store
// fails. [Meter.Flush] writes it.
//
// # If the store fails
//
// The Meter keeps records that could not be written, up to ten times [WithMaxPending], and tries
// again after two flush intervals, and after twice as long with each further failure, up to five
// minutes. It drops records that the store can never take, and records that come when no more can
// be kept; see [Meter.Dropped].
type Meter struct {
	store        Store
	flushEvery   time.Duration
	maxPending   int
	flushTimeout time.Duration
	clock        func() time.Time
	log          *slog.Logger // nil: slog.Default when something is logged

	dropped atomic.Int64

	mu       sync.Mutex
	pending  tally
	flushing bool      // by an event
	failed   int       // how many times in a row
	next     time.Time // when to write
	told     time.Time // when dropped records were logged last
}

const (
	// maxKept is how many times maxPending may wait while the store fails.
	maxKept = 10
	// maxBackoff is the longest wait after a failure.
	maxBackoff = 5 * time.Minute
	// tellEvery is how often dropped records are logged.
	tellEvery = time.Hour
)

// NewMeter returns a Meter that writes to a store. It panics if store is nil.
func NewMeter(store Store, opts ...Option) *Meter {
	if store == nil {
		panic("metering: NewMeter: store must not be nil")
	}
	m := &Meter{
		store: store, flushEvery: 10 * time.Second, maxPending: 100, flushTimeout: 3 * time.Second, clock: time.Now,
	}
	for _, o := range opts {
		if o == nil {
			panic("metering: NewMeter: an option is nil")
		}
		o.apply(m)
	}
	return m
}

// Middleware counts the events that reach it: for the key that by returns, and for the plan that
// the principal's [plan.Attribute] names, if any. After a limit, it counts what the limit lets
// through. It panics if by is the zero KeyFunc.
func (m *Meter) Middleware(by ratelimit.KeyFunc) gatesock.Middleware {
	if by.IsZero() {
		panic("metering: Middleware: by must not be the zero KeyFunc")
	}
	byPlan := ratelimit.ByFunc("plan", func(req *gatesock.Request) string {
		return authz.AttributeFrom(req, plan.Attribute)
	})
	return func(next gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(ctx context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			reply, err := next(ctx, req)
			if m.count(req, by, byPlan) {
				m.flushWithin(ctx)
			}
			return reply, err
		}
	}
}

// Dropped returns how many records were lost so far: those that the store can never take, and
// those that came while it failed and no more could be kept.
func (m *Meter) Dropped() int64 { return m.dropped.Load() }

func (m *Meter) logger() *slog.Logger { return cmp.Or(m.log, slog.Default()) }

// now returns the time without the reading of the monotonic clock, which stands still while
// Lambda has the process frozen.
func (m *Meter) now() time.Time { return m.clock().Round(0) }

// count counts an event for each key, and reports whether the caller must write. No other call
// does so meanwhile.
func (m *Meter) count(req *gatesock.Request, keys ...ratelimit.KeyFunc) bool {
	if req.EventType == gatesock.EventDisconnect {
		return false
	}
	now := m.now()
	r := Record{Day: now.UTC().Format(time.DateOnly), Messages: 1}
	if req.EventType == gatesock.EventConnect {
		r.Connections, r.Messages = 1, 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.next.IsZero() {
		m.next = now.Add(m.flushEvery)
	}
	for _, by := range keys {
		if r.Kind, r.Name = by.Key(req); r.Name != "" {
			m.keep(r)
		}
	}
	wait := m.next.Sub(now)
	due := wait <= 0 || wait > backoff(m.flushEvery, m.failed) || // the clock was set back
		m.failed == 0 && len(m.pending) >= m.maxPending
	if m.flushing || !due {
		return false
	}
	m.flushing = true
	return true
}

// keep adds a record to those that wait; m.mu is held.
func (m *Meter) keep(r Record) {
	if !m.pending.add(r, maxKept*m.maxPending) {
		m.dropped.Add(1)
	}
}

// flushWithin writes while an event is handled, without delaying it for long.
func (m *Meter) flushWithin(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, m.flushTimeout)
	defer cancel()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.flushing = false
	}()
	if err := m.Flush(bounded); err != nil {
		m.logger().ErrorContext(ctx, "metering: records could not be written, and are kept for the next time",
			"error", err, "dropped", m.Dropped())
	}
}

// Flush writes what was counted, even during the wait after a failure. Call it before a program
// ends. If some records could not be written, it returns an error and keeps them for the next
// time. Records that the store can never take are logged and counted ([Meter.Dropped]), and are
// not an error.
func (m *Meter) Flush(ctx context.Context) error {
	m.mu.Lock()
	records := m.pending.records()
	m.pending = nil
	m.next = m.now().Add(m.flushEvery)
	m.mu.Unlock()
	if len(records) == 0 {
		return nil
	}
	retry, rejected, err := m.store.Add(ctx, records)
	if err != nil && len(retry)+len(rejected) == 0 {
		retry = records
	}
	if len(rejected) > 0 {
		m.drop(ctx, rejected, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(retry) == 0 {
		m.failed = 0
		return nil
	}
	for _, r := range retry {
		m.keep(r)
	}
	m.failed++
	m.next = m.now().Add(backoff(m.flushEvery, m.failed))
	return fmt.Errorf("metering: %d of %d records: %w", len(retry), len(records), err)
}

// backoff returns how long to wait after a number of failures: twice as long after each.
func backoff(every time.Duration, failures int) time.Duration {
	d := every
	for range failures {
		if d *= 2; d >= maxBackoff {
			return max(maxBackoff, every)
		}
	}
	return d
}

// drop counts records that can never be written, and logs one of them.
func (m *Meter) drop(ctx context.Context, rejected []Record, err error) {
	m.dropped.Add(int64(len(rejected)))
	now := m.now()
	m.mu.Lock()
	quiet := !m.told.IsZero() && now.Sub(m.told) < tellEvery
	if !quiet {
		m.told = now
	}
	m.mu.Unlock()
	if quiet {
		return
	}
	m.logger().ErrorContext(ctx, "metering: records that can never be written are dropped", "records", len(rejected),
		"kind", oneline.Of(rejected[0].Kind, 60), "name", oneline.Of(rejected[0].Name, 60), "error", err)
}
