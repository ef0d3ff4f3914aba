package sqsrelay

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/internal/panics"
	"github.com/gatesock/gatesock/internal/sqsqueue"
)

// defaultMinTime is the default of WithMinTime.
const defaultMinTime = 2 * time.Second

// Handler returns the handler of SQS events that runs their jobs. Use it as the SQS source of
// package eventmux, or by itself. It panics if b is nil or has no [broadcast.Relay]. It is safe for
// concurrent use.
//
// Its response names the messages whose jobs are not done. They stay in the queue, or get into its
// dead-letter queue after several failures. The handler logs each of them, with its message ID:
//
//   - The message is not a job ([broadcast.ErrBadJob]).
//   - The job was handed off too often ([broadcast.ErrTooManyHops]).
//   - [broadcast.Broadcaster.Run] failed or panicked.
//   - The job was not started, because the time of the invocation was nearly over.
//
// A job that appears twice in a batch runs once. The handler fails only if the event is not an SQS
// event.
func Handler(b *broadcast.Broadcaster, opts ...Option) lambda.Handler {
	if b == nil {
		panic("sqsrelay: Handler: b must not be nil")
	}
	if !b.HasRelay() {
		panic("sqsrelay: Handler: b has no Relay, see broadcast.WithRelay")
	}
	h := &handler{broadcaster: b, minTime: defaultMinTime}
	for _, o := range opts {
		if o == nil {
			panic("sqsrelay: Handler: an option is nil")
		}
		o.apply(h)
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
	batch := batch{handler: h, done: make(map[string]error)}
	answer, err := sqsqueue.Serve(payload,
		func(r sqsqueue.Record) error { return batch.serve(ctx, r) },
		func(r sqsqueue.Record, err error) {
			h.logger().ErrorContext(ctx, "sqsrelay: job is not done and stays in the queue",
				"sqsMessageId", r.MessageID, "receives", r.Receives, "error", err)
		})
	if err != nil {
		return nil, fmt.Errorf("sqsrelay: %w", err)
	}
	return answer, nil
}

// batch is one event.
type batch struct {
	*handler

	// done has the outcome of each job that was started, by its ID.
	done map[string]error
}

func (b *batch) serve(ctx context.Context, r sqsqueue.Record) error {
	job, err := broadcast.ParseJob([]byte(r.Body))
	if err != nil {
		return err
	}
	if err, again := b.done[job.ID]; again {
		return err
	}
	if err := sqsqueue.CheckTime(ctx, len(b.done) == 0, b.minTime); err != nil {
		return err
	}
	if err = b.run(ctx, job); err != nil {
		err = fmt.Errorf("job %s: %w", job.ID, err)
	}
	b.done[job.ID] = err
	return err
}

// panicText begins the text of a panic. Panics are errors here: one would end the process, and the
// records that are done would be delivered again.
const panicText = "sqsrelay: panic"

func (h *handler) run(ctx context.Context, job broadcast.Job) error {
	var report broadcast.Report
	err := panics.Try(panicText, func() (err error) {
		report, err = h.broadcaster.Run(ctx, job)
		return err
	})
	if err != nil || h.keep == nil {
		return err
	}
	if err := panics.Try(panicText, func() error { return h.keep(ctx, report) }); err != nil {
		h.logger().ErrorContext(ctx, "sqsrelay: keeping the report of a job failed", "job", job.ID, "error", err)
	}
	return nil
}

func (h *handler) logger() *slog.Logger {
	if h.log != nil {
		return h.log
	}
	return slog.Default()
}

// Option is an option of [Handler]. Options panic if a parameter is nil or out of range.
type Option interface{ apply(*handler) }

type option func(*handler)

func (o option) apply(h *handler) { o(h) }

// WithLogger sets the logger for jobs that fail; the default is [slog.Default] at that time. It
// panics if l is nil.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("sqsrelay: WithLogger: l must not be nil")
	}
	return option(func(h *handler) { h.log = l })
}

// WithReports sets a function that gets the report of each job that is done, for example to keep it
// for [broadcast.MergeReports]. The report of a job that runs twice comes twice. If keep fails or
// panics, that is logged; the job does not fail for it, because its members have been served.
//
// The jobs of one event are done one after another. keep must be safe for concurrent use if the
// Handler is called concurrently, which Lambda does not do.
func WithReports(keep func(ctx context.Context, r broadcast.Report) error) Option {
	if keep == nil {
		panic("sqsrelay: WithReports: keep must not be nil")
	}
	return option(func(h *handler) { h.keep = keep })
}

// WithMinTime sets how much time there must be before the deadline of the invocation for a job to
// start; the default is 2 s, 0 starts every job, and d must not be negative. It does not apply to
// the first job of a batch. Use more than the margin of [broadcast.WithDeadlineMargin]: a job that
// starts within the margin is only handed off again.
func WithMinTime(d time.Duration) Option {
	if d < 0 {
		panic("sqsrelay: WithMinTime: d must not be negative")
	}
	return option(func(h *handler) { h.minTime = d })
}
