package sweep

import (
	"context"
	"log/slog"
	"time"

	"github.com/gatesock/gatesock"
)

// The defaults of [New].
const (
	// DefaultProbeAfter is how long a connection was not seen before it is probed.
	DefaultProbeAfter = 10 * time.Minute
	// DefaultProbeRate is how many probes a second are made at the most.
	DefaultProbeRate = 50
	// DefaultProbeTimeout is how long one probe may take.
	DefaultProbeTimeout = 10 * time.Second
	// DefaultReserve is how long before its context's deadline a sweep stops.
	DefaultReserve = 4 * time.Second

	defaultProbeConcurrency = 8
	defaultScanPageSize     = 1000
)

// Option is an option of [New]. Options panic on values that make no sense.
type Option interface{ apply(*Sweeper) }

type option func(*Sweeper)

func (o option) apply(s *Sweeper) { o(s) }

// WithProbeAfter sets how long a connection was not seen before it is probed; the default is [DefaultProbeAfter]. Put, Join, Leave,
// SetAttributes and a probe that found it open count as seeing it. 0 probes every connection in every pass, but for those that
// are younger than 30 seconds. An open connection costs a probe and a write unit each time.
func WithProbeAfter(d time.Duration) Option {
	if d < 0 {
		panic("sweep: WithUnseen with a negative time")
	}
	return option(func(s *Sweeper) { s.unseen = d })
}

// Disconnector closes a connection: an apigw.Client is one.
type Disconnector interface {
	Disconnect(ctx context.Context, from gatesock.Target) error
}

// WithIdleLimit has the sweeper close connections that were not active for longer than d, as the gateway tells a probe. The
// gateway itself closes a connection after 10 minutes without a message in either direction (AWS Developer Guide, "Quotas
// for configuring and running a WebSocket API"), so d is less than that, or the clients send what keeps them open and d is
// for those that do not any more. By default none is closed.
//
// A connection is probed when it was not seen for d, or for what [WithProbeAfter] says if that is less; from then on it may take
// that long again, and until the next sweep, before it is closed. Its record ends as with every connection: by its
// $disconnect, or, should that not come, by a later sweep that finds it gone. Each that is closed costs a second call of
// @connections. Where closing is forbidden, as for a role that may only probe, the connection stays and counts as live; the
// log says so once a sweep.
//
// How long a connection was idle is the store's clock less the gateway's time of its last activity: a clock that is ahead
// closes connections as much too early, and one that is behind as much too late. Choose d long beside what clocks may be
// off. It panics if d is not positive or closer is nil.
func WithIdleLimit(d time.Duration, closer Disconnector) Option {
	if d <= 0 || closer == nil {
		panic("sweep: WithIdleLimit with no time or a nil Disconnector")
	}
	return option(func(s *Sweeper) { s.idle, s.closer = d, closer })
}

// WithCloser has the sweeper close each connection that a probe has called gone before it removes the record, as a
// broadcaster does: the gateway has been seen to call an open connection gone (aws-sdk-js#3773). The client of such a one
// sees the end of its socket and connects again, where it would stay cut off. It costs a call of @connections for each.
// [WithIdleLimit] does it too. It panics if closer is nil.
func WithCloser(closer Disconnector) Option {
	if closer == nil {
		panic("sweep: WithCloser with a nil Disconnector")
	}
	return option(func(s *Sweeper) { s.closer = closer })
}

// WithProbeRate sets how many probes a second are made at the most, evenly spaced; the default is [DefaultProbeRate]. The
// rate holds for all calls of one Sweeper together. Calls of @connections share the account's quota of 10,000 a second
// with everything else (AWS Developer Guide, "Quotas for configuring and running a WebSocket API").
func WithProbeRate(perSecond float64) Option {
	if !(perSecond > 0) {
		panic("sweep: WithProbeRate with no probes")
	}
	return option(func(s *Sweeper) { s.pace = newPace(perSecond) })
}

// WithProbeConcurrency sets how many probes run at once; the default is 8, which is enough for the default rate if the
// gateway answers within 160 ms. It panics if n is less than 1.
func WithProbeConcurrency(n int) Option {
	if n < 1 {
		panic("sweep: WithProbeConcurrency with less than 1 probe")
	}
	return option(func(s *Sweeper) { s.concurrency = n })
}

// WithProbeTimeout sets how long one probe may take; the default is [DefaultProbeTimeout].
func WithProbeTimeout(d time.Duration) Option {
	if d <= 0 {
		panic("sweep: WithProbeTimeout with no time")
	}
	return option(func(s *Sweeper) { s.probeTimeout = d })
}

// WithDeadlineMargin sets how long before its context's deadline a sweep stops to scan and to probe, so that it can end the
// removals under way, save how far it has come and return; the default is [DefaultReserve]. One removal takes a third
// of it at most, and so does saving. The function of [WithEnded] has 30 seconds, but not longer than until the sweep stops,
// or that third if it is more. The context's time must be longer: Lambda's default timeout of 3 seconds is not.
func WithDeadlineMargin(d time.Duration) Option {
	if d <= 0 {
		panic("sweep: WithReserve with no time")
	}
	return option(func(s *Sweeper) { s.reserve = d })
}

// WithPageSize sets how many items of the table, of any kind, one request reads; the default is 1,000. A request reads 1
// MB at the most, which is 128 read units at once; a thousand items are about 20. It panics if n is less than 1.
func WithPageSize(n int) Option {
	if n < 1 {
		panic("sweep: WithPageSize with less than 1 item")
	}
	return option(func(s *Sweeper) { s.pageSize = n })
}

// WithLogger sets where faults are logged; the default is [slog.Default] at that time.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("sweep: WithLogger with a nil logger")
	}
	return option(func(s *Sweeper) { s.log = l })
}

func (s *Sweeper) logger() *slog.Logger {
	if s.log != nil {
		return s.log
	}
	return slog.Default()
}
