package apikey

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

var (
	// ErrNotFound says that a [Store] has no key of that id.
	ErrNotFound = errors.New("apikey: no such key")
	// ErrExists says that a [Store] has a key of that id.
	ErrExists = errors.New("apikey: a key of this id exists")
	// ErrChanged says that a key was changed by another call since it was read.
	ErrChanged = errors.New("apikey: the key was changed meanwhile")
)

// Key is an API key without its secret, of which it has only a hash. The UsageKey, a secret of the gateway's, is in it
// in plain text.
type Key struct {
	// ID is the part of the key that says which it is.
	ID string
	// Prefix is what the key begins with: with another one it is refused.
	Prefix string
	// Name is for people.
	Name string
	// Owner is the id of the [authz.Principal].
	Owner string
	// Plan is an attribute of the principal of that name, if it is not empty.
	Plan string
	// Scopes, Roles and Attributes are those of the principal. No attribute is called "key" or "plan".
	Scopes, Roles []string
	Attributes    map[string]string
	// UsageKey is the gateway's API key, for its usage plans; see [authz.Principal]. It is stored in plain text, since
	// the gateway needs it with each connection: whoever can read the store can use it.
	UsageKey string
	// CreatedAt is when it was made, ExpiresAt when it ends; zero is never.
	CreatedAt, ExpiresAt time.Time
	// Inactive keys are refused.
	Disabled bool
	// LastUsed is about when it was last used; see [WithLastUsed].
	LastUsed time.Time

	// Hash is that of the secret. Old is that of the secret before, which is good until PreviousValidUntil.
	Hash               string
	PreviousHash       string
	PreviousValidUntil time.Time
	// Version counts the changes of a key, but for LastUsed.
	Version int
}

// Store keeps keys. It is safe for concurrent use; values that it gives belong to the caller. Writes are seen by
// later reads.
type Store interface {
	// Create adds a key, or fails with [ErrExists].
	Create(ctx context.Context, k Key) error
	// Get gives a key, or [ErrNotFound].
	Get(ctx context.Context, id string) (Key, error)
	// Update replaces a key whose Version is one less than that of k, but for its LastUsed, which stays. It fails with
	// [ErrNotFound], or with [ErrChanged] if the version is another.
	Update(ctx context.Context, k Key) error
	// Used sets LastUsed, unless the key has one that is later than since. It fails with [ErrNotFound]; it is no error if
	// there was nothing to do.
	TouchLastUsed(ctx context.Context, id string, at, since time.Time) error
	// Delete removes a key, or fails with [ErrNotFound].
	Delete(ctx context.Context, id string) error
	// List gives up to limit keys, and a cursor for those after them, which is empty at the end. A page may have fewer, also
	// none, and still a cursor. Keys that are made or removed meanwhile may be missed; others are given once.
	List(ctx context.Context, cursor string, limit int) (keys []Key, next string, err error)
}

// MaxMemoryKeys is how many keys a [Memory] holds.
const MaxMemoryKeys = 100_000

// ErrFull says that a [Memory] has [MaxMemoryKeys] keys.
var ErrFull = errors.New("apikey: too many keys in memory")

// Memory is a [Store] in memory, for tests and single processes. The zero value is ready to use.
type Memory struct {
	mu   sync.Mutex
	keys map[string]Key
}

var _ Store = (*Memory)(nil)

func (k Key) clone() Key {
	k.Scopes, k.Roles, k.Attributes = slices.Clone(k.Scopes), slices.Clone(k.Roles), maps.Clone(k.Attributes)
	return k
}

// Create adds a key.
func (m *Memory) Create(_ context.Context, k Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.keys[k.ID]; ok {
		return ErrExists
	}
	if len(m.keys) >= MaxMemoryKeys {
		return ErrFull
	}
	if m.keys == nil {
		m.keys = make(map[string]Key)
	}
	m.keys[k.ID] = k.clone()
	return nil
}

// Get gives a key.
func (m *Memory) Get(_ context.Context, id string) (Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.keys[id]
	if !ok {
		return Key{}, ErrNotFound
	}
	return k.clone(), nil
}

// Update replaces a key.
func (m *Memory) Update(_ context.Context, k Key) error {
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

// Used sets when a key was last used.
func (m *Memory) TouchLastUsed(_ context.Context, id string, at, since time.Time) error {
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
func (m *Memory) Delete(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.keys[id]; !ok {
		return ErrNotFound
	}
	delete(m.keys, id)
	return nil
}

// List gives keys by their ids.
func (m *Memory) List(_ context.Context, cursor string, limit int) (keys []Key, next string, err error) {
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
