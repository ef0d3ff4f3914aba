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
// over channels only. A member is in exactly one place: in fresh, in delayed, with a worker, or counted in the
// report.
type send struct {
	*Broadcaster

	report  Report
	members members
	fresh   page     // read, not tried yet
	delayed delayed  // to be tried again
	gone    []member // to be pruned; counted already

	pages   <-chan page // nil when the audience was read to its end, or can't be
	jobs    chan job    // never holds more than are free to work on it
	results chan result // has room for every worker, so that none waits

	workers int // started
	busy    int // with a job
	posting int // of those, with a post

	forbidden map[string]error // endpoints that answered so, and with what
	stopped   bool
	ended     error // why ctx did, if that is what stopped the send
	cut       bool  // a post was cut off when ctx ended
	errs      []error
	panicked  *panicError
}

// run does one send: workers are started as members come up, and all have ended when it returns or panics.
func (b *Broadcaster) run(ctx context.Context, to Audience, frame []byte) (Report, error) {
	s := &send{
		Broadcaster: b,
		members:     to.members(),
		forbidden:   make(map[string]error),
		jobs:        make(chan job, b.concurrency),
		results:     make(chan result, b.concurrency),
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(s.jobs)
	inner, cancel := context.WithCancel(ctx)
	defer cancel()

	named := make([]conn.Member, len(to.ids))
	for i, id := range to.ids {
		named[i].ID = id
	}
	s.take(page{members: named})
	if groups := to.distinctGroups(); len(groups) > 0 {
		pages := make(chan page)
		s.pages = pages
		wg.Go(func() { b.read(inner, groups, pages) })
	}
	s.loop(ctx, func() { wg.Go(func() { b.work(inner, frame, s.jobs, s.results) }) })
	if s.panicked != nil {
		panic(s.panicked)
	}
	return s.finish()
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
		case <-done:
		}
	}
}

// heed stops the send if ctx has ended.
func (s *send) heed(ctx context.Context) {
	if !s.stopped && ctx.Err() != nil {
		s.stopped = true
		s.ended = context.Cause(ctx)
	}
}

// postsSettled: the audience was read, and all of it is in the report.
func (s *send) postsSettled() bool {
	return s.pages == nil && len(s.fresh.members) == 0 && len(s.delayed) == 0 && s.posting == 0
}

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
		if !j.prune {
			s.posting++
		}
		s.jobs <- j
	}
}

// next gives what to do next: a post, or else a removal. Members of an endpoint that is forbidden fail instead.
func (s *send) next() (job, bool) {
	for t, ok := s.nextPost(); ok; t, ok = s.nextPost() {
		if err := s.forbidden[t.member.Endpoint]; err != nil {
			s.report.fail(PostError{ConnectionID: t.member.ID, Attempts: t.attempts, Err: err})
			continue
		}
		if t.attempts++; t.attempts > 1 {
			s.report.Retries++
		}
		return job{task: t}, true
	}
	if last := len(s.gone) - 1; last >= 0 {
		t := task{member: s.gone[last]}
		s.gone = s.gone[:last]
		return job{task: t, prune: true}, true
	}
	return job{}, false
}

// nextPost gives who to post to next: a retry whose time has come, or a member not tried yet.
func (s *send) nextPost() (task, bool) {
	if t, ok := s.delayed.takeDue(); ok {
		return t, true
	}
	if len(s.fresh.members) == 0 {
		return task{}, false
	}
	m := member{s.fresh.members[0], s.fresh.group}
	s.fresh.members = s.fresh.members[1:]
	return task{member: m}, true
}

// wanted gives the channel of pages if there is room for another.
func (s *send) wanted() <-chan page {
	if s.stopped || len(s.fresh.members) > 0 || len(s.delayed)+len(s.gone) >= backlogFactor*s.concurrency {
		return nil
	}
	return s.pages
}

// wake gives the timer's channel, set to the first retry, if there is a worker for it.
func (s *send) wake(timer *time.Timer) <-chan time.Time {
	if s.stopped || len(s.delayed) == 0 || s.busy >= s.concurrency {
		return nil
	}
	timer.Reset(time.Until(s.delayed[0].due))
	return timer.C
}

// take adds a page to the audience.
func (s *send) take(p page) {
	if p.last {
		s.pages = nil
		s.report.Incomplete = p.err != nil
		if p.err != nil {
			s.errs = append(s.errs, p.err)
		}
		s.escalate(p.panicked)
		return
	}
	added := p.members[:0]
	for _, m := range p.members {
		if s.members.add(m.ID) {
			added = append(added, m)
		}
	}
	s.fresh = page{members: added, group: p.group}
	s.report.Audience += len(added)
}

// settle takes back a job from a worker.
func (s *send) settle(ctx context.Context, r result) {
	s.busy--
	if r.exited {
		s.workers--
	}
	s.escalate(r.panicked)
	if r.prune {
		s.settlePrune(ctx, r)
		return
	}
	s.posting--
	switch {
	case r.err == nil:
		s.report.Delivered++
	case errors.Is(r.err, gatesock.ErrGone):
		s.report.Gone++
		s.gone = append(s.gone, r.member)
	default:
		s.cut = s.cut || r.cut && ctx.Err() != nil
		s.settleFailure(r)
	}
}

func (s *send) settleFailure(r result) {
	if errors.Is(r.err, gatesock.ErrThrottled) {
		s.report.Throttled++
	}
	if !r.exited && !r.cut && retryable(r.err) && s.schedule(&r.task, time.Now()) {
		s.delayed.add(r.task)
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

func (s *send) settlePrune(ctx context.Context, r result) {
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

// finish gives the result. That ctx ended is an error only if it took something from the send.
func (s *send) finish() (Report, error) {
	s.report.Unsent = len(s.fresh.members) + len(s.delayed)
	if s.pages != nil {
		s.report.Incomplete = true
	}
	if s.ended != nil && (s.cut || s.report.Unsent > 0 || s.pages != nil) {
		s.errs = append(s.errs, fmt.Errorf("broadcast: stopped: %w", s.ended))
	}
	return s.report, errors.Join(s.errs...)
}
