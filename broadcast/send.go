package broadcast

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// backlogFactor times the concurrency is how many members may wait for a retry or to be pruned before
// reading pauses.
const backlogFactor = 16

// send is the state of one Send. It belongs to the goroutine that called; workers and the reader are reached
// over channels only. A member is in exactly one place: in named, in fresh, in delayed, with a worker, or counted in the
// report.
type send struct {
	*Broadcaster

	job      Job
	audience rest // as it was begun
	post     func(ctx context.Context, to gatesock.Target) error
	stopAt   time.Time // no post begins after it; zero: there is no deadline

	report  Report
	members members
	named   []member  // by the audience or its cursor, not tried yet
	fresh   page      // read, not tried yet
	left    []segment // not read yet
	delayed delayed   // to be tried again
	slow    int       // of those, how many are too slow
	last    []errand  // to be done when nobody is left to post to: removals, disconnections

	pages   <-chan page // nil when the audience was read to its end, or can't be
	jobs    chan errand // never holds more than are free to work on it
	results chan result // has room for every worker, so that none waits

	workers int       // started
	busy    int       // with a job
	posting int       // of those, with a post
	paced   time.Time // no post begins before it, since the rate does not allow it
	granted bool      // the rate allows one that has not begun
	alarm   time.Time // what the timer is set to

	forbidden map[string]error // endpoints that answered so, and with what
	stopped   bool
	ended     error // why time was up, if that is what stopped the send
	cutOff    bool  // a post was cut off when it was
	errs      []error
	tooSlow   error // that a connection was, if that is to fail the send; also in errs
	panicked  *panicError
}

// run does one send: workers are started as members come up, and all have ended when it returns or panics.
func (b *Broadcaster) run(ctx context.Context, job Job, to rest) (Report, error) {
	s := &send{
		Broadcaster: b,
		job:         job,
		audience:    to,
		members:     to.set(),
		post:        b.prepare(job.Frame),
		forbidden:   make(map[string]error),
		jobs:        make(chan errand, b.concurrency),
		results:     make(chan result, b.concurrency),
	}
	s.report.ID = job.ID
	s.split(ctx)
	s.name(s.audience.Members)
	s.carryOut(ctx)
	if s.panicked != nil {
		panic(s.panicked)
	}
	return s.finish(ctx)
}

// carryOut posts until all are served or the time is up. Its goroutines have ended when it returns.
func (s *send) carryOut(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(s.jobs)
	inner, cancel := s.bound(ctx)
	defer cancel()

	s.left = s.audience.Read
	if len(s.left) > 0 {
		pages := make(chan page)
		s.pages = pages
		wg.Go(func() { s.read(inner, s.audience.plan(), pages) })
	}
	s.loop(inner, func() { wg.Go(func() { s.work(inner) }) })
}

// bound keeps the reserve free of ctx's time: no post begins in it, and those that still run are cut off at half of
// it.
func (s *send) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	reserve := s.reserve
	if reserve < 0 {
		reserve = min(DefaultReserve, time.Until(deadline)/10)
	}
	if reserve <= 0 {
		return context.WithCancel(ctx)
	}
	s.stopAt = deadline.Add(-reserve)
	return context.WithDeadlineCause(ctx, deadline.Add(-reserve/2), errNoTime)
}

// name adds the members that the audience has without reading.
func (s *send) name(all []restMember) {
	for _, m := range all {
		if s.members.excepts(m.ID) {
			continue
		}
		s.named = append(s.named, member{conn.Member{ID: m.ID, Endpoint: m.Endpoint}, m.Group})
	}
	s.report.Audience += len(s.named)
}

// loop runs until every member is settled or, after a stop, until the workers are idle.
func (s *send) loop(ctx context.Context, startWorker func()) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s.heed(ctx)
		s.dispatch(startWorker)
		if s.busy == 0 && (s.stopped || s.postsSettled()) {
			return
		}
		done := ctx.Done()
		if s.stopped {
			done = nil
		}
		select {
		case r := <-s.results:
			s.settle(ctx, r)
		case p := <-s.wanted():
			s.take(p)
		case <-s.wake(timer):
			s.alarm = time.Time{}
		case <-done:
		}
	}
}

// heed stops the send if its time is up.
func (s *send) heed(ctx context.Context) {
	switch {
	case s.stopped:
	case ctx.Err() != nil:
		s.stopped = true
		s.ended = context.Cause(ctx)
	case !s.stopAt.IsZero() && !time.Now().Before(s.stopAt):
		s.stopped = true
		s.ended = errNoTime
	}
}

// postsSettled: the audience was read, and all of it is in the report.
func (s *send) postsSettled() bool {
	return s.pages == nil && !s.waiting() && len(s.delayed) == 0 && s.posting == 0 && len(s.last) == 0
}

// waiting: there are members that were not tried.
func (s *send) waiting() bool { return len(s.named)+len(s.fresh.members) > 0 }

// dispatch gives jobs to workers while there are both, and starts workers for jobs that would wait.
func (s *send) dispatch(startWorker func()) {
	for !s.stopped && s.busy < s.concurrency {
		j, ok := s.next()
		if !ok {
			return
		}
		if s.busy == s.workers {
			s.workers++
			startWorker()
		}
		s.busy++
		if j.kind == posts {
			s.posting++
		}
		s.jobs <- j
	}
}

// next gives what to do next: a post, or else what was put off. Members of an endpoint that is forbidden fail instead.
func (s *send) next() (errand, bool) {
	now := time.Now()
	for s.mayPost(now) {
		t, ok := s.nextPost(now)
		if !ok {
			break
		}
		if err := s.forbidden[t.member.Endpoint]; err != nil {
			s.report.fail(PostError{ConnectionID: t.member.ID, Attempts: t.attempts, Err: err})
			continue
		}
		s.granted = false
		if t.attempts++; t.attempts > 1 {
			s.report.Retries++
		}
		return errand{task: t}, true
	}
	if last := len(s.last) - 1; last >= 0 {
		j := s.last[last]
		s.last = s.last[:last]
		return j, true
	}
	return errand{}, false
}

// mayPost tells if there is somebody to post to and the rate allows it, and then counts on the post.
func (s *send) mayPost(now time.Time) bool {
	if !s.waiting() && !s.delayed.ready(now) || now.Before(s.paced) {
		return false
	}
	if s.granted {
		return true
	}
	wait := s.rate.Take(now)
	if wait > 0 {
		s.paced = now.Add(wait)
	}
	s.granted = wait <= 0
	return s.granted
}

// nextPost gives who to post to next: a retry whose time has come, or a member not tried yet.
func (s *send) nextPost(now time.Time) (task, bool) {
	switch {
	case s.delayed.ready(now):
		t := s.delayed.take()
		if t.slow {
			s.slow--
		}
		return t, true
	case len(s.named) > 0:
		m := s.named[0]
		s.named = s.named[1:]
		return task{member: m}, true
	case len(s.fresh.members) > 0:
		m := member{s.fresh.members[0], s.fresh.group}
		s.fresh.members = s.fresh.members[1:]
		return task{member: m}, true
	default:
		return task{}, false
	}
}

// wanted gives the channel of pages if there is room for another.
func (s *send) wanted() <-chan page {
	if s.stopped || len(s.fresh.members) > 0 || len(s.delayed)-s.slow+len(s.last) >= backlogFactor*s.concurrency {
		return nil
	}
	return s.pages
}

// wake gives the timer's channel, set to when something is to be done: a retry or a paced post, if there is a worker
// for it, or the stop.
func (s *send) wake(timer *time.Timer) <-chan time.Time {
	if s.stopped {
		return nil
	}
	at := s.stopAt
	if s.busy < s.concurrency {
		at = earliest(at, s.nextDue())
	}
	if at.IsZero() {
		return nil
	}
	if !at.Equal(s.alarm) {
		s.alarm = at
		timer.Reset(time.Until(at))
	}
	return timer.C
}

// nextDue is when the next post can begin, zero if there is none.
func (s *send) nextDue() time.Time {
	var at time.Time
	if len(s.delayed) > 0 {
		at = s.delayed[0].due
	}
	if s.waiting() {
		at = s.paced
	}
	if at.Before(s.paced) && !at.IsZero() {
		at = s.paced
	}
	return at
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// take adds a page to the audience.
func (s *send) take(p page) {
	if p.last {
		s.pages = nil
		if p.err != nil {
			s.errs = append(s.errs, p.err)
		}
		s.escalate(p.panicked)
		return
	}
	s.left = p.left
	added := make([]conn.Member, 0, len(p.members)) // The store may keep its page.
	for _, m := range p.members {
		if s.members.add(m.ID) && !p.known {
			added = append(added, m)
		}
	}
	s.fresh = page{members: added, group: p.group}
	s.report.Audience += len(added)
}

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
		s.rate.Passed(time.Now(), r.refused)
		s.consumers.passed(r.member, r.refused)
	case errors.Is(r.err, gatesock.ErrGone):
		s.report.Gone++
		s.last = append(s.last, errand{task: r.task, kind: removes})
	case errors.Is(r.err, gatesock.ErrThrottled):
		s.report.Throttled++
		s.settleRefusal(r)
	default:
		s.cutOff = s.cutOff || r.cut && ctx.Err() != nil
		s.settleFailure(r)
	}
}

// settleFailure puts a member off, or gives up on it.
func (s *send) settleFailure(r result) {
	if !r.exited && !r.cut && retryable(r.err) && s.schedule(&r.task, time.Now()) {
		s.delayed.add(r.task)
		if r.slow {
			s.slow++
		}
		return
	}
	failure := PostError{ConnectionID: r.member.ID, Attempts: r.attempts, Err: r.err}
	s.report.fail(failure)
	if errors.Is(r.err, gatesock.ErrForbidden) {
		s.forbid(r.member.Endpoint, failure)
	}
}

// forbid ends the posts to an endpoint, and with the poster's own the whole send.
func (s *send) forbid(endpoint string, failure PostError) {
	s.forbidden[endpoint] = failure.Err
	if endpoint == "" && !s.stopped {
		s.stopped = true
		s.errs = append(s.errs, failure)
	}
}

func (s *send) settleRemoval(ctx context.Context, r result) {
	switch {
	case r.pruned:
		s.report.Pruned++
	case r.err != nil && ctx.Err() == nil:
		s.report.PruneFailed++
		s.logger().WarnContext(ctx, "broadcast: a connection that is gone could not be removed",
			"connectionId", r.member.ID, "error", r.err)
	}
}

// escalate stops the send for a panic, which is raised again when the workers are idle.
func (s *send) escalate(p *panicError) {
	if p != nil && s.panicked == nil {
		s.panicked = p
		s.stopped = true
	}
}

// finish hands on what is left, if that is to be, and gives the result. That the time was up is an error only if it took
// something from the send.
func (s *send) finish(ctx context.Context) (Report, error) {
	left := s.rest()
	s.report.Unsent = len(left.Members)
	if s.handsOn(ctx) {
		var errs []error
		left, errs = s.handOn(ctx, left, s.delay())
		s.report.Unsent = len(left.Members)
		if left.empty() {
			return s.report, s.handedOn(ctx)
		}
		s.errs = append(s.errs, errs...)
	}
	s.report.Incomplete = len(left.Read) > 0
	s.report.Cursor = left.cursor()
	if s.ended != nil && (s.cutOff || !left.empty()) {
		s.errs = append(s.errs, fmt.Errorf("broadcast: stopped: %w", s.ended))
	}
	return s.report, errors.Join(s.errs...)
}

// handedOn logs what stopped a send whose rest was handed on. The user's own policy fails a Send, but never a job, which
// would be delivered again.
func (s *send) handedOn(ctx context.Context) error {
	if len(s.report.Handed) > 0 && len(s.errs) > 0 {
		s.logger().WarnContext(ctx, "broadcast: a send stopped early, and its rest is handed on",
			"job", s.job.ID, "error", errors.Join(s.errs...))
	}
	if s.job.Hops > 0 {
		return nil
	}
	return s.tooSlow
}
