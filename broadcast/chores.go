package broadcast

import (
	"context"
	"errors"
	"time"

	"github.com/gatesock/gatesock"
)

// choreShare is the part of the workers, as in 1/choreShare, and of the calls of the gateway, that removals and
// disconnections have while there is somebody to post to. The others come when nobody is left, or when so many wait that
// reading has paused. With fewer workers they come only then.
const choreShare = 8

// prepareRemovals adds the connections that another invocation has found gone.
func (s *send) prepareRemovals(gone []restMember) {
	for _, m := range gone {
		s.chores = append(s.chores, errand{task: task{member: m.member()}, kind: removes})
	}
}

// nextChore returns the next removal or disconnection, if the rate allows what it asks of the gateway.
func (s *send) nextChore(now time.Time) (errand, bool) {
	if len(s.chores) == 0 {
		return errand{}, false
	}
	if s.disconnector != nil {
		if !s.mayCall(now) {
			return errand{}, false
		}
		s.granted = false
	}
	e := s.chores[0]
	s.chores = s.chores[1:]
	e.attempts++
	return e, true
}

// removals are the connections that are gone and have not been removed.
func (s *send) removals() []restMember {
	var gone []restMember
	for _, e := range s.chores {
		if e.kind == removes {
			gone = append(gone, e.member.rest())
		}
	}
	return gone
}

func (s *send) settleRemoval(ctx context.Context, r result) {
	switch {
	case r.pruned:
		s.report.Pruned++
	case r.err != nil && ctx.Err() != nil:
		s.chores = append(s.chores, r.errand) // to be handed on
	case errors.Is(r.err, gatesock.ErrThrottled) && r.attempts < s.attempts:
		s.rate.Throttled(time.Now(), r.attempts-1)
		s.chores = append(s.chores, r.errand)
	case r.err != nil:
		s.report.PruneFailed++
		s.logger().WarnContext(ctx, "broadcast: a connection that is gone could not be removed",
			"connectionId", r.member.ID, "error", r.err)
	}
}

// logRemovals logs that the removals of a send whose members are all served could not be handed on. The next send to
// the group comes across them again.
func (s *send) logRemovals(ctx context.Context, errs []error) {
	if len(errs) > 0 {
		s.logger().WarnContext(ctx, "broadcast: connections that are gone were not removed, for lack of time",
			"error", errors.Join(errs...))
	}
}

func (s *send) settleDisconnection(ctx context.Context, r result) {
	switch {
	case r.err == nil || errors.Is(r.err, gatesock.ErrGone):
		s.slowness.Forget(target(r.member.Member))
		s.report.Disconnected++
	case ctx.Err() == nil:
		s.logger().WarnContext(ctx, "broadcast: a slow connection could not be closed",
			"connectionId", r.member.ID, "error", r.err)
	}
}
