package client

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/clientcore"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// Bounds of the time between two requests for what a subscription has to catch up on.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 30 * time.Second
)

// catchUp is how a subscription gets what its topic had before it came, while what the topic gets
// meanwhile waits. It belongs to the loop.
type catchUp struct {
	s       *Subscription
	last    int
	at      *Position // where it is; nil if it begins with the newest events
	begun   bool
	held    []entry
	waiting int // in held
}

// catchUp lets a subscription catch up with its topic.
func (c *Client) catchUp(s *Subscription, t *topic, o clientcore.Options) {
	u := &catchUp{s: s, last: o.Last}
	if o.Since != nil {
		at := Position(*o.Since)
		u.at = &at
	}
	s.catchUp = u
	ctx, end := context.WithCancel(c.ctx)
	s.end = end
	c.running.Go(func() {
		defer end()
		u.run(ctx, c, t)
	})
}

// run asks for one page after the other.
func (u *catchUp) run(ctx context.Context, c *Client, t *topic) {
	for tries := 0; ; {
		result, err := u.page(ctx, c, t)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			tries = 0
			more := false
			if !c.do(func(now time.Time) { more = c.caughtUp(now, t, u, result) }) || !more {
				return
			}
			continue
		}
		if !passes(err) {
			c.do(func(now time.Time) { c.dropSubscription(now, t, u.s, err) })
			return
		}
		if !pause(ctx, tries, err) {
			return
		}
		tries++
	}
}

// page asks for the next page, when that is possible.
func (u *catchUp) page(ctx context.Context, c *Client, t *topic) (*topicwire.Result, error) {
	for {
		p := &page{done: make(chan struct{})}
		var confirmed chan struct{}
		if !c.do(func(now time.Time) {
			h := topicwire.History{Topic: t.name, Last: u.last}
			if u.at != nil {
				h.Since = wire(*u.at)
			}
			if !c.ask(now, h, p) {
				confirmed = make(chan struct{})
				t.waiting = append(t.waiting, confirmed)
			}
		}) {
			return nil, ErrClosed
		}
		if confirmed == nil {
			select {
			case <-p.done:
				return p.result, p.err
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		select {
		case <-confirmed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// passes reports whether an error of the server passes.
func passes(err error) bool {
	switch gatesock.CodeOf(err) {
	case gatesock.CodeInvalidArgument, gatesock.CodeUnauthenticated, gatesock.CodePermissionDenied,
		gatesock.CodeNotFound, gatesock.CodeAlreadyExists, gatesock.CodeFailedPrecondition, gatesock.CodeTooLarge:
		return false
	default:
		return true
	}
}

// pause waits before the next request. It reports whether there is one.
func pause(ctx context.Context, tries int, err error) bool {
	d := time.Duration(rand.Int64N(int64(min(longestPause, firstPause<<min(tries, 10)))))
	var e *gatesock.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		d = e.RetryAfter + time.Duration(rand.Int64N(int64(e.RetryAfter)/4+1))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// caughtUp applies a page. It reports whether there is another one.
func (c *Client) caughtUp(now time.Time, t *topic, u *catchUp, r *topicwire.Result) (more bool) {
	if u.s.catchUp != u {
		return false // it has ended
	}
	entries := (&page{result: r}).entries(t.name)
	from := Position{Epoch: r.Epoch, Offset: r.Offset}
	if len(entries) > 0 {
		from.Offset = max(0, entries[0].at.Offset-1)
	}
	ok := true
	switch {
	case u.at == nil:
		u.at = &from
	case !r.Recovered:
		u.at = &from
		ok = u.s.push(loss(t.name, r.Reason, from))
	}
	if !u.begun {
		u.begun = true
		u.s.begin(*u.at)
	}
	ok = ok && u.pass(entries)
	more = ok && r.More && len(entries) > 0
	if ok && !more {
		u.s.catchUp = nil
		ok = u.pass(u.held)
		u.s.ahead = u.at
	}
	if !ok {
		c.dropSubscription(now, t, u.s, ErrSlowConsumer)
	}
	return more
}

// pass passes on what the subscription does not have.
func (u *catchUp) pass(entries []entry) bool {
	for _, e := range entries {
		if e.isBelow(*u.at) {
			continue
		}
		at := e.at
		u.at = &at
		if !u.s.push(e) {
			return false
		}
	}
	return true
}

// hold keeps an entry until it is its turn.
func (u *catchUp) hold(e entry) bool {
	u.waiting += len(e.items)
	if u.waiting > u.s.queue.limit {
		u.s.settle(ErrSlowConsumer)
		return false
	}
	u.held = append(u.held, e)
	return true
}

// isBelow reports whether one who is at a position has the entry.
func (e entry) isBelow(at Position) bool {
	if e.at.Epoch == at.Epoch {
		return e.at.Offset <= at.Offset
	}
	number, _ := topicwire.EpochNumber(e.at.Epoch)
	other, _ := topicwire.EpochNumber(at.Epoch)
	return cmp.Less(number, other)
}

// loss is the entry of a loss.
func loss(topic, reason string, at Position) entry {
	return entry{at: at, items: []item{{lost: &LostError{Topic: topic, Reason: reason, Position: at}}}}
}

// dropSubscription ends a subscription with an error.
func (c *Client) dropSubscription(now time.Time, t *topic, s *Subscription, err error) {
	s.settle(err)
	t.subscriptions = without(t.subscriptions, s)
	c.leave(now, t)
}
