package topic

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/observing"
)

// memoryRoster is the [Roster] of a Memory. Rows that have expired use memory until later calls,
// for any topic, remove them.
type memoryRoster struct {
	now func() time.Time

	mu     sync.Mutex
	topics map[string]*memoryPresence
	ring   []*memoryPresence // all topics
	next   int               // the one in the ring that the next call looks at
}

func newMemoryRoster(now func() time.Time) *memoryRoster {
	return &memoryRoster{now: now, topics: make(map[string]*memoryPresence)}
}

// memoryPresence is one topic.
type memoryPresence struct {
	name    string
	index   int // in the ring
	sweepAt time.Time
	rows    map[string]Row
	pruneAt int    // how many rows make Enter look for expired ones
	round   *Round // nil before the first
}

// EnterRow implements [Roster].
func (m *memoryRoster) EnterRow(ctx context.Context, topic string, r Row) (int64, error) {
	done, err := observing.BeginCall(ctx, "topic.EnterRow")
	if err != nil {
		return 0, err
	}
	defer done()
	if err := checkTopic(ctx, topic); err != nil {
		return 0, err
	}
	if err := r.Validate(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.open(topic)
	if len(p.rows) >= p.pruneAt {
		p.prune(m.now())
	}
	r.ID, r.User = strings.Clone(r.ID), strings.Clone(r.User)
	version := max(m.now().UnixMicro(), p.rows[r.ID].Version+1)
	p.rows[r.ID] = r.Normalize(version)
	return version, nil
}

// GetRow implements [Roster].
func (m *memoryRoster) GetRow(ctx context.Context, topic, id string) (Row, error) {
	done, err := observing.BeginCall(ctx, "topic.GetRow")
	if err != nil {
		return Row{}, err
	}
	defer done()
	if err := checkRow(ctx, topic, id); err != nil {
		return Row{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.find(topic, id)
	if !ok {
		return Row{}, ErrAbsent
	}
	return r.Normalize(r.Version), nil
}

// ExtendRow implements [Roster].
func (m *memoryRoster) ExtendRow(ctx context.Context, topic, id string, until time.Time) error {
	done, err := observing.BeginCall(ctx, "topic.ExtendRow")
	if err != nil {
		return err
	}
	defer done()
	if err := checkRow(ctx, topic, id); err != nil {
		return err
	}
	if err := validateExpiry(until); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.find(topic, id)
	if !ok {
		return ErrAbsent
	}
	r.ExpiresAt = until
	m.topics[topic].rows[id] = r.Normalize(r.Version)
	return nil
}

// RemoveRow implements [Roster].
func (m *memoryRoster) RemoveRow(ctx context.Context, topic, id string, version int64) error {
	done, err := observing.BeginCall(ctx, "topic.RemoveRow")
	if err != nil {
		return err
	}
	defer done()
	if err := checkRow(ctx, topic, id); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.find(topic, id)
	if !ok {
		return nil
	}
	if r.Version != version {
		return ErrChanged
	}
	delete(m.topics[topic].rows, id)
	m.close(topic)
	return nil
}

// ReadRows implements [Roster].
func (m *memoryRoster) ReadRows(ctx context.Context, topic string, limit int) ([]Row, error) {
	done, err := observing.BeginCall(ctx, "topic.ReadRows")
	if err != nil {
		return nil, err
	}
	defer done()
	if err := checkTopic(ctx, topic); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.topics[topic]
	if !ok {
		return nil, nil
	}
	if limit == 0 {
		limit = len(p.rows)
	}
	now := m.now()
	rows := make([]Row, 0, min(limit, len(p.rows)))
	for _, r := range p.rows {
		if len(rows) == limit {
			break
		}
		if now.Before(r.ExpiresAt) {
			rows = append(rows, r.Normalize(r.Version))
		}
	}
	return rows, nil
}

// CountRows implements [Roster].
func (m *memoryRoster) CountRows(ctx context.Context, topic string) (int, error) {
	done, err := observing.BeginCall(ctx, "topic.CountRows")
	if err != nil {
		return 0, err
	}
	defer done()
	if err := checkTopic(ctx, topic); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.topics[topic]
	if !ok {
		return 0, nil
	}
	p.prune(m.now())
	return len(p.rows), nil
}

func checkRow(ctx context.Context, topic, id string) error {
	if err := checkTopic(ctx, topic); err != nil {
		return err
	}
	return ValidateName("the connection id", id)
}

// Callers of the methods below hold m.mu.

// open returns a topic, which it makes if there is none. It looks at two others, so that there are
// never many that have expired.
func (m *memoryRoster) open(topic string) *memoryPresence {
	now := m.now()
	m.sweep(now)
	m.sweep(now)
	p, ok := m.topics[topic]
	if !ok {
		p = &memoryPresence{
			name: strings.Clone(topic), index: len(m.ring), sweepAt: now.Add(sweepTime), rows: make(map[string]Row),
		}
		m.topics[p.name] = p
		m.ring = append(m.ring, p)
	}
	return p
}

// sweep forgets what has expired in one topic, whichever is next, once in an hour.
func (m *memoryRoster) sweep(now time.Time) {
	if len(m.ring) == 0 {
		return
	}
	m.next = (m.next + 1) % len(m.ring)
	if p := m.ring[m.next]; !now.Before(p.sweepAt) {
		p.sweepAt = now.Add(sweepTime)
		p.prune(now)
		m.close(p.name)
	}
}

// close removes a topic that has no rows and no round.
func (m *memoryRoster) close(topic string) {
	p, ok := m.topics[topic]
	if !ok {
		return
	}
	if p.round != nil && m.now().Sub(p.round.Until) > roundLife {
		p.round = nil
	}
	if len(p.rows) == 0 && p.round == nil {
		delete(m.topics, topic)
		last := m.ring[len(m.ring)-1]
		m.ring[p.index], last.index = last, p.index
		m.ring[len(m.ring)-1] = nil
		m.ring = m.ring[:len(m.ring)-1]
	}
}

func (m *memoryRoster) find(topic, id string) (Row, bool) {
	p, ok := m.topics[topic]
	if !ok {
		return Row{}, false
	}
	r, ok := p.rows[id]
	return r, ok && m.now().Before(r.ExpiresAt)
}

func (p *memoryPresence) prune(now time.Time) {
	for id, r := range p.rows {
		if !now.Before(r.ExpiresAt) {
			delete(p.rows, id)
		}
	}
	const few = 64
	p.pruneAt = max(few, 2*len(p.rows))
}
