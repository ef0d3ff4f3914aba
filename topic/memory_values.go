package topic

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/observing"
)

// The bounds of a page of values in memory.
const (
	memoryValuesPage  = 1000
	memoryValuesBytes = 1 << 20
)

// memoryValues is the part of [Memory] that implements [Values]. The zero value is empty.
type memoryValues struct {
	mu     sync.Mutex
	topics map[string]*memoryState
	ring   []*memoryState // all topics
	next   int            // the one in the ring that the next call looks at
	nonce  int64
}

// memoryState is one state topic. It is never forgotten, since its counter must not fall.
type memoryState struct {
	values  map[string]memoryValue
	sorted  []string // the keys of values; nil if it has to be made
	counter int64
	filters map[string]KeptFilter
	turns   map[memoryTurn]turnTaken
	sweepAt time.Time
}

type memoryValue struct {
	Value

	expires time.Time // of a mark
}

type memoryTurn struct{ filter, key string }

// turnTaken is the last turn: when, by which name, whether a caller waits for the next, and when
// the turn can be forgotten.
type turnTaken struct {
	at      time.Time
	name    string
	waiting bool
	expires time.Time
}

// minTurnTime is for how long a turn is remembered at least, so that one that waits finds it.
const minTurnTime = time.Hour

// with calls f with the state of a topic, which it makes if there is none.
func (m *memoryValues) with(topic string, now time.Time, f func(*memoryState)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.topics[topic]
	if s == nil {
		s = &memoryState{
			values: make(map[string]memoryValue), filters: make(map[string]KeptFilter),
			turns: make(map[memoryTurn]turnTaken), sweepAt: now.Add(sweepTime),
		}
		if m.topics == nil {
			m.topics = make(map[string]*memoryState)
		}
		m.topics[strings.Clone(topic)] = s
		m.ring = append(m.ring, s)
	}
	m.sweep(now)
	f(s)
}

// find calls f with the state of a topic, if there is one: what clients only ask about is not kept.
func (m *memoryValues) find(topic string, now time.Time, f func(*memoryState)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.topics[topic]; s != nil {
		m.sweep(now)
		f(s)
	}
}

// sweepTime is the time between two sweeps of a topic.
const sweepTime = time.Hour

// sweep looks at one topic, whichever is next, so that calls bring no long pauses.
func (m *memoryValues) sweep(now time.Time) {
	m.next = (m.next + 1) % len(m.ring)
	m.ring[m.next].sweep(now)
}

// sweep forgets what has expired, once in an hour.
func (s *memoryState) sweep(now time.Time) {
	if now.Before(s.sweepAt) {
		return
	}
	s.sweepAt, s.sorted = now.Add(sweepTime), nil
	maps.DeleteFunc(s.values, func(_ string, v memoryValue) bool { return v.expired(now) })
	maps.DeleteFunc(s.filters, func(_ string, f KeptFilter) bool { return filterExpired(f, now) })
	maps.DeleteFunc(s.turns, func(_ memoryTurn, t turnTaken) bool { return now.After(t.expires) })
}

func (v memoryValue) expired(now time.Time) bool { return v.Deleted() && !now.Before(v.expires) }

func filterExpired(f KeptFilter, now time.Time) bool { return !now.Before(f.Kept.Add(FilterTime)) }

func checkValue(ctx context.Context, topic, key string) error {
	if err := checkTopic(ctx, topic); err != nil {
		return err
	}
	return ValidateKey(key)
}

func checkTopic(ctx context.Context, topic string) error {
	if err := refuse(ctx); err != nil {
		return err
	}
	return ValidateName("the topic", topic)
}

// StoreValue stores a value; see [Values].
func (m *Memory) StoreValue(
	ctx context.Context, topic, key string, data json.RawMessage,
) (stored Stored, err error) {
	done, err := observing.BeginCall(ctx, "topic.StoreValue")
	if err != nil {
		return Stored{}, err
	}
	defer done()
	if err := checkValue(ctx, topic, key); err != nil {
		return Stored{}, err
	}
	now := m.now()
	m.values.with(topic, now, func(s *memoryState) { stored = s.store(key, data, now) })
	return stored, nil
}

// ReplaceValue stores a value in place of a version; see [Values].
func (m *Memory) ReplaceValue(
	ctx context.Context, topic, key string, version int64, data json.RawMessage,
) (stored Stored, err error) {
	done, err := observing.BeginCall(ctx, "topic.ReplaceValue")
	if err != nil {
		return Stored{}, err
	}
	defer done()
	if err := checkValue(ctx, topic, key); err != nil {
		return Stored{}, err
	}
	now := m.now()
	replace := func(s *memoryState) {
		there := s.values[key]
		if there.expired(now) {
			there.Version = 0
		}
		if there.Version == version {
			stored, err = s.store(key, data, now), nil
		}
	}
	if err = ErrChanged; version == 0 {
		m.values.with(topic, now, replace)
	} else {
		m.values.find(topic, now, replace)
	}
	return stored, err
}

func (s *memoryState) store(key string, data json.RawMessage, now time.Time) Stored {
	old, ok := s.values[key]
	if !ok {
		old.Version, s.sorted = now.UnixMicro(), nil
		key = strings.Clone(key)
	}
	v := Value{Key: key, Version: old.Version + 1, Data: bytes.Clone(data), Time: now}
	s.values[key] = memoryValue{Value: v, expires: now.Add(MarkTime)}
	return Stored{Version: v.Version, Before: bytes.Clone(old.Data)}
}

// RaiseCounter adds to the counter of a state topic; see [Values].
func (m *Memory) RaiseCounter(ctx context.Context, topic string) (n int64, err error) {
	done, err := observing.BeginCall(ctx, "topic.RaiseCounter")
	if err != nil {
		return 0, err
	}
	defer done()
	if err := checkTopic(ctx, topic); err != nil {
		return 0, err
	}
	m.values.with(topic, m.now(), func(s *memoryState) {
		s.counter++
		n = s.counter
	})
	return n, nil
}

// Counters returns the counters of state topics; see [Values].
func (m *Memory) Counters(ctx context.Context, topics []string) ([]int64, error) {
	done, err := observing.BeginCall(ctx, "topic.Counters")
	if err != nil {
		return nil, err
	}
	defer done()
	counters := make([]int64, len(topics))
	for i, topic := range topics {
		if err := checkTopic(ctx, topic); err != nil {
			return nil, err
		}
		counters[i] = m.values.counter(topic)
	}
	return counters, nil
}

func (m *memoryValues) counter(topic string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.topics[topic]; s != nil {
		return s.counter
	}
	return 0
}

// GetValue returns a value of a state topic; see [Values].
func (m *Memory) GetValue(ctx context.Context, topic, key string) (v Value, err error) {
	done, err := observing.BeginCall(ctx, "topic.GetValue")
	if err != nil {
		return Value{}, err
	}
	defer done()
	if err := checkValue(ctx, topic, key); err != nil {
		return Value{}, err
	}
	now := m.now()
	m.values.find(topic, now, func(s *memoryState) {
		if there, ok := s.values[key]; ok && !there.expired(now) {
			v = there.clone()
		}
	})
	return v, nil
}

func (v memoryValue) clone() Value {
	own := v.Value
	own.Data = bytes.Clone(own.Data)
	return own
}

// ReadValues returns a page of a state topic; see [Values]. A page has at most 1,000 values, and 1
// MiB unless a value has more.
func (m *Memory) ReadValues(ctx context.Context, q ValuesQuery) (page ValuesPage, err error) {
	done, err := observing.BeginCall(ctx, "topic.ReadValues")
	if err != nil {
		return ValuesPage{}, err
	}
	defer done()
	if err := refuse(ctx); err != nil {
		return ValuesPage{}, err
	}
	if err := q.Validate(); err != nil {
		return ValuesPage{}, err
	}
	now := m.now()
	m.values.find(q.Topic, now, func(s *memoryState) { page = s.page(q, now) })
	return page, nil
}

func (s *memoryState) page(q ValuesQuery, now time.Time) (page ValuesPage) {
	limit := boundedBy(q.Limit, memoryValuesPage)
	room := boundedBy(q.Bytes, memoryValuesBytes)
	if s.sorted == nil {
		s.sorted = slices.Sorted(maps.Keys(s.values))
	}
	first, found := slices.BinarySearch(s.sorted, q.After)
	if found {
		first++
	}
	for _, key := range s.sorted[first:] {
		v := s.values[key]
		if v.expired(now) {
			continue
		}
		room -= len(key) + len(v.Data)
		if len(page.Values) == limit || len(page.Values) > 0 && room < 0 {
			page.More = true
			break
		}
		page.Values = append(page.Values, v.clone())
	}
	return page
}

// boundedBy returns n, or the bound if n is 0 or larger.
func boundedBy(n, bound int) int {
	if n == 0 {
		return bound
	}
	return min(n, bound)
}

// KeepFilter keeps a filter of a state topic; see [Values].
func (m *Memory) KeepFilter(ctx context.Context, topic string, f KeptFilter) error {
	done, err := observing.BeginCall(ctx, "topic.KeepFilter")
	if err != nil {
		return err
	}
	defer done()
	if err := checkTopic(ctx, topic); err != nil {
		return err
	}
	if err := f.Validate(); err != nil {
		return err
	}
	f.Kept = f.Kept.UTC().Truncate(time.Millisecond)
	m.values.with(topic, m.now(), func(s *memoryState) { s.filters[f.ID] = f })
	return nil
}

// DropFilter removes a filter of a state topic; see [Values].
func (m *Memory) DropFilter(ctx context.Context, topic string, f KeptFilter) error {
	done, err := observing.BeginCall(ctx, "topic.DropFilter")
	if err != nil {
		return err
	}
	defer done()
	if err := checkTopic(ctx, topic); err != nil {
		return err
	}
	m.values.find(topic, m.now(), func(s *memoryState) {
		if there, ok := s.filters[f.ID]; ok && there.Nonce == f.Nonce {
			delete(s.filters, f.ID)
		}
	})
	return nil
}

// ReadFilters returns the filters of a state topic; see [Values].
func (m *Memory) ReadFilters(ctx context.Context, topic string) (filters []KeptFilter, err error) {
	done, err := observing.BeginCall(ctx, "topic.ReadFilters")
	if err != nil {
		return nil, err
	}
	defer done()
	if err := checkTopic(ctx, topic); err != nil {
		return nil, err
	}
	now := m.now()
	m.values.find(topic, now, func(s *memoryState) {
		filters = slices.Grow(filters, len(s.filters))
		for _, f := range s.filters {
			if !filterExpired(f, now) {
				filters = append(filters, f)
			}
		}
	})
	slices.SortFunc(filters, func(a, b KeptFilter) int { return cmp.Compare(a.ID, b.ID) })
	return filters, nil
}

// TakeTurn asks for a turn to push a value of a state topic; see [Values].
func (m *Memory) TakeTurn(ctx context.Context, t Turn) (taken Taken, err error) {
	done, err := observing.BeginCall(ctx, "topic.TakeTurn")
	if err != nil {
		return Taken{}, err
	}
	defer done()
	if err := checkValue(ctx, t.Topic, t.Key); err != nil {
		return Taken{}, err
	}
	if err := t.Validate(); err != nil {
		return Taken{}, err
	}
	now := m.now()
	m.values.with(t.Topic, now, func(s *memoryState) {
		m.values.nonce++
		taken = s.take(t, now, strconv.FormatInt(m.values.nonce, 10))
	})
	return taken, nil
}

func (s *memoryState) take(t Turn, now time.Time, name string) Taken {
	id := memoryTurn{t.Filter, t.Key}
	last, ok := s.turns[id]
	over := !ok || !now.Before(last.at.Add(t.Every))
	if t.Ticket != "" {
		over = !ok || last.name == t.Ticket
	}
	switch {
	case over:
		s.turns[id] = turnTaken{at: now, name: name, expires: now.Add(t.Every + minTurnTime)}
		return Taken{Mine: true}
	case t.Ticket != "" || last.waiting:
		return Taken{}
	}
	wait := min(last.at.Add(t.Every).Sub(now), t.Every)
	if wait > t.Patience {
		return Taken{}
	}
	last.waiting = true
	s.turns[id] = last
	return Taken{Wait: wait, Ticket: last.name}
}
