package dynamo_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/authz/apikey/apikeytest"
	"github.com/gatesock/gatesock/dynamo/internal/meter"
	"github.com/gatesock/gatesock/internal/dynamotest"
)

func TestAPIKeysConformance(t *testing.T) {
	t.Parallel()
	apikeytest.Run(t, func(t *testing.T) apikey.Store {
		t.Helper()
		return openIn(t, dynamotest.Client(t), dynamotest.Namespace(t)).APIKeys()
	})
}

func TestAPIKeysCost(t *testing.T) {
	t.Parallel()
	m := meter.New(dynamotest.Client(t))
	s := openIn(t, m, dynamotest.Namespace(t)).APIKeys()
	now := time.Now().UTC().Truncate(time.Millisecond)
	k := apikey.Key{
		ID: "a", Owner: "o", Name: strings.Repeat("n", 200), Hash: strings.Repeat("h", 64),
		PreviousHash: strings.Repeat("o", 64), CreatedAt: now, Version: 1,
	}
	changed := k
	changed.Version = 2
	write, read := meter.Units{Write: 1}, meter.Units{Read: 1}
	requirePrices(t, m,
		priced{name: "create", call: func() error { return s.Create(t.Context(), k) }, price: write},
		priced{name: "get", call: func() error { _, err := s.Get(t.Context(), "a"); return err }, price: read},
		priced{name: "update", call: func() error { return s.Update(t.Context(), changed) }, price: write},
		priced{
			name:  "note a use",
			call:  func() error { return s.TouchLastUsed(t.Context(), "a", now, now.Add(-time.Hour)) },
			price: write,
		},
		// An empty partition costs a unit too (Amazon DynamoDB Developer Guide, "Read operations"),
		// but not on DynamoDB Local.
		priced{
			name: "list", call: func() error { _, _, err := s.List(t.Context(), "", 0); return err },
			price: meter.Units{Read: 16}, local: read,
		},
		priced{name: "delete", call: func() error { return s.Delete(t.Context(), "a") }, price: write},
	)
}

func TestAPIKeysThatAreNot(t *testing.T) {
	t.Parallel()
	one := numeral("1")
	for says, api := range map[string]canned{
		`attribute "d" is absent`:   {item: attributes{"pk": text("x")}},
		`attribute "d" is not JSON`: {item: attributes{"d": text("{")}},
		`attribute "d" is not a`:    {item: attributes{"d": one}},
		`attribute "v" is not a`:    {item: attributes{"d": text("{}"), "v": text("1")}},
		`attribute "v" is absent`:   {item: attributes{"d": text("{}")}},
		`attribute "u" is not a`:    {item: attributes{"d": text("{}"), "v": one, "u": text("x")}},
		"down":                      {err: errors.New("down")},
	} {
		s := openIn(t, api, dynamotest.Namespace(t)).APIKeys()
		_, err := s.Get(t.Context(), "a")
		require.ErrorContains(t, err, `dynamo: get API key "a": `)
		require.ErrorContains(t, err, says)
		require.NotErrorIs(t, err, apikey.ErrNotFound)
		_, _, err = s.List(t.Context(), "", 1)
		require.ErrorContains(t, err, "dynamo: list API keys: ")
		require.ErrorContains(t, err, says)
	}
	s := openIn(t, canned{err: errors.New("down")}, dynamotest.Namespace(t)).APIKeys()
	require.ErrorContains(t, s.Create(t.Context(), apikey.Key{ID: "a"}), "it may exist: ")
	require.ErrorContains(t, s.Update(t.Context(), apikey.Key{ID: "a"}), "it may be changed: ")
	require.ErrorContains(t, s.TouchLastUsed(t.Context(), "a", time.Now(), time.Now()), "down")
	require.ErrorContains(t, s.Delete(t.Context(), "a"), "it may be deleted: ")
}

func TestAPIKeyCursors(t *testing.T) {
	t.Parallel()
	s := openIn(t, dynamotest.Client(t), dynamotest.Namespace(t)).APIKeys()
	for _, cursor := range []string{"x", "/", "g/", "10/a", "-1/a", "0", "0/\xff", "0/" + strings.Repeat("x", 2000)} {
		_, _, err := s.List(t.Context(), cursor, 1)
		require.ErrorContains(t, err, "the cursor is not one that List returned", cursor)
		require.Less(t, len(err.Error()), 200)
	}
	_, next, err := s.List(t.Context(), "f/zzz", 1)
	require.NoError(t, err)
	require.Empty(t, next)
}

// A key that was created is returned with its secret, also if the answer was lost.
func TestAPIKeyCreatedWithALostAnswer(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{false, true} {
		api := unheardOnce(t)
		api.early = early
		keys := apikey.New(openIn(t, api, dynamotest.Namespace(t)).APIKeys())
		k, secret, err := keys.Create(t.Context(), apikey.Key{Owner: "ann"})
		require.NoError(t, err)
		require.Equal(t, 2, api.writes)
		p, err := keys.Verify(t.Context(), secret)
		require.NoError(t, err)
		require.Equal(t, "ann", p.ID)
		require.Equal(t, 1, k.Version)
	}
}

// A key that exists is refused, also if an answer was lost.
func TestAPIKeyExistsBehindALostAnswer(t *testing.T) {
	t.Parallel()
	namespace := dynamotest.Namespace(t)
	require.NoError(t, openIn(t, dynamotest.Client(t), namespace).APIKeys().
		Create(t.Context(), apikey.Key{ID: "a", Owner: "ann", Version: 1}))
	s := openIn(t, unheardOnce(t), namespace).APIKeys()
	require.ErrorIs(t, s.Create(t.Context(), apikey.Key{ID: "a", Owner: "bob", Version: 1}), apikey.ErrExists)
}

// A rotation whose answer is lost is made once, so that the previous secret stays valid.
func TestAPIKeyRotatedWithALostAnswer(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{false, true} {
		namespace := dynamotest.Namespace(t)
		k, first, err := apikey.New(openIn(t, dynamotest.Client(t), namespace).APIKeys()).
			Create(t.Context(), apikey.Key{Owner: "ann"})
		require.NoError(t, err)
		api := unheardOnce(t)
		api.early = early
		keys := apikey.New(openIn(t, api, namespace).APIKeys(), apikey.WithLastUsed(0))
		k, second, err := keys.Rotate(t.Context(), k.ID, time.Hour)
		require.NoError(t, err)
		require.Equal(t, 2, k.Version)
		for _, secret := range []string{first, second} {
			_, err := keys.Verify(t.Context(), secret)
			require.NoError(t, err)
		}
	}
}

// If another change comes behind the lost answer, the caller learns that its own may have been
// made. A second rotation would end the secret that clients use.
func TestAPIKeyChangedBehindALostAnswer(t *testing.T) {
	t.Parallel()
	namespace := dynamotest.Namespace(t)
	others := apikey.New(openIn(t, dynamotest.Client(t), namespace).APIKeys(), apikey.WithLastUsed(0))
	k, first, err := others.Create(t.Context(), apikey.Key{Owner: "ann"})
	require.NoError(t, err)
	api := unheardOnce(t)
	api.meanwhile = func() {
		_, err := others.Expire(t.Context(), k.ID, time.Now().Add(time.Hour))
		require.NoError(t, err)
	}
	_, _, err = apikey.New(openIn(t, api, namespace).APIKeys()).Rotate(t.Context(), k.ID, time.Hour)
	require.ErrorContains(t, err, "version 2 may have been written before another change")
	require.NotErrorIs(t, err, apikey.ErrChanged)
	_, err = others.Verify(t.Context(), first)
	require.NoError(t, err, "the secret that clients have")

	// A change that was not made is made again on top of the other one.
	api = unheardOnce(t)
	api.early = true
	api.meanwhile = func() {
		_, err := others.Disable(t.Context(), k.ID)
		require.NoError(t, err)
	}
	k, err = apikey.New(openIn(t, api, namespace).APIKeys()).Expire(t.Context(), k.ID, time.Time{})
	require.NoError(t, err)
	require.Equal(t, 5, k.Version)
	require.True(t, k.Disabled)
}

func TestAPIKeyDeletedWithALostAnswer(t *testing.T) {
	t.Parallel()
	namespace := dynamotest.Namespace(t)
	create := openIn(t, dynamotest.Client(t), namespace).APIKeys().Create
	require.NoError(t, create(t.Context(), apikey.Key{ID: "a", Owner: "ann", Version: 1}))
	s := openIn(t, unheardOnce(t), namespace).APIKeys()
	require.NoError(t, s.Delete(t.Context(), "a"))
	require.ErrorIs(t, s.Delete(t.Context(), "a"), apikey.ErrNotFound)
	require.NoError(t, create(t.Context(), apikey.Key{ID: "a", Owner: "ann", Version: 1}))
	s = openIn(t, unheardOnce(t), namespace).APIKeys()
	now := time.Now().UTC().Truncate(time.Millisecond)
	require.NoError(t, s.TouchLastUsed(t.Context(), "a", now, now.Add(-time.Hour)))
	k, err := s.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, now, k.LastUsed)
	s = openIn(t, unheardOnce(t), namespace).APIKeys()
	require.ErrorIs(t, s.Update(t.Context(), apikey.Key{ID: "b", Version: 2}), apikey.ErrNotFound)
}
