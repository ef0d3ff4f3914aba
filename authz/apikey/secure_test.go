package apikey

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
)

// A key with another prefix and a matching checksum is refused: scanners and firewalls can rely on
// the prefix.
func TestAKeyWorksWithItsOwnPrefixOnly(t *testing.T) {
	t.Parallel()
	keys := New(NewMemory(), WithPrefix("acme"))
	_, secret, err := keys.Create(t.Context(), Key{Owner: "plant"})
	require.NoError(t, err)
	_, err = keys.Verify(t.Context(), secret)
	require.NoError(t, err)
	for _, prefix := range []string{"gs", "acm", "acme_live", "x"} {
		parts, err := parse(secret)
		require.NoError(t, err)
		parts.prefix = prefix
		_, err = keys.Verify(t.Context(), parts.String())
		require.ErrorIs(t, err, authz.ErrUnauthenticated, prefix)
		require.ErrorContains(t, err, "the prefix is wrong", prefix)
	}

	// A program may go on to another prefix: keys keep theirs, also when they are rotated. One that
	// was stored without has the program's.
	store := NewMemory()
	key, secret, err := New(store, WithPrefix("old")).Create(t.Context(), Key{Owner: "plant"})
	require.NoError(t, err)
	later := New(store, WithPrefix("new"), WithCacheTTL(0))
	_, err = later.Verify(t.Context(), secret)
	require.NoError(t, err)
	_, fresh, err := later.Rotate(t.Context(), key.ID, time.Hour)
	require.NoError(t, err)
	for _, s := range []string{secret, fresh} {
		require.True(t, strings.HasPrefix(s, "old_"))
		_, err = later.Verify(t.Context(), s)
		require.NoError(t, err)
	}
	bare := newText("new")
	require.NoError(t, store.Create(t.Context(), Key{ID: bare.id, Owner: "plant", Hash: bare.hash(), Version: 1}))
	_, err = later.Verify(t.Context(), bare.String())
	require.NoError(t, err)
	bare.prefix = "old"
	_, err = later.Verify(t.Context(), bare.String())
	require.ErrorIs(t, err, authz.ErrUnauthenticated)
}

// Create refuses a key that could never connect.
func TestCreateRefusesWhatCanNeverConnect(t *testing.T) {
	t.Parallel()
	keys := New(NewMemory())
	for what, c := range map[string]struct {
		key  Key
		says string
	}{
		"an owner that is not UTF-8": {Key{Owner: "\xff"}, "UTF-8"},
		"a scope with a space":       {Key{Owner: "x", Scopes: []string{"a b"}}, `scope "a b"`},
		"an empty scope":             {Key{Owner: "x", Scopes: []string{""}}, "scope"},
		"a role with a tab":          {Key{Owner: "x", Roles: []string{"a\tb"}}, "role"},
		"the name of an attribute":   {Key{Owner: "x", Attributes: map[string]string{"a b": "c"}}, `attribute "a b"`},
		"an attribute's value":       {Key{Owner: "x", Attributes: map[string]string{"a": "\xff"}}, `attribute "a"`},
		"a plan":                     {Key{Owner: "x", Plan: "\xff"}, `attribute "plan"`},
		"a name":                     {Key{Owner: "x", Name: "\xff"}, "name"},
		"too much of all":            {Key{Owner: "x", Attributes: map[string]string{"a": strings.Repeat("x", 8<<10)}}, "8192"},
		"the key's own attribute":    {Key{Owner: "x", Attributes: map[string]string{authz.APIKeyAttribute: "another"}}, `"key"`},
		"the plan as an attribute":   {Key{Owner: "x", Attributes: map[string]string{"plan": "pro"}}, `"plan"`},
		"a usage key":                {Key{Owner: "x", UsageKey: "\xff"}, "usage key"},
	} {
		_, secret, err := keys.Create(t.Context(), c.key)
		require.ErrorContains(t, err, c.says, what)
		require.Empty(t, secret, what)
	}
	all, _, err := keys.List(t.Context(), "", 0)
	require.NoError(t, err)
	require.Empty(t, all)
}

// Limits and usage are counted by the key's own id, whatever attributes the store has.
func TestNoAttributeStandsForTheKey(t *testing.T) {
	t.Parallel()
	store, x := NewMemory(), newText("gs")
	require.NoError(t, store.Create(t.Context(), Key{
		ID: x.id, Prefix: "gs", Owner: "plant", Plan: "free", Hash: x.hash(), Version: 1,
		Attributes: map[string]string{authz.APIKeyAttribute: "somebody else's", "plan": "unlimited"},
	}))
	p, err := New(store).Verify(t.Context(), x.String())
	require.NoError(t, err)
	require.Equal(t, map[string]string{authz.APIKeyAttribute: x.id, "plan": "free"}, p.Attributes)
}

// Made-up keys, whose checksum anybody can compute, evict no real key.
func TestMadeUpKeysPutOutNoGoodOnes(t *testing.T) {
	t.Parallel()
	store := &counting{Store: NewMemory()}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	keys := New(store, WithLastUsed(0), WithClock(func() time.Time { return now }))
	var secrets []string
	for i := range 100 {
		_, secret, err := keys.Create(t.Context(), Key{Owner: fmt.Sprint(i)})
		require.NoError(t, err)
		secrets = append(secrets, secret)
		_, err = keys.Verify(t.Context(), secret)
		require.NoError(t, err)
	}
	for range maxCached + 2000 {
		_, err := keys.Verify(t.Context(), newText("gs").String())
		require.ErrorIs(t, err, authz.ErrUnauthenticated)
	}
	store.fail = errors.New("down")
	for _, secret := range secrets {
		_, err := keys.Verify(t.Context(), secret)
		require.NoError(t, err)
	}
	require.Zero(t, store.uses, "WithLastUsed(0) turns it off")
	require.Equal(t, maxCached, keys.cache.unknown.Len())
	require.Equal(t, 100, keys.cache.known.Len())
}

// After a rotation without an overlap only the new secret is valid, whatever overlap there was
// before.
func TestRotateWithoutOverlapEndsAllSecretsBefore(t *testing.T) {
	t.Parallel()
	keys := New(NewMemory(), WithCacheTTL(0))
	key, first, err := keys.Create(t.Context(), Key{Owner: "plant"})
	require.NoError(t, err)
	_, second, err := keys.Rotate(t.Context(), key.ID, 24*time.Hour)
	require.NoError(t, err)
	_, third, err := keys.Rotate(t.Context(), key.ID, time.Hour)
	require.NoError(t, err)
	for secret, good := range map[string]bool{first: false, second: true, third: true} {
		_, err := keys.Verify(t.Context(), secret)
		require.Equal(t, good, err == nil, "an overlap is for the last secret alone")
	}
	_, fourth, err := keys.Rotate(t.Context(), key.ID, 0)
	require.NoError(t, err)
	for secret, good := range map[string]bool{first: false, second: false, third: false, fourth: true} {
		_, err := keys.Verify(t.Context(), secret)
		require.Equal(t, good, err == nil)
	}
}

// A secret that has leaked ends with the rotation, even for a process whose clock is behind the one
// of the process that rotates it.
func TestRotateWithoutOverlapEndsSecretsForSlowClocks(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) Option { return WithClock(func() time.Time { return now.Add(d) }) }
	store := NewMemory()
	keys := New(store, at(0))
	key, leaked, err := keys.Create(t.Context(), Key{Owner: "plant"})
	require.NoError(t, err)
	key, fresh, err := keys.Rotate(t.Context(), key.ID, 0)
	require.NoError(t, err)
	require.True(t, key.PreviousValidUntil.IsZero())
	for _, behind := range []time.Duration{0, time.Millisecond, time.Hour} {
		v := New(store, at(-behind))
		_, err = v.Verify(t.Context(), leaked)
		require.ErrorContains(t, err, "the secret was replaced", behind)
		_, err = v.Verify(t.Context(), fresh)
		require.NoError(t, err, behind)
	}
}

// A key that was deleted becomes unknown, and one that was unknown becomes known once it is
// created.
func TestAKeyThatComesAndGoes(t *testing.T) {
	t.Parallel()
	store, x := &counting{Store: NewMemory()}, newText("gs")
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	keys := New(store, WithLastUsed(0), WithClock(func() time.Time { return now }))
	for round, there := range []bool{false, true, false, true} {
		if there {
			require.NoError(t, store.Create(t.Context(), Key{ID: x.id, Prefix: "gs", Owner: "plant", Hash: x.hash(), Version: 1}))
		} else if round > 0 {
			require.NoError(t, store.Delete(t.Context(), x.id))
		}
		now = now.Add(defaultCacheTTL)
		for range 10 {
			_, err := keys.Verify(t.Context(), x.String())
			require.Equal(t, there, err == nil)
		}
		require.Equal(t, round+1, store.gets)
		require.Equal(t, 1, keys.cache.known.Len()+keys.cache.unknown.Len())
	}
}
