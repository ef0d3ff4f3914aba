package clientcore

import (
	"slices"
	"time"
)

// link is a connection.
type link struct {
	number int
	open   bool
	since  time.Time // when it was dialed
	heard  time.Time // when its last frame came
	proven bool      // the server has answered on it
}

// dial opens the current connection.
func (c *Client) dial() {
	c.dialAt = time.Time{}
	c.current = c.newLink()
}

func (c *Client) newLink() *link {
	c.lastConn++
	c.act(Action{Kind: Dial, Conn: c.lastConn})
	return &link{number: c.lastConn, since: c.now}
}

// Connected is told that a connection is open.
func (c *Client) Connected(now time.Time, conn int) {
	c.now = now
	switch {
	case is(c.next, conn) && !c.next.open:
		c.replace()
	case is(c.current, conn) && !c.current.open:
	default:
		return
	}
	c.current.open = true
	c.current.heard = now
	c.renewAt = now.Add(renewAfter + c.between(0, renewSpread))
	c.syncAt = now.Add(c.syncDelay())
	c.historyAt = time.Time{}
	c.busy = true
	c.pump()
}

func is(l *link, conn int) bool { return l != nil && l.number == conn }

// replace makes next the current connection. The one before stays open, since its pushes count,
// until the topics are subscribed on the new one.
func (c *Client) replace() {
	c.close(c.previous)
	c.previous, c.current, c.next = c.current, c.next, nil
	c.closeAt = c.now.Add(overlap)
	c.drop(c.previous)
}

// Disconnected is told that a connection has ended, or could not be opened.
func (c *Client) Disconnected(now time.Time, conn int) {
	c.now = now
	switch {
	case is(c.current, conn):
		c.reconnect()
	case is(c.next, conn):
		c.next = nil
		c.renewAt = now.Add(c.between(10*time.Second, time.Minute))
	case is(c.previous, conn):
		c.abandon(c.previous)
		c.previous = nil
	}
	c.pump()
}

// reconnect ends the current connection and opens another one after a while.
func (c *Client) reconnect() {
	l := c.current
	c.current = nil
	c.renewAt = time.Time{}
	c.drop(l)
	if c.next != nil {
		c.current, c.next = c.next, nil
		return
	}
	if l.proven {
		c.failures = 0
	}
	c.dialAt = c.now.Add(c.backoff(c.failures))
	c.failures++
}

// fail closes the current connection, which is of no use any more, and opens another one.
func (c *Client) fail() {
	c.close(c.current)
	c.abandon(c.current)
	c.reconnect()
}

// close closes a connection, if there is one.
func (c *Client) close(l *link) {
	if l != nil {
		c.act(Action{Kind: Close, Conn: l.number})
	}
}

// drop forgets the memberships, which were those of a connection, and the requests that are not
// answered. A user's history requests stay if the connection goes on.
func (c *Client) drop(l *link) {
	if l == nil || l != c.previous {
		c.abandon(l)
	}
	c.requests = slices.DeleteFunc(c.requests, func(r *request) bool { return r.kind != asked })
	for _, t := range slices.Clone(c.topics) {
		c.lose(t)
		t.tries, t.retryAt, t.expiresAt = 0, time.Time{}, time.Time{}
		c.remove(t)
	}
	c.syncAt = time.Time{}
}

// abandon ends the user's history requests of a connection, or all if it is nil.
func (c *Client) abandon(l *link) {
	c.requests = slices.DeleteFunc(c.requests, func(r *request) bool {
		if r.kind != asked || l != nil && r.link != l {
			return false
		}
		c.act(Action{Kind: Answer, Request: r.number, Code: "unavailable", Text: "the connection has ended"})
		return true
	})
}

// settle closes the previous connection if it is not needed any more.
func (c *Client) settle() {
	if c.previous == nil || c.current == nil || !c.current.open {
		return
	}
	for _, t := range c.topics {
		if t.wanted && t.membership != joined {
			return
		}
	}
	c.closePrevious()
}

func (c *Client) closePrevious() {
	c.close(c.previous)
	c.abandon(c.previous)
	c.previous = nil
}

// tickLinks does what is due for the connections.
func (c *Client) tickLinks() {
	if due(c.dialAt, c.now) {
		c.dial()
	}
	if c.current != nil && !c.current.open && due(c.current.since.Add(dialTimeout), c.now) {
		c.fail()
	}
	if c.next != nil && due(c.next.since.Add(dialTimeout), c.now) {
		c.close(c.next)
		c.next = nil
		c.renewAt = c.now.Add(c.between(10*time.Second, time.Minute))
	}
	if due(c.renewAt, c.now) {
		c.renew()
	}
	if c.previous != nil && due(c.closeAt, c.now) {
		c.closePrevious()
	}
}

// renew opens the connection that is to replace the current one.
func (c *Client) renew() {
	c.renewAt = time.Time{}
	if c.current != nil && c.current.open && c.next == nil {
		c.next = c.newLink()
	}
}

func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }
