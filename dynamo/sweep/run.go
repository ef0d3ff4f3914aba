package sweep

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/internal/panics"
)

// run is one call of Sweep. One goroutine reads pages and starts what settles their records, and
// saves the progress while nothing runs; the goroutines that it starts count what they do.
type run struct {
	*lease
	saved  time.Time      // when the progress was saved last
	places chan struct{}  // bounds the goroutines
	tasks  sync.WaitGroup // of the goroutines

	mu        sync.Mutex // guards the rest
	progress  progress
	report    Report
	forbidden map[string]bool // endpoints whose connections may not be probed
	faulty    bool            // a fault of a probe was logged
	closeless bool            // it was logged that connections may not be closed
	stopped   bool
	err       error // why it stopped, if that is an error
	panicked  *panics.Error
}

func newRun(l *lease, p progress) *run {
	if p.Pass.Started.IsZero() {
		p.Pass.Started = l.reg.Clock().UTC().Truncate(time.Second)
	}
	return &run{
		lease:     l,
		progress:  p,
		saved:     time.Now(),
		places:    make(chan struct{}, l.concurrency),
		forbidden: make(map[string]bool),
	}
}

// sweep works until the pass is complete or something stops it, and saves the progress.
func (r *run) sweep(ctx context.Context) error {
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
		observing.Gauge(ctx, observing.LiveConnections, float64(p.Last.Live))
	}
	return err
}

// work settles the pages of the table. It reports whether it reached the end of the table.
func (r *run) work(ctx context.Context) (done bool, err error) {
	first := true
	for page, err := range r.pages(ctx, r.progress.After) {
		if err != nil && !first && outOfTime(ctx) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		first = false
		if all, err := r.settle(ctx, page.records); !all || err != nil {
			return false, err
		}
		r.progress.After = page.last
		if page.last == (place{}) {
			break
		}
		if err := r.keep(ctx); err != nil {
			return false, err
		}
	}
	return true, nil
}

// settle settles the records of a page, several at the same time, and saves the progress in between
// if that takes long. It reports whether all are settled and the sweep may continue.
func (r *run) settle(ctx context.Context, records []sighting) (all bool, err error) {
	defer r.tasks.Wait()
	// reached waits until the first n records are settled.
	reached := func(n int) (more bool, err error) {
		r.tasks.Wait()
		if n > 0 {
			r.progress.After = records[n-1].at
		}
		stopped, err := r.outcome(ctx)
		return !stopped, err
	}
	for i, record := range records {
		if time.Since(r.saved) >= saveEvery {
			if more, err := reached(i); !more {
				return false, err
			}
			if err := r.keep(ctx); err != nil {
				return false, err
			}
		}
		if !r.start(ctx, record) {
			_, err := reached(i)
			return false, err
		}
	}
	return reached(len(records))
}

// outcome reports whether the sweep has stopped, and with what error.
func (r *run) outcome(ctx context.Context) (stopped bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && ctx.Err() != nil && !outOfTime(ctx) {
		r.err = context.Cause(ctx)
	}
	return r.stopped || r.err != nil || ctx.Err() != nil, r.err
}

// keep saves the progress while the work continues.
func (r *run) keep(ctx context.Context) error {
	if err := r.save(ctx, r.progress, false); err != nil && !outOfTime(ctx) {
		return err
	}
	r.saved = time.Now()
	return nil
}

// outOfTime reports whether the context ended for the deadline margin, and not because the caller
// ended it.
func outOfTime(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errMargin) }

// count counts one record.
func (r *run) count(c Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.Scanned = 1
	r.report.Run.add(c)
	r.progress.Pass.add(c)
}

// stop ends the sweep, with an error unless err is nil.
func (r *run) stop(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	if r.err == nil {
		r.err = err
	}
}

// first reports whether a flag of the run is not set yet, and sets it.
func (r *run) first(flag *bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := !*flag
	*flag = true
	return first
}

// sighting is what the sweeper reads of a record.
type sighting struct {
	gatesock.Target
	at        place
	connected time.Time
	seen      time.Time
	expires   int64
	err       error // the item is not a record
}

// page is a page of the table, with the records among its items.
type page struct {
	records []sighting
	last    place // zero at the end of the table
}

// pages reads the table from the item after a place to its end, or to the first error.
func (r *run) pages(ctx context.Context, after place) iter.Seq2[page, error] {
	return func(yield func(page, error) bool) {
		for {
			p, err := r.scan(ctx, after)
			if !yield(p, err) || err != nil || p.last == (place{}) {
				return
			}
			after = p.last
		}
	}
}

// scan reads a page. The filter does not make it cheaper: DynamoDB charges for what it reads.
func (s *Sweeper) scan(ctx context.Context, after place) (page, error) {
	in := &dynamodb.ScanInput{
		TableName:                &s.reg.Name,
		FilterExpression:         aws.String("sk = :sort AND begins_with(pk, :prefix)"),
		ProjectionExpression:     aws.String("pk, exp, #at, seen, ep"),
		ExpressionAttributeNames: map[string]string{"#at": registry.AttrConnectedAt},
		ExpressionAttributeValues: table.Item{
			":sort":   table.Text(table.ConnectionSort),
			":prefix": table.Text(s.reg.ConnectionPrefix()),
		},
		Limit: aws.Int32(int32(min(s.pageSize, math.MaxInt32))),
	}
	if after != (place{}) {
		in.ExclusiveStartKey = table.Item{table.PartitionKey: table.Text(after.PK), table.SortKey: table.Text(after.SK)}
	}
	out, _, err := table.Do(ctx, s.reg.Table, s.reg.API.Scan, in)
	if err != nil {
		return page{}, fmt.Errorf("scan the table: %w", err)
	}
	p := page{records: make([]sighting, len(out.Items))}
	for i, it := range out.Items {
		p.records[i] = s.decodeSighting(it)
	}
	if len(out.LastEvaluatedKey) > 0 {
		p.last, err = decodePlace(out.LastEvaluatedKey)
	}
	if err == nil && p.last == after && after != (place{}) {
		err = errors.New("the next page is the same as this one")
	}
	if err != nil {
		return page{}, fmt.Errorf("scan the table: %w", err)
	}
	return p, nil
}

func decodePlace(key table.Item) (place, error) {
	pk, err := table.GetText(key, table.PartitionKey)
	if err != nil {
		return place{}, err
	}
	sk, err := table.GetText(key, table.SortKey)
	return place{PK: pk, SK: sk}, err
}

func (s *Sweeper) decodeSighting(it table.Item) sighting {
	var errs [5]error
	var connected, seen int64
	r := sighting{at: place{SK: table.ConnectionSort}}
	r.at.PK, errs[0] = table.GetText(it, table.PartitionKey)
	r.Endpoint, errs[1] = table.GetText(it, registry.AttrEndpoint)
	r.expires, errs[2] = table.GetNumber(it, table.Expiry)
	connected, errs[3] = table.GetNumber(it, registry.AttrConnectedAt)
	seen, errs[4] = table.GetNumber(it, registry.AttrSeen)
	r.err = errors.Join(errs[:]...)
	r.ConnectionID = strings.TrimPrefix(r.at.PK, s.reg.ConnectionPrefix())
	r.connected = time.UnixMilli(connected)
	r.seen = time.Unix(seen, 0)
	return r
}
