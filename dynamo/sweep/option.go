package sweep

import (
	"log/slog"
	"time"

	"github.com/gatesock/gatesock"
)

const defaultProbeRate = 50

// Option is an option of [New].
type Option interface{ apply(*Sweeper) }

type option func(*Sweeper)

func (o option) apply(s *Sweeper) { o(s) }

// WithProbeAfter sets how long a connection must not have been seen before it is probed; the
// default is 10 minutes. Put, Join, Leave, SetAttributes, Extend and a probe that finds it open
// count as seeing it. Each probe of an open connection costs a call of @connections and a write
// unit.
//
// With 0 every pass probes all connections that are older than 30 seconds. It panics if d is
// negative.
func WithProbeAfter(d time.Duration) Option {
	if d < 0 {
		panic("sweep: WithProbeAfter: d must not be negative")
	}
	return option(func(s *Sweeper) { s.probeAfter = d })
}

// WithIdleLimit closes connections that were not active for longer than d, by the time that the
// probe returns. Each that is closed costs a second call of @connections. By default no connection
// is closed. An apigw.Client is a closer. It panics if d is not positive or closer is nil.
//
// API Gateway itself closes a connection after 10 minutes without a message in either direction
// (AWS Developer Guide, "Quotas for configuring and running a WebSocket API"). So d is less than
// that, or longer for clients that send messages to stay connected and may stop doing so.
//
// A connection is probed when it was not seen for d, or for the time of [WithProbeAfter] if that
// is less. So it may take twice as long, and until the next sweep, before it is closed. Its record
// ends by its $disconnect or, if that does not arrive, by a later sweep. If closing is forbidden,
// as for a role that may only probe, the connection stays and counts as live, and the log mentions
// it once a sweep.
//
// The time without activity is the DB's clock minus API Gateway's: choose d long in comparison to
// how wrong the clock may be.
func WithIdleLimit(d time.Duration, closer gatesock.Disconnector) Option {
	if d <= 0 || closer == nil {
		panic("sweep: WithIdleLimit: d must be positive and closer must not be nil")
	}
	return option(func(s *Sweeper) { s.idle, s.closer = d, closer })
}

// WithCloser closes each connection that a probe reports as gone before its record is removed, for
// one call of @connections each. API Gateway has reported open connections as gone
// (aws-sdk-js#3773). Closing makes their clients connect again; without it they would stay
// connected and receive nothing. [WithIdleLimit] includes it. It panics if closer is nil.
func WithCloser(closer gatesock.Disconnector) Option {
	if closer == nil {
		panic("sweep: WithCloser: closer must not be nil")
	}
	return option(func(s *Sweeper) { s.closer = closer })
}

// WithProbeRate limits the probes a second, evenly spaced, of all calls of one Sweeper together;
// the default is 50. Calls of @connections share the account's quota of 10,000 requests a second
// (AWS Developer Guide, "Quotas for configuring and running a WebSocket API"). It panics if
// perSecond is not positive.
func WithProbeRate(perSecond float64) Option {
	if !(perSecond > 0) {
		panic("sweep: WithProbeRate: perSecond must be positive")
	}
	return option(func(s *Sweeper) { s.pace = newPace(perSecond) })
}

// WithProbeConcurrency sets how many probes run at the same time; the default is 8, which reaches
// the default rate if API Gateway answers within 160 ms. It panics if n is less than 1.
func WithProbeConcurrency(n int) Option {
	if n < 1 {
		panic("sweep: WithProbeConcurrency: n must be at least 1")
	}
	return option(func(s *Sweeper) { s.concurrency = n })
}

// WithProbeTimeout sets how long one probe may take; the default is 10 seconds. It panics if d is
// not positive.
func WithProbeTimeout(d time.Duration) Option {
	if d <= 0 {
		panic("sweep: WithProbeTimeout: d must be positive")
	}
	return option(func(s *Sweeper) { s.probeTimeout = d })
}

// WithDeadlineMargin sets how long before the deadline of its context a sweep stops scanning and
// probing, so that it can finish removals and save its progress; the default is 4 seconds. The
// context's time must be longer, and Lambda's default timeout of 3 seconds is not. A removal takes
// at most a third of the margin, and so does saving. It panics if d is not positive.
//
// The function of dynamo.WithEnded has 30 seconds, but at most until the sweep stops, and at least
// a third of the margin.
func WithDeadlineMargin(d time.Duration) Option {
	if d <= 0 {
		panic("sweep: WithDeadlineMargin: d must be positive")
	}
	return option(func(s *Sweeper) { s.deadlineMargin = d })
}

// WithPageSize sets how many items of the table, of any kind, one request reads; the default is
// 1,000, which cost about 20 read units. A request reads at most 1 MB, which costs 128 at once. It
// panics if n is less than 1.
func WithPageSize(n int) Option {
	if n < 1 {
		panic("sweep: WithPageSize: n must be at least 1")
	}
	return option(func(s *Sweeper) { s.pageSize = n })
}

// WithLogger sets the logger of faults; the default is [slog.Default] at the time of the fault. It
// panics if l is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("sweep: WithLogger: l must not be nil")
	}
	return option(func(s *Sweeper) { s.log = l })
}
