package broadcast

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
)

// ErrSlowConsumer says that a connection was given up on because it takes its messages too slowly.
var ErrSlowConsumer = errors.New("broadcast: the client is too slow")

// SlowPolicy is what is done with a connection that is too slow; see [WithSlowConsumers]. In all cases it is counted in
// [Report.Failed] and [Report.Slow], and the others are served.
type SlowPolicy int

const (
	// SkipSlow gives up on the message. Further Sends try the connection once each, until a post is taken.
	SkipSlow SlowPolicy = iota
	// DisconnectSlow also closes the connection, for which the Poster must have the method Disconnect.
	DisconnectSlow
	// FailOnSlow also lets the Send fail with [ErrSlowConsumer], when all others have been served.
	FailOnSlow
)

const (
	// slowAt is the refusal from which a member does not hold up the reading of others.
	slowAt = 2
	// maxSlow is how many such members wait for another try in a Send; more are given up on.
	maxSlow = 4096
	// maxConsumers is how many connections are remembered.
	maxConsumers = 10_000
)

// consumers remembers which connections were refused while others were not.
type consumers struct {
	mu             sync.Mutex
	taken, refused uint64
	slow           map[gatesock.Target]consumer
}

type consumer struct {
	refusals       int
	taken, refused uint64 // of all, when the last was counted
}

func newConsumers() *consumers { return &consumers{slow: make(map[gatesock.Target]consumer)} }

func (m member) target() gatesock.Target {
	return gatesock.Target{ConnectionID: m.ID, Endpoint: m.Endpoint}
}

func (c *consumers) passed(m member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken++
	if len(c.slow) > 0 {
		delete(c.slow, m.target())
	}
}

// refuse counts a refusal and gives how many the connection has in a row.
func (c *consumers) refuse(m member) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused++
	k, ok := c.slow[m.target()]
	if !ok || c.taken-k.taken > c.refused-k.refused {
		k = consumer{k.refusals + 1, c.taken, c.refused}
	}
	if !ok && len(c.slow) >= maxConsumers {
		for other := range c.slow {
			delete(c.slow, other)
			break
		}
	}
	c.slow[m.target()] = k
	return k.refusals
}

func (c *consumers) forget(m member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.slow, m.target())
}

// settleRefusal puts off a member that was throttled, or gives up on it if it is too slow.
func (s *send) settleRefusal(r result) {
	s.rate.Refused(time.Now(), r.refused)
	r.refused++
	if s.rate.Throttled() {
		r.excused++
	}
	refusals := s.consumers.refuse(r.member)
	r.slow = refusals >= slowAt
	if refusals < s.refusals && (!r.slow || s.slow < maxSlow) {
		s.settleFailure(r)
		return
	}
	failure := PostError{ConnectionID: r.member.ID, Attempts: r.attempts, Err: fmt.Errorf("%w: %w", ErrSlowConsumer, r.err)}
	s.report.fail(failure)
	s.report.Slow++
	switch s.slowPolicy {
	case DisconnectSlow:
		s.last = append(s.last, errand{task: r.task, kind: disconnects})
	case FailOnSlow:
		if s.report.Slow == 1 {
			s.errs = append(s.errs, failure)
		}
	case SkipSlow:
	}
}

func (s *send) settleDisconnection(ctx context.Context, r result) {
	switch {
	case r.err == nil || errors.Is(r.err, gatesock.ErrGone):
		s.consumers.forget(r.member)
		s.report.Disconnected++
	case ctx.Err() == nil:
		s.logger().WarnContext(ctx, "broadcast: a slow connection could not be closed",
			"connectionId", r.member.ID, "error", r.err)
	}
}
