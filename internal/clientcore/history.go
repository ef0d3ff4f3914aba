package clientcore

import (
	"time"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// wish notes that a topic needs a history request, after a delay.
func (c *Client) wish(t *topic, delay time.Duration) {
	if t.wish == 0 {
		c.asked++
		t.wish = c.asked
	}
	t.wishAt = c.now.Add(delay)
	t.gapAt = time.Time{}
	c.busy = true
}

// sendHistory sends the history request whose wish is the oldest, unless one is under way.
func (c *Client) sendHistory() {
	if c.now.Before(c.historyAt) || c.underWay(history) {
		return
	}
	var first *topic
	for _, t := range c.topics {
		if t.wish > 0 && t.membership == joined && !t.again && !c.now.Before(t.wishAt) &&
			(first == nil || t.wish < first.wish) {
			first = t
		}
	}
	if first != nil {
		c.askHistory(first)
	}
}

func (c *Client) askHistory(t *topic) {
	n := concern{topic: t, generation: t.generation, pushes: c.pushes}
	r := c.newRequest(history)
	if t.state != nil {
		if t.state.cursor == "" {
			t.state.begin()
		}
		n.cursor = t.state.cursor
		c.send(r, "history", appendCursor(nil, t.name, n.cursor))
	} else {
		position := t.position
		n.since = &position
		c.send(r, "history", appendHistory(nil, topicwire.History{
			Topic: t.name, Since: n.since, Last: t.options.Last,
		}))
	}
	r.topics = []concern{n}
}

// historyAnswered handles the answer to a history request of the client.
func (c *Client) historyAnswered(n *concern, r *topicwire.Result) {
	c.busy = true
	if !n.fresh() || n.since == nil && (n.topic.state == nil || n.topic.state.cursor != n.cursor) {
		return
	}
	if r.Topic != n.topic.name || !c.accept(n, r, false) {
		c.historyFailed(n, malformed())
		return
	}
	n.topic.tries, n.topic.refusals = 0, 0
}

// historyFailed waits for a while after an error that passes. After others, such as that the
// connection is not a member, it subscribes again.
func (c *Client) historyFailed(n *concern, e topicwire.Error) {
	t := n.topic
	if passing(e.Code) {
		d := c.delay(max(t.tries, t.gaps), ms(e.RetryAfterMs))
		c.historyAt = c.now.Add(d)
		t.tries++
		if t.wish > 0 { // others have their turn
			c.asked++
			t.wish = c.asked
		}
		return
	}
	if n.fresh() {
		c.resubscribe(t)
	}
}

// History asks for entries of a topic to which the user is subscribed, before or after a position
// or the newest; see section 9.2 of docs/protocol.md. It has no influence on the position of the
// client. It returns the number of the request, which the action Answer has, and false if there is
// no connection or no subscription.
func (c *Client) History(now time.Time, h topicwire.History) (int64, bool) {
	c.now = now
	t := c.byName[h.Topic]
	if t == nil || t.membership != joined || !c.ready() {
		return 0, false
	}
	r := c.newRequest(asked)
	r.topics = []concern{{topic: t}}
	c.send(r, "history", appendHistory(nil, h))
	return r.number, true
}
