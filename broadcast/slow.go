package broadcast

import (
	"errors"
	"fmt"
	"time"
)

// ErrSlowConsumer says that a connection was given up on because it takes its messages too slowly.
var ErrSlowConsumer = errors.New("broadcast: the client is too slow")

// SlowPolicy is what is done with a connection that is too slow; see [WithSlowConsumers]. In all cases it is counted in
// [Report.Failed] and [Report.Slow], and the others are served.
type SlowPolicy int

const (
	// SkipSlow gives up on the message. Further Sends try the connection once each, until a post is taken or none was
	// refused for 10 minutes.
	SkipSlow SlowPolicy = iota
	// DisconnectSlow also closes the connection, for which the Poster must have the method Disconnect.
	DisconnectSlow
	// FailOnSlow also lets the Send fail with [ErrSlowConsumer], when all others have been served or handed on. A job that
	// [Broadcaster.Run] does is no failure for it, since it would be done again: [Report.Slow] tells.
	FailOnSlow
)

// maxSlow is how many members that are refused while others are taken may wait for another try
// without holding up the reading of others.
const maxSlow = 4096

// settleRefusal puts off a member that was throttled, or gives up on it if it is too slow.
func (s *send) settleRefusal(r result) {
	s.rate.Throttled(time.Now(), r.refused)
	if s.closing { // The account is meant: a client need not take anything.
		r.refused++
		s.settleFailure(r)
		return
	}
	refusals, tooSlow := s.slowness.Refused(target(r.member.Member), r.refused)
	r.refused++
	if !tooSlow {
		r.slow = refusals > 0 && s.slow < maxSlow
		s.settleFailure(r)
		return
	}
	s.giveUp(r)
}

// giveUp applies the policy to a connection that is too slow.
func (s *send) giveUp(r result) {
	failure := PostError{ConnectionID: r.member.ID, Attempts: r.attempts, Err: fmt.Errorf("%w: %w", ErrSlowConsumer, r.err)}
	s.report.fail(failure)
	s.report.Slow++
	switch s.slowPolicy {
	case DisconnectSlow:
		s.chores = append(s.chores, errand{task: task{member: r.member}, kind: disconnects})
	case FailOnSlow:
		if s.report.Slow == 1 {
			s.tooSlow = failure
			s.errs = append(s.errs, failure)
		}
	case SkipSlow:
	}
}
