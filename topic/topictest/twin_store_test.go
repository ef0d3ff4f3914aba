package topictest

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gatesock/gatesock/topic"
)

// twinStore is what a table has for the twin: the items of package dynamo's log, with conditional
// writes and transactions. Every method is one request.
type twinStore struct {
	mu      sync.Mutex
	heads   map[string]twinHead
	entries map[twinEpoch]map[int64]twinItem
	keys    map[twinKey]twinItem
}

type twinHead struct {
	epoch string
	prev  *topic.Position
}

type twinEpoch struct{ topic, epoch string }

type twinKey struct {
	twinEpoch

	key string
}

// twinItem is an entry, or the seal that ends an epoch.
type twinItem struct {
	record topic.Record
	nonce  string
	key    string
	seal   bool
	until  time.Time // until when it is history
	exp    time.Time // from when it may be deleted
}

func newTwinStore() *twinStore {
	return &twinStore{
		heads: make(map[string]twinHead), entries: make(map[twinEpoch]map[int64]twinItem), keys: make(map[twinKey]twinItem),
	}
}

func (s *twinStore) head(name string) (twinHead, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.heads[name]
	return h, ok
}

func (s *twinStore) items(e twinEpoch) map[int64]twinItem {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.entries[e])
}

func (s *twinStore) item(e twinEpoch, offset int64) (twinItem, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.entries[e][offset]
	return i, ok
}

// last returns the entry with the highest offset that is there.
func (s *twinStore) last(e twinEpoch) (twinItem, bool) {
	items := s.items(e)
	if len(items) == 0 {
		return twinItem{}, false
	}
	return items[slices.Max(slices.Collect(maps.Keys(items)))], true
}

// put puts an item if there is none at its offset, and none with its key. It returns what is in the
// way.
func (s *twinStore) put(e twinEpoch, i twinItem, overwrite bool) (old twinItem, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.key != "" {
		if old, ok := s.keys[twinKey{e, i.key}]; ok {
			return old, false
		}
	}
	if old, ok := s.entries[e][i.record.Offset]; ok && !overwrite {
		return old, false
	}
	s.set(e, i)
	return twinItem{}, true
}

func (s *twinStore) putKey(e twinEpoch, i twinItem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[twinKey{e, i.key}] = i
}

func (s *twinStore) key(e twinEpoch, key string) (twinItem, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.keys[twinKey{e, key}]
	return i, ok
}

func (s *twinStore) set(e twinEpoch, i twinItem) {
	if s.entries[e] == nil {
		s.entries[e] = make(map[int64]twinItem)
	}
	s.entries[e][i.record.Offset] = i
	if i.key != "" {
		s.keys[twinKey{e, i.key}] = i
	}
}

// roll is the transaction that begins an epoch with an item: the head is still the old one, and
// nothing is where the seal goes.
func (s *twinStore) roll(name, from string, seal, first twinItem) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := twinEpoch{name, from}
	if s.heads[name].epoch != from {
		return false
	}
	if _, ok := s.entries[old][seal.record.Offset]; ok && seal.seal {
		return false
	}
	if seal.seal {
		s.set(old, seal)
	}
	s.heads[name] = twinHead{first.record.Epoch, first.record.Prev}
	s.set(twinEpoch{name, first.record.Epoch}, first)
	return true
}

// rollEmpty begins an epoch without an entry.
func (s *twinStore) rollEmpty(e twinEpoch, from string, seal twinItem, prev *topic.Position) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := twinEpoch{e.topic, from}
	if _, ok := s.entries[old][seal.record.Offset]; s.heads[e.topic].epoch != from || ok && seal.seal {
		return false
	}
	if seal.seal {
		s.set(old, seal)
	}
	s.heads[e.topic] = twinHead{e.epoch, prev}
	return true
}

// delete is the hook: it deletes what has expired.
func (s *twinStore) delete(name string, p topic.Position, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := twinEpoch{name, p.Epoch}
	if i, ok := s.entries[e][p.Offset]; ok && !now.Before(i.exp) {
		delete(s.entries[e], p.Offset)
		delete(s.keys, twinKey{e, i.key})
	}
}

// twinLink is the connection of a process to the store.
type twinLink struct {
	mu        sync.Mutex
	n, loses  int
	meanwhile func()
	lost      bool
	slow      bool // a request takes some milliseconds each way
	waits     int
}

var errLost = errors.New("the connection broke")

// do makes a request.
func (l *twinLink) do(request func()) error {
	l.wait()
	request()
	l.wait()
	l.mu.Lock()
	l.n++
	loses := l.n == l.loses
	l.mu.Unlock()
	if !loses {
		return nil
	}
	l.lost = true
	if l.meanwhile != nil {
		l.meanwhile()
	}
	return errLost
}

func (l *twinLink) wait() {
	if l.slow {
		l.mu.Lock()
		l.waits++
		d := time.Duration(1+l.waits*l.waits%7) * time.Millisecond
		l.mu.Unlock()
		<-time.After(d) // virtual time
	}
}
