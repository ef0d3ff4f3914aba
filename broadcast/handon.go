package broadcast

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	// partSize is about how many bytes of members that were read are handed on in one job.
	partSize = 48 << 10
	// relayConcurrency is how many jobs are handed on at once.
	relayConcurrency = 16
	// retryHops is how often members that were throttled, or not reached, for as long as WithRetries allows are handed
	// on, after 1, 2, 4, … seconds, to be tried once each time.
	retryHops = 6
	// maxJobDelay is the longest that SQS delays a message (Amazon SQS API Reference, "SendMessage").
	maxJobDelay = 15 * time.Minute
)

// newJob is what a send is before it is handed on for the first time.
func (b *Broadcaster) newJob(frame []byte) Job {
	j := Job{Frame: frame}
	if b.relay != nil {
		j.ID = fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
		j.RootID = j.ID
	}
	return j
}

// Run carries on a job that a [Relay] has brought. What a Send does it does too: it posts, tries again, prunes,
// stops before the deadline, and hands on what is left then, so that a nil error means that everybody of the job is in the
// Report or in a job that was handed on. It needs a Broadcaster that has a Relay.
//
// Unlike a Send it hands on the rest after any failure, with a delay that grows with the hops, so that nobody gets
// the message twice because the job is done again. What it gives an error for is still to be done: the job was refused
// ([ErrBadJob], [ErrTooManyHops]), ctx was cancelled, or handing on failed.
func (b *Broadcaster) Run(ctx context.Context, job Job) (Report, error) {
	if !b.HasRelay() {
		return Report{}, errors.New("broadcast: Run needs a Broadcaster with a Relay")
	}
	r, err := job.check()
	if err != nil {
		return Report{}, err
	}
	if job.Hops > b.maxHops {
		return Report{}, fmt.Errorf("%w: %d times, the limit is %d", ErrTooManyHops, job.Hops, b.maxHops)
	}
	return b.run(ctx, job, r)
}

// HasRelay reports whether a [Relay] was given, as [Broadcaster.Run] needs.
func (b *Broadcaster) HasRelay() bool { return b != nil && b.relay != nil }

// split hands on all shards but the first of a group that has several.
func (s *send) split(ctx context.Context) {
	if s.relay == nil || ctx.Err() != nil || s.job.Hops > 0 || len(s.audience.Read) != 1 || s.audience.several() {
		return
	}
	whole := s.audience.Read[0]
	if whole.Shards > 0 {
		return
	}
	n, err := s.store.Shards(ctx, whole.Group)
	if err != nil || n < 2 {
		return // the reader meets the error too
	}
	shards := make([]segment, n)
	for i := range shards {
		shards[i] = segment{Group: whole.Group, Shard: i, Shards: n, Only: true}
	}
	left, errs := s.handOn(ctx, rest{Read: shards[1:], Except: s.audience.Except, ExceptGroups: s.audience.ExceptGroups}, 0)
	s.audience.Read = append([]segment{shards[0]}, left.Read...)
	for _, err := range errs {
		s.logger().WarnContext(ctx, "broadcast: a shard is not handed on but read here", "error", err)
	}
}

// rest is what was not done when the loop has ended, without the members that were given up on.
func (s *send) rest() rest {
	r := rest{
		Read: s.left, Had: s.audience.Had, Except: s.audience.Except, ExceptGroups: s.audience.ExceptGroups,
		Gone: s.removals(),
	}
	for _, m := range s.fresh.members {
		r.Members = append(r.Members, member{m, s.fresh.group}.rest())
	}
	now := time.Now()
	for _, t := range slices.Concat(s.named, s.delayed) {
		r.Members = append(r.Members, t.rest(now))
	}
	if s.job.Hops >= s.maxHops {
		r.Gone = nil // a job that is refused for its hops is for members, and the next send comes across these
	}
	if len(r.Read) > 0 && s.audience.several() {
		r.Done = s.done()
	}
	return r
}

// tryLater hands on the members that were given up on, if that can be, and returns those that are left. Those that were
// refused while others were taken are not tried again: they are too slow, though it is not certain.
func (s *send) tryLater(ctx context.Context) []restMember {
	var again rest
	var left []restMember
	now := time.Now()
	for _, t := range s.unserved {
		if t.slow || s.relay == nil || ctx.Err() != nil || s.job.Hops >= min(retryHops, s.maxHops) {
			left = append(left, t.member.rest())
		} else {
			m := t.rest(now)
			m.Waited = max(m.Waited, s.retryTime.Milliseconds())
			again.Members = append(again.Members, m)
		}
	}
	kept, errs := s.handOn(ctx, again, time.Second<<s.job.Hops)
	for _, err := range errs {
		s.logger().WarnContext(ctx, "broadcast: members that were throttled are not handed on but unsent", "error", err)
	}
	return append(left, kept.Members...)
}

// done are the groups that were read to their end.
func (s *send) done() []string {
	groups := slices.Clone(s.audience.Done)
	for _, read := range s.audience.Read {
		left := slices.ContainsFunc(s.left, func(l segment) bool { return l.Group == read.Group })
		if !left {
			groups = append(groups, read.Group)
		}
	}
	return groups
}

// handsOn reports whether the rest is to be handed on: by a job always, by a send when its time is up or nobody can be
// reached.
func (s *send) handsOn(ctx context.Context) bool {
	return s.relay != nil && ctx.Err() == nil &&
		(s.job.Hops > 0 || errors.Is(s.ended, ErrDeadline) || errors.Is(s.ended, errStuck))
}

// delay is how long the rest should wait: not at all if nothing but time was missing.
func (s *send) delay() time.Duration {
	if errors.Is(s.ended, ErrDeadline) {
		return 0
	}
	return min(time.Second<<min(s.job.Hops, 10), maxJobDelay)
}

// handOn hands on a rest in jobs, takes what was handed on out of the report, and gives back what could not be.
func (s *send) handOn(ctx context.Context, r rest, delay time.Duration) (rest, []error) {
	parts := r.parts(partSize)
	failed := make([]error, len(parts))
	jobs := make([]Job, len(parts))
	var wg sync.WaitGroup
	free := make(chan struct{}, relayConcurrency)
	for i, p := range parts {
		jobs[i] = s.job.next(p, delay)
		failed[i] = errExited // unless it returns
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			failed[i] = s.relayOne(ctx, jobs[i])
		})
	}
	wg.Wait()
	var kept []rest
	var errs []error
	for i, err := range failed {
		if err != nil {
			errs = append(errs, fmt.Errorf("broadcast: handing on: %w", err))
			kept = append(kept, parts[i])
			continue
		}
		s.report.HandedOff = append(s.report.HandedOff, jobs[i].ID)
		s.report.Audience -= len(parts[i].Members)
	}
	return join(kept), errs
}

// relayOne gives an error for a panic of the Relay: what it did not take is still unsent, which must not be lost. A Relay
// that hangs must not take the time that is there to post.
func (s *send) relayOne(ctx context.Context, j Job) (err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	defer func() {
		if p := caught(recover()); p != nil {
			err = p
		}
	}()
	return s.relay.Relay(ctx, j)
}
