package async

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/observing"
)

// claimMargin is how long a claim lasts beyond the deadline of its invocation, for clocks that
// differ.
const claimMargin = 2 * time.Second

// Run does a job that a queue delivers, and posts the result. attempt is how often the queue has
// delivered the job, this time included.
//
// If Run returns nil, the queue removes the job. After an error it delivers the job again, until it
// has delivered it [Jobs.Attempts] + 1 times. The error matches
//
//   - [ErrDead] if the job has failed for good, and [ErrBadJob] if it is damaged: Run will never do
//     it;
//   - [ErrClaimed] or [ErrClaimLost] if another call of Run works on the job;
//   - what the handler returned, if it is to be tried again;
//   - the error of the store or of the post, if the result is still to be posted.
//
// The context of the handler ends before the deadline of ctx, so that time is left to post the
// result; see [WithDeadlineMargin]. Run starts no goroutines.
func (j *Jobs) Run(ctx context.Context, job Job, attempt int) (err error) {
	if err := job.check(); err != nil {
		return err
	}
	r := &run{jobs: j, job: job, attempt: attempt, token: rand.Text()}
	r.route, r.names = j.lookup(job.Route)
	name := job.Route
	if r.route == nil {
		name = "unknown"
	}
	ctx, end := observing.Begin(ctx, observing.Op{Kind: observing.Job, Name: name})
	err = errUnfinished // if Run panics
	defer func() {
		result := observing.Result{Err: err}
		switch {
		case err == nil:
			result.Err, result.Refused = r.failure, r.failure != nil
		case errors.Is(err, ErrClaimed):
			result.Refused = true
		}
		end(result)
	}()
	err = r.do(ctx)
	return err
}

var errUnfinished = errors.New("async: the job ended in a panic")

// run is one call of Run.
type run struct {
	jobs    *Jobs
	job     Job
	attempt int
	token   string
	route   *route // nil if it is unknown
	names   gatesock.Envelope
	failure error     // what the handler returned
	end     time.Time // when the invocation ends
	margin  time.Duration
}

func (r *run) do(ctx context.Context) error {
	until := r.plan(ctx)
	outcome, err := r.jobs.outcomes.Claim(ctx, r.job.ID, Claim{Token: r.token, Until: until})
	if err != nil {
		return r.fail("claim", err)
	}
	if !outcome.done() {
		if outcome, err = r.work(ctx); err != nil {
			r.release(ctx)
			return r.fail("attempt "+fmt.Sprint(r.attempt), err)
		}
		if err := r.record(ctx, outcome); errors.Is(err, ErrClaimLost) {
			return r.fail("record", err)
		} else if err != nil { // the client gets the result all the same; while the claim lasts, nobody does the job again
			r.warn(ctx, "async: the result of a job was not recorded", err)
		}
	}
	if !outcome.Settled {
		if err := r.post(ctx, outcome.Frame); err != nil {
			r.release(ctx)
			return r.fail("post the result", err)
		}
		if err := r.record(ctx, Outcome{Settled: true, Dead: outcome.Dead}); err != nil {
			r.warn(ctx, "async: it was not recorded that the result of a job is posted", err)
		}
	}
	switch {
	case outcome.Dead && r.failure == nil:
		return r.fail("it is not done again, since its client has got an error", ErrDead)
	case outcome.Dead:
		return r.fail("give up", errors.Join(ErrDead, r.failure))
	}
	return nil
}

// plan determines when the handler must have ended, and returns when the claim ends.
func (r *run) plan(ctx context.Context) (until time.Time) {
	now := time.Now()
	r.end = now.Add(r.jobs.timeout + maxMargin)
	if deadline, ok := ctx.Deadline(); ok {
		r.end = deadline
	}
	left := r.end.Sub(now)
	r.margin = r.jobs.margin
	if r.margin < 0 {
		r.margin = min(left/10, maxMargin)
	}
	return r.jobs.now().Add(max(left, 0) + claimMargin)
}

// work returns the outcome of the job, or the error after which it is to be tried again.
func (r *run) work(ctx context.Context) (Outcome, error) {
	frame, err := r.handle(ctx)
	r.failure = err
	dead := err != nil && isFault(err)
	if err != nil && !isFinal(err) && (r.attempt < r.jobs.attempts || r.attempt == r.jobs.attempts && ctx.Err() != nil) {
		return Outcome{}, err
	}
	return Outcome{Frame: frame, Settled: len(frame) == 0, Dead: dead}, nil
}

var errNoRoute = errors.New("there is no such route")

// handle runs the handler, and returns the frame for the client, and the error of the handler or of
// its result.
func (r *run) handle(ctx context.Context) ([]byte, error) {
	if r.route == nil {
		return internalError(r.names, r.job), errNoRoute
	}
	if r.attempt > r.jobs.attempts {
		ctx = context.WithValue(ctx, givenUpKey{}, true)
	}
	ctx, cancel := context.WithDeadline(ctx, r.handlerEnd())
	defer cancel()
	return r.route.invoke(ctx, r.job)
}

// handlerEnd returns when the handler must have ended.
func (r *run) handlerEnd() time.Time {
	end := r.end.Add(-r.margin)
	if own := time.Now().Add(r.jobs.timeout); own.Before(end) {
		return own
	}
	return end
}

// post posts the result until the gateway has accepted it or nobody is there to read it.
func (r *run) post(ctx context.Context, frame []byte) error {
	ctx, cancel := context.WithDeadline(ctx, r.end.Add(-r.margin/4))
	defer cancel()
	limit := minPause
	for try := 1; ; try++ {
		err := r.jobs.poster.Post(ctx, gatesock.Target{ConnectionID: r.job.ConnectionID}, frame)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, gatesock.ErrGone), errors.Is(err, gatesock.ErrBadConnectionID),
			errors.Is(err, gatesock.ErrTooLarge):
			r.jobs.logger().DebugContext(ctx, "async: nobody reads the result of a job", r.attrs(err)...)
			return nil
		case errors.Is(err, gatesock.ErrForbidden), try == maxPosts, !wait(ctx, r.jobs.pause(limit)):
			return err
		}
		limit *= 2
	}
}

// The posts of one run: how many, and the limit of the random wait after the first, which doubles.
const (
	maxPosts = 6
	minPause = 100 * time.Millisecond
)

// wait returns when d has passed, and reports whether ctx has not ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// record keeps an outcome, also if ctx was cancelled meanwhile.
func (r *run) record(ctx context.Context, o Outcome) error {
	ctx, cancel := r.finishing(ctx)
	defer cancel()
	return r.jobs.outcomes.Record(ctx, r.job.ID, r.token, o)
}

// release ends the claim. If that fails, it ends by the clock.
func (r *run) release(ctx context.Context) {
	ctx, cancel := r.finishing(ctx)
	defer cancel()
	if err := r.jobs.outcomes.Release(ctx, r.job.ID, r.token); err != nil {
		r.warn(ctx, "async: the claim on a job was not released", err)
	}
}

// finishing returns a context that only the end of the invocation ends.
func (r *run) finishing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithDeadline(context.WithoutCancel(ctx), r.end)
}

func (r *run) fail(what string, err error) error {
	return fmt.Errorf("async: job %s of route %q: %s: %w", r.job.ID, r.job.Route, what, err)
}

func (r *run) warn(ctx context.Context, text string, err error) {
	r.jobs.logger().WarnContext(ctx, text, r.attrs(err)...)
}

func (r *run) attrs(err error) []any {
	return []any{
		slog.String("job", r.job.ID), slog.String("route", r.job.Route),
		slog.String("connectionId", r.job.ConnectionID), slog.Int("attempt", r.attempt), slog.Any("error", err),
	}
}
