package broadcast

import (
	"context"
	"errors"
	"fmt"
	"math"
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
	// FailOnSlow also lets the Send fail with [ErrSlowConsumer], when all others have been served or handed on. A job that
	// [Broadcaster.Run] does is no failure for it, since it would be done again: [Report.Slow] tells.
	FailOnSlow
)

const (
	// slowAt is the refusal from which a member does not hold up the reading of others.
	slowAt = 2
	// maxSlow is how many such members wait for another try in a Send; more are given up on.
	maxSlow = 4096
	// halfLife is when a first post counts half; prior is how many are assumed besides, of which 1 % is refused.
	halfLife = 2 * time.Second
	prior    = 20
	// chance is how likely it may be that a connection is taken for slow which is not.
	chance = 1e-9
	// moment is the time within which refusals of one connection count as one.
	moment = time.Millisecond
	// maxConsumers is how many connections are remembered.
	maxConsumers = 10_000
)

// consumers remembers which connections were refused again and again, and how many are refused at all.
type consumers struct {
	mu             sync.Mutex
	first, refused float64 // first posts to connections, and those of them that were refused; older ones count less
	counted        time.Time
	slow           map[gatesock.Target]refusals
}

// refusals are those of one connection in a row.
type refusals struct {
	n    int
	last time.Time
}

func newConsumers() *consumers { return &consumers{slow: make(map[gatesock.Target]refusals)} }

func (m member) target() gatesock.Target {
	return gatesock.Target{ConnectionID: m.ID, Endpoint: m.Endpoint}
}

// passed counts a post that was taken, after so many refusals in this send.
func (c *consumers) passed(m member, refused int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if refused == 0 {
		c.count(0)
	}
	if len(c.slow) > 0 {
		delete(c.slow, m.target())
	}
}

// refuse counts a refusal, after so many in this send. It gives how many the connection has in a row, and how many make
// it sure that it is slow. Refusals at the same time are one, as those of messages that went in one frame.
func (c *consumers) refuse(m member, refused int) (n, sure int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.slow[m.target()]
	if refused == 0 && !ok { // who was refused in an earlier send too says nothing about the others
		c.count(1)
	}
	if !ok && len(c.slow) >= maxConsumers {
		for other := range c.slow {
			delete(c.slow, other)
			break
		}
	}
	sure = c.sure()
	now := time.Now()
	switch {
	case ok && sure == math.MaxInt: // Where all are refused it says nothing.
	case !ok || now.Sub(r.last) >= moment:
		r = refusals{r.n + 1, now}
	default:
		r.n = max(r.n, refused+1)
	}
	c.slow[m.target()] = r
	return r.n, sure
}

func (c *consumers) count(refused float64) {
	c.fade()
	c.first++
	c.refused += refused
}

// fade lets what was counted count less: half as much after each halfLife. Where most were refused it stays, until some are
// taken: in an outage there are no new first posts that would say so again.
func (c *consumers) fade() {
	now := time.Now()
	if 2*c.refused > c.first {
		c.counted = now
		return
	}
	left := math.Exp2(-now.Sub(c.counted).Seconds() / halfLife.Seconds())
	c.first *= left
	c.refused *= left
	c.counted = now
}

// sure is how many refusals in a row are no chance any more, given how many of all first posts are refused. It is beyond all
// counts where most are.
func (c *consumers) sure() int {
	c.fade()
	share := (c.refused + 0.01*prior) / (c.first + prior)
	if share >= 0.5 {
		return math.MaxInt
	}
	return int(math.Ceil(math.Log(chance) / math.Log(share)))
}

func (c *consumers) forget(m member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.slow, m.target())
}

// settleRefusal puts off a member that was throttled, or gives up on it if it is too slow: if by chance alone so many of its
// posts would not have been refused.
func (s *send) settleRefusal(r result) {
	s.rate.Refused(time.Now(), r.refused)
	refusals, sure := s.consumers.refuse(r.member, r.refused)
	r.refused++
	r.slow = refusals >= slowAt && sure < math.MaxInt
	if refusals < max(s.refusals, sure) && (!r.slow || s.slow < maxSlow) {
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
			s.tooSlow = failure
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
