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

// Verifier verifies keys. It is an [authz.Verifier], safe for concurrent use. See [Manager.Verifier].
type Verifier struct{ keys *Manager }

var _ authz.Verifier = (*Verifier)(nil)

// Verifier returns a Verifier of the keys. All of the same Keys remember together what they have read.
func (k *Manager) Verifier() *Verifier { return &Verifier{keys: k} }

// Verify gives the principal of a key: its owner, with the scopes, roles and attributes of the key, its id as the attribute
// [authz.APIKeyAttribute], and its plan as the attribute "plan". What has not the form of a key is an [authz.ErrNoCredential], or an [authz.ErrUnauthenticated] if it begins
// as these keys do. A key that is unknown, wrong, inactive or has expired is an [authz.ErrUnauthenticated], which says so for the
// log; whichever it is takes the same work. What the store fails with is a fault.
func (v *Verifier) Verify(ctx context.Context, key string) (authz.Principal, error) {
	t, err := parse(key)
	if err != nil {
		kind := authz.ErrNoCredential
		if strings.HasPrefix(key, v.keys.prefix+"_") { // One that was cut or mistyped is no reason to look for another.
			kind = authz.ErrUnauthenticated
		}
		return authz.Principal{}, fmt.Errorf("%w: %w", kind, err)
	}
	known, err := v.look(ctx, t.id)
	if err != nil {
		return authz.Principal{}, fmt.Errorf("apikey: look up key %q: %w", t.id, err)
	}
	if err := known.key.check(t, v.keys.prefix, v.keys.now()); err != nil {
		return authz.Principal{}, fmt.Errorf("%w: key %q: %w", authz.ErrUnauthenticated, t.id, err)
	}
	v.note(ctx, known)
	return known.key.principal(), nil
}

// check returns why a key is not good. It compares secrets also where there is none, so that the time tells nothing. A key that was stored
// without a prefix has the one that new keys have.
func (k *Key) check(t text, prefix string, now time.Time) error {
	current := matches(k.Hash, t)
	old := matches(k.PreviousHash, t)
	switch {
	case k.ID == "":
		return errors.New("it is unknown")
	case !current && !old:
		return errors.New("its secret is wrong")
	case t.prefix != cmp.Or(k.Prefix, prefix): // which says nothing of the secret
		return errors.New("its prefix is another")
	case !current && !now.Before(k.PreviousValidUntil):
		return errors.New("its secret was replaced")
	case k.Disabled:
		return errors.New("it is inactive")
	case !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return errors.New("it has expired")
	default:
		return nil
	}
}

// matches compares a hash in a time that says nothing of where they differ.
func matches(hash string, t text) bool {
	want := make([]byte, sha256.Size)
	n, err := hex.Decode(want, []byte(cmp.Or(hash, unknownHash)))
	got := sha256.Sum256([]byte(t.secret))
	return subtle.ConstantTimeCompare(want, got[:]) == 1 && err == nil && n == sha256.Size && hash != ""
}

// unknownHash is compared where there is no key.
const unknownHash = "0000000000000000000000000000000000000000000000000000000000000000"

// planAttribute is the attribute of a principal that has the plan of its key; package ratelimit reads it.
const planAttribute = "plan"

func (k *Key) principal() authz.Principal {
	p := authz.Principal{
		ID: k.Owner, Scopes: k.Scopes, Roles: k.Roles, Attributes: k.Attributes, ExpiresAt: k.ExpiresAt, UsageKey: k.UsageKey,
	}
	p.Attributes = make(map[string]string, len(k.Attributes)+2)
	maps.Copy(p.Attributes, k.Attributes)
	p.Attributes[authz.APIKeyAttribute] = k.ID
	if k.Plan != "" {
		p.Attributes[planAttribute] = k.Plan
	}
	return p
}

// look returns what is known of a key, from memory if that is not too old. That there is none is remembered too: somebody who makes up
// keys asks the store no more than once for each.
func (v *Verifier) look(ctx context.Context, id string) (look, error) {
	now := v.keys.now()
	known, ok, changes := v.keys.cache.recall(id)
	if age := now.Sub(known.at); ok && age >= 0 && age < v.keys.cacheFor { // of a clock that was set back, nothing
		return known, nil
	}
	key, err := v.keys.store.Get(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		key = Key{}
	case err != nil:
		return look{}, err
	}
	known = look{key: key, at: now, noted: known.noted}
	v.keys.cache.learn(id, known, changes)
	return known, nil
}

// note notes the use of a key once in an interval. That it cannot is no reason to refuse.
func (v *Verifier) note(ctx context.Context, known look) {
	now, interval := v.keys.now(), v.keys.interval
	since := now.Add(-interval)
	if interval == 0 || known.noted.After(since) || known.key.LastUsed.After(since) {
		return
	}
	if !v.keys.cache.claimNote(known.key.ID, now, since) { // another call does it, or the key was put out of memory just now
		return
	}
	if err := v.keys.store.TouchLastUsed(ctx, known.key.ID, now, since); err != nil {
		cmp.Or(v.keys.log, slog.Default()).WarnContext(ctx, "apikey: the use of a key could not be noted", "key", known.key.ID, "error", err)
	}
}
