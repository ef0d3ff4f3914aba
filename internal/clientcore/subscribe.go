package clientcore

import (
	"time"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// Bounds of a subscribe to several topics: 32 KiB less room for the envelope.
const (
	maxBatch      = 100
	maxBatchBytes = 30 << 10
)

// pump sends what the state calls for.
func (c *Client) pump() {
	if !c.busy {
		return
	}
	c.busy = false
	if c.ready() {
		c.sendUnsubscribes()
		for c.sendSubscribes() {
		}
		c.sendHistory()
		c.sendMembers()
		c.sendCalls()
	}
	c.settle()
}

// joins reports whether a topic has to be subscribed now.
func (c *Client) joins(t *topic) bool {
	if !t.wanted || c.now.Before(t.retryAt) {
		return false
	}
	return t.membership == apart || t.membership == joined && t.again
}

// sendSubscribes sends one subscribe with as many topics as it can have. It reports whether it was
// full.
func (c *Client) sendSubscribes() bool {
	var r *request
	var body []byte
	for _, t := range c.topics {
		if !c.joins(t) {
			continue
		}
		since := t.since()
		one := appendSubscription(nil, t, since)
		if r != nil && (len(r.topics) >= maxBatch || len(body)+len(one) > maxBatchBytes) {
			c.sendSubscribe(r, body)
			return true
		}
		if r == nil {
			r = c.newRequest(subscribe)
		} else {
			body = append(body, ',')
		}
		body = append(body, one...)
		c.join(t)
		r.topics = append(r.topics, concern{topic: t, generation: t.generation, since: since, pushes: c.pushes})
	}
	if r != nil {
		c.sendSubscribe(r, body)
	}
	return false
}

// join marks that a subscribe is under way.
func (c *Client) join(t *topic) {
	t.membership = joining
	t.generation++
	t.again = false
	t.retryAt = time.Time{}
	if t.state != nil {
		t.state.begin()
	}
	if t.presence != nil {
		t.presence.begin()
	}
}

func (c *Client) sendSubscribe(r *request, body []byte) {
	if len(r.topics) == 1 {
		c.send(r, "subscribe", body[1:len(body)-1])
		return
	}
	c.send(r, "subscribe", append(append([]byte(`"topics":[`), body...), ']'))
}

// subscribed handles the answer to a subscribe.
func (c *Client) subscribed(r *request, results []topicwire.Result) {
	for i := range r.topics {
		n := &r.topics[i]
		if i >= len(results) || results[i].Topic != n.topic.name {
			c.subscribeFailed(n, topicwire.Error{Code: internal, Message: "the answer has no result for the topic"})
			continue
		}
		if e := results[i].Error; e != nil {
			c.subscribeFailed(n, *e)
			continue
		}
		c.subscribedTo(n, &results[i])
	}
}

func (c *Client) subscribedTo(n *concern, r *topicwire.Result) {
	t := n.topic
	fresh := n.fresh()
	t.membership = joined
	c.busy = true
	if !fresh {
		t.again = t.wanted
		return
	}
	if !c.accept(n, r, true) {
		c.subscribeFailed(n, malformed())
		return
	}
	t.tries = 0
	t.expiresAt = time.Time{}
	if r.ExpiresInMs > 0 {
		t.expiresAt = c.now.Add(max(time.Second, time.Duration(min(r.ExpiresInMs, 1<<40))*time.Millisecond))
	}
}

func (c *Client) subscribeFailed(n *concern, e topicwire.Error) {
	t := n.topic
	fresh := n.fresh()
	t.membership = apart
	c.busy = true
	switch {
	case !fresh:
		if !t.wanted && passing(e.Code) {
			t.membership = joined // perhaps: an unsubscribe ends it
			return
		}
		c.remove(t)
	case passing(e.Code):
		c.retryLater(t, ms(e.RetryAfterMs))
	default:
		c.act(Action{Kind: Failed, Topic: t.name, Code: e.Code, Text: e.Message})
		c.end(t)
		c.remove(t)
	}
}

// sendUnsubscribes unsubscribes the topics that the user does not want any more. What does not fit
// one request has its turn after the answer.
func (c *Client) sendUnsubscribes() {
	var r *request
	bytes := 0
	for _, t := range c.topics {
		if t.wanted || t.membership != joined || bytes+len(t.name) > maxBatchBytes/2 {
			continue
		}
		bytes += len(t.name) + 4
		if r == nil {
			r = c.newRequest(unsubscribe)
		}
		t.membership = leaving
		t.generation++
		r.topics = append(r.topics, concern{topic: t, generation: t.generation})
	}
	if r != nil {
		c.send(r, "unsubscribe", appendNames(nil, r.topics))
	}
}

// unsubscribed handles the answer to an unsubscribe, or an error that is an answer too: nothing is
// under way any more.
func (c *Client) unsubscribed(r *request) {
	for i := range r.topics {
		t := r.topics[i].topic
		t.membership = apart
		t.generation++
		c.remove(t)
	}
	c.busy = true
}

// unsubscribeFailed opens another connection if the request may still be carried out: it would end
// a new subscription without a trace. After other errors sync finds what is left.
func (c *Client) unsubscribeFailed(r *request, e topicwire.Error) {
	if e.Code != late {
		c.unsubscribed(r)
		return
	}
	c.renew()
}
