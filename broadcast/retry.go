package broadcast

import (
	"container/heap"
	"context"
	"errors"
	"net"
	"time"

	"github.com/gatesock/gatesock"
)

// The wait before the first retry is up to minDelay; the limit doubles with each, up to maxDelay.
const (
	// leastDelay is waited in any case, also where the jitter is none.
	leastDelay = 5 * time.Millisecond

	minDelay = 100 * time.Millisecond
	maxDelay = 5 * time.Second
	// suspectDelay takes the place of maxDelay for a connection that is refused while others are taken: it shows
	// within seconds whether that is chance.
	suspectDelay = time.Second
)

// answered reports whether err is what the gateway, or the poster for it, said of the post.
func answered(err error) bool { return errors.Is(err, gatesock.ErrThrottled) || refused(err) }

// refused reports whether err is an answer that would come again.
func refused(err error) bool {
	for _, final := range []error{
		gatesock.ErrGone, gatesock.ErrTooLarge, gatesock.ErrForbidden, gatesock.ErrBadConnectionID,
	} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

// hasNothing reports whether a post that failed with err has certainly not arrived, and may arrive later.
func hasNothing(err error) bool {
	return errors.Is(err, gatesock.ErrThrottled) || errors.Is(err, gatesock.ErrNotSent)
}

// retryable reports whether a post that failed with err may be tried again: nothing was sent, it was throttled, or it
// met a fault. A post whose time was used up is not retried, since it may have arrived, unless it was used up by dialing,
// whose error is a [context.DeadlineExceeded] too.
func retryable(err error) bool {
	var op *net.OpError
	switch {
	case refused(err):
		return false
	case hasNothing(err), errors.As(err, &op) && op.Op == "dial":
		return true
	default:
		return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
}

// delayLimit gives the most to wait after so many attempts (exponential backoff; the jitter makes it "full
// jitter", as in the AWS Architecture Blog, "Exponential Backoff And Jitter").
func delayLimit(attempts int) time.Duration {
	d := minDelay
	for range attempts - 1 {
		if d >= maxDelay/2 {
			return maxDelay
		}
		d *= 2
	}
	return d
}

// schedule sets the time of a further attempt, and reports whether there is to be one. Refusals are no attempts: nobody
// is to be given up on because everybody was refused.
func (s settings) schedule(t *task, now time.Time) bool {
	if s.attempts == 1 || t.attempts-t.refused >= s.attempts {
		return false
	}
	if t.failed.IsZero() {
		t.failed = now
	}
	limit := delayLimit(t.attempts)
	if t.slow {
		limit = min(limit, suspectDelay)
	}
	t.due = now.Add(max(leastDelay, s.jitter(limit)))
	return t.due.Sub(t.failed) <= s.retryTime
}

// delayed holds the members that wait for another attempt, the earliest first.
type delayed []task

func (d delayed) Len() int           { return len(d) }
func (d delayed) Less(i, j int) bool { return d[i].due.Before(d[j].due) }
func (d delayed) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }

// Push is for package heap.
func (d *delayed) Push(x any) { *d = append(*d, x.(task)) }

// Pop is for package heap.
func (d *delayed) Pop() any {
	last := len(*d) - 1
	t := (*d)[last]
	(*d)[last] = task{}
	*d = (*d)[:last]
	return t
}

func (d *delayed) add(t task) { heap.Push(d, t) }

// ready tells if there is a member whose time has come.
func (d delayed) ready(now time.Time) bool { return len(d) > 0 && !d[0].due.After(now) }

// take removes and gives the earliest.
func (d *delayed) take() task { return heap.Pop(d).(task) }
