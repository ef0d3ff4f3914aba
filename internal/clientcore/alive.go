package clientcore

import (
	"time"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

// vitals is how a client finds out whether a connection is alive, see section 12 of
// docs/protocol.md, rules 12 and 13.
type vitals struct {
	used    time.Time     // when something was sent or received
	silence time.Duration // for how long it may be silent
	probed  time.Time     // when a keep-alive was sent that has no answer; zero if there is none
	asked   time.Time     // when a request was sent; zero if there is none or a frame came since
}

// rest begins the time of silence.
func (c *Client) rest(l *link) {
	part := c.cfg.KeepAlive / 16
	l.used = c.now
	l.silence = c.between(c.cfg.KeepAlive-part, c.cfg.KeepAlive+part)
}

// hear notes that a frame came.
func (l *link) hear(now time.Time) {
	l.heard, l.used = now, now
	l.probed, l.asked = time.Time{}, time.Time{}
}

// transmit sends a frame. A request is one whose answer is awaited.
func (c *Client) transmit(l *link, frame []byte, isRequest bool) {
	l.used = c.now
	if isRequest && l.asked.IsZero() {
		l.asked = c.now
	}
	c.act(Action{Kind: Send, Conn: l.number, Frame: frame})
}

// keepAlive sends a keep-alive unless one is without an answer.
func (c *Client) keepAlive(l *link) {
	if !l.probed.IsZero() {
		return
	}
	l.probed, l.kept = c.now, c.now
	frame := jsonscan.AppendString([]byte(`{"action":`), c.cfg.KeepAliveAction)
	c.transmit(l, append(frame, '}'), false)
	c.rest(l)
}

// deadAt returns when a connection is dead unless a frame comes.
func (l *link) deadAt() time.Time {
	var d deadline
	if !l.probed.IsZero() {
		d.add(l.probed.Add(probeTime))
	}
	if !l.asked.IsZero() {
		d.add(l.asked.Add(answerTimeout))
	}
	return d.first
}

// addVitals adds when the connections are to be looked after.
func (c *Client) addVitals(d *deadline) {
	if c.ready() {
		d.add(c.current.used.Add(c.current.silence))
		d.add(c.current.deadAt())
	}
	if c.next != nil && c.next.open {
		d.add(c.next.deadAt())
	}
}

// tickVitals closes dead connections and sends keep-alives.
func (c *Client) tickVitals() {
	if c.next != nil && c.next.open && due(c.next.deadAt(), c.now) {
		c.close(c.next)
		c.renewLater()
	}
	if c.ready() && due(c.current.deadAt(), c.now) {
		c.fail("the connection was dead: nothing came on it")
	}
	if c.ready() && due(c.current.used.Add(c.current.silence), c.now) {
		c.keepAlive(c.current)
	}
}

// Wake is told that the computer was asleep, so that events may have been missed.
func (c *Client) Wake(now time.Time) {
	c.now = now
	c.wake()
	c.finish()
}

func (c *Client) wake() {
	for _, t := range c.topics {
		if t.state != nil {
			t.state.renewMarks(c.now)
		}
	}
	c.hurry()
	if c.ready() && c.topical && !c.underWay(synced) {
		c.sync()
	}
}

// Online is told that the environment has a network, again or another one.
func (c *Client) Online(now time.Time) {
	c.offline = false
	c.Retry(now)
}

// Offline is told that the environment has no network. What is open stays open.
func (c *Client) Offline(now time.Time) {
	c.now = now
	c.offline = true
	c.finish()
}

// Visible is told that the user looks at the client again.
func (c *Client) Visible(now time.Time) { c.Retry(now) }

// Retry tries to connect now, if the client waits for its next attempt and the budget allows one.
// If it is online, it makes sure that the connection is alive.
func (c *Client) Retry(now time.Time) {
	c.now = now
	c.hurry()
	c.finish()
}

func (c *Client) hurry() {
	switch {
	case c.ready():
		c.keepAlive(c.current)
	case c.started && c.current == nil:
		c.dialAt = c.now
		c.dialWithinBudget()
	}
}
