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
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Probe asks the gateway about a connection. If the connection is open it returns when that was active last, which only
// [WithIdleLimit] needs: the zero time is unknown. An error that matches [gatesock.ErrGone] says that it is gone, and
// nothing but that leads to its removal. [gatesock.ErrThrottled] slows the sweep down; [gatesock.ErrForbidden] ends it,
// or, if the connection has an endpoint of its own, the probes of that endpoint. What matches none of them is a fault
// and says nothing of the connection.
//
// With an apigw.Client it is
//
//	func(ctx context.Context, to gatesock.Target) (lastActive time.Time, err error) {
//		info, err := client.Info(ctx, to)
//		return info.LastActiveAt, err
//	}
//
// A Probe is called at the same time from several goroutines, and heeds ctx. It must ask the API that the connections are
// of: another one's answer is that it does not know them, which is the same as gone.
type Probe func(ctx context.Context, to gatesock.Target) (lastActive time.Time, err error)

// Sweeper makes the registry true again, where the gateway announced no end of a connection and nothing was posted to it
// since: it asks for the connections that were not seen for long and removes those that are gone. It also counts the live
// connections, and closes those that are idle, if told to; see [Report] and [WithIdleLimit]. It is for a schedule, and is a lambda.Handler:
//
//	sweeper := dynamoconn.New(store, probe)
//	gatesock.Start(eventmux.New(eventmux.WebSocket(router), eventmux.Schedule("sweep", sweeper)))
//
// A Sweeper is safe for concurrent use, and any number may work on one table, in any processes: while one is at work in a
// namespace, others find its lease and return at once. Even without the lease they would do no harm but probe twice: a
// removal that came second finds nothing, and only one of them can save its progress.
//
// # What it costs
//
// A pass scans the whole table, with what is not of this store: half a read unit for each 4 KB (Amazon DynamoDB Developer
// Guide, "Read consistency"). The reading is eventually consistent, which is half the price and harmless: a record that it
// still shows may have been removed, and then its removal finds none; one that it does not show yet is for the next
// pass. Each page costs a write unit for the progress, each open connection that was probed one to mark it as seen, and each
// that is gone what [Store.Delete] costs.
//
// # What it leaves
//
// Memberships that no record stands behind any more, as a process that died may leave them, are not looked for: each would
// cost a read. They expire when their record would have, and a broadcast that meets one removes it.
type Sweeper struct {
	connections *dynamo.Connections
	reg         *registry.Registry
	probe       Probe

	unseen       time.Duration
	idle         time.Duration // 0: no connection is closed
	closer       Disconnector
	concurrency  int
	probeTimeout time.Duration
	reserve      time.Duration
	pageSize     int
	pace         *pace
	log          *slog.Logger
}

// New returns a Sweeper of a store's connections, those of its namespace. The store's clock tells how long a
// connection was not seen; waits run on the machine's own time. It panics if store or probe is nil.
func New(db *dynamo.DB, probe Probe, opts ...Option) *Sweeper {
	if db == nil || probe == nil {
		panic("sweep: New: db and probe must not be nil")
	}
	s := &Sweeper{
		connections:  db.Connections(),
		reg:          registry.Of(db),
		probe:        probe,
		unseen:       DefaultProbeAfter,
		concurrency:  defaultProbeConcurrency,
		probeTimeout: DefaultProbeTimeout,
		reserve:      DefaultReserve,
		pageSize:     defaultScanPageSize,
		pace:         newPace(DefaultProbeRate),
	}
	for _, o := range opts {
		o.apply(s)
	}
	if s.idle > 0 {
		s.unseen = min(s.unseen, s.idle)
	}
	return s
}

var errReserve = fmt.Errorf("no time is left before the reserve: %w", context.DeadlineExceeded)

// Sweep goes on with the pass that the last call left off, or begins one. It returns when the pass is complete, or when
// its context's deadline is so near that the rest of the time is needed to save how far it has come; that is no error,
// and Done is false, unless there was no time for a single page. Whoever dies in the middle leaves what was saved
// after the last page: the next call repeats the rest.
//
// A fault of the table, [gatesock.ErrForbidden] of the prober's own endpoint, and the end of ctx end the sweep with an
// error, and the Report says what was done. A panic of the probe is raised again. All are after the progress was
// saved, in which what was probed counts, and every goroutine has ended.
func (s *Sweeper) Sweep(ctx context.Context) (Report, error) {
	work, cancel := s.working(ctx)
	defer cancel()
	if err := table.Ended(work); err != nil {
		return Report{}, err
	}
	l, p, err := s.take(work)
	if errors.Is(err, errBusy) {
		return Report{Pass: p.Pass, Last: p.Last, Busy: true}, nil
	}
	if err != nil {
		return Report{}, fmt.Errorf("sweep: %w", err)
	}
	r := newSweep(l, p)
	err = r.run(work)
	if r.panicked != nil {
		panic(r.panicked)
	}
	if err != nil {
		return r.report, fmt.Errorf("sweep: %w", err)
	}
	return r.report, nil
}

// Invoke makes a sweep, whatever the event, and answers with the [Report] as JSON.
func (s *Sweeper) Invoke(ctx context.Context, _ []byte) ([]byte, error) {
	report, err := s.Sweep(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(report)
}

// working gives the context of the scan and the probes, which ends before ctx does.
func (s *Sweeper) working(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadlineCause(ctx, deadline.Add(-s.reserve), errReserve)
	}
	return context.WithCancel(ctx)
}

// finishing gives the context of what is to be completed though the sweep stops. A removal and then saving fit in the
// reserve.
func (s *Sweeper) finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.reserve/3)
}

// removing returns the context of the removal of a record. The function that is told of its end has the time of the sweep,
// up to announceTime, and as long as the removal may take if that is more: then the progress can still be saved.
func (s *Sweeper) removing(ctx context.Context, why conn.EndCause) (context.Context, context.CancelFunc) {
	now := time.Now()
	end := now.Add(announceTime)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	if least := now.Add(s.reserve / 3); end.Before(least) {
		end = least
	}
	announcing, cancel := context.WithDeadline(context.WithoutCancel(ctx), end)
	removal, done := s.finishing(conn.WithEndCause(announcing, why))
	return removal, func() {
		done()
		cancel()
	}
}
