package clientcore

import "time"

// Deadline returns when to call [Client.Tick] next, and false if there is nothing to wait for.
func (c *Client) Deadline() (time.Time, bool) {
	var d deadline
	if !c.started {
		return time.Time{}, false
	}
	d.add(c.dialAt)
	d.add(c.renewAt)
	if c.current != nil && !c.current.open {
		d.add(c.current.since.Add(dialTimeout))
	}
	if c.next != nil && !c.next.open {
		d.add(c.next.since.Add(dialTimeout))
	}
	if c.previous != nil {
		d.add(c.closeAt)
	}
	if c.ready() && c.topical {
		d.add(c.syncAt)
	}
	c.addVitals(&d)
	c.addCalls(&d)
	for _, r := range c.requests {
		d.add(r.sent.Add(answerTimeout))
	}
	for _, t := range c.topics {
		c.addTopic(&d, t)
	}
	return d.first, !d.first.IsZero()
}

func (c *Client) addTopic(d *deadline, t *topic) {
	if t.presence != nil {
		d.add(t.presence.next())
	}
	if !c.ready() {
		return
	}
	switch {
	case t.wanted && (t.membership == apart || t.membership == joined && t.again):
		d.add(t.retryAt)
	case t.membership == joined:
		d.add(t.expiresAt)
		d.add(t.gapAt)
		if t.wish > 0 && !c.underWay(history) {
			d.add(later(t.wishAt, c.historyAt))
		}
		if t.state != nil {
			d.add(t.state.gapAt)
		}
		if t.presence != nil {
			d.add(t.presence.askAt)
		}
	}
}

// deadline is the earliest of several times.
type deadline struct{ first time.Time }

func (d *deadline) add(t time.Time) {
	if !t.IsZero() && (d.first.IsZero() || t.Before(d.first)) {
		d.first = t
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Tick does what is due. A call that is 30 seconds late means that the computer was asleep, as with
// [Client.Wake].
func (c *Client) Tick(now time.Time) {
	d, ok := c.Deadline()
	late := ok && now.Sub(d) >= asleep
	c.now = now
	c.tickLinks()
	c.tickRequests()
	c.tickCalls()
	if late {
		c.wake()
	}
	for _, t := range c.topics {
		c.tickTopic(t)
	}
	if c.topical && due(c.syncAt, now) {
		c.sync()
	}
	c.busy = true
	c.finish()
}

func (c *Client) tickTopic(t *topic) {
	if t.presence != nil {
		c.tickPresence(t)
	}
	if t.membership != joined || !c.ready() {
		return
	}
	if due(t.gapAt, c.now) {
		t.gapAt = time.Time{}
		c.wish(t, 0)
	}
	if t.state != nil && due(t.state.gapAt, c.now) {
		t.state.gapAt = time.Time{}
		c.refresh(t)
	}
	if due(t.expiresAt, c.now) {
		t.expiresAt = time.Time{}
		c.syncAt = c.now
	}
}

// ready reports whether requests can be sent.
func (c *Client) ready() bool { return c.current != nil && c.current.open }
