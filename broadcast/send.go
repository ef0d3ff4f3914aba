package broadcast

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/internal/panics"
)

// send is one call of Send, Disconnect or Run. Its loop moves members between four parts, each of
// which owns its state:
//
//	reader  reads the audience page by page
//	queue   decides what is next, and when: members, retries, cleanups
//	pool    runs it
//	ledger  accounts for the members
//
// It belongs to the goroutine of the caller. The reader and the workers of the pool are reached
// over channels only.
type send struct {
	*Broadcaster

	job           Job
	audience      remaining // at the beginning
	relay         Relay     // nil: what remains is not handed off
	disconnecting bool      // connections are closed, and no message is sent
	timeout       time.Duration
	stopAt        time.Time // no call starts after it; zero: there is no deadline

	filter filter
	queue  queue
	pool   *pool
	ledger ledger
	reader *reader // nil if there is nothing to read

	stopped  bool
	reason   error // why it stopped early: the time is over, or too many members are unreached
	cutOff   bool  // a post was cut off by that, and may have arrived
	errs     []error
	slowErr  error // the error of FailOnSlow; also in errs
	panicked *panics.Error
}

func (b *Broadcaster) newSend(ctx context.Context, audience remaining) *send {
	s := &send{Broadcaster: b, audience: audience, filter: audience.filter(), timeout: b.timeoutWithin(ctx)}
	s.queue = queue{
		settings: &b.settings, rate: b.rate, cleanupsArePaced: b.disconnector != nil, skip: s.ledger.skip,
	}
	return s
}

// send sends a frame to what remains of an audience.
func (b *Broadcaster) send(ctx context.Context, job Job, audience remaining) (Report, error) {
	s := b.newSend(ctx, audience)
	s.job, s.ledger.report.ID, s.relay = job, job.ID, b.relay
	c := calls{post: func(ctx context.Context, to gatesock.Target) error { return b.poster.Post(ctx, to, job.Frame) }}
	if p, ok := b.poster.(gatesock.Preparer); ok {
		c.post, c.boundsItself = p.Prepare(job.Frame, s.timeout), true
	}
	s.split(ctx)
	return s.run(ctx, c)
}

// disconnect closes the connections of an audience.
func (b *Broadcaster) disconnect(ctx context.Context, audience remaining) (Report, error) {
	s := b.newSend(ctx, audience)
	s.disconnecting = true
	return s.run(ctx, calls{post: b.disconnector.Disconnect})
}

// run serves the audience, and reports that to the observer of the invocation.
func (s *send) run(ctx context.Context, c calls) (Report, error) {
	name := "send"
	if s.disconnecting {
		name = "disconnect"
	}
	var rep Report
	err := errPanicked // unless serveAll returns
	ctx, ended := observing.Begin(ctx, observing.Op{Kind: observing.Broadcast, Name: name})
	defer func() {
		ended(observing.Result{
			Err: err, Audience: rep.Audience, Delivered: rep.Delivered, Gone: rep.Gone,
			Failed: rep.Failed, Unsent: rep.Unsent, Retries: rep.Retries,
		})
	}()
	rep, err = s.serveAll(ctx, c)
	return rep, err
}

// serveAll serves the audience. All goroutines have ended when it returns or panics.
func (s *send) serveAll(ctx context.Context, c calls) (Report, error) {
	bounded, cancel := s.bound(ctx)
	defer cancel()
	bounded = conn.WithEndCause(bounded, conn.EndPruned)
	c.remove = s.prune
	if s.disconnector != nil {
		c.disconnect = s.disconnector.Disconnect
	}
	s.pool = newPool(s.concurrency, s.timeout, c)
	s.readExcepted(bounded)
	s.addNamed()
	s.serve(bounded, cancel)
	if s.panicked != nil {
		panic(s.panicked)
	}
	return s.finish(ctx)
}

// bound keeps the margin before the deadline free: no post starts in it, and those that run are cut
// off in the middle of it.
func (s *send) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.handOffAfter >= 0 && s.relay != nil && s.job.Hops == 0 {
		s.stopAt = time.Now().Add(s.handOffAfter)
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	margin := s.margin
	if margin < 0 {
		margin = min(defaultDeadlineMargin, time.Until(deadline)/10)
	}
	if margin <= 0 {
		return context.WithCancel(ctx)
	}
	s.stopAt = earliest(s.stopAt, deadline.Add(-margin))
	return context.WithDeadlineCause(ctx, deadline.Add(-margin/2), errNoTime)
}

// readExcepted reads the groups whose members are excepted. Nothing is sent if that fails. If there
// is no time for it, for example because everything is handed off at once, the next invocation
// reads them.
func (s *send) readExcepted(ctx context.Context) {
	for _, group := range s.audience.exceptGroups {
		if s.stopIfOver(ctx); s.stopped {
			return
		}
		if err := s.except(ctx, group); err != nil {
			if s.stopIfOver(ctx); !s.stopped {
				s.fail(fmt.Errorf("broadcast: reading the excepted groups: %w", err))
			}
			return
		}
	}
}

func (s *send) except(ctx context.Context, group string) error {
	for m, err := range conn.Members(ctx, s.store, group) {
		if err != nil {
			return err
		}
		s.filter.exclude(m.ID)
	}
	return nil
}

// addNamed adds the members and the removals that need no reading.
func (s *send) addNamed() {
	var named []task
	for _, u := range s.audience.members {
		if s.filter.excepts(u.member.ID) {
			continue
		}
		t := task{member: u.member}
		if s.job.Hops > 0 && u.retried > 0 {
			t.failedAt = time.Now().Add(-u.retried)
		}
		named = append(named, t)
	}
	s.queue.addNamed(named)
	s.ledger.add(len(named))
	for _, m := range s.audience.gone {
		s.queue.addCleanup(remove, m)
	}
}

// serve posts until all members are served or the time is over. Its goroutines have ended when it
// returns; cancel ends ctx for those that still run.
func (s *send) serve(ctx context.Context, cancel context.CancelFunc) {
	defer s.pool.wait()
	if len(s.audience.unread) > 0 && !s.stopped {
		s.reader = startReader(ctx, s.store, s.audience)
		defer s.reader.wait()
	}
	defer cancel()
	s.loop(ctx)
}

// loop runs until nothing is left to do or, after a stop, until the workers are idle.
func (s *send) loop(ctx context.Context) {
	wake := alarm{timer: time.NewTimer(time.Hour)}
	defer wake.timer.Stop()
	for s.dispatch(ctx); !s.isOver(); s.dispatch(ctx) {
		select {
		case r := <-s.pool.results:
			s.settle(ctx, r)
		case p := <-s.nextPage():
			s.addPage(p)
		case <-wake.at(s.nextAt()):
			wake.rang()
		case <-ctx.Done():
		}
	}
	for s.pool.busy > 0 {
		s.settle(ctx, <-s.pool.results)
	}
}

// isOver reports whether the send stopped, or nothing is left to do, now or later.
func (s *send) isOver() bool {
	return s.stopped || s.pool.busy == 0 && !s.isReading() && s.queue.isEmpty()
}

// isReading reports whether the reader has more pages.
func (s *send) isReading() bool { return s.reader != nil && s.reader.more }

// dispatch starts what can be started now.
func (s *send) dispatch(ctx context.Context) {
	s.stopIfOver(ctx)
	for !s.stopped && s.pool.hasRoom() {
		t, ok := s.queue.next(time.Now(), s.pool.cleaning(), s.isReading())
		if !ok {
			return
		}
		s.ledger.started(t)
		s.pool.start(ctx, t)
	}
}

// nextPage returns the channel of the reader if there is room for a page, otherwise nil.
func (s *send) nextPage() <-chan page {
	if !s.isReading() || !s.queue.wantsPage() {
		return nil
	}
	return s.reader.pages
}

func (s *send) addPage(p page) {
	s.reader.note(p)
	if p.last {
		if p.err != nil {
			s.errs = append(s.errs, p.err)
		}
		s.stopForPanic(p.panicked)
		return
	}
	added := make([]conn.Member, 0, len(p.members)) // the page may belong to a cache of the store
	for _, m := range p.members {
		if s.filter.accept(m.ID) && !p.served {
			added = append(added, m)
		}
	}
	s.queue.addPage(added, p.group)
	s.ledger.add(len(added))
}

// nextAt returns when the loop has something to do although nothing happens, zero if that is not a
// matter of time.
func (s *send) nextAt() time.Time {
	if !s.pool.hasRoom() {
		return s.stopAt
	}
	return earliest(s.stopAt, s.queue.nextAt())
}

// earliest returns the earlier of two times, of which zero stands for never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// alarm is a timer that is reset only when its time changes.
type alarm struct {
	timer *time.Timer
	set   time.Time
}

// at returns a channel that receives at a time, nil if the time is zero.
func (a *alarm) at(at time.Time) <-chan time.Time {
	if at.IsZero() {
		return nil
	}
	if !at.Equal(a.set) {
		a.set = at
		a.timer.Reset(time.Until(at))
	}
	return a.timer.C
}

func (a *alarm) rang() { a.set = time.Time{} }

// stopIfOver stops the send if its time is over.
func (s *send) stopIfOver(ctx context.Context) {
	switch {
	case s.stopped:
	case ctx.Err() != nil:
		s.stop(context.Cause(ctx))
	case !s.stopAt.IsZero() && !time.Now().Before(s.stopAt):
		s.stop(errNoTime)
	}
}

func (s *send) stop(reason error) { s.stopped, s.reason = true, reason }

// fail stops the send with an error.
func (s *send) fail(err error) {
	s.stopped = true
	s.errs = append(s.errs, err)
}

// stopForPanic stops the send for a panic, which is raised again when the workers are idle.
func (s *send) stopForPanic(p *panics.Error) {
	if p != nil && s.panicked == nil {
		s.panicked, s.stopped = p, true
	}
}

// settle takes the result of a task.
func (s *send) settle(ctx context.Context, r result) {
	s.pool.done(r)
	s.stopForPanic(r.panicked)
	switch r.kind {
	case post:
		s.settlePost(ctx, r)
	case remove:
		s.settleRemoval(ctx, r)
	case disconnect:
		s.settleDisconnection(ctx, r)
	}
}

func (s *send) settlePost(ctx context.Context, r result) {
	switch {
	case r.err == nil:
		s.ledger.report.Delivered++
		s.rate.Delivered(time.Now(), r.throttled)
		if !s.disconnecting {
			s.slowness.Delivered(r.member.target(), r.throttled)
		}
	case errors.Is(r.err, gatesock.ErrGone):
		s.ledger.report.Gone++
		s.queue.addCleanup(remove, r.member)
	case errors.Is(r.err, gatesock.ErrThrottled):
		s.settleThrottled(r)
	case r.cut && isUndelivered(r.err):
		s.settleNotStarted(ctx, r)
	default:
		s.cutOff = s.cutOff || r.cut && ctx.Err() != nil
		s.settleFailure(r)
	}
}

// settleThrottled retries a throttled post, or gives up on the member if its client is too slow.
func (s *send) settleThrottled(r result) {
	s.ledger.report.Throttled++
	s.rate.Throttled(time.Now(), r.throttled)
	before := r.throttled
	r.throttled++
	if s.disconnecting { // It was the account: a client takes no part in being disconnected.
		s.settleFailure(r)
		return
	}
	refusals, tooSlow := s.slowness.Refused(r.member.target(), before)
	if tooSlow {
		s.settleSlow(r)
		return
	}
	r.suspect = refusals > 0 && s.queue.canSuspect()
	s.settleFailure(r)
}

// settleSlow applies the user's policy to a client that is too slow.
func (s *send) settleSlow(r result) {
	failure := s.ledger.fail(r.task, fmt.Errorf("%w: %w", ErrSlowConsumer, r.err))
	s.ledger.report.Slow++
	switch s.slowPolicy {
	case DisconnectSlow:
		s.queue.addCleanup(disconnect, r.member)
	case FailOnSlow:
		if s.slowErr == nil {
			s.slowErr = failure
			s.errs = append(s.errs, failure)
		}
	case SkipSlow:
	}
}

// settleNotStarted takes back a member whose post did not start before its time, or the time of the
// send, was over. This does not count as an attempt, but it does not extend the time for retries.
func (s *send) settleNotStarted(ctx context.Context, r result) {
	t := r.task
	s.ledger.takeBack(&t)
	now := time.Now()
	switch {
	case s.stopped || ctx.Err() != nil:
		t.notBefore = now
		s.queue.putBack(t)
	case !s.queue.retry(&t, now):
		s.giveUp(t, r.err)
	}
}

// settleFailure retries a post, or gives up on the member.
func (s *send) settleFailure(r result) {
	switch {
	case !r.exited && !r.cut && isRetryable(r.err) && s.queue.retry(&r.task, time.Now()):
	case !r.exited && isUndelivered(r.err):
		s.giveUp(r.task, r.err)
	default:
		failure := s.ledger.fail(r.task, r.err)
		if errors.Is(r.err, gatesock.ErrForbidden) {
			s.forbid(r.member.Endpoint, failure)
		}
	}
}

// errUnreached means that there is no use in trying the other members.
var errUnreached = errors.New("too many connections could not be posted to")

// giveUp gives up a member that certainly did not get the message. If there are many of them, and
// they are not single slow clients, the send stops, and they remain to be tried with the others.
func (s *send) giveUp(t task, why error) {
	unreached := s.ledger.giveUp(t)
	if t.suspect || unreached < s.queue.backlog() || !s.isReading() && !s.queue.hasUntried() || s.stopped {
		return
	}
	s.stop(fmt.Errorf("%w: %d, the last one: %w", errUnreached, unreached, why))
	for _, t := range s.ledger.takeUnreached() {
		t.failedAt = time.Time{} // the time for its retries starts again
		s.queue.putBack(t)
	}
}

// forbid ends the posts to an endpoint. For the poster's own endpoint it ends the send.
func (s *send) forbid(endpoint string, failure PostError) {
	s.ledger.forbid(endpoint, failure.Err)
	if endpoint == "" && !s.stopped {
		s.fail(failure)
	}
}
