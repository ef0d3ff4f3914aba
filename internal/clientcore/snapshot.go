package clientcore

import (
	"maps"
	"slices"
	"time"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// askMembers notes that the snapshot of the presence is needed.
func (c *Client) askMembers(t *topic) {
	if t.presence.askAt.IsZero() {
		t.presence.askAt = c.now.Add(c.between(0, membersSpread))
	}
	c.busy = true
}

// sendMembers asks for the snapshots that are due.
func (c *Client) sendMembers() {
	for _, t := range c.topics {
		p := t.presence
		if p == nil || p.asking || t.membership != joined || t.again {
			continue
		}
		if due(p.askAt, c.now) {
			p.begin()
		} else if p.cursor == "" || !p.askAt.IsZero() {
			continue
		}
		c.askPage(t)
	}
}

// askPage asks for a page of a snapshot, or for the first one.
func (c *Client) askPage(t *topic) {
	t.presence.asking = true
	r := c.newRequest(members)
	r.topics = []concern{{topic: t, generation: t.generation, cursor: t.presence.cursor}}
	if t.presence.cursor == "" {
		c.send(r, "presence", appendNames(nil, r.topics))
		return
	}
	c.send(r, "presence", appendCursor(nil, t.name, t.presence.cursor))
}

func (c *Client) membersAnswered(n *concern, s *topicwire.Snapshot) {
	if n.topic.presence == nil {
		return
	}
	n.topic.presence.asking = false
	c.busy = true
	if n.fresh() && n.cursor == n.topic.presence.cursor {
		n.topic.presence.tries, n.topic.refusals = 0, 0
		c.acceptMembers(n.topic, s)
	}
}

func (c *Client) membersFailed(n *concern, e topicwire.Error) {
	p := n.topic.presence
	if p == nil {
		return
	}
	p.asking, p.cursor = false, ""
	switch {
	case !n.fresh():
	case passing(e.Code):
		p.askAt = c.now.Add(time.Second + c.delay(p.tries, ms(e.RetryAfterMs)))
		p.tries++
	default:
		c.resubscribe(n.topic)
	}
}

// acceptMembers applies a snapshot.
func (c *Client) acceptMembers(t *topic, s *topicwire.Snapshot) {
	p := t.presence
	if p == nil {
		return
	}
	if s.Members == nil && s.Count > 0 {
		c.setCount(t, s.Count)
		return
	}
	p.counted, p.count = false, 0
	for _, m := range s.Members {
		c.memberJoined(t, m, false)
	}
	p.cursor = s.Cursor
	c.busy = true
	if p.cursor == "" {
		c.dropUnseen(t)
		c.showAll(t)
	}
}

// dropUnseen ends the members that a snapshot did not have.
func (c *Client) dropUnseen(t *topic) {
	p := t.presence
	for _, name := range slices.Sorted(maps.Keys(p.refs)) {
		if r := p.refs[name]; r.here && r.seen != p.snapshot && r.named != p.snapshot {
			p.refs[name] = ref{user: r.user, version: r.version, at: c.now}
			c.dropRef(t, name, r, 0)
		}
	}
}

// showAll lets the caller know who is there, after the first snapshot.
func (c *Client) showAll(t *topic) {
	p := t.presence
	if p.complete {
		return
	}
	p.complete = true
	for _, name := range slices.Sorted(maps.Keys(p.refs)) {
		if r := p.refs[name]; r.here {
			c.show(t, name, r.user, p.user(name, r.user), r.as)
		}
	}
}

// setCount forgets the members: there are too many.
func (c *Client) setCount(t *topic, count int) {
	p := t.presence
	if !p.counted {
		for _, key := range slices.Sorted(maps.Keys(p.users)) {
			c.hide(t, key, p.users[key])
		}
		clear(p.refs)
	}
	p.counted, p.complete, p.cursor, p.askAt = true, true, "", time.Time{}
	if p.count != count {
		p.count = count
		c.act(Action{Kind: Counted, Topic: t.name, Count: count})
	}
}
