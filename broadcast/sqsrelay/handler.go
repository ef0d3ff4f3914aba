package sqsrelay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock/broadcast"
)

// errLate is why a record of a batch was not begun.
var errLate = errors.New("the invocation has no time left for it")

// Handler returns what runs the jobs of SQS events, as the SQS source of package eventmux or by itself. It panics without a
// Broadcaster that has a [broadcast.Relay]. It is safe for concurrent use.
//
// It answers with the messages whose jobs are not done, so that they stay in the queue and end in its dead-letter queue
// if that goes on, and logs each with its message id: a message that is no job ([broadcast.ErrBadJob]), a job that was
// handed on too often ([broadcast.ErrTooManyHops]), one that [broadcast.Broadcaster.Run] failed on or panicked in, and those
// of a batch that were not begun because the time was nearly over. A job that is twice in a batch is run once.
//
// It gives an error only for an event that is not one of SQS. A record's failure is never the batch's.
func Handler(b *broadcast.Broadcaster, opts ...HandlerOption) lambda.Handler {
	if b == nil {
		panic("sqsrelay: Handler with a nil Broadcaster")
	}
	if !b.HasRelay() {
		panic("sqsrelay: Handler with a Broadcaster that has no Relay; see broadcast.WithRelay")
	}
	h := &handler{broadcaster: b, minTime: DefaultMinTime}
	for _, o := range opts {
		o.applyHandler(h)
	}
	return h
}

type handler struct {
	broadcaster *broadcast.Broadcaster
	minTime     time.Duration
	log         *slog.Logger
	keep        func(ctx context.Context, r broadcast.Report) error
}

// Invoke runs the records one after another.
func (h *handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	records, err := parseEvent(payload)
	if err != nil {
		return nil, err
	}
	batch := batch{handler: h, done: make(map[string]error, len(records))}
	out := answer{Failures: []failure{}}
	failed := make(map[string]bool)
	for _, r := range records {
		if err := batch.serve(ctx, r); err != nil && !failed[r.MessageID] {
			failed[r.MessageID] = true
			out.Failures = append(out.Failures, failure{r.MessageID})
			h.logger().ErrorContext(ctx, "sqsrelay: a job is not done and stays in the queue",
				"message", r.MessageID, "receives", r.receives(), "error", err)
		}
	}
	return json.Marshal(out)
}

// batch is one event.
type batch struct {
	*handler

	// done has the outcome of each job that was begun, by its id.
	done map[string]error
}

func (b *batch) serve(ctx context.Context, r record) error {
	job, err := broadcast.ParseJob([]byte(r.Body))
	if err != nil {
		return err
	}
	if err, again := b.done[job.ID]; again {
		return err
	}
	if err := b.late(ctx); err != nil {
		return err
	}
	if err = b.run(ctx, job); err != nil {
		err = fmt.Errorf("job %s: %w", job.ID, err)
	}
	b.done[job.ID] = err
	return err
}

// late tells why no job should be begun now. The first of a batch is begun as long as there is any time: it would have no
// more of it when it comes again.
func (b *batch) late(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	deadline, limited := ctx.Deadline()
	if limited && len(b.done) > 0 && time.Until(deadline) < b.minTime {
		return errLate
	}
	return nil
}

func (h *handler) run(ctx context.Context, job broadcast.Job) error {
	var report broadcast.Report
	err := guard(func() (err error) {
		report, err = h.broadcaster.Run(ctx, job)
		return err
	})
	if err != nil || h.keep == nil {
		return err
	}
	if err := guard(func() error { return h.keep(ctx, report) }); err != nil {
		h.logger().ErrorContext(ctx, "sqsrelay: the report of a job is not kept", "job", job.ID, "error", err)
	}
	return nil
}

// guard makes an error of a panic: a panic would end the process, and with it the records that are done.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("sqsrelay: panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

func (h *handler) logger() *slog.Logger {
	if h.log != nil {
		return h.log
	}
	return slog.Default()
}
