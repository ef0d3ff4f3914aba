package clientcore

import (
	"maps"
	"slices"
	"time"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// state is what a client knows of a state topic.
type state struct {
	keys     map[string]value
	snapshot int // numbers the snapshots
	open     bool
	cursor   string
	// counter is C of section 10.3, and above are the counters of pushes above C + 1, in order.
	counter int64
	above   []int64
	gapAt   time.Time
	gapFrom int64 // the counter when gapAt was set
	synced  int64 // the counter of the last sync
	// Of the snapshot that is under way: its counter, and the client's when it was asked for.
	began, asked int64
}

// value is the newest version of a key.
type value struct {
	version int64
	gone    bool
	at      time.Time // when it was gone
	seen    int       // the number of the last snapshot that had it, or during which it was pushed
}

// maxAbove bounds the counters of pushes that wait for earlier ones.
const maxAbove = 256

func newState() *state { return &state{keys: make(map[string]value), snapshot: 1} }

// begin notes that a snapshot is asked for.
func (s *state) begin() {
	s.snapshot++
	s.open, s.cursor = true, ""
	s.asked = s.counter
	s.gapAt = time.Time{}
}

// setKind turns the topic into what the server says it is.
func (c *Client) setKind(t *topic, isState bool) {
	switch {
	case isState && t.state == nil:
		t.log = log{}
		t.state = newState()
		t.state.open = true
	case !isState && t.state != nil:
		t.state = nil
	}
}

// changed handles a push of a state topic.
func (c *Client) changed(t *topic, m *message) {
	if t.placed {
		return
	}
	if t.state == nil { // the push came before the first answer
		t.state = newState()
		t.state.begin()
	}
	s := t.state
	c.put(t, topicwire.Value{Key: m.key, Version: m.version, Data: m.data, Deleted: m.event != "set"}, false)
	if m.counter > 0 && t.options.Filter == nil {
		s.count(m.counter)
		c.watchCounter(s)
	}
}

// put applies a version of a key if it is newer. In a snapshot the same version counts as well: it
// may be gone, or there again, if the filter is another one.
func (c *Client) put(t *topic, v topicwire.Value, inSnapshot bool) {
	s := t.state
	old, known := s.keys[v.Key]
	if !known && len(s.keys) >= c.cfg.MaxKeys {
		if s.sweep(c.now); len(s.keys) >= c.cfg.MaxKeys {
			c.overflow(t)
			return
		}
	}
	same := v.Version == old.version && (!inSnapshot || v.Deleted == old.gone)
	if known && (v.Version < old.version || same) {
		old.seen = s.snapshot
		s.keys[v.Key] = old
		return
	}
	s.keys[v.Key] = value{version: v.Version, gone: v.Deleted, at: c.now, seen: s.snapshot}
	if !v.Deleted {
		c.act(Action{Kind: Set, Topic: t.name, Key: v.Key, Version: v.Version, Data: v.Data})
	} else if known && !old.gone {
		c.act(Action{Kind: Deleted, Topic: t.name, Key: v.Key, Version: v.Version})
	}
}

// overflow ends the subscription to a topic with too many keys.
func (c *Client) overflow(t *topic) {
	c.act(Action{Kind: Failed, Topic: t.name, Code: "too_large", Text: "the topic has too many keys for this client"})
	c.end(t)
}

// refresh asks for a snapshot, or for one again from the first page.
func (c *Client) refresh(t *topic) {
	t.state.cursor = ""
	c.wish(t, 0)
}

// acceptState applies a page of a snapshot.
func (c *Client) acceptState(n *concern, r *topicwire.Result, first bool) {
	t, s := n.topic, n.topic.state
	if n.cursor == "" {
		s.began = r.Counter
	}
	if first {
		c.act(Action{Kind: Subscribed, Topic: t.name, Values: true})
	}
	for _, v := range r.Values {
		if v.Version > 0 && t.wanted {
			c.put(t, v, true)
		}
	}
	if !t.wanted {
		return
	}
	t.wish = 0
	s.cursor = r.Cursor
	if r.Cursor != "" {
		c.wish(t, 0)
		return
	}
	c.complete(t)
}

// complete ends a snapshot: what it did not have is gone.
func (c *Client) complete(t *topic) {
	s := t.state
	if !s.open {
		return
	}
	s.open = false
	s.sweep(c.now)
	for _, key := range slices.Sorted(maps.Keys(s.keys)) {
		if v := s.keys[key]; !v.gone && v.seen != s.snapshot {
			s.keys[key] = value{version: v.version, gone: true, at: c.now, seen: s.snapshot}
			c.act(Action{Kind: Deleted, Topic: t.name, Key: key, Version: v.version})
		}
	}
	s.rebase(t.options.Filter != nil)
	c.watchCounter(s)
	c.act(Action{Kind: Ready, Topic: t.name})
}

// sweep forgets keys that have been gone for long.
func (s *state) sweep(now time.Time) {
	maps.DeleteFunc(s.keys, func(_ string, v value) bool { return v.gone && now.Sub(v.at) >= markKept })
}

// renewMarks keeps the keys that are gone for the whole time from now on: the computer was asleep,
// and pushes that came before may still wait to be read.
func (s *state) renewMarks(now time.Time) {
	for key, v := range s.keys {
		if v.gone {
			v.at = now
			s.keys[key] = v
		}
	}
}

// rebase takes over the counter of a snapshot. Below the one that the client had when it asked, the
// topic has been made again.
func (s *state) rebase(filtered bool) {
	if filtered || s.began < s.asked {
		s.counter, s.above = s.began, nil
		return
	}
	s.counter = max(s.counter, s.began)
	s.absorb()
}

// count notes the counter of a push.
func (s *state) count(n int64) {
	i, there := slices.BinarySearch(s.above, n)
	if n <= s.counter || there {
		return
	}
	if len(s.above) < maxAbove {
		s.above = slices.Insert(s.above, i, n)
	}
	s.absorb()
}

// absorb moves the counter over those that follow it.
func (s *state) absorb() {
	n := 0
	for n < len(s.above) && s.above[n] <= s.counter+1 {
		s.counter = max(s.counter, s.above[n])
		n++
	}
	s.above = slices.Delete(s.above, 0, n)
}

// watchCounter sets the timer of a gap, or stops it.
func (c *Client) watchCounter(s *state) {
	switch {
	case len(s.above) == 0 || s.open:
		s.gapAt = time.Time{}
	case s.gapAt.IsZero() || s.gapFrom != s.counter:
		s.gapAt, s.gapFrom = c.now.Add(counterWait+c.between(0, counterSpread)), s.counter
	}
}
