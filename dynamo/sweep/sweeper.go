package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/internal/registry"
)

// Probe asks API Gateway about a connection. If the connection is open, it returns when the
// connection was active last, which only [WithIdleLimit] needs; the zero time means unknown.
//
// Only an error that matches [gatesock.ErrGone] removes the connection. [gatesock.ErrThrottled]
// slows the sweep down. [gatesock.ErrForbidden] ends the sweep or, for a connection with an
// endpoint of its own, the probes of that endpoint. Any other error is a fault, after which the
// connection counts as unknown.
//
// A Probe is called by several goroutines at the same time, and must return when ctx ends. It must
// ask the API that the connections belong to: another API does not know them, and answers that they
// are gone.
type Probe func(ctx context.Context, to gatesock.Target) (lastActive time.Time, err error)

// ProbeOf returns the Probe that asks api, usually an apigw.Client. It panics if api is nil.
func ProbeOf(api gatesock.ConnectionsAPI) Probe {
	if api == nil {
		panic("sweep: ProbeOf: api must not be nil")
	}
	return func(ctx context.Context, to gatesock.Target) (time.Time, error) {
		info, err := api.Info(ctx, to)
		return info.LastActiveAt, err
	}
}

// Sweeper removes connections whose $disconnect event never arrived; see the package documentation.
//
// It is safe for concurrent use. Any number of Sweepers may work on one table, in any processes:
// while one works in a namespace, the others find its lease and return at once.
type Sweeper struct {
	connections *dynamo.Connections
	reg         *registry.Registry
	probe       Probe

	probeAfter     time.Duration
	idle           time.Duration // 0: no connection is closed for being idle
	closer         gatesock.Disconnector
	concurrency    int
	probeTimeout   time.Duration
	deadlineMargin time.Duration
	pageSize       int
	pace           *pace
	log            *slog.Logger
}

// New returns a Sweeper of the connections in a namespace of a table. It uses the clock of the DB
// to know how long a connection was not seen; waits use real time. It panics if db or probe is
// nil.
func New(db *dynamo.DB, probe Probe, opts ...Option) *Sweeper {
	if db == nil || probe == nil {
		panic("sweep: New: db and probe must not be nil")
	}
	s := &Sweeper{
		connections:    db.Connections(),
		reg:            registry.Of(db),
		probe:          probe,
		probeAfter:     10 * time.Minute,
		concurrency:    8,
		probeTimeout:   10 * time.Second,
		deadlineMargin: 4 * time.Second,
		pageSize:       1000,
		pace:           newPace(defaultProbeRate),
	}
	for _, o := range opts {
		if o == nil {
			panic("sweep: New: an option is nil")
		}
		o.apply(s)
	}
	if s.idle > 0 {
		s.probeAfter = min(s.probeAfter, s.idle)
	}
	return s
}

// errMargin ends the context of the work when the rest of the time is needed to finish.
var errMargin = fmt.Errorf("no time is left before the deadline margin: %w", context.DeadlineExceeded)

// Sweep continues the pass over the table that an earlier call has begun, or begins one. It
// returns when the pass is complete, or shortly before the deadline of ctx, if it has one, so that
// it can save its progress; then [Report].Done is false. Stopping for the deadline is not an error,
// unless there was no time for a single page. If a process dies, the next call repeats what was not
// saved, which is about 10 seconds of work.
//
// A fault of the table, [gatesock.ErrForbidden] for the API's own endpoint, and the end of ctx
// stop the sweep with an error, and the Report counts what was done. A panic of the probe is
// raised again. Before it returns or panics, Sweep saves the progress, and all its goroutines have
// ended.
func (s *Sweeper) Sweep(ctx context.Context) (Report, error) {
	work, cancel := s.working(ctx)
	defer cancel()
	if work.Err() != nil {
		return Report{}, fmt.Errorf("sweep: %w", context.Cause(work))
	}
	l, p, err := s.take(work)
	if errors.Is(err, errBusy) {
		return Report{Pass: p.Pass, Last: p.Last, Busy: true}, nil
	}
	if err != nil {
		return Report{}, fmt.Errorf("sweep: %w", err)
	}
	r := newRun(l, p)
	err = r.sweep(work)
	if r.panicked != nil {
		panic(r.panicked)
	}
	if err != nil {
		return r.report, fmt.Errorf("sweep: %w", err)
	}
	return r.report, nil
}

// Invoke makes a sweep for any event, and returns the [Report] as JSON. With it a Sweeper is a
// lambda.Handler.
func (s *Sweeper) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	report, err := s.Sweep(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(report)
}

// working returns the context of scans and probes, which ends before ctx does.
func (s *Sweeper) working(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadlineCause(ctx, deadline.Add(-s.deadlineMargin), errMargin)
	}
	return context.WithCancel(ctx)
}

// finishing returns the context of a step that is completed though the sweep stops. A removal and
// saving after it fit in the deadline margin.
func (s *Sweeper) finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.deadlineMargin/3)
}

// removing returns the context of the removal of a record. The function of dynamo.WithEnded has
// until the end of the sweep, up to announceTime, but at least as long as the removal: then the
// progress can still be saved.
func (s *Sweeper) removing(ctx context.Context, why conn.EndCause) (context.Context, context.CancelFunc) {
	now := time.Now()
	end := now.Add(announceTime)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	if least := now.Add(s.deadlineMargin / 3); end.Before(least) {
		end = least
	}
	announcing, cancel := context.WithDeadline(context.WithoutCancel(ctx), end)
	removal, done := s.finishing(conn.WithEndCause(announcing, why))
	return removal, func() {
		done()
		cancel()
	}
}

func (s *Sweeper) logger() *slog.Logger {
	if s.log != nil {
		return s.log
	}
	return slog.Default()
}
