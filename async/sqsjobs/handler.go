package sqsjobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/internal/panics"
	"github.com/gatesock/gatesock/internal/sqsqueue"
)

const (
	// defaultMinTime is the default of WithMinTime.
	defaultMinTime = 2 * time.Second
	// defaultMaxReceives is the default of WithMaxReceiveCount. The templates of the command have the
	// same.
	defaultMaxReceives = 5
)

// Handler returns the handler of SQS events that runs their jobs. Use it as the SQS source of
// package eventmux, or by itself. It is safe for concurrent use. It panics if jobs is nil, or tries
// jobs so often that their queue needs a higher maxReceiveCount, see [WithMaxReceiveCount].
//
// Its response names the messages whose jobs are not done. They stay in the queue, or get into its
// dead-letter queue when they have been received maxReceiveCount times. The handler logs each of
// them, with its message ID, and chooses when it is received again:
//
//   - after the delay of [async.RetryDelay], if [async.Jobs.Run] failed or panicked;
//   - at once, if the job has failed for good ([async.ErrDead]), so that the message gets into the
//     dead-letter queue soon; and if the message is not a job ([async.ErrBadJob]), or the time of
//     the invocation was nearly over before the job was started;
//   - after the visibility timeout of the queue, if another invocation works on the job
//     ([async.ErrClaimed]).
//
// The delays need the [Queue] that jobs have. Without it, all messages return after the visibility
// timeout of their queue.
//
// A job that appears twice in a batch runs once. The handler fails only if the event is not an SQS
// event.
func Handler(jobs *async.Jobs, opts ...Option) lambda.Handler {
	if jobs == nil {
		panic("sqsjobs: Handler: jobs must not be nil")
	}
	h := &handler{jobs: jobs, minTime: defaultMinTime, maxReceives: defaultMaxReceives}
	h.queue, _ = jobs.Queue().(*Queue)
	for _, o := range opts {
		if o == nil {
			panic("sqsjobs: Handler: an option is nil")
		}
		o.apply(h)
	}
	if need := jobs.Attempts() + 1; need > h.maxReceives {
		panic(fmt.Sprintf("sqsjobs: Handler: jobs tries a job %d times, which needs a queue with a maxReceiveCount of %d; "+
			"it is taken to have %d, see WithMaxReceiveCount", jobs.Attempts(), need, h.maxReceives))
	}
	return h
}

type handler struct {
	jobs    *async.Jobs
	queue   *Queue // nil if the jobs have another
	minTime time.Duration
	log     *slog.Logger

	maxReceives int
}

// Invoke runs the records one after another.
func (h *handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	batch := batch{handler: h, done: make(map[string]error)}
	answer, err := sqsqueue.Serve(payload,
		func(r sqsqueue.Record) error { return batch.serve(ctx, r) },
		func(r sqsqueue.Record, err error) { h.failed(ctx, r, err) })
	if err != nil {
		return nil, fmt.Errorf("sqsjobs: %w", err)
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
	job, err := async.ParseJob([]byte(r.Body))
	if err != nil {
		return err
	}
	if err, again := b.done[job.ID]; again {
		return err
	}
	if err := sqsqueue.CheckTime(ctx, len(b.done) == 0, b.minTime); err != nil {
		return fmt.Errorf("job %s is not started: %w", job.ID, errors.Join(errNotStarted, err))
	}
	// A panic would end the process, and the records that are done would be delivered again.
	err = panics.Try("sqsjobs: panic", func() error { return b.jobs.Run(ctx, job, max(r.Receives, 1)) })
	b.done[job.ID] = err
	return err
}

var errNotStarted = errors.New("the invocation is nearly over")

// failed chooses when a message that has failed is received again, and logs it.
func (h *handler) failed(ctx context.Context, r sqsqueue.Record, err error) {
	level, text := slog.LevelWarn, "sqsjobs: job is not done and stays in the queue"
	var wait time.Duration
	switch {
	case errors.Is(err, async.ErrDead), errors.Is(err, async.ErrBadJob):
		level, text = slog.LevelError, "sqsjobs: job has failed for good"
	case errors.Is(err, errNotStarted):
	case errors.Is(err, async.ErrClaimed), errors.Is(err, async.ErrClaimLost):
		wait = -1
	default:
		wait = async.RetryDelay(err, r.Receives)
	}
	attributes := []any{slog.String("sqsMessageId", r.MessageID), slog.Int("receives", r.Receives)}
	if h.queue != nil && wait >= 0 {
		if err := h.queue.hide(ctx, r.ReceiptHandle, wait); err != nil {
			attributes = append(attributes, slog.Any("visibilityError", err))
		} else {
			attributes = append(attributes, slog.Duration("retryAfter", wait))
		}
	}
	h.logger().Log(ctx, level, text, append(attributes, slog.Any("error", err))...)
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
		panic("sqsjobs: WithLogger: l must not be nil")
	}
	return option(func(h *handler) { h.log = l })
}

// WithMinTime sets how much time there must be before the deadline of the invocation for a job to
// start; the default is 2 s, 0 starts every job, and d must not be negative. It does not apply to
// the first job of a batch.
func WithMinTime(d time.Duration) Option {
	if d < 0 {
		panic("sqsjobs: WithMinTime: d must not be negative")
	}
	return option(func(h *handler) { h.minTime = d })
}

// WithMaxReceiveCount says what the maxReceiveCount of the queue is. The default is 5, as gatesock
// template writes it. It must be at least [async.Jobs.Attempts] + 1, so it is needed only for more
// than 4 attempts, together with a change of the template. It panics if n is less than 2.
func WithMaxReceiveCount(n int) Option {
	if n < 2 {
		panic("sqsjobs: WithMaxReceiveCount: n must be at least 2")
	}
	return option(func(h *handler) { h.maxReceives = n })
}
