package apikey

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gatesock/gatesock/authz"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counting counts the calls of a store, and can make them fail.
type counting struct {
	Store

	gets, uses int
	fail       error
}

func (c *counting) Get(ctx context.Context, id string) (Key, error) {
	if c.gets++; c.fail != nil {
		return Key{}, c.fail
	}
	return c.Store.Get(ctx, id)
}

func (c *counting) TouchLastUsed(ctx context.Context, id string, at, since time.Time) error {
	if c.uses++; c.fail != nil {
		return c.fail
	}
	return c.Store.TouchLastUsed(ctx, id, at, since)
}

func TestLifeOfAKey(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	store := &counting{Store: NewMemory()}
	keys := New(store, WithClock(func() time.Time { return now }), WithCacheTTL(0), WithPrefix("acme_live"))
	refused := func(secret, why string) {
		t.Helper()
		_, err := keys.Verify(t.Context(), secret)
		require.ErrorIs(t, err, authz.ErrUnauthenticated)
		require.ErrorContains(t, err, why)
		require.NotContains(t, err.Error(), secret[len(secret)-20:])
	}
	key, secret, err := keys.Create(t.Context(), Key{
		Name: "sensor", Owner: "plant", Plan: "free", Scopes: []string{"write"}, Attributes: map[string]string{"x": "y"}, UsageKey: "u",
		ID: "mine", Hash: "mine", Disabled: true, Version: 9,
	})
	require.NoError(t, err)
	require.Regexp(t, `^acme_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$`, secret)
	require.NotContains(t, fmt.Sprintf("%+v", key), strings.Split(secret, "_")[3][:20], "the secret is not kept")
	p, err := keys.Verify(t.Context(), secret)
	require.NoError(t, err)
	require.Equal(t, authz.Principal{
		ID: "plant", Scopes: []string{"write"}, UsageKey: "u",
		Attributes: map[string]string{"x": "y", "plan": "free", "key": key.ID},
	}, p)
	require.Equal(t, map[string]string{"x": "y"}, key.Attributes)

	_, fresh, err := keys.Rotate(t.Context(), key.ID, time.Hour)
	require.NoError(t, err)
	require.NotEqual(t, secret, fresh)
	for _, both := range []string{secret, fresh} {
		_, err = keys.Verify(t.Context(), both)
		require.NoError(t, err)
	}
	now = now.Add(time.Hour)
	refused(secret, "the secret was replaced")
	_, err = keys.Verify(t.Context(), fresh)
	require.NoError(t, err)

	_, err = keys.Disable(t.Context(), key.ID)
	require.NoError(t, err)
	refused(fresh, "the key is disabled")
	_, err = keys.Enable(t.Context(), key.ID)
	require.NoError(t, err)
	_, err = keys.Verify(t.Context(), fresh)
	require.NoError(t, err)

	_, err = keys.Expire(t.Context(), key.ID, now.Add(time.Minute))
	require.NoError(t, err)
	p, err = keys.Verify(t.Context(), fresh)
	require.NoError(t, err)
	require.Equal(t, now.Add(time.Minute), p.ExpiresAt, "the connection's time ends with the key's")
	now = now.Add(time.Minute)
	refused(fresh, "the key has expired")

	all, next, err := keys.List(t.Context(), "", 0)
	require.NoError(t, err)
	require.Empty(t, next)
	require.Len(t, all, 1)
	require.Equal(t, 5, all[0].Version)
	require.NoError(t, keys.Delete(t.Context(), key.ID))
	refused(fresh, "the key is unknown")
	for _, err := range []error{
		keys.Delete(t.Context(), key.ID),
		func() error { _, err := keys.Get(t.Context(), key.ID); return err }(),
		func() error { _, _, err := keys.Rotate(t.Context(), key.ID, 0); return err }(),
	} {
		require.ErrorIs(t, err, ErrNotFound)
	}
	_, _, err = keys.Create(t.Context(), Key{})
	require.ErrorContains(t, err, "no owner")
	_, _, err = keys.Create(t.Context(), Key{Owner: "x", ExpiresAt: now})
	require.ErrorContains(t, err, "has passed")
	_, _, err = keys.Rotate(t.Context(), key.ID, -1)
	require.ErrorContains(t, err, "negative")
}

func TestVerifierRemembers(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	store := &counting{Store: NewMemory()}
	keys := New(store, WithClock(func() time.Time { return now }), WithLogger(slog.New(slog.DiscardHandler)))
	key, secret, err := keys.Create(t.Context(), Key{Owner: "plant"})
	require.NoError(t, err)
	made := newText("gs").String() // nobody has made it
	for range 100 {
		_, err = keys.Verify(t.Context(), secret)
		require.NoError(t, err)
		_, err = keys.Verify(t.Context(), made)
		require.ErrorIs(t, err, authz.ErrUnauthenticated)
	}
	require.Equal(t, 2, store.gets)
	require.Equal(t, 1, store.uses)
	kept, err := store.Store.Get(t.Context(), key.ID)
	require.NoError(t, err)
	require.Equal(t, now, kept.LastUsed)

	for range 100 {
		now = now.Add(time.Minute)
		_, err = keys.Verify(t.Context(), secret)
		require.NoError(t, err)
	}
	require.Equal(t, 102, store.gets)
	require.LessOrEqual(t, store.uses, 11)
	require.GreaterOrEqual(t, store.uses, 10)

	store.fail = errors.New("down")
	_, err = keys.Verify(t.Context(), secret)
	require.NoError(t, err, "it is remembered")
	now = now.Add(defaultCacheTTL)
	_, err = keys.Verify(t.Context(), secret)
	require.ErrorContains(t, err, "down")
	require.NotErrorIs(t, err, authz.ErrUnauthenticated, "a fault of ours")
	store.fail = nil

	for range maxCached + 10 {
		_, _ = keys.Verify(t.Context(), newText("gs").String())
	}
	require.Equal(t, maxCached, keys.cache.unknown.Len(), "no more are remembered, and all of these")
	require.Equal(t, 1, keys.cache.known.Len())
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	good := newText("gs").String()
	parts := strings.Split(good, "_")
	v := New(NewMemory())
	for name, key := range map[string]string{
		"empty": "", "a word": "hello", "cut": good[:len(good)-1], "longer": good + "0", "a JWT": "a.b.c", "no prefix": "_" + parts[1] + "_" + parts[2],
		"id cut": "gs_" + parts[1][1:] + "_" + parts[2], "upper-case prefix": "GS_" + parts[1] + "_" + parts[2], "spaces": " " + good,
		"another id": "gs_" + strings.Repeat("0", 12) + "_" + parts[2], "other letters": strings.Replace(good, parts[2][:1], "-", 1),
		"two swapped":     good[:20] + good[21:22] + good[20:21] + good[22:] + "x",
		"prefix too long": strings.Repeat("g", 17) + "_" + parts[1] + "_" + parts[2],
	} {
		_, err := v.Verify(t.Context(), key)
		require.ErrorIs(t, err, authz.ErrUnauthenticated, name)
		require.Equal(t, !strings.HasPrefix(key, "gs_"), errors.Is(err, authz.ErrNoCredential), name)
		require.ErrorIs(t, err, errMalformed, name)
		require.NotContains(t, err.Error(), parts[2][:20], name)
	}
	for _, misuse := range []func(){
		func() { New(nil) }, func() { WithPrefix("") }, func() { WithPrefix("_a") }, func() { WithPrefix("A") },
		func() { WithCacheTTL(-1) }, func() { New(NewMemory(), nil) },
		func() { WithLastUsed(-1) }, func() { WithClock(nil) }, func() { WithLogger(nil) },
	} {
		require.Panics(t, misuse)
	}
}

// A key that parses has the same text again, and a change of any character is detected.
func FuzzParse(f *testing.F) {
	f.Add(newText("gs").String(), 3, byte('x'))
	f.Add("gs__", 0, byte('_'))
	f.Fuzz(func(t *testing.T, key string, at int, c byte) {
		if parsed, err := parse(key); err == nil {
			require.Equal(t, key, parsed.String())
		}
		good := newText("gs").String()
		at = max(at, -at) % len(good)
		if at < 0 || good[at] == c {
			return
		}
		_, err := parse(good[:at] + string(c) + good[at+1:])
		require.ErrorIs(t, err, errMalformed)
	})
}
