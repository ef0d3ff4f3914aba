package client

import (
	"bytes"
	"slices"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/clientcore"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// Position is a place in a topic: an epoch and the offset of an entry in it. Treat it as opaque,
// and keep both together. It has the JSON of a topic.Position.
type Position struct {
	Epoch  string `json:"epoch"`
	Offset int64  `json:"offset"`
}

// topic is the one membership that all subscriptions to a topic share. It belongs to the loop.
type topic struct {
	name      string
	options   clientcore.Options
	isSet     bool // the machine has them
	confirmed bool
	position  Position // after the last event
	isState   bool     // it has values in place of events, if it is confirmed

	subscriptions []*Subscription
	values        []*Values
	presences     []*Presence
	waiting       []chan struct{} // to be closed at the next confirmation

	keys    map[string]Value // of a state topic
	ready   bool             // the first snapshot is complete
	members memberList
	changed bool // the members have, since the presences were told
}

// handle is a [Subscription], [Values] or [Presence] of a topic.
type handle interface {
	// settle ends the handle with an error, or without one if its user has closed it.
	settle(err error)
	// confirm is called when the server has confirmed the membership.
	confirm(at Position)
}

// open adds a handle to a topic, and subscribes to it if that is new. Add adds the handle; the
// options of a new topic are those of the handle.
func (c *Client) open(h handle, name string, o clientcore.Options, add func(*topic)) {
	ok := c.do(func(now time.Time) {
		t := c.topics[name]
		if t == nil {
			t = &topic{name: name, options: o, keys: make(map[string]Value)}
			c.topics[name] = t
			add(t)
			t.isSet = true
			c.machine.Subscribe(now, name, o)
			return
		}
		merged, fits := t.merge(o)
		if !fits {
			h.settle(ErrConflict)
			return
		}
		add(t)
		if merged {
			c.machine.Subscribe(now, name, t.options)
		}
		if t.confirmed {
			c.dismiss(now, t)
			h.confirm(t.position) // it does nothing if h was dismissed
		}
	})
	if !ok {
		h.settle(ErrClosed)
	}
}

// merge adds the options of another handle. It reports whether something is new, and whether they
// fit those that are there.
func (t *topic) merge(o clientcore.Options) (merged, fits bool) {
	switch {
	case len(o.Filter) > 0 && !bytes.Equal(o.Filter, t.options.Filter),
		t.options.Presence && len(o.As) > 0 && !bytes.Equal(o.As, t.options.As):
		return false, false
	case o.Presence && !t.options.Presence:
		t.options.Presence, t.options.As = true, o.As
		return true, true
	}
	return false, true
}

// leave unsubscribes from a topic without handles.
func (c *Client) leave(now time.Time, t *topic) {
	if len(t.subscriptions)+len(t.values)+len(t.presences) == 0 && c.topics[t.name] == t {
		delete(c.topics, t.name)
		c.machine.Unsubscribe(now, t.name)
	}
}

// dismiss ends the handles that are for a topic of the other kind.
func (c *Client) dismiss(now time.Time, t *topic) {
	if t.isState && len(t.subscriptions) > 0 {
		for _, s := range t.subscriptions {
			s.settle(gatesock.Errorf(gatesock.CodeFailedPrecondition, "the topic %q has values and no events", t.name))
		}
		t.subscriptions = nil
		c.leave(now, t)
	}
	if !t.isState && len(t.values) > 0 {
		for _, v := range t.values {
			v.settle(gatesock.Errorf(gatesock.CodeFailedPrecondition, "the topic %q has events and no values", t.name))
		}
		t.values = nil
		c.leave(now, t)
	}
}

// shut takes a handle from its topic.
func (c *Client) shut(h handle, name string, remove func(*topic)) {
	h.settle(nil)
	c.do(func(now time.Time) {
		if t := c.topics[name]; t != nil {
			remove(t)
			c.leave(now, t)
		}
	})
}

// isValid reports whether a position has the form of one.
func (p Position) isValid() bool {
	_, ok := topicwire.EpochNumber(p.Epoch)
	return ok && p.Offset >= 0 && p.Offset <= topicwire.MaxOffset
}

// without returns the elements of a list that are not item.
func without[T comparable](list []T, item T) []T {
	return slices.DeleteFunc(list, func(other T) bool { return other == item })
}

// handles returns all that there are.
func (t *topic) handles() []handle {
	var all []handle
	for _, s := range t.subscriptions {
		all = append(all, s)
	}
	for _, v := range t.values {
		all = append(all, v)
	}
	for _, p := range t.presences {
		all = append(all, p)
	}
	return all
}

// tell passes on what the machine says of a topic.
func (c *Client) tell(a *clientcore.Action) {
	t := c.topics[a.Topic]
	if t == nil {
		return
	}
	switch a.Kind {
	case clientcore.Subscribed:
		t.confirmed, t.position, t.isState = true, Position(a.Position), a.Values
		for _, waits := range t.waiting {
			close(waits)
		}
		t.waiting = nil
		c.dismiss(c.clock.now(), t)
		for _, h := range t.handles() {
			h.confirm(t.position)
		}
	case clientcore.Failed:
		delete(c.topics, t.name)
		err := &gatesock.Error{Code: gatesock.Code(a.Code), Message: a.Text}
		for _, h := range t.handles() {
			h.settle(err)
		}
	case clientcore.Lost:
		t.position = Position(a.Position)
		c.deliver(t, loss(t.name, a.Reason, t.position))
	case clientcore.Event:
		c.events(t, a)
	case clientcore.Set, clientcore.Deleted, clientcore.Ready:
		t.changeValues(a)
	case clientcore.Joined, clientcore.Left, clientcore.Counted:
		t.members.change(a)
		t.changed = true
	default:
	}
}

// entry is what waits for a subscription at one position: the events that were published together,
// or a loss.
type entry struct {
	at    Position
	items []item
}

// events delivers the events of an entry.
func (c *Client) events(t *topic, a *clientcore.Action) {
	before := t.position
	t.position = Position(a.Position)
	parts := a.Items
	if parts == nil {
		parts = []topicwire.Item{{Event: a.Name, Data: a.Data}}
	}
	c.deliver(t, newEntry(t.name, before, t.position, parts))
}

// newEntry returns the events of an entry. Those before the last one have the position before it: a
// client that goes on from there gets the whole entry.
func newEntry(topic string, before, at Position, parts []topicwire.Item) entry {
	e := entry{at: at, items: make([]item, len(parts))}
	for i, part := range parts {
		e.items[i].event = Event{Topic: topic, Name: part.Event, Data: part.Data, Position: before}
	}
	if n := len(parts); n > 0 {
		e.items[n-1].event.Position = at
	}
	return e
}

// deliver passes an entry on to all subscriptions. One whose buffer is full has ended.
func (c *Client) deliver(t *topic, e entry) {
	full := false
	t.subscriptions = slices.DeleteFunc(t.subscriptions, func(s *Subscription) bool {
		ended := !s.take(e)
		full = full || ended
		return ended
	})
	if full {
		c.leave(c.clock.now(), t)
	}
}

// publish passes on which members there are now.
func (c *Client) publish() {
	for _, t := range c.topics {
		if t.changed && len(t.presences) > 0 {
			now := t.members.current()
			for _, p := range t.presences {
				p.set(now)
			}
		}
		t.changed = false
	}
}

func wire(p Position) *topicwire.Position {
	return &topicwire.Position{Epoch: p.Epoch, Offset: p.Offset}
}
