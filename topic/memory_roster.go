package topic

import (
	"context"
	"strings"
	"sync"
	"time"
)

// MemoryRoster is a [Roster] in the memory of this process, for tests, for development and for
// services that are one process. Do not use it in Lambda, where each instance would have its own.
//
// Rows that have expired use memory until later calls for the same topic remove them.
type MemoryRoster struct {
	now func() time.Time

	mu     sync.Mutex
	topics map[string]*memoryPresence
}

// NewMemoryRoster returns an empty [MemoryRoster]. It takes the time from now; nil means [time.Now].
func NewMemoryRoster(now func() time.Time) *MemoryRoster {
	if now == nil {
		now = time.Now
	}
	return &MemoryRoster{now: now, topics: make(map[string]*memoryPresence)}
}

// memoryPresence is one topic.
type memoryPresence struct {
	rows    map[string]Row
	pruneAt int   // how many rows make Enter look for expired ones
	turn    *Turn // nil before the first
}

// Enter implements [Roster].
func (m *MemoryRoster) Enter(ctx context.Context, topic string, r Row) (int64, error) {
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

// Get implements [Roster].
func (m *MemoryRoster) Get(ctx context.Context, topic, id string) (Row, error) {
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

// Extend implements [Roster].
func (m *MemoryRoster) Extend(ctx context.Context, topic, id string, until time.Time) error {
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

// Leave implements [Roster].
func (m *MemoryRoster) Leave(ctx context.Context, topic, id string, version int64) error {
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

// Rows implements [Roster].
func (m *MemoryRoster) Rows(ctx context.Context, topic string, limit int) ([]Row, error) {
	if err := checkTopic(ctx, topic); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.topics[topic]
	if !ok {
		return nil, nil
	}
	now := m.now()
	var rows []Row
	for _, r := range p.rows {
		if len(rows) == limit && limit > 0 {
			break
		}
		if now.Before(r.ExpiresAt) {
			rows = append(rows, r.Normalize(r.Version))
		}
	}
	return rows, nil
}

// Count implements [Roster].
func (m *MemoryRoster) Count(ctx context.Context, topic string) (int, error) {
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

func checkTopic(ctx context.Context, topic string) error {
	if err := refuse(ctx); err != nil {
		return err
	}
	return ValidateName("the topic", topic)
}

func checkRow(ctx context.Context, topic, id string) error {
	if err := checkTopic(ctx, topic); err != nil {
		return err
	}
	return ValidateName("the connection id", id)
}

// Callers of the methods below hold m.mu.

// open returns a topic, which it makes if there is none.
func (m *MemoryRoster) open(topic string) *memoryPresence {
	p, ok := m.topics[topic]
	if !ok {
		p = &memoryPresence{rows: make(map[string]Row)}
		m.topics[strings.Clone(topic)] = p
	}
	return p
}

// close removes a topic that has no rows and no turn.
func (m *MemoryRoster) close(topic string) {
	p, ok := m.topics[topic]
	if !ok {
		return
	}
	if p.turn != nil && m.now().Sub(p.turn.Until) > turnLife {
		p.turn = nil
	}
	if len(p.rows) == 0 && p.turn == nil {
		delete(m.topics, topic)
	}
}

func (m *MemoryRoster) find(topic, id string) (Row, bool) {
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
