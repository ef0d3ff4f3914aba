package apikey

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/gatesock/gatesock/authz"
)

var _ authz.Verifier = (*Manager)(nil)

// Verify returns the principal of a key's text: its owner, with the key's scopes, roles and
// attributes, its id as the attribute [authz.APIKeyAttribute], and its plan as the attribute
// "plan".
//
// A text that does not have the form of a key is an [authz.ErrNoCredential], or an
// [authz.ErrUnauthenticated] if it begins with this Manager's prefix. A key that is unknown, wrong,
// disabled or expired is an [authz.ErrUnauthenticated] whose text names the reason, for the log. To
// find that out takes the same work for an unknown key as for a wrong secret. An error of the store
// is an internal error.
func (m *Manager) Verify(ctx context.Context, key string) (authz.Principal, error) {
	t, err := parse(key)
	if err != nil {
		kind := authz.ErrNoCredential
		if strings.HasPrefix(key, m.prefix+"_") { // A key that was cut or mistyped: look for no other credential.
			kind = authz.ErrUnauthenticated
		}
		return authz.Principal{}, fmt.Errorf("%w: %w", kind, err)
	}
	known, err := m.look(ctx, t.id)
	if err != nil {
		return authz.Principal{}, fmt.Errorf("apikey: look up key %q: %w", t.id, err)
	}
	if err := known.key.check(t, m.prefix, m.now()); err != nil {
		return authz.Principal{}, fmt.Errorf("%w: key %q: %w", authz.ErrUnauthenticated, t.id, err)
	}
	m.note(ctx, known)
	return known.key.principal(), nil
}

// check returns why a key is refused, or nil. It compares secrets even if there is no key, so that
// the time reveals nothing. A key that was stored without a prefix has the prefix of new keys.
func (k *Key) check(t text, prefix string, now time.Time) error {
	current := matches(k.Hash, t)
	previous := matches(k.PreviousHash, t)
	switch {
	case k.ID == "":
		return errors.New("the key is unknown")
	case !current && !previous:
		return errors.New("the secret is wrong")
	case t.prefix != cmp.Or(k.Prefix, prefix): // reveals nothing about the secret
		return errors.New("the prefix is wrong")
	case !current && !now.Before(k.PreviousValidUntil):
		return errors.New("the secret was replaced")
	case k.Disabled:
		return errors.New("the key is disabled")
	case !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return errors.New("the key has expired")
	default:
		return nil
	}
}

// matches reports whether a hash is that of a secret, in a time that does not depend on where they
// differ.
func matches(hash string, t text) bool {
	want := make([]byte, sha256.Size)
	n, err := hex.Decode(want, []byte(cmp.Or(hash, unknownHash)))
	got := sha256.Sum256([]byte(t.secret))
	return subtle.ConstantTimeCompare(want, got[:]) == 1 && err == nil && n == sha256.Size && hash != ""
}

// unknownHash is compared if there is no key.
const unknownHash = "0000000000000000000000000000000000000000000000000000000000000000"

// planAttribute is the attribute of a principal that has the plan of its key. Package ratelimit
// reads it.
const planAttribute = "plan"

func (k *Key) principal() authz.Principal {
	attributes := make(map[string]string, len(k.Attributes)+2)
	maps.Copy(attributes, k.Attributes)
	attributes[authz.APIKeyAttribute] = k.ID
	if k.Plan != "" {
		attributes[planAttribute] = k.Plan
	}
	return authz.Principal{
		ID: k.Owner, Scopes: k.Scopes, Roles: k.Roles, Attributes: attributes,
		ExpiresAt: k.ExpiresAt, UsageKey: k.UsageKey,
	}
}

// look returns what is known about a key, from memory if that is not too old. It also remembers
// that there is no key, so that a client that makes up keys causes one read for each.
func (m *Manager) look(ctx context.Context, id string) (look, error) {
	now := m.now()
	known, ok, changes := m.cache.recall(id)
	age := now.Sub(known.at) // negative on a clock that was set back
	if ok && age >= 0 && age < m.cacheTTL {
		return known, nil
	}
	key, err := m.store.Get(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		key = Key{}
	case err != nil:
		return look{}, err
	}
	known = look{key: key, at: now, noted: known.noted}
	m.cache.learn(id, known, changes)
	return known, nil
}

// note writes that a key was used, once in an interval. It does not refuse the key if that fails.
func (m *Manager) note(ctx context.Context, known look) {
	now := m.now()
	since := now.Add(-m.interval)
	if m.interval == 0 || known.noted.After(since) || known.key.LastUsed.After(since) {
		return
	}
	if !m.cache.claimNote(known.key.ID, now, since) {
		return // Another call does it, or the key was evicted from memory just now.
	}
	if err := m.store.TouchLastUsed(ctx, known.key.ID, now, since); err != nil {
		cmp.Or(m.log, slog.Default()).WarnContext(ctx, "apikey: the use of a key could not be noted",
			"key", known.key.ID, "error", err)
	}
}
