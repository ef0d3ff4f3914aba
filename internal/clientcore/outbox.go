package clientcore

import (
	"bytes"
	"slices"
	"strconv"
	"time"
)

// sendCalls sends the calls that can be sent, in the order in which they were made. Calls wait for
// others of their lane, and of their action if the server has refused one with rate_limited.
func (c *Client) sendCalls() {
	c.resumeAt = time.Time{}
	if !slices.ContainsFunc(c.calls, func(k *call) bool { return k.link == nil }) {
		return
	}
	var resume deadline
	var lanes, unsent, underWay names // unsent and underWay are actions
	for _, k := range c.calls {
		if k.link != nil {
			lanes.add(k.Lane)
			c.addPaused(&underWay, k.Action)
		}
	}
	for _, k := range c.calls {
		if k.link != nil {
			continue
		}
		at, ok := c.maySend(k, &lanes, &underWay, &unsent)
		lanes.add(k.Lane)
		switch {
		case !ok:
			c.addPaused(&unsent, k.Action)
		case c.now.Before(at):
			resume.add(at)
			c.addPaused(&unsent, k.Action)
		default:
			c.addPaused(&underWay, k.Action)
			c.sendCall(k)
		}
	}
	c.resumeAt = resume.first
	for action, until := range c.pauses {
		if !c.now.Before(until) && !unsent[action] {
			delete(c.pauses, action)
		}
	}
}

// maySend returns the time before which an unsent call is not sent, and whether that is all that it
// waits for. The others are the lanes of earlier calls, and their actions.
func (c *Client) maySend(k *call, lanes, underWay, unsent *names) (time.Time, bool) {
	if (*lanes)[k.Lane] || (*underWay)[k.Action] || (*unsent)[k.Action] {
		return time.Time{}, false
	}
	return later(k.retryAt, c.pauses[k.Action]), true
}

// names is a set of lanes, or of actions.
type names map[string]bool

func (n *names) add(name string) {
	if name == "" {
		return
	}
	if *n == nil {
		*n = make(names)
	}
	(*n)[name] = true
}

// addPaused adds an action whose calls are made one after the other.
func (c *Client) addPaused(n *names, action string) {
	if _, ok := c.pauses[action]; ok {
		n.add(action)
	}
}

// sendCall sends a call, or sends it again.
func (c *Client) sendCall(k *call) {
	c.lastSending++
	k.id, k.link, k.sentAt, k.retryAt = c.lastSending, c.current, c.now, time.Time{}
	k.sends++
	c.transmit(c.current, k.frame(), true)
}

// again puts a call back to its place among those that are unsent.
func (c *Client) again(k *call, at time.Time) {
	k.link, k.acked, k.retryAt = nil, false, at
	c.busy = true
}

// callAnswered handles the answer to a call, and ignores any that no call waits for.
func (c *Client) callAnswered(l *link, m *message) {
	k := c.callOf(l, m.id)
	switch {
	case k == nil || k.acked:
	case m.failure != nil:
		c.callFailed(k, errorOf(m.failure))
	case k.settled:
		c.removeCall(k)
	case k.Result && bytes.Equal(m.data, []byte("null")):
		k.acked = true
	default:
		c.succeeds(k, m.data)
	}
}

// callOf returns the call whose last sending has an id.
func (c *Client) callOf(l *link, id string) *call {
	number, err := strconv.ParseInt(id[len(callPrefix):], 10, 64)
	if err != nil {
		return nil
	}
	for _, k := range c.calls {
		if k.id == number && k.link == l {
			return k
		}
	}
	return nil
}

// resultCame handles a result, see section 6.5 of docs/protocol.md.
func (c *Client) resultCame(l *link, m *message) {
	switch {
	case m.foreign:
		return
	case m.id == "":
		e := errorOf(m.failure)
		c.problem(e.Code, m.event+": "+e.Message)
		return
	case len(m.id) < len(callPrefix) || m.id[:len(callPrefix)] != callPrefix:
		return
	}
	k := c.callOf(l, m.id)
	switch {
	case k == nil || !k.Result:
	case k.settled:
		c.removeCall(k)
	case m.failure != nil:
		c.fails(k, errorOf(m.failure))
	default:
		c.succeeds(k, m.data)
	}
}

// callFailed handles an error: the call is sent again or settled.
func (c *Client) callFailed(k *call, e failure) {
	switch {
	case e.Code == limited:
		c.callLimited(k, e)
	case k.settled || !k.Idempotent:
		c.fails(k, e)
	case e.Code == stale:
		k.unsure = true
		c.again(k, time.Time{})
	case !passing(e.Code):
		c.fails(k, e)
	default:
		if e.Code != unavailable {
			k.errors++
		}
		if k.errors >= manyErrors {
			c.fails(k, e)
			return
		}
		c.againAfter(k, e, c.delay(k.sends-1, ms(e.RetryAfterMs)))
		k.unsure = true
	}
}

// againAfter sends a call again after a time, unless it expires before.
func (c *Client) againAfter(k *call, e failure, wait time.Duration) {
	at := c.now.Add(wait)
	switch {
	case at.Before(k.until):
		c.again(k, at)
	case k.unsure:
		c.fails(k, unknown("the call has expired after the error "+e.Code))
	default:
		c.fails(k, e)
	}
}

// callLimited handles rate_limited: no call of the action is sent for a while.
func (c *Client) callLimited(k *call, e failure) {
	wait := ms(e.RetryAfterMs)
	if wait == 0 {
		wait = defaultWait
	}
	wait += c.between(0, wait/4)
	c.pauses[k.Action] = later(c.pauses[k.Action], c.now.Add(wait))
	if k.settled {
		c.removeCall(k)
		return
	}
	c.againAfter(k, e, wait)
}

// loseCalls handles the end of a connection on which calls wait.
func (c *Client) loseCalls(l *link) {
	for _, k := range slices.Clone(c.calls) {
		switch {
		case k.link != l:
		case k.Idempotent && !k.settled:
			k.unsure = true
			c.again(k, time.Time{})
		default:
			c.fails(k, unknown("the connection has ended"))
		}
	}
}

// endCalls settles all calls: the client was stopped.
func (c *Client) endCalls() {
	for _, k := range slices.Clone(c.calls) {
		if k.link != nil || k.unsure {
			c.fails(k, unknown("the client was closed"))
		} else {
			c.fails(k, failure{Code: "closed", Message: "the client was closed before the message was sent"})
		}
	}
	clear(c.pauses)
}

// waitsOn reports whether a call, or a user's history request, waits for its answer on a
// connection.
func (c *Client) waitsOn(l *link) bool {
	return slices.ContainsFunc(c.calls, func(k *call) bool { return k.link == l && !k.settled }) ||
		slices.ContainsFunc(c.requests, func(r *request) bool { return r.link == l && r.kind == asked })
}

// addCalls adds when calls expire, and when they have waited for long enough.
func (c *Client) addCalls(d *deadline) {
	for _, k := range c.calls {
		d.add(k.deadline())
	}
	if c.ready() {
		d.add(c.resumeAt)
	}
}

// deadline returns when a call has waited for long enough.
func (k *call) deadline() time.Time {
	if k.link == nil {
		return k.until
	}
	return k.sentAt.Add(k.Timeout)
}

// tickCalls ends what has waited for long enough.
func (c *Client) tickCalls() {
	for _, k := range slices.Clone(c.calls) {
		if !due(k.deadline(), c.now) {
			continue
		}
		switch {
		case k.link == nil && k.unsure:
			c.fails(k, unknown("the call has expired after it was sent"))
		case k.link == nil:
			c.fails(k, failure{Code: "expired", Message: "the message could not be sent in time"})
		default:
			c.unanswered(k)
		}
	}
}

// unanswered handles a call that was not answered in time.
func (c *Client) unanswered(k *call) {
	k.link.past = later(k.link.past, k.sentAt)
	if k.Idempotent && !k.settled {
		k.unsure = true
		c.again(k, c.now.Add(c.backoff(k.sends-1)))
		return
	}
	c.fails(k, unknown("the server did not answer in time"))
}

// doubts are what a frame of the gateway may be about, apart from calls and requests.
type doubts struct {
	kept time.Time // when a keep-alive was sent that has no answer of its own
	bare time.Time // when the last message without an id was sent
	past time.Time // when a message was sent whose answer the client does not wait for any more
}

// gatewayAnswered handles a frame of the gateway: it is about one of the messages that have no
// answer.
func (c *Client) gatewayAnswered(l *link, text string) {
	var call *call
	var own *request
	n := 0
	for _, k := range c.calls {
		if k.link == l && !k.acked {
			call = k
			n++
		}
	}
	for _, r := range c.requests {
		if r.link == l {
			own = r
			n++
		}
	}
	for _, at := range [...]time.Time{l.kept, l.bare, l.past} {
		if c.isRecent(at) {
			n++
		}
	}
	switch {
	case n != 1 || c.isRecent(l.bare):
		c.problem("gateway", "the gateway has answered a message, it is not known which: "+text)
	case call != nil:
		c.callFailed(call, gatewayError(text))
	case own != nil:
		c.requests = slices.DeleteFunc(c.requests, func(r *request) bool { return r == own })
		e := gatewayError(text)
		if own.kind == unsubscribe { // a part of it may have been carried out
			e.Code = late
		}
		c.refused(own, e.topical())
	default:
		l.kept, l.past = time.Time{}, time.Time{}
	}
}

// isRecent reports whether the gateway may still answer a message that was sent at a time.
func (c *Client) isRecent(at time.Time) bool { return !at.IsZero() && c.now.Sub(at) < gatewayTime }

// gatewayError returns the error that a frame of the gateway is. None is rate_limited, after which
// every call is sent again: the frame may be a late one, and about another call.
func gatewayError(text string) failure {
	code := internal
	switch text {
	case "Forbidden":
		code = "not_found"
	case "Bad request body":
		code = "invalid_argument"
	case "Endpoint request timed out":
		code = late
	case "Too Many Requests":
		code = unavailable
	}
	return failure{Code: code, Message: "the gateway has answered: " + text}
}
