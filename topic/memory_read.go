package topic

import (
	"slices"
	"time"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// The bounds of a page that its query does not set.
const (
	memoryPageEntries = 1000
	memoryPageBytes   = 1 << 20
)

// read returns a page, and its entries apart, so that they can be copied without the lock.
func (l *memoryLog) read(q Query, now time.Time) (Page, []*memoryEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.find(q.Topic, now)
	if t == nil {
		t = l.forgotten()
	}
	page := Page{Head: t.head(), Quiet: t.quiet(now)}
	if q.Before != nil {
		return t.before(q, page)
	}
	return t.after(q, page)
}

// after reads forwards.
func (t *memoryTopic) after(q Query, page Page) (Page, []*memoryEntry) {
	kept := t.newest(q.Keep)
	entries := kept[len(kept)-min(q.Newest, len(kept)):]
	if q.Since != nil {
		first := t.last + 1 - int64(len(kept))
		var next int64
		if next, page.Lost = t.follow(*q.Since, first); page.Lost == "" {
			entries = kept[next-first:]
		}
	}
	n := fit(q, entries, false)
	page.Position, page.More = page.Head, n < len(entries)
	if n > 0 {
		page.Position = entries[n-1].record.Position
	}
	return page, slices.Clone(entries[:n])
}

// follow returns the offset that follows a position, if the entries from first on have it.
func (t *memoryTopic) follow(p Position, first int64) (next int64, lost Lost) {
	next = p.Offset + 1
	if p.Epoch != t.epoch.name {
		number, _ := topicwire.EpochNumber(p.Epoch)
		switch {
		case number > t.epoch.number:
			return 0, LostAhead
		case t.last == 0:
			return 0, LostHistory // the topic was forgotten
		case t.prev == nil || *t.prev != p:
			return 0, LostEpoch
		}
		next = 1
	}
	switch {
	case next > t.last+1:
		return 0, LostAhead
	case next < first:
		return 0, LostHistory
	}
	return next, ""
}

// before reads backwards.
func (t *memoryTopic) before(q Query, page Page) (Page, []*memoryEntry) {
	page.Position = *q.Before
	if q.Before.Epoch != t.epoch.name {
		return page, nil
	}
	kept := t.newest(q.Keep)
	if newer := t.last - (q.Before.Offset - 1); newer > 0 {
		kept = kept[:len(kept)-int(min(newer, int64(len(kept))))]
	}
	n := fit(q, kept, true)
	entries := kept[len(kept)-n:]
	if page.More = n < len(kept); n > 0 {
		page.Position = entries[0].record.Position
	}
	return page, slices.Clone(entries)
}

// fit counts the entries for a page, from the first on, or from the last on backwards.
func fit(q Query, entries []*memoryEntry, backwards bool) int {
	limit, bytes, n := min(memoryPageEntries, len(entries)), memoryPageBytes, 0
	if q.Limit > 0 {
		limit = min(limit, q.Limit)
	}
	if q.Bytes > 0 {
		bytes = min(bytes, q.Bytes)
	}
	for ; n < limit; n++ {
		e := entries[n]
		if backwards {
			e = entries[len(entries)-1-n]
		}
		if bytes -= e.bytes; n > 0 && bytes < 0 {
			break
		}
	}
	return n
}

// moved reports for positions whether there is a newer entry.
func (l *memoryLog) moved(at []At, now time.Time) []bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	moved := make([]bool, len(at))
	for i, a := range at {
		t := l.find(a.Topic, now)
		if t == nil {
			t = l.forgotten()
		}
		moved[i] = t.moved(a.Position)
	}
	return moved
}

func (t *memoryTopic) moved(p Position) bool {
	if p.Epoch == t.epoch.name {
		return p.Offset < t.last
	}
	number, _ := topicwire.EpochNumber(p.Epoch)
	return number <= t.epoch.number && t.last > 0 // a topic that was forgotten has no newer entry
}
