package apikey

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/internal/testclock"
)

// Changes take effect at once in the process that makes them, whatever it has read before.
func TestChangesHoldAtOnceInTheProcessThatMakesThem(t *testing.T) {
	t.Parallel()
	store := &counting{Store: NewMemory()}
	keys := New(store, WithLastUsed(0), WithCacheTTL(time.Hour))
	key, secret, err := keys.Create(t.Context(), Key{Owner: "plant"})
	require.NoError(t, err)
	verify := func(secret string, says string) {
		t.Helper()
		_, err := keys.Verify(t.Context(), secret)
		if says == "" {
			require.NoError(t, err)
			return
		}
		require.ErrorIs(t, err, authz.ErrUnauthenticated)
		require.ErrorContains(t, err, says)
	}
	verify(secret, "")
	verify(secret, "")
	require.Equal(t, 1, store.gets)
	_, fresh, err := keys.Rotate(t.Context(), key.ID, 0)
	require.NoError(t, err)
	verify(secret, "the secret was replaced")
	verify(fresh, "")
	_, err = keys.Disable(t.Context(), key.ID)
	require.NoError(t, err)
	verify(fresh, "the key is disabled")
	_, err = keys.Enable(t.Context(), key.ID)
	require.NoError(t, err)
	verify(fresh, "")
	_, err = keys.Expire(t.Context(), key.ID, time.Unix(0, 0))
	require.NoError(t, err)
	verify(fresh, "the key has expired")
	require.NoError(t, keys.Delete(t.Context(), key.ID))
	verify(fresh, "the key is unknown")
}

// The time in which a process is frozen counts, and a clock that was ahead does not extend the
// cache.
func TestWhatWasReadEndsByTheWallClock(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(at time.Time) time.Time{
		"frozen":   func(at time.Time) time.Time { return testclock.Frozen(at, defaultCacheTTL) },
		"set back": func(at time.Time) time.Time { return at.Add(-time.Hour) },
	} {
		at := time.Now()
		store := NewMemory()
		key, secret, err := New(store).Create(t.Context(), Key{Owner: "plant"})
		require.NoError(t, err)
		v := New(store, WithClock(func() time.Time { return at }))
		_, err = v.Verify(t.Context(), secret)
		require.NoError(t, err)
		_, err = New(store).Disable(t.Context(), key.ID)
		require.NoError(t, err)
		at = move(at)
		_, err = v.Verify(t.Context(), secret)
		require.ErrorContains(t, err, "the key is disabled", name)
	}
}

// slowGet is a store that makes a change while a key is read.
type slowGet struct {
	Store

	during func()
}

func (s *slowGet) Get(ctx context.Context, id string) (Key, error) {
	key, err := s.Store.Get(ctx, id)
	if during := s.during; during != nil {
		s.during = nil
		during()
	}
	return key, err
}

// A key that is changed while it is read is not remembered in its earlier state.
func TestAChangeWhileAKeyIsRead(t *testing.T) {
	t.Parallel()
	store := &slowGet{Store: NewMemory()}
	keys := New(store, WithLastUsed(0), WithCacheTTL(time.Hour))
	key, secret, err := keys.Create(t.Context(), Key{Owner: "plant"})
	require.NoError(t, err)
	store.during = func() {
		_, err := keys.Disable(t.Context(), key.ID)
		require.NoError(t, err)
	}
	_, err = keys.Verify(t.Context(), secret)
	require.NoError(t, err, "it was read before")
	_, err = keys.Verify(t.Context(), secret)
	require.ErrorContains(t, err, "the key is disabled")
}

// Of calls at the same time one notes the use of a key; none notes a key that is not remembered.
func TestOneCallNotesTheUse(t *testing.T) {
	t.Parallel()
	c := newCache()
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	require.False(t, c.claimNote("a", at, at.Add(-time.Minute)))
	c.learn("a", look{key: Key{ID: "a"}, at: at}, 0)
	for i := range 3 {
		require.Equal(t, i == 0, c.claimNote("a", at, at.Add(-time.Minute)))
	}
	require.True(t, c.claimNote("a", at.Add(time.Minute), at))
}

// racing is a store in which another call changes a key just before each of the next updates.
type racing struct {
	Store

	races int
}

func (s *racing) Update(ctx context.Context, k Key) error {
	if s.races > 0 {
		s.races--
		other, err := s.Get(ctx, k.ID)
		if err != nil {
			return err
		}
		other.Name = "renamed"
		other.Version++
		if err := s.Store.Update(ctx, other); err != nil {
			return err
		}
	}
	return s.Store.Update(ctx, k)
}

// A change is made again if another call has changed the key meanwhile, of which nothing is lost;
// but not without end.
func TestAChangeThatMeetsOthers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		races int
		fails error
	}{{0, nil}, {4, nil}, {5, ErrChanged}} {
		store := &racing{Store: NewMemory(), races: c.races}
		keys := New(store)
		key, _, err := keys.Create(t.Context(), Key{Owner: "plant", Name: "sensor"})
		require.NoError(t, err)
		_, err = keys.Disable(t.Context(), key.ID)
		require.ErrorIs(t, err, c.fails, "%d", c.races)
		got, err := keys.Get(t.Context(), key.ID)
		require.NoError(t, err)
		require.Equal(t, c.fails == nil, got.Disabled, "%d", c.races)
		require.Equal(t, c.races > 0, got.Name == "renamed", "%d", c.races)
	}
}
