package clientcore

import (
	"fmt"
	"slices"
	"time"
)

// link is a connection.
type link struct {
	number int
	open   bool
	since  time.Time // when it was dialed
	opened time.Time
	heard  time.Time // when its last frame came
	good   bool      // a frame of the protocol came
	bad    int       // frames that are not of the protocol, see bad.go

	vitals
	doubts
}

// dialWithinBudget connects if it is time, or sets when to connect. dialAt is when it is wanted.
func (c *Client) dialWithinBudget() {
	c.dialAt = later(c.dialAt, c.affordable())
	if due(c.dialAt, c.now) {
		c.dial()
	}
}

// affordable returns when the budget allows another attempt; the zero time if it does now.
func (c *Client) affordable() time.Time {
	if len(c.dials) < budget {
		return time.Time{}
	}
	return c.dials[0].Add(budgetTime)
}

// dial opens the current connection.
func (c *Client) dial() {
	c.dialAt = time.Time{}
	c.current = c.newLink()
}

func (c *Client) newLink() *link {
	if len(c.dials) == budget {
		c.dials = slices.Delete(c.dials, 0, 1)
	}
	c.dials = append(c.dials, c.now)
	c.lastConn++
	c.act(Action{Kind: Dial, Conn: c.lastConn})
	return &link{number: c.lastConn, since: c.now}
}

// Connected is told that a connection is open.
func (c *Client) Connected(now time.Time, conn int) {
	c.now = now
	switch {
	case is(c.next, conn) && !c.next.open:
		c.next.begin(c)
		c.keepAlive(c.next)
	case is(c.current, conn) && !c.current.open:
		c.current.begin(c)
		c.takeOver()
	}
	c.finish()
}

func (l *link) begin(c *Client) {
	l.open = true
	l.opened, l.heard = c.now, c.now
	c.rest(l)
}

// takeOver makes the current connection, which is open, the one for everything.
func (c *Client) takeOver() {
	c.renewAt = c.current.opened.Add(renewAfter + c.between(0, renewSpread))
	c.syncAt = c.now.Add(c.syncDelay())
	c.historyAt = time.Time{}
	c.busy = true
	c.report()
}

func is(l *link, conn int) bool { return l != nil && l.number == conn }

// replace makes next, which is confirmed, the current connection. The one before stays open, since
// its pushes and the answers to calls count, until nothing needs it any more.
func (c *Client) replace() {
	c.closePrevious()
	c.previous, c.current, c.next = c.current, c.next, nil
	c.closeAt = c.now.Add(overlap)
	c.drop(c.previous)
	c.takeOver()
}

// Refused is told that a connection was not opened: the handshake was refused with an HTTP status,
// or with 0 if that is not known.
func (c *Client) Refused(now time.Time, conn, status int) {
	c.now = now
	text := "the handshake was refused"
	if status > 0 {
		text = fmt.Sprintf("the handshake was refused with status %d", status)
	}
	c.unopened(conn, text, func() { c.refuse(status) })
	c.finish()
}

// NoCredentials is told that no connection was opened, since there are no credentials for it. The
// text says why.
func (c *Client) NoCredentials(now time.Time, conn int, text string) {
	c.now = now
	c.unopened(conn, text, func() {})
	c.problem("token", text)
	c.finish()
}

// unopened ends an attempt.
func (c *Client) unopened(conn int, text string, refuse func()) {
	switch {
	case is(c.current, conn) && !c.current.open:
		refuse()
		c.reconnect(text, 0)
	case is(c.next, conn) && !c.next.open:
		c.renewLater()
	}
}

// refuse counts a refusal.
func (c *Client) refuse(status int) {
	if c.offline {
		return
	}
	c.refusals++
	c.countStatus(&c.statuses[0], status == 401, "unauthenticated", "the server does not accept the credentials")
	c.countStatus(&c.statuses[1], status == 403, "permission_denied", "the server does not let this client connect")
	if c.refusals == manyRefusals {
		c.problem("refused", "the server has refused several attempts to connect in a row")
	}
}

func (c *Client) countStatus(n *int, same bool, code, text string) {
	switch {
	case same:
		if *n++; *n == 2 {
			c.problem(code, text)
		}
	case *n < 2:
		*n = 0
	}
}

// forgive forgets the refusals.
func (c *Client) forgive() { c.refusals, c.statuses = 0, [2]int{} }

// Disconnected is told that a connection has ended without a close code, or that an attempt has not
// reached the server.
func (c *Client) Disconnected(now time.Time, conn int) {
	c.now = now
	text := "the connection was lost"
	if is(c.current, conn) && !c.current.open {
		text = "the server was not reached"
	}
	c.ended(conn, text, 0)
	c.finish()
}

// Closed is told that a connection has ended with a close code of WebSocket, and its reason.
func (c *Client) Closed(now time.Time, conn, code int, reason string) {
	c.now = now
	if c.linkOf(conn) == nil {
		c.unopened(conn, "the attempt has failed", func() { c.refuse(0) })
		c.finish()
		return
	}
	text := closing(code, reason)
	switch code {
	case 1008:
		c.problem("rate_limited", text)
	case 1009:
		c.problem("too_large", text)
	}
	var longer time.Duration
	if code == 1008 {
		longer = policyDelay
	}
	c.ended(conn, text, longer)
	c.finish()
}

// ended ends a connection or an attempt. The next attempt is made so much later.
func (c *Client) ended(conn int, text string, longer time.Duration) {
	switch {
	case is(c.current, conn):
		c.reconnect(text, longer)
	case is(c.next, conn):
		c.renewLater()
	case is(c.previous, conn):
		l := c.previous
		c.previous = nil
		c.abandon(l)
	}
}

// renewLater gives up the attempt to replace the current connection, and plans another one.
func (c *Client) renewLater() {
	c.next = nil
	c.renewAt = c.now.Add(c.between(10*time.Second, time.Minute))
}

// reconnect ends the current connection, and opens another one after a while.
func (c *Client) reconnect(why string, longer time.Duration) {
	l := c.current
	c.why = why
	c.current = nil
	c.renewAt = time.Time{}
	if l.isStable(c.now) {
		c.failures = 0
		c.forgive()
	}
	if c.next != nil {
		c.current, c.next = c.next, nil
		c.drop(l)
		if c.current.open {
			c.takeOver()
		}
		return
	}
	longest := longestBackoff
	if c.refusals >= manyRefusals {
		longest = longestRefusal
	}
	c.dialAt = later(c.now.Add(c.jitter(c.failures, longest)+longer), c.affordable())
	c.failures++
	c.report()
	c.drop(l)
}

// isStable reports whether a connection was open for long enough to forget earlier failures.
func (l *link) isStable(now time.Time) bool {
	return l.open && now.Sub(l.opened) >= stableTime && (l.good || l.bad == 0)
}

// fail closes the current connection, which is of no use any more, and opens another one.
func (c *Client) fail(why string) {
	c.close(c.current)
	c.reconnect(why, 0)
}

// close closes a connection, if there is one.
func (c *Client) close(l *link) {
	if l != nil {
		c.act(Action{Kind: Close, Conn: l.number})
	}
}

// drop forgets the memberships, which were those of a connection, and the requests that are not
// answered. Calls and a user's history requests stay if the connection goes on.
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

// abandon ends the calls and the user's history requests of a connection, or all requests if it is
// nil.
func (c *Client) abandon(l *link) {
	if l != nil {
		c.loseCalls(l)
	}
	c.requests = slices.DeleteFunc(c.requests, func(r *request) bool {
		if r.kind != asked || l != nil && r.link != l {
			return false
		}
		c.act(Action{Kind: Answer, Request: r.number, Code: unavailable, Text: "the connection has ended"})
		return true
	})
}

// settle closes the previous connection if it is not needed any more.
func (c *Client) settle() {
	if c.previous == nil || !c.ready() || c.waitsOn(c.previous) {
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
	l := c.previous
	if l == nil {
		return
	}
	c.previous = nil
	c.close(l)
	c.abandon(l)
}

// tickLinks does what is due for the connections.
func (c *Client) tickLinks() {
	if !c.dialAt.IsZero() {
		c.dialWithinBudget()
	}
	if c.current != nil && !c.current.open && due(c.current.since.Add(dialTimeout), c.now) {
		c.fail("the connection was not open after 10 seconds")
	}
	if c.next != nil && !c.next.open && due(c.next.since.Add(dialTimeout), c.now) {
		c.close(c.next)
		c.renewLater()
	}
	c.tickVitals()
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
	if !c.ready() || c.next != nil {
		return
	}
	if at := c.affordable(); c.now.Before(at) {
		c.renewAt = at
		return
	}
	c.next = c.newLink()
}

func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }
