package broadcast

import (
	"context"
	"sync"
	"time"

	"github.com/gatesock/gatesock/conn"
)

// backlogFactor times the concurrency is how many members may wait for a retry or to be pruned before
// reading pauses.
const backlogFactor = 16

// send is the state of one Send. It belongs to the goroutine that called; workers and the reader are reached
// over channels only. A member is in exactly one place: in named, in fresh, in delayed, in unserved, with a worker, or
// counted in the report.
type send struct {
	*Broadcaster

	job      Job
	audience rest  // as it was begun
	relay    Relay // nil: the rest is not handed on
	closing  bool  // connections are closed, and no message is sent
	deliver  delivery
	timeout  time.Duration // of a post, a removal, and handing on
	stopAt   time.Time     // no post begins after it; zero: there is no deadline

	report  Report
	members members
	named   []task    // by the audience or its cursor, not tried yet
	fresh   page      // read, not tried yet
	left    []segment // not read yet
	delayed delayed   // to be tried again
	slow    int       // of those, how many are refused while others are taken
	chores  []errand  // removals and disconnections

	unserved []task // given up on, though it is certain that they have nothing
	stuck    int    // of those, how many were not refused while others were taken

	pages   <-chan page // nil when the audience was read to its end, or can't be
	jobs    chan errand // never holds more than are free to work on it
	results chan result // has room for every worker, so that none waits

	workers int       // started
	busy    int       // with a job
	posting int       // of those, with a post
	posted  int       // posts since the last chore that went before others
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

func (b *Broadcaster) newSend(ctx context.Context, to rest) *send {
	return &send{
		Broadcaster: b,
		audience:    to,
		members:     to.set(),
		timeout:     b.timeoutWithin(ctx),
		forbidden:   make(map[string]error),
		jobs:        make(chan errand, b.concurrency),
		results:     make(chan result, b.concurrency),
	}
}

// run does one send of a frame.
func (b *Broadcaster) run(ctx context.Context, job Job, to rest) (Report, error) {
	s := b.newSend(ctx, to)
	s.job, s.report.ID, s.relay = job, job.ID, b.relay
	s.deliver = b.posting(job.Frame, s.timeout)
	s.split(ctx)
	return s.run(ctx)
}

// run starts workers as members come up; all have ended when it returns or panics.
func (s *send) run(ctx context.Context) (Report, error) {
	inner, cancel := s.bound(ctx)
	defer cancel()
	inner = conn.WithEndCause(inner, conn.EndPruned) // what is told of an end has the time that the send has
	s.exclude(inner)
	s.name(s.audience.Members)
	s.prepareRemovals(s.audience.Gone)
	s.carryOut(inner)
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	s.left = s.audience.Read
	if len(s.left) > 0 && !s.stopped {
		pages := make(chan page)
		s.pages = pages
		wg.Go(func() { s.read(ctx, s.audience.plan(), pages) })
	}
	s.loop(ctx, func() { wg.Go(func() { s.work(ctx) }) })
}

// bound keeps the reserve free of ctx's time: no post begins in it, and those that still run are cut off at half of
// it.
func (s *send) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.handOffAfter >= 0 && s.relay != nil && s.job.Hops == 0 {
		s.stopAt = time.Now().Add(s.handOffAfter)
	}
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
	s.stopAt = earliest(s.stopAt, deadline.Add(-reserve))
	return context.WithDeadlineCause(ctx, deadline.Add(-reserve/2), errNoTime)
}

// name adds the members that the audience has without reading.
func (s *send) name(all []restMember) {
	for _, m := range all {
		if s.members.excepts(m.ID) {
			continue
		}
		t := task{member: m.member()}
		if s.job.Hops > 0 && m.Waited > 0 {
			t.failed = time.Now().Add(-time.Duration(m.Waited) * time.Millisecond)
		}
		s.named = append(s.named, t)
	}
	s.shuffle(len(s.named), func(i, j int) { s.named[i], s.named[j] = s.named[j], s.named[i] })
	s.report.Audience += len(s.named)
}

// loop runs until every member is settled or, after a stop, until the workers are idle.
func (s *send) loop(ctx context.Context, startWorker func()) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s.heed(ctx)
		s.dispatch(startWorker)
		if s.busy == 0 && (s.stopped || s.isSettled()) {
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

// isSettled reports whether the audience was read, and nothing is left to be done for it but what workers do.
func (s *send) isSettled() bool {
	return s.pages == nil && !s.waiting() && len(s.delayed) == 0 && len(s.chores) == 0
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

// next returns what to do next: a post, or a chore, which posts leave some room for. Members of an endpoint that is
// forbidden fail instead.
func (s *send) next() (errand, bool) {
	now := time.Now()
	if s.busy-s.posting < s.concurrency/choreShare && s.posted >= choreShare-1 {
		if e, ok := s.nextChore(now); ok {
			s.posted = 0
			return e, true
		}
	}
	for (s.waiting() || s.delayed.ready(now)) && s.mayCall(now) {
		t, ok := s.nextPost(now)
		if !ok {
			break
		}
		if err := s.forbidden[t.member.Endpoint]; err != nil {
			s.report.fail(PostError{ConnectionID: t.member.ID, Attempts: t.attempts, Err: err})
			continue
		}
		s.granted = false
		s.posted++
		if t.attempts++; t.attempts > 1 {
			s.report.Retries++
		}
		return errand{task: t}, true
	}
	if s.pages != nil && !s.isFull() { // posts will come
		return errand{}, false
	}
	return s.nextChore(now)
}

// mayCall reports whether the rate allows a call of the gateway, which is then counted on.
func (s *send) mayCall(now time.Time) bool {
	if s.granted {
		return true
	}
	if now.Before(s.paced) {
		return false
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
		t := s.named[0]
		s.named = s.named[1:]
		return t, true
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
	if s.stopped || len(s.fresh.members) > 0 || s.isFull() {
		return nil
	}
	return s.pages
}

// isFull reports whether so many members wait for a retry or to be removed that reading pauses.
func (s *send) isFull() bool { return len(s.delayed)-s.slow+len(s.chores) >= s.backlog() }

// backlog is how many members may wait for a retry or to be removed before reading pauses.
func (s *send) backlog() int { return backlogFactor * s.concurrency }

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

// nextDue is when the next post or chore can begin, zero if there is none.
func (s *send) nextDue() time.Time {
	var at time.Time
	if len(s.delayed) > 0 {
		at = s.delayed[0].due
	}
	if s.waiting() || len(s.chores) > 0 && time.Now().Before(s.paced) {
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
	s.shuffle(len(added), func(i, j int) { added[i], added[j] = added[j], added[i] })
	s.fresh = page{members: added, group: p.group}
	s.report.Audience += len(added)
}
