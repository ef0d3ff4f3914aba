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

// Manager makes and changes keys. It is safe for concurrent use. See [New].
type Manager struct {
	store    Store
	prefix   string
	cacheFor time.Duration
	interval time.Duration
	clock    func() time.Time
	log      *slog.Logger
	cache    *cache // of all verifiers
}

// The defaults of [New].
const (
	// DefaultCacheTTL is how long a process goes by what it has read of a key.
	DefaultCacheTTL = 30 * time.Second
	// DefaultLastUsed is how often the use of a key is noted.
	DefaultLastUsed = 10 * time.Minute
)

// Option is an option of [New]. Options panic on values that make no sense.
type Option interface{ apply(*Manager) }

type option func(*Manager)

func (o option) apply(k *Manager) { o(k) }

// WithPrefix sets what new keys begin with; the default is [DefaultPrefix]. It has 1 to 16 lower-case letters and digits, with _
// within.
func WithPrefix(prefix string) Option {
	if err := ValidatePrefix(prefix); err != nil {
		panic(err.Error())
	}
	return option(func(k *Manager) { k.prefix = prefix })
}

// WithCacheTTL sets how long a process goes by what it has read of a key, or that there is none; the default is
// [DefaultCacheTTL]. For that long a key works on that was deactivated. 0 reads each time.
func WithCacheTTL(d time.Duration) Option {
	if d < 0 {
		panic("apikey: WithCacheFor with a negative time")
	}
	return option(func(k *Manager) { k.cacheFor = d })
}

// WithLastUsed sets how often the use of a key is noted at most; the default is [DefaultLastUsed]. 0 is never.
func WithLastUsed(interval time.Duration) Option {
	if interval < 0 {
		panic("apikey: WithLastUsed with a negative time")
	}
	return option(func(k *Manager) { k.interval = interval })
}

// WithClock sets the time; the default is [time.Now].
func WithClock(now func() time.Time) Option {
	if now == nil {
		panic("apikey: WithClock with a nil clock")
	}
	return option(func(k *Manager) { k.clock = now })
}

// WithLogger sets where it is logged that the use of a key could not be noted; the default is [slog.Default] at that time.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		panic("apikey: WithLogger with a nil logger")
	}
	return option(func(k *Manager) { k.log = l })
}

// New returns Keys in a store. It panics if that is nil.
func New(store Store, opts ...Option) *Manager {
	if store == nil {
		panic("apikey: New with a nil Store")
	}
	k := &Manager{store: store, prefix: DefaultPrefix, cacheFor: DefaultCacheTTL, interval: DefaultLastUsed, clock: time.Now, cache: newCache()}
	for _, o := range opts {
		o.apply(k)
	}
	return k
}

// now is in UTC and whole milliseconds, as stores keep it.
func (k *Manager) now() time.Time { return k.clock().UTC().Truncate(time.Millisecond) }

// Create makes a key with the name, owner, plan, scopes, roles, attributes, usage key and expiry of the given one, and
// returns it with its secret, which cannot be had again. It fails without an owner, with an expiry that has passed, with
// a principal that could not connect ([authz.Principal.Validate]), and with attributes named "key" or "plan", which are
// those of the key's ID and of its Plan.
func (k *Manager) Create(ctx context.Context, given Key) (Key, string, error) {
	now := k.now()
	switch {
	case given.Owner == "":
		return Key{}, "", errors.New("apikey: create: the key has no owner")
	case !given.ExpiresAt.IsZero() && !given.ExpiresAt.After(now):
		return Key{}, "", fmt.Errorf("apikey: create: the expiry %s has passed", given.ExpiresAt.Format(time.RFC3339))
	}
	t := newText(k.prefix)
	key := given.clone()
	if err := key.usable(t.id); err != nil {
		return Key{}, "", fmt.Errorf("apikey: create: %w", err)
	}
	key.ID, key.Prefix, key.CreatedAt, key.Hash, key.Version = t.id, t.prefix, now, t.hash(), 1
	key.ExpiresAt = given.ExpiresAt.Truncate(time.Millisecond)
	key.LastUsed, key.PreviousHash, key.PreviousValidUntil, key.Disabled = time.Time{}, "", time.Time{}, false
	if err := k.store.Create(ctx, key); err != nil {
		return Key{}, "", fmt.Errorf("apikey: create: %w", err)
	}
	return key, t.String(), nil
}

// usable returns why a key with an id could never connect.
func (k *Key) usable(id string) error {
	for _, name := range []string{authz.APIKeyAttribute, planAttribute} {
		if _, ok := k.Attributes[name]; ok {
			return fmt.Errorf("the attribute %q is taken: it is the key's own id, or its plan", name)
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

// Rotate makes a new secret for a key and returns both; the secret cannot be had again. The previous secret is accepted
// for the overlap and then refused. An overlap of 0, for a secret that has leaked, ends all previous secrets: at once
// for verifiers of these Keys, and after [WithCacheTTL] for others that have read the key. Open connections stay open
// until they end or are closed.
func (k *Manager) Rotate(ctx context.Context, id string, overlap time.Duration) (Key, string, error) {
	if overlap < 0 {
		return Key{}, "", errors.New("apikey: rotate: the overlap is negative")
	}
	var t text
	key, err := k.change(ctx, "rotate", id, func(key *Key) {
		t = newText(cmp.Or(key.Prefix, k.prefix))
		t.id = key.ID
		key.PreviousHash, key.PreviousValidUntil = key.Hash, time.Time{} // over for every clock, also one that is slow
		if overlap > 0 {
			key.PreviousValidUntil = k.now().Add(overlap)
		}
		key.Hash = t.hash()
	})
	if err != nil {
		return Key{}, "", err
	}
	return key, t.String(), nil
}

// Deactivate marks a key as inactive. Verifiers of these Keys refuse it at once, others that have read it after
// [WithCacheTTL].
func (k *Manager) Deactivate(ctx context.Context, id string) (Key, error) {
	return k.change(ctx, "deactivate", id, func(key *Key) { key.Disabled = true })
}

// Activate undoes [Manager.Deactivate].
func (k *Manager) Activate(ctx context.Context, id string) (Key, error) {
	return k.change(ctx, "activate", id, func(key *Key) { key.Disabled = false })
}

// Expire sets when a key ends; the zero time is never.
func (k *Manager) Expire(ctx context.Context, id string, at time.Time) (Key, error) {
	return k.change(ctx, "expire", id, func(key *Key) { key.ExpiresAt = at.UTC().Truncate(time.Millisecond) })
}

// Delete removes a key.
func (k *Manager) Delete(ctx context.Context, id string) error {
	defer k.cache.forget(id)
	if err := k.store.Delete(ctx, id); err != nil {
		return fmt.Errorf("apikey: delete %q: %w", id, err)
	}
	return nil
}

// Get gives a key.
func (k *Manager) Get(ctx context.Context, id string) (Key, error) {
	key, err := k.store.Get(ctx, id)
	if err != nil {
		return Key{}, fmt.Errorf("apikey: get %q: %w", id, err)
	}
	return key, nil
}

// List gives up to limit keys, 100 if it is 0, and a cursor for those after them, which is empty at the end.
func (k *Manager) List(ctx context.Context, cursor string, limit int) (keys []Key, next string, err error) {
	if keys, next, err = k.store.List(ctx, cursor, limit); err != nil {
		return nil, "", fmt.Errorf("apikey: list: %w", err)
	}
	return keys, next, nil
}

// tries is how often a change is tried that another one has come before.
const tries = 5

// change reads a key, changes it, and writes it if nobody has meanwhile.
func (k *Manager) change(ctx context.Context, operation, id string, change func(*Key)) (Key, error) {
	defer k.cache.forget(id) // also where it fails: the answer of a change that was made may be lost
	var err error
	for range tries {
		var key Key
		if key, err = k.store.Get(ctx, id); err != nil {
			break
		}
		change(&key)
		key.Version++
		if err = k.store.Update(ctx, key); err == nil {
			return key, nil
		}
		if !errors.Is(err, ErrChanged) {
			break
		}
	}
	return Key{}, fmt.Errorf("apikey: %s %q: %w", operation, id, err)
}
