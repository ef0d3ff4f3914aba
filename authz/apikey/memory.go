package apikey

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/observing"
)

const maxMemoryKeys = 100_000

var errMemoryFull = errors.New("apikey: the store in memory is full")

// NewMemory returns a Store in memory, for tests and for single processes.
//
// It holds up to 100,000 keys. When it is full, Create fails: it evicts no key, as the stores in
// memory of package authz evict no valid entry. Expired keys stay too, since [Manager.Expire] can
// extend them; [Manager.Delete] makes room. No time matters to it, so it takes no clock.
func NewMemory() Store { return &memory{keys: make(map[string]Key)} }

type memory struct {
	mu   sync.Mutex
	keys map[string]Key
}

// Create adds a key.
func (m *memory) Create(ctx context.Context, k Key) error {
	done, err := observing.BeginCall(ctx, "apikey.Create")
	if err != nil {
		return err
	}
	defer done()
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.keys[k.ID]; ok {
		return ErrExists
	}
	if len(m.keys) >= maxMemoryKeys {
		return errMemoryFull
	}
	m.keys[k.ID] = k.clone()
	return nil
}

// Get returns a key.
func (m *memory) Get(ctx context.Context, id string) (Key, error) {
	done, err := observing.BeginCall(ctx, "apikey.Get")
	if err != nil {
		return Key{}, err
	}
	defer done()
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.keys[id]
	if !ok {
		return Key{}, ErrNotFound
	}
	return k.clone(), nil
}

// Update replaces a key.
func (m *memory) Update(ctx context.Context, k Key) error {
	done, err := observing.BeginCall(ctx, "apikey.Update")
	if err != nil {
		return err
	}
	defer done()
	m.mu.Lock()
	defer m.mu.Unlock()
	old, ok := m.keys[k.ID]
	switch {
	case !ok:
		return ErrNotFound
	case old.Version != k.Version-1:
		return ErrChanged
	}
	k.LastUsed = old.LastUsed
	m.keys[k.ID] = k.clone()
	return nil
}

// TouchLastUsed sets when a key was last used.
func (m *memory) TouchLastUsed(ctx context.Context, id string, at, since time.Time) error {
	done, err := observing.BeginCall(ctx, "apikey.TouchLastUsed")
	if err != nil {
		return err
	}
	defer done()
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.keys[id]
	if !ok {
		return ErrNotFound
	}
	if !k.LastUsed.After(since) {
		k.LastUsed = at
		m.keys[id] = k
	}
	return nil
}

// Delete removes a key.
func (m *memory) Delete(ctx context.Context, id string) error {
	done, err := observing.BeginCall(ctx, "apikey.Delete")
	if err != nil {
		return err
	}
	defer done()
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.keys[id]; !ok {
		return ErrNotFound
	}
	delete(m.keys, id)
	return nil
}

// List returns keys in the order of their ids. The cursor is the last id.
func (m *memory) List(ctx context.Context, cursor string, limit int) (keys []Key, next string, err error) {
	done, err := observing.BeginCall(ctx, "apikey.List")
	if err != nil {
		return nil, "", err
	}
	defer done()
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, k := range m.keys {
		if id > cursor {
			keys = append(keys, k.clone())
		}
	}
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.ID, b.ID) })
	if limit = cmp.Or(max(limit, 0), 100); len(keys) > limit {
		keys = keys[:limit]
		next = keys[limit-1].ID
	}
	return keys, next, nil
}
