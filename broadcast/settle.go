package broadcast

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatesock/gatesock"
)

// settle takes back an errand from a worker.
func (s *send) settle(ctx context.Context, r result) {
	s.busy--
	if r.exited {
		s.workers--
	}
	s.escalate(r.panicked)
	switch r.kind {
	case posts:
		s.posting--
		s.settlePost(ctx, r)
	case removes:
		s.settleRemoval(ctx, r)
	case disconnects:
		s.settleDisconnection(ctx, r)
	}
}

func (s *send) settlePost(ctx context.Context, r result) {
	switch {
	case r.err == nil:
		s.report.Delivered++
		s.rate.Delivered(time.Now(), r.refused)
		if !s.closing {
			s.slowness.Delivered(target(r.member.Member), r.refused)
		}
	case errors.Is(r.err, gatesock.ErrGone):
		s.report.Gone++
		s.chores = append(s.chores, errand{task: task{member: r.member}, kind: removes})
	case errors.Is(r.err, gatesock.ErrThrottled):
		s.report.Throttled++
		s.settleRefusal(r)
	case r.cut && hasNothing(r.err):
		s.putBack(ctx, r)
	default:
		s.cutOff = s.cutOff || r.cut && ctx.Err() != nil
		s.settleFailure(r)
	}
}

// putBack takes a member back whose post had not begun when its time, or that of the send, was up. That is no attempt, but
// the retries end when their time does.
func (s *send) putBack(ctx context.Context, r result) {
	t := r.task
	if t.attempts--; t.attempts > 0 {
		s.report.Retries--
	}
	if s.stopped || ctx.Err() != nil {
		t.due = time.Now()
	} else if !s.schedule(&t, time.Now()) {
		s.leave(t, r.err)
		return
	}
	s.putOff(t)
}

// putOff lets a member wait for another try.
func (s *send) putOff(t task) {
	s.delayed.add(t)
	if t.slow {
		s.slow++
	}
}

// settleFailure puts a member off, or gives up on it.
func (s *send) settleFailure(r result) {
	switch {
	case !r.exited && !r.cut && retryable(r.err) && s.schedule(&r.task, time.Now()):
		s.putOff(r.task)
	case !r.exited && hasNothing(r.err):
		s.leave(r.task, r.err)
	default:
		failure := PostError{ConnectionID: r.member.ID, Attempts: r.attempts, Err: r.err}
		s.report.fail(failure)
		if errors.Is(r.err, gatesock.ErrForbidden) {
			s.forbid(r.member.Endpoint, failure)
		}
	}
}

// errStuck says that there is no use in trying the others.
var errStuck = errors.New("too many connections could not be posted to")

// leave gives up on a member that has certainly got nothing. Where these become many, and are not single clients that
// are too slow, the send stops, and they remain to be tried with the others.
func (s *send) leave(t task, why error) {
	if s.unserved = append(s.unserved, t); t.slow {
		return
	}
	if s.stuck++; s.stuck < s.backlog() || s.pages == nil && !s.waiting() || s.stopped {
		return
	}
	s.stopped = true
	s.ended = fmt.Errorf("%w: %d, the last one: %w", errStuck, s.stuck, why)
	s.unserved = slices.DeleteFunc(s.unserved, func(t task) bool {
		if !t.slow {
			t.failed = time.Time{} // its retries begin anew
			s.delayed.add(t)
		}
		return !t.slow
	})
}

// forbid ends the posts to an endpoint, and with the poster's own the whole send.
func (s *send) forbid(endpoint string, failure PostError) {
	s.forbidden[endpoint] = failure.Err
	if endpoint == "" && !s.stopped {
		s.stopped = true
		s.errs = append(s.errs, failure)
	}
}

// escalate stops the send for a panic, which is raised again when the workers are idle.
func (s *send) escalate(p *panicError) {
	if p != nil && s.panicked == nil {
		s.panicked = p
		s.stopped = true
	}
}

// finish hands on what is left, if that is to be, and returns the result. That the time was up is an error only if it
// took something from the send.
func (s *send) finish(ctx context.Context) (Report, error) {
	left := s.rest()
	handed := s.handsOn(ctx)
	var errs []error
	if handed {
		left, errs = s.handOn(ctx, left, s.delay())
	}
	done := left.isServed()
	left.Members = append(left.Members, s.tryLater(ctx)...)
	s.report.Unsent = len(left.Members)
	s.report.Incomplete = len(left.Read) > 0
	s.report.Cursor = left.cursor()
	if handed && done {
		s.logRemovals(ctx, errs)
		return s.report, s.handedOn(ctx)
	}
	s.errs = append(s.errs, errs...)
	if s.ended != nil && (s.cutOff || !done) {
		s.errs = append(s.errs, fmt.Errorf("broadcast: stopped: %w", s.ended))
	}
	return s.report, errors.Join(s.errs...)
}

// handedOn logs what stopped a send whose rest was handed on. The user's own policy fails a Send, but never a job, which
// would be delivered again.
func (s *send) handedOn(ctx context.Context) error {
	if len(s.report.HandedOff) > 0 && len(s.errs) > 0 {
		s.logger().WarnContext(ctx, "broadcast: a send stopped early, and its rest is handed on",
			"job", s.job.ID, "error", errors.Join(s.errs...))
	}
	if s.job.Hops > 0 {
		return nil
	}
	return s.tooSlow
}
