package clientcore

import (
	"time"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// syncDelay is the time to the next sync.
func (c *Client) syncDelay() time.Duration {
	return c.between(syncInterval*4/5, syncInterval*6/5)
}

// sync asks what the client has missed.
func (c *Client) sync() {
	c.syncAt = c.now.Add(c.syncDelay())
	if !c.ready() || c.underWay(synced) {
		return
	}
	var body []byte
	var topics []concern
	for _, t := range c.topics {
		if !t.wanted || t.membership != joined {
			continue
		}
		if t.state != nil {
			t.state.sweep(c.now)
		}
		one := c.appendSync(nil, t)
		if len(topics) > 0 && len(body)+len(one) > maxBatchBytes {
			c.sendSync(body, topics)
			body, topics = nil, nil
		}
		if len(body) > 0 {
			body = append(body, ',')
		}
		body = append(body, one...)
		topics = append(topics, concern{topic: t, generation: t.generation})
	}
	// Also without topics: the connection may be a member of one all the same.
	c.sendSync(body, topics)
}

func (c *Client) sendSync(body []byte, topics []concern) {
	r := c.newRequest(synced)
	r.topics = topics
	c.send(r, "sync", append(append([]byte(`"topics":[`), body...), ']'))
}

// syncAnswered mends what the answer to a sync names. It ignores topics that have been subscribed
// or unsubscribed since the request.
func (c *Client) syncAnswered(r *request, s *topicwire.Synced) {
	c.syncTries = 0
	c.busy = true
	for i := range r.topics {
		if n := &r.topics[i]; n.fresh() && n.topic.membership == joined {
			n.topic.inStep = true
		}
	}
	c.each(s.Moved, c.movedOn)
	c.each(s.Presence, func(t *topic) {
		if t.presence != nil {
			t.presence.askAt = c.now
		}
	})
	c.each(s.Lost, func(t *topic) {
		c.lose(t)
		t.retryAt = time.Time{}
	})
	for i := range r.topics {
		r.topics[i].topic.inStep = false
	}
	for _, name := range s.Extra {
		c.leaveExtra(name)
	}
}

func (c *Client) each(names []string, mend func(*topic)) {
	for _, name := range names {
		if t := c.byName[name]; t != nil && t.inStep {
			mend(t)
		}
	}
}

// movedOn gets what is newer. A state topic whose counter has grown since the request changes all
// the time: what is missing shows as a gap, or in the next sync.
func (c *Client) movedOn(t *topic) {
	switch {
	case t.state == nil:
		c.wish(t, 0)
	case t.state.counter == t.state.synced:
		c.refresh(t)
	}
}

// leaveExtra unsubscribes a topic of which the connection is a member and that nobody wants.
func (c *Client) leaveExtra(name string) {
	if name == "" || c.byName[name] != nil || len(c.topics) >= maxExtra {
		return
	}
	t := &topic{name: name, membership: joined}
	c.byName[name] = t
	c.topics = append(c.topics, t)
}

// maxExtra bounds what a server can make a client remember.
const maxExtra = 1000
