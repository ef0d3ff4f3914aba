package topiclog

import (
	"container/list"
	"slices"
	"sync"
)

const (
	// cacheBytes is the most bytes of entries that a process keeps, and windowBytes of one topic.
	cacheBytes  = 8 << 20
	windowBytes = 2 << 20
	// kept is what an entry takes beside its events, about, and keptEvent is what an event takes
	// beside its name and data.
	kept      = 300
	keptEvent = 64
)

// window is what a process knows of a topic: entries of one epoch without a hole, up to the newest
// that it has seen. Entries are immutable, so they never become wrong; there may be newer ones.
type window struct {
	epoch   string
	entries []*entry
	// seen is when the newest of the entries was in the table.
	seen instant
	// contested is true if the last append of this process found that others had appended. The next
	// one reads first, since a refused write costs more than a read.
	contested bool
	bytes     int
}

// last returns the newest entry, or nil.
func (w *window) last() *entry {
	if len(w.entries) == 0 {
		return nil
	}
	return w.entries[len(w.entries)-1]
}

// join merges a run of entries without a hole into the window. If there is a hole between the two,
// the newer of them stays. The slice of earlier copies of the window does not change.
func (w *window) join(epoch string, run []*entry, seen instant) {
	if len(run) == 0 || epoch != w.epoch && number(epoch) < number(w.epoch) {
		return
	}
	first, last := run[0].offset, run[len(run)-1].offset
	newest := w.last()
	switch {
	case epoch != w.epoch || newest == nil || first > newest.offset+1:
		w.entries, w.bytes = slices.Clone(run), sizeOf(run)
	case last < w.entries[0].offset-1:
		return
	default:
		before := run[:max(0, min(int64(len(run)), w.entries[0].offset-first))]
		after := run[max(0, min(int64(len(run)), newest.offset+1-first)):]
		if w.bytes += sizeOf(before) + sizeOf(after); len(before) > 0 {
			w.entries = slices.Concat(before, w.entries, after)
		} else {
			w.entries = append(w.entries, after...)
		}
	}
	w.epoch = epoch
	if last >= w.last().offset && w.seen.before(seen) {
		w.seen = seen
	}
	w.trim()
}

// before reports whether the moment is before a later one.
func (i instant) before(later instant) bool { return i.clock.Before(later.clock) }

// trim removes the oldest entries of a window that has become too large, a half at least, so that
// this is rare. The newest always stays.
func (w *window) trim() {
	if w.bytes <= windowBytes {
		return
	}
	n := 0
	for w.bytes > windowBytes/2 && n < len(w.entries)-1 {
		w.bytes -= w.entries[n].memory()
		n++
	}
	w.entries = slices.Clone(w.entries[n:])
}

func sizeOf(run []*entry) (sum int) {
	for _, e := range run {
		sum += e.memory()
	}
	return sum
}

// memory returns about how many bytes of memory an entry takes.
func (e *entry) memory() int {
	sum := kept + e.bytes + len(e.events)*keptEvent
	for _, event := range e.events {
		sum += len(event.Name)
	}
	return sum
}

// cache has the windows of the topics that were used last.
type cache struct {
	mu     sync.Mutex
	topics map[string]*list.Element // of *cached
	order  list.List                // the topic that was used last is the first
	bytes  int
}

type cached struct {
	name string
	window
}

func newCache() cache { return cache{topics: make(map[string]*list.Element)} }

// get returns what is known of a topic.
func (c *cache) get(name string) window {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.topics[name]
	if !ok {
		return window{}
	}
	c.order.MoveToFront(at)
	return at.Value.(*cached).window //nolint:forcetypeassert // the list has nothing else
}

// entry returns an entry that is known, or nil.
func (c *cache) entry(name, epoch string, offset int64) *entry {
	w := c.get(name)
	if w.epoch != epoch || len(w.entries) == 0 {
		return nil
	}
	i := offset - w.entries[0].offset
	if i < 0 || i >= int64(len(w.entries)) {
		return nil
	}
	return w.entries[i]
}

// join adds entries to what is known of a topic; see window.join.
func (c *cache) join(name, epoch string, run []*entry, seen instant) {
	c.change(name, func(w *window) { w.join(epoch, run, seen) })
}

// contest notes whether others append to a topic, too.
func (c *cache) contest(name string, contested bool) {
	c.change(name, func(w *window) { w.contested = contested })
}

// forget forgets what is known of a topic.
func (c *cache) forget(name string) { c.change(name, func(w *window) { *w = window{} }) }

// forgetAll forgets everything.
func (c *cache) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.topics)
	c.order.Init()
	c.bytes = 0
}

func (c *cache) change(name string, f func(w *window)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.topics[name]
	if !ok {
		at = c.order.PushFront(&cached{name: name})
		c.topics[name] = at
		c.bytes += kept + len(name)
	}
	c.order.MoveToFront(at)
	known := at.Value.(*cached) //nolint:forcetypeassert // the list has nothing else
	c.bytes -= known.bytes
	f(&known.window)
	c.bytes += known.bytes
	c.evict()
}

// evict removes what was not used for the longest time. The topic that was used last stays.
func (c *cache) evict() {
	for c.bytes > cacheBytes && c.order.Len() > 1 {
		last := c.order.Back()
		old := last.Value.(*cached) //nolint:forcetypeassert // the list has nothing else
		c.order.Remove(last)
		delete(c.topics, old.name)
		c.bytes -= old.bytes + kept + len(old.name)
	}
}
