package conn

import (
	"container/heap"
	"context"
	"time"
)

// GetMany returns the records of several connections, all as they are at one moment; see [Store].
func (m *Memory) GetMany(ctx context.Context, ids []string) ([]Conn, error) {
	if err := refuse(ctx); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := ValidateName("connection id", id); err != nil {
			return nil, err
		}
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var found []Conn
	asked := make(map[string]bool, len(ids))
	for _, id := range ids {
		if r, err := m.find(id); err == nil && !asked[id] {
			found = append(found, r.snapshot())
		}
		asked[id] = true
	}
	return found, nil
}

// SetAttributes changes attributes of a connection; see [Store].
func (m *Memory) SetAttributes(ctx context.Context, id string, set map[string]string, remove ...string) (Conn, error) {
	if err := refuse(ctx); err != nil {
		return Conn{}, err
	}
	if err := ValidateName("connection id", id); err != nil {
		return Conn{}, err
	}
	if err := ValidateAttributes(set, remove); err != nil {
		return Conn{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	if err != nil {
		return Conn{}, err
	}
	r.setAttributes(set, remove)
	return r.snapshot(), nil
}

// Extend puts off the expiry of a connection; see [Store].
func (m *Memory) Extend(ctx context.Context, id string, until time.Time) (Conn, error) {
	if err := refuse(ctx); err != nil {
		return Conn{}, err
	}
	if err := ValidateName("connection id", id); err != nil {
		return Conn{}, err
	}
	if err := ValidateExpiry(until); err != nil {
		return Conn{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	if err != nil {
		return Conn{}, err
	}
	if until = until.UTC().Truncate(time.Second); until.After(r.conn.ExpiresAt) {
		r.conn.ExpiresAt = until
		heap.Fix(&m.expiries, r.place)
	}
	return r.snapshot(), nil
}
