package clientcore

import (
	"time"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// pushed handles a push of an event topic.
func (c *Client) pushed(t *topic, e *entry, spread time.Duration) {
	if t.state != nil {
		return
	}
	c.pushes++
	e.push = c.pushes
	c.add(t, e)
	if t.placed {
		t.quiet = false
		t.spread = max(t.spread, spread)
		c.watchGap(t)
	}
}

// add delivers an entry, keeps it, or drops it.
func (c *Client) add(t *topic, e *entry) {
	switch {
	case !t.placed:
		t.hold(e, c.cfg.MaxWaiting, c.cfg.MaxWaitingBytes)
	case t.isBelow(e.mark):
	case t.isNext(e):
		c.deliver(t, e)
		c.drain(t)
	default:
		t.hold(e, c.cfg.MaxWaiting, c.cfg.MaxWaitingBytes)
	}
}

// drain delivers what waits and is next.
func (c *Client) drain(t *topic) {
	if len(t.waiting) == 0 {
		return
	}
	for e, ok := t.takeNext(); ok; e, ok = t.takeNext() {
		c.deliver(t, &e)
	}
}

// deliver moves the position, and then hands the entry to the user.
func (c *Client) deliver(t *topic, e *entry) {
	t.moveTo(e.mark)
	t.gaps = 0
	c.act(Action{
		Kind: Event, Topic: t.name, Position: t.position, Name: e.name, Data: e.data, Items: e.items,
	})
}

// watchGap sets the timer of a gap, or stops it.
func (c *Client) watchGap(t *topic) {
	switch {
	case !t.hasGap():
		t.gapAt, t.spread, t.gaps = time.Time{}, 0, 0
	case t.wish > 0:
		t.gapAt = time.Time{}
	case t.gapAt.IsZero() || t.gapFrom != t.position:
		t.gapAt, t.gapFrom = c.now.Add(c.gapDelay(t)), t.position
	}
}

// gapDelay is for how long to wait for what is missing.
func (c *Client) gapDelay(t *topic) time.Duration {
	if !t.gapIsHere() && t.gaps == 0 {
		return c.between(0, epochSpread)
	}
	d := min(max(shortestGap, t.spread)<<min(t.gaps, 10), longestGap)
	return min(c.between(d, d+d/2), longestGap)
}

// accept applies the result of a subscribe, or of a history request for what follows a position. It
// returns false if the result is malformed.
func (c *Client) accept(n *concern, r *topicwire.Result, first bool) bool {
	t := n.topic
	c.setKind(t, r.State)
	if r.State {
		c.acceptState(n, r, first)
	} else if !c.acceptEvents(n, r, first) {
		return false
	}
	if first && r.Presence != nil {
		c.acceptMembers(t, r.Presence)
	}
	return true
}

func (c *Client) acceptEvents(n *concern, r *topicwire.Result, first bool) bool {
	number, ok := topicwire.EpochNumber(r.Epoch)
	if !ok || r.Offset < 0 || r.Events == nil {
		return false
	}
	t, start := n.topic, mark{number, r.Epoch, startOf(r)}
	before := t.position
	lost, outdated := c.place(n, start, r)
	if first {
		c.act(Action{Kind: Subscribed, Topic: t.name, Position: t.position})
	}
	if lost {
		c.act(Action{Kind: Lost, Topic: t.name, Position: t.position, Reason: r.Reason})
	}
	c.drain(t)
	c.addEvents(t, number, r)
	if !r.More && !outdated {
		t.settle(n.pushes)
	}
	if r.Offset > 0 && r.Offset <= topicwire.MaxOffset {
		t.note(mark{number, r.Epoch, r.Offset}, c.pushes)
	}
	t.quiet = r.Quiet
	c.progress(t, r, before)
	if outdated {
		c.wish(t, 0)
	}
	return true
}

// startOf returns the offset before the first event of a result.
func startOf(r *topicwire.Result) int64 {
	if len(r.Events) == 0 {
		return r.Offset
	}
	return max(0, r.Events[0].Offset-1)
}

// place moves the position to where a result begins, if that is where the client has to go on. It
// reports whether the client has lost events, and whether the result is outdated: the log does not
// go on from where the client was, but the client has got further since.
func (c *Client) place(n *concern, start mark, r *topicwire.Result) (lost, outdated bool) {
	t := n.topic
	moved := n.since == nil || t.position != *n.since
	switch {
	case !t.placed:
		t.placed = true
		t.moveTo(start)
		return n.since != nil && !r.Recovered, false
	case moved: // what the answer has counts as pushes
		return false, !r.Recovered
	case r.Recovered:
		if start.number > t.number {
			t.moveTo(start)
		}
		return false, false
	default:
		t.moveTo(start)
		return true, false
	}
}

// addEvents adds the events of a result, which come after all pushes so far.
func (c *Client) addEvents(t *topic, number int64, r *topicwire.Result) {
	c.pushes++
	for i := range r.Events {
		e := &r.Events[i]
		if e.Offset < 1 || e.Offset > topicwire.MaxOffset {
			continue
		}
		c.add(t, &entry{
			mark: mark{number, r.Epoch, e.Offset}, name: e.Event, data: e.Data, items: e.Events,
			size: len(e.Data) + len(r.Topic) + 64, push: c.pushes,
		})
	}
}

// pause is the time before the next page; only if the last one had nothing, there is one.
func (c *Client) pause(fruitless int) time.Duration {
	if fruitless == 0 {
		return 0
	}
	return c.backoff(fruitless)
}

// progress asks for the next page, or for what is missing.
func (c *Client) progress(t *topic, r *topicwire.Result, before topicwire.Position) {
	t.wish = 0
	if t.position == before {
		t.gaps++
	}
	if r.More {
		c.wish(t, c.pause(t.gaps))
	}
	c.watchGap(t)
}
