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
	"sync"
	"time"

	"github.com/gatesock/gatesock/authz"
)

// Verifier verifies keys. It is an [authz.Verifier], safe for concurrent use. See [Keys.Verifier].
type Verifier struct {
	keys *Keys

	mu     sync.Mutex
	cached map[string]look
	// unknown are ids that there are none of, apart from those that there are: anybody can make them up.
	unknown map[string]look
}

var _ authz.Verifier = (*Verifier)(nil)

// look is what was read of a key.
type look struct {
	key   Key // without an id: there is none
	at    time.Time
	noted time.Time // when its use was noted by this process
}

// maxCached is how many keys a process remembers, and how many ids that there is no key of.
const maxCached = 10_000

// Verifier returns what verifies keys. One for a process is enough, since it remembers what it has read.
func (k *Keys) Verifier() *Verifier {
	return &Verifier{keys: k, cached: make(map[string]look), unknown: make(map[string]look)}
}

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
	old := matches(k.Old, t)
	switch {
	case k.ID == "":
		return errors.New("it is unknown")
	case !current && !old:
		return errors.New("its secret is wrong")
	case t.prefix != cmp.Or(k.Prefix, prefix): // which says nothing of the secret
		return errors.New("its prefix is another")
	case !current && !now.Before(k.OldUntil):
		return errors.New("its secret was replaced")
	case k.Inactive:
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
		ID: k.Owner, Scopes: k.Scopes, Roles: k.Roles, Attributes: k.Attributes, Expires: k.ExpiresAt, UsageKey: k.UsageKey,
	}
	p.Attributes = make(map[string]string, len(k.Attributes)+2)
	maps.Copy(p.Attributes, k.Attributes)
	p.Attributes[authz.APIKeyAttribute] = k.ID
	if k.Plan != "" {
		p.Attributes[planAttribute] = k.Plan
	}
	return p
}

// look gives what is known of a key, from memory if that is not too old. That there is none is remembered too: who makes up
// keys asks the store no more than once for each.
func (v *Verifier) look(ctx context.Context, id string) (look, error) {
	now := v.keys.now()
	v.mu.Lock()
	known, ok := v.cached[id]
	if !ok {
		known, ok = v.unknown[id]
	}
	v.mu.Unlock()
	if ok && now.Sub(known.at) < v.keys.cacheFor {
		return known, nil
	}
	key, err := v.keys.store.Get(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return look{}, err
	}
	known = look{key: key, at: now, noted: known.noted}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil {
		known.key = Key{}
		delete(v.cached, id)
		remember(v.unknown, id, known)
		return known, nil
	}
	delete(v.unknown, id)
	remember(v.cached, id, known)
	return known, nil
}

// remember adds what was read of a key, and forgets another where there are too many.
func remember(all map[string]look, id string, known look) {
	if _, ok := all[id]; !ok && len(all) >= maxCached {
		for other := range all {
			delete(all, other)
			break
		}
	}
	all[id] = known
}

// note notes the use of a key once in an interval. That it cannot is no reason to refuse.
func (v *Verifier) note(ctx context.Context, known look) {
	now, interval := v.keys.now(), v.keys.interval
	since := now.Add(-interval)
	if interval == 0 || known.noted.After(since) || known.key.LastUsed.After(since) {
		return
	}
	v.mu.Lock()
	latest, ok := v.cached[known.key.ID]
	first := ok && !latest.noted.After(since)
	if first {
		latest.noted = now
		v.cached[known.key.ID] = latest
	}
	v.mu.Unlock()
	if !first { // another call is doing it, or the key was put out of memory just now
		return
	}
	if err := v.keys.store.Used(ctx, known.key.ID, now, since); err != nil {
		cmp.Or(v.keys.log, slog.Default()).WarnContext(ctx, "apikey: the use of a key could not be noted", "key", known.key.ID, "error", err)
	}
}
