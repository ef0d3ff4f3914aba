package topic

import (
	"slices"
	"time"
)

// memoryTopic is a topic of a memoryLog. The zero value is a topic to which nothing was published.
type memoryTopic struct {
	name  string
	epoch memoryEpoch
	prev  *Position // before the epoch
	// entries are those that can be read: their offsets end at last, without a hole.
	entries []*memoryEntry
	last    int64
	until   time.Time // until when the last entry can be read
	keys    map[string]*memoryEntry

	due   time.Time // when memoryLog.sweep looks at it
	index int       // in memoryLog.due
}

// memoryEntry is an entry. It is immutable.
type memoryEntry struct {
	record Record
	key    string
	bytes  int // of its data
	until  time.Time
}

// add adds an entry. It can be read for no shorter than the one before it, so that entries expire
// in order.
func (t *memoryTopic) add(e Entry, now time.Time) *memoryEntry {
	t.last++
	if until := now.Add(e.Keep); until.After(t.until) {
		t.until = until
	}
	entry := &memoryEntry{key: e.Key, until: t.until}
	entry.record = cloneRecord(Record{
		Position: Position{t.epoch.name, t.last},
		Events:   e.Events,
		Time:     now.UTC().Round(0),
	})
	for _, event := range e.Events {
		entry.bytes += len(event.Data)
	}
	if t.last == 1 {
		entry.record.Prev = t.prev
	}
	t.entries = append(t.entries, entry)
	if e.Key != "" {
		t.setKey(e.Key, entry)
	}
	return entry
}

func (t *memoryTopic) setKey(key string, entry *memoryEntry) {
	if t.keys == nil {
		t.keys = make(map[string]*memoryEntry)
	}
	t.keys[key] = entry
}

// prune removes entries that have expired.
func (t *memoryTopic) prune(now time.Time) {
	n := 0
	for n < len(t.entries) && !now.Before(t.entries[n].until) {
		if key := t.entries[n].key; key != "" {
			delete(t.keys, key)
		}
		n++
	}
	clear(t.entries[:n])
	if t.entries = t.entries[n:]; len(t.entries) == 0 {
		t.entries = nil
	}
}

// head is the position of the newest entry.
func (t *memoryTopic) head() Position { return Position{t.epoch.name, t.last} }

// end is when the topic can be forgotten.
func (t *memoryTopic) end() time.Time { return t.until.Add(headLife) }

// quiet reports whether the epoch may end soon.
func (t *memoryTopic) quiet(now time.Time) bool {
	return t.last == 0 || t.end().Sub(now) < quietTime
}

// next is when something in the topic expires.
func (t *memoryTopic) next() time.Time {
	if len(t.entries) == 0 {
		return t.end()
	}
	return t.entries[0].until
}

// newest returns the newest n entries; all for n = 0.
func (t *memoryTopic) newest(n int) []*memoryEntry {
	if n == 0 {
		return t.entries
	}
	return t.entries[len(t.entries)-min(n, len(t.entries)):]
}

// cloneRecord copies what a record refers to.
func cloneRecord(r Record) Record {
	size := 0
	for _, e := range r.Events {
		size += len(e.Data)
	}
	data := make([]byte, 0, size)
	r.Events = slices.Clone(r.Events)
	for i, e := range r.Events {
		data = append(data, e.Data...)
		r.Events[i].Data = slices.Clip(data[len(data)-len(e.Data):])
	}
	if r.Prev != nil {
		prev := *r.Prev
		r.Prev = &prev
	}
	return r
}

func cloneEntries(entries []*memoryEntry) []Record {
	if len(entries) == 0 {
		return nil
	}
	records := make([]Record, len(entries))
	for i, e := range entries {
		records[i] = cloneRecord(e.record)
	}
	return records
}
