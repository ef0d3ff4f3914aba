package broadcast

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/panics"
)

const (
	// partSize is about how many bytes of members, in the form of a cursor, one job has.
	partSize = 48 << 10
	// relayConcurrency is how many jobs are handed off at once.
	relayConcurrency = 16
	// retryHops is how often undelivered members are handed off, with delays of 1, 2, 4, … seconds,
	// to be tried once each time.
	retryHops = 6
	// maxJobDelay is the longest delay of a message in SQS (Amazon SQS API Reference,
	// "SendMessage").
	maxJobDelay = 15 * time.Minute
)

// newJob returns the job that a send would be. Its parts are derived from it.
func (b *Broadcaster) newJob(frame []byte) Job {
	j := Job{Frame: frame}
	if b.relay != nil {
		j.ID = fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
		j.RootID = j.ID
	}
	if b.maxAge > 0 {
		j.Until = b.clock().Add(b.maxAge)
	}
	return j
}

// next returns the job for a part of what remains of this one. Its ID depends on its content,
// except for the time for which members have been retried, so that a job that runs twice and stops
// at the same position twice hands off the same jobs.
func (j Job) next(r remaining, delay time.Duration) Job {
	n := Job{RootID: j.RootID, Hops: j.Hops + 1, Cursor: r.encode(), Frame: j.Frame, Until: j.Until, Delay: delay}
	r.members = slices.Clone(r.members)
	for i := range r.members {
		r.members[i].retried = 0
	}
	sum := sha256.Sum256([]byte(j.ID + "\x00" + r.encode()))
	n.ID = hex.EncodeToString(sum[:16])
	return n
}

// handedPart is the outcome of handing off one part; the job took it unless there is an error.
type handedPart struct {
	remaining
	job Job
	err error
}

// handOff hands off what remains in jobs, several at a time, and returns their outcomes.
func (s *send) handOff(ctx context.Context, r remaining, delay time.Duration) []handedPart {
	var parts []handedPart
	for _, p := range r.parts(partSize) {
		parts = append(parts, handedPart{remaining: p, job: s.job.next(p, delay), err: errGoexit})
	}
	var relaying sync.WaitGroup
	free := make(chan struct{}, relayConcurrency)
	for i := range parts {
		free <- struct{}{}
		relaying.Go(func() {
			defer func() { <-free }()
			parts[i].err = s.relayJob(ctx, parts[i].job)
		})
	}
	relaying.Wait()
	return parts
}

// relayJob hands off one job. A panic of the Relay is an error, because its members must not be
// lost, and a Relay that hangs must not use up the time for posts.
func (s *send) relayJob(ctx context.Context, j Job) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := panics.Try("broadcast: panic while handing off", func() error { return s.relay.Relay(ctx, j) })
	if err != nil {
		return fmt.Errorf("broadcast: handing off: %w", err)
	}
	return nil
}

// split hands off all shards but the first of a group that has several, so that other invocations
// work on them at once.
func (s *send) split(ctx context.Context) {
	if s.relay == nil || ctx.Err() != nil || s.job.Hops > 0 || len(s.audience.unread) != 1 || s.audience.overlaps() {
		return
	}
	whole := s.audience.unread[0]
	if whole.shards > 0 {
		return
	}
	n, err := s.store.Shards(ctx, whole.group)
	if err != nil || n < 2 {
		return // the reader meets the error too
	}
	shards := make([]span, n)
	for i := range shards {
		shards[i] = span{group: whole.group, shard: i, shards: n, only: true}
	}
	others := remaining{unread: shards[1:], except: s.audience.except, exceptGroups: s.audience.exceptGroups}
	kept, errs := s.ledger.handOff(s.handOff(ctx, others, 0))
	s.audience.unread = append([]span{shards[0]}, kept.unread...)
	for _, err := range errs {
		s.logger().WarnContext(ctx, "broadcast: cannot hand off a shard, reading it here", "error", err)
	}
}

// finish hands off what remains, if it should, and returns the report. It is an error that the time
// is over only if that took something from the send.
func (s *send) finish(ctx context.Context) (Report, error) {
	left := s.remaining()
	handsOff := s.handsOff(ctx)
	var errs []error
	if handsOff {
		left, errs = s.ledger.handOff(s.handOff(ctx, left, s.delay()))
	}
	served := left.isServed()
	left.members = append(left.members, s.handOffUndelivered(ctx)...)
	report := s.ledger.close(left)
	if handsOff && served {
		if len(errs) > 0 { // the next send to the group finds these connections again
			s.logger().WarnContext(ctx, "broadcast: no time to remove connections that are gone",
				"error", errors.Join(errs...))
		}
		return report, s.handedOff(ctx)
	}
	s.errs = append(s.errs, errs...)
	if s.reason != nil && (s.cutOff || !served) {
		s.errs = append(s.errs, fmt.Errorf("broadcast: stopped: %w", s.reason))
	}
	return report, errors.Join(s.errs...)
}

// handsOff reports whether what remains is to be handed off: by a job always, by a send if its time
// is over or too many members are unreached.
func (s *send) handsOff(ctx context.Context) bool {
	return s.relay != nil && ctx.Err() == nil &&
		(s.job.Hops > 0 || errors.Is(s.reason, ErrDeadline) || errors.Is(s.reason, errUnreached))
}

// delay returns how long what remains should wait: not at all if only time was missing.
func (s *send) delay() time.Duration {
	if errors.Is(s.reason, ErrDeadline) {
		return 0
	}
	return min(time.Second<<min(s.job.Hops, 10), maxJobDelay)
}

// handedOff logs what stopped a send whose remaining members were handed off. FailOnSlow fails a
// send, but not a job, which would run again.
func (s *send) handedOff(ctx context.Context) error {
	if len(s.ledger.report.HandedOff) > 0 && len(s.errs) > 0 {
		s.logger().WarnContext(ctx, "broadcast: a send stopped early, and its remaining members are handed off",
			"job", s.job.ID, "error", errors.Join(s.errs...))
	}
	if s.job.Hops > 0 {
		return nil
	}
	return s.slowErr
}

// remaining returns what was not done when the loop ended, without the members that were given up.
func (s *send) remaining() remaining {
	r := remaining{
		named: s.audience.named, except: s.audience.except, exceptGroups: s.audience.exceptGroups,
		unread: s.audience.unread, members: s.queue.members(time.Now()), gone: s.queue.gone(),
	}
	if s.reader != nil {
		r.unread = s.reader.unread
	}
	if s.job.Hops >= s.maxHops {
		r.gone = nil // a job that is refused for its hops is for members, and the next send finds these again
	}
	if len(r.unread) > 0 && s.audience.overlaps() {
		r.read = slices.Clone(s.audience.read)
		for _, begun := range s.audience.unread {
			if !slices.ContainsFunc(r.unread, func(u span) bool { return u.group == begun.group }) {
				r.read = append(r.read, begun.group)
			}
		}
	}
	return r
}

// handOffUndelivered hands off the undelivered members, to be tried later, and returns those that
// stay unsent. Members that may be too slow are not tried again, although it is not certain that
// they are.
func (s *send) handOffUndelivered(ctx context.Context) []unserved {
	var again remaining
	var left []unserved
	now := time.Now()
	canRetry := s.relay != nil && ctx.Err() == nil && s.job.Hops < min(retryHops, s.maxHops)
	for _, t := range s.ledger.undelivered {
		if t.suspect || !canRetry {
			left = append(left, unserved{member: t.member})
			continue
		}
		u := t.unserved(now)
		u.retried = max(u.retried, s.retryTime)
		again.members = append(again.members, u)
	}
	kept, errs := s.ledger.handOff(s.handOff(ctx, again, time.Second<<s.job.Hops))
	for _, err := range errs {
		s.logger().WarnContext(ctx, "broadcast: cannot hand off throttled members, they stay unsent", "error", err)
	}
	return append(left, kept.members...)
}
