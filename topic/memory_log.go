package topic

import (
	"container/heap"
	"crypto/rand"
	"strconv"
	"sync"
	"time"
)

const (
	// headLife is for how long a log remembers the head of a topic after its entries.
	headLife = 8 * 24 * time.Hour
	// quietTime is the time that the head has left when a page begins to be quiet.
	quietTime = 24 * time.Hour
)

// memoryLog has the topics of a Memory.
type memoryLog struct {
	text string // of the epochs that stand for topics that were forgotten

	mu     sync.Mutex
	topics map[string]*memoryTopic
	due    memoryDue
	number int64 // of the highest epoch that was forgotten
}

func newMemoryLog() memoryLog {
	return memoryLog{text: rand.Text(), topics: make(map[string]*memoryTopic)}
}

// append adds an entry, or finds the one that has its key.
func (l *memoryLog) append(topic string, e Entry, now time.Time) (entry *memoryEntry, duplicate bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	t := l.find(topic, now)
	if t == nil {
		t = l.begin(topic, new(l.forgotten().head()))
	}
	if first, ok := t.keys[e.Key]; ok {
		return first, true
	}
	return l.add(t, e, now), false
}

// roll adds an entry as the first one of an epoch.
func (l *memoryLog) roll(topic string, e Entry, now time.Time) *memoryEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	if t := l.find(topic, now); t != nil {
		heap.Remove(&l.due, t.index)
		*t = memoryTopic{name: topic, epoch: newEpoch(t.epoch.number + 1), index: -1}
		return l.add(t, e, now)
	}
	return l.add(l.begin(topic, nil), e, now)
}

func (l *memoryLog) add(t *memoryTopic, e Entry, now time.Time) *memoryEntry {
	entry := t.add(e, now)
	if t.index < 0 {
		t.due = t.entries[0].until
		heap.Push(&l.due, t)
	}
	return entry
}

// begin returns a topic that has no entries yet.
func (l *memoryLog) begin(topic string, prev *Position) *memoryTopic {
	t := &memoryTopic{name: topic, epoch: newEpoch(l.number + 1), prev: prev, index: -1}
	l.topics[topic] = t
	return t
}

// find returns a topic without what has expired; nil if the topic is not known.
func (l *memoryLog) find(topic string, now time.Time) *memoryTopic {
	t := l.topics[topic]
	if t == nil || !now.Before(t.end()) {
		l.forget(t)
		return nil
	}
	t.prune(now)
	return t
}

// forget removes a topic, if there is one. Epochs of topics that are not known have higher numbers
// from then on.
func (l *memoryLog) forget(t *memoryTopic) {
	if t == nil {
		return
	}
	delete(l.topics, t.name)
	heap.Remove(&l.due, t.index)
	l.number = max(l.number, t.epoch.number)
}

// forgotten stands for a topic that is not known.
func (l *memoryLog) forgotten() *memoryTopic {
	if l.number == 0 {
		return new(memoryTopic)
	}
	return &memoryTopic{epoch: epochOf(l.number, l.text)}
}

// sweep removes what has expired in at most two topics, so that calls bring no long pauses.
func (l *memoryLog) sweep(now time.Time) {
	for range 2 {
		if len(l.due) == 0 || now.Before(l.due[0].due) {
			return
		}
		t := l.due[0]
		if l.find(t.name, now) != nil {
			t.due = t.next()
			heap.Fix(&l.due, t.index)
		}
	}
}

// memoryEpoch is an epoch and its number.
type memoryEpoch struct {
	name   string
	number int64
}

func newEpoch(number int64) memoryEpoch { return epochOf(number, rand.Text()[:10]) }

func epochOf(number int64, text string) memoryEpoch {
	return memoryEpoch{strconv.FormatInt(number, 10) + "-" + text, number}
}

// memoryDue is a heap of topics by the time at which something in them expires.
type memoryDue []*memoryTopic

func (d memoryDue) Len() int           { return len(d) }
func (d memoryDue) Less(i, j int) bool { return d[i].due.Before(d[j].due) }

func (d memoryDue) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

// Push adds a topic.
func (d *memoryDue) Push(x any) {
	t, _ := x.(*memoryTopic)
	t.index = len(*d)
	*d = append(*d, t)
}

// Pop removes the last topic.
func (d *memoryDue) Pop() any {
	old := *d
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	return t
}
