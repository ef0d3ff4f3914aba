package apikey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock/authz"
)

// Manager creates, changes and verifies keys. It is an [authz.Verifier], and safe for concurrent
// use. See [New].
//
// Changes take effect at once where the Manager that makes them verifies. Other processes use what
// they have read for the time of [WithCacheTTL]. Connections that are open stay open until they end
// or you close them.
//
// A change fails with [ErrNotFound] if there is no such key. If other calls change the same key at
// the same time, it is tried five times, and then fails with [ErrChanged]. Times are kept in whole
// milliseconds.
type Manager struct {
	store    Store
	prefix   string
	cacheTTL time.Duration
	interval time.Duration
	clock    func() time.Time
	log      *slog.Logger
	cache    *cache
}

// New returns a Manager of the keys in a store. It panics if store is nil.
func New(store Store, opts ...Option) *Manager {
	if store == nil {
		panic("apikey: New: store must not be nil")
	}
	m := &Manager{
		store: store, prefix: DefaultPrefix, cacheTTL: defaultCacheTTL, interval: defaultLastUsed, clock: time.Now,
		cache: newCache(),
	}
	for _, o := range opts {
		if o == nil {
			panic("apikey: New: an option is nil")
		}
		o.apply(m)
	}
	return m
}

// now returns the time in UTC and whole milliseconds, as stores keep it.
func (m *Manager) now() time.Time { return m.clock().UTC().Truncate(time.Millisecond) }

// Create makes a key and returns it with its secret, the text that its owner sends. The secret
// can't be retrieved later. Of the given key it uses the name, owner, plan, scopes, roles,
// attributes, usage key and expiry.
//
// It fails without an owner, if the expiry has passed, if no connection could have the principal
// ([authz.Principal.Validate]), and if an attribute is called "key" or "plan": those are the key's
// ID and its Plan.
func (m *Manager) Create(ctx context.Context, given Key) (key Key, secret string, err error) {
	now := m.now()
	switch {
	case given.Owner == "":
		return Key{}, "", errors.New("apikey: create: the key has no owner")
	case !given.ExpiresAt.IsZero() && !given.ExpiresAt.After(now):
		return Key{}, "", fmt.Errorf("apikey: create: the expiry %s has passed", given.ExpiresAt.Format(time.RFC3339))
	}
	t := newText(m.prefix)
	key = given.clone()
	if err := key.usable(t.id); err != nil {
		return Key{}, "", fmt.Errorf("apikey: create: %w", err)
	}
	key.ID, key.Prefix, key.CreatedAt, key.Hash, key.Version = t.id, t.prefix, now, t.hash(), 1
	key.ExpiresAt = given.ExpiresAt.Truncate(time.Millisecond)
	key.LastUsed, key.PreviousHash, key.PreviousValidUntil, key.Disabled = time.Time{}, "", time.Time{}, false
	if err := m.store.Create(ctx, key); err != nil {
		return Key{}, "", fmt.Errorf("apikey: create: %w", err)
	}
	return key, t.String(), nil
}

// usable returns why a key with an id could never connect.
func (k *Key) usable(id string) error {
	for _, name := range []string{authz.APIKeyAttribute, planAttribute} {
		if _, ok := k.Attributes[name]; ok {
			return fmt.Errorf("the attribute %q is reserved for the key's own id or plan", name)
		}
	}
	switch {
	case !utf8.ValidString(k.Name):
		return fmt.Errorf("the name %.60q is not UTF-8", k.Name)
	case !utf8.ValidString(k.UsageKey):
		return errors.New("the usage key is not UTF-8")
	}
	named := *k
	named.ID = id
	return named.principal().Validate()
}

// Rotate replaces the secret of a key and returns the new one, which can't be retrieved later. The
// previous secret stays valid for the overlap; the one before that ends at once. An overlap of 0,
// for a secret that has leaked, ends all previous secrets. A negative overlap is an error.
func (m *Manager) Rotate(ctx context.Context, id string, overlap time.Duration) (key Key, secret string, err error) {
	if overlap < 0 {
		return Key{}, "", errors.New("apikey: rotate: the overlap is negative")
	}
	var t text
	key, err = m.change(ctx, "rotate", id, func(key *Key) {
		t = newText(cmp.Or(key.Prefix, m.prefix))
		t.id = key.ID
		// Without an overlap the time is zero, which is over for every clock, also for a slow one.
		key.PreviousHash, key.PreviousValidUntil = key.Hash, time.Time{}
		if overlap > 0 {
			key.PreviousValidUntil = m.now().Add(overlap)
		}
		key.Hash = t.hash()
	})
	if err != nil {
		return Key{}, "", err
	}
	return key, t.String(), nil
}

// Disable makes a key refused until [Manager.Enable].
func (m *Manager) Disable(ctx context.Context, id string) (Key, error) {
	return m.change(ctx, "disable", id, func(key *Key) { key.Disabled = true })
}

// Enable undoes [Manager.Disable].
func (m *Manager) Enable(ctx context.Context, id string) (Key, error) {
	return m.change(ctx, "enable", id, func(key *Key) { key.Disabled = false })
}

// Expire sets when a key expires; the zero time means never, and a time in the past ends the key.
func (m *Manager) Expire(ctx context.Context, id string, at time.Time) (Key, error) {
	return m.change(ctx, "expire", id, func(key *Key) { key.ExpiresAt = at.UTC().Truncate(time.Millisecond) })
}

// Delete removes a key.
func (m *Manager) Delete(ctx context.Context, id string) error {
	defer m.cache.forget(id)
	if err := m.store.Delete(ctx, id); err != nil {
		return fmt.Errorf("apikey: delete %q: %w", id, err)
	}
	return nil
}

// Get returns a key, or [ErrNotFound].
func (m *Manager) Get(ctx context.Context, id string) (Key, error) {
	key, err := m.store.Get(ctx, id)
	if err != nil {
		return Key{}, fmt.Errorf("apikey: get %q: %w", id, err)
	}
	return key, nil
}

// List returns up to limit keys, or 100 if limit is 0 or less, and a cursor for the keys after
// them. The first call has an empty cursor; an empty one is returned at the end. A page may have
// fewer keys, or none, and a cursor.
func (m *Manager) List(ctx context.Context, cursor string, limit int) (keys []Key, next string, err error) {
	if keys, next, err = m.store.List(ctx, cursor, limit); err != nil {
		return nil, "", fmt.Errorf("apikey: list: %w", err)
	}
	return keys, next, nil
}

// tries is how often a change is tried while others change the same key.
const tries = 5

// change reads a key, changes it, and writes it unless another call has changed it meanwhile.
func (m *Manager) change(ctx context.Context, operation, id string, change func(*Key)) (Key, error) {
	defer m.cache.forget(id) // Also after an error: the answer to a change that was made may be lost.
	var err error
	for range tries {
		var key Key
		if key, err = m.store.Get(ctx, id); err != nil {
			break
		}
		change(&key)
		key.Version++
		if err = m.store.Update(ctx, key); err == nil {
			return key, nil
		}
		if !errors.Is(err, ErrChanged) {
			break
		}
	}
	return Key{}, fmt.Errorf("apikey: %s %q: %w", operation, id, err)
}
