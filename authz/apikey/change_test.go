package apikey

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
)

// What is done to a key holds at once in the process that does it, for all of its verifiers, whatever they have read before.
func TestChangesHoldAtOnceInTheProcessThatMakesThem(t *testing.T) {
	t.Parallel()
	store := new(counting)
	keys := New(store, WithLastUsed(0), WithCacheFor(time.Hour))
	key, secret, err := keys.Create(t.Context(), Key{Owner: "plant"})
	require.NoError(t, err)
	v := keys.Verifier()
	verify := func(secret string, says string) {
		t.Helper()
		for _, v := range []*Verifier{v, keys.Verifier()} {
			_, err := v.Verify(t.Context(), secret)
			if says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, authz.ErrUnauthenticated)
				require.ErrorContains(t, err, says)
			}
		}
	}
	verify(secret, "")
	require.Equal(t, 1, store.gets, "verifiers of the same Keys remember together")
	_, fresh, err := keys.Rotate(t.Context(), key.ID, 0)
	require.NoError(t, err)
	verify(secret, "its secret was replaced")
	verify(fresh, "")
	_, err = keys.Deactivate(t.Context(), key.ID)
	require.NoError(t, err)
	verify(fresh, "it is inactive")
	_, err = keys.Activate(t.Context(), key.ID)
	require.NoError(t, err)
	verify(fresh, "")
	_, err = keys.Expire(t.Context(), key.ID, time.Unix(0, 0))
	require.NoError(t, err)
	verify(fresh, "it has expired")
	require.NoError(t, keys.Delete(t.Context(), key.ID))
	verify(fresh, "it is unknown")
}

// slowGet is a store that makes a change while a key is read.
type slowGet struct {
	Memory

	during func()
}

func (s *slowGet) Get(ctx context.Context, id string) (Key, error) {
	key, err := s.Memory.Get(ctx, id)
	if during := s.during; during != nil {
		s.during = nil
		during()
	}
	return key, err
}

// A key that is changed while it is read is not remembered as it was before.
func TestAChangeWhileAKeyIsRead(t *testing.T) {
	t.Parallel()
	store := new(slowGet)
	keys := New(store, WithLastUsed(0), WithCacheFor(time.Hour))
	key, secret, err := keys.Create(t.Context(), Key{Owner: "plant"})
	require.NoError(t, err)
	v := keys.Verifier()
	store.during = func() {
		_, err := keys.Deactivate(t.Context(), key.ID)
		require.NoError(t, err)
	}
	_, err = v.Verify(t.Context(), secret)
	require.NoError(t, err, "it was read before")
	_, err = v.Verify(t.Context(), secret)
	require.ErrorContains(t, err, "it is inactive")
}
