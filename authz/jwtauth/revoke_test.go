package jwtauth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/internal/testclock"
)

// A token seen before is checked like any other, except for the computation of its signature.
func TestTokenSeenBeforeExpires(t *testing.T) {
	t.Parallel()
	at := now
	v := local(t, func(c *Config) { c.Clock = func() time.Time { return at } })
	token := pairs()["ed"].sign(good(), nil)
	for _, after := range []time.Duration{0, time.Second, time.Hour - 1, time.Hour, time.Hour + defaultSkew - 1} {
		at = now.Add(after)
		p, err := v.Verify(t.Context(), token)
		require.NoError(t, err, after)
		require.Equal(t, now.Add(time.Hour), p.ExpiresAt)
		require.NotNil(t, v.seen.signer(sumOf(token)), "it is remembered, so that this is about tokens seen before")
	}
	for _, after := range []time.Duration{time.Hour + defaultSkew, 2 * time.Hour, 1000 * time.Hour} {
		at = now.Add(after)
		_, err := v.Verify(t.Context(), token)
		require.ErrorIs(t, err, authz.ErrUnauthenticated, after)
		require.ErrorContains(t, err, "expired")
		require.NotNil(t, v.seen.signer(sumOf(token)))
	}
	at = now.Add(-time.Minute) // A clock that was set back.
	_, err := v.Verify(t.Context(), token)
	require.ErrorContains(t, err, "not valid yet")
}

// Only valid tokens are remembered, and no more than MaxCached; the signature of a token that is
// remembered is not computed again.
func TestSignaturesAreRemembered(t *testing.T) {
	t.Parallel()
	for _, max := range []int{1, 2, 10, 11} {
		v := local(t, func(c *Config) { c.MaxCached = max })
		for i := range 50 {
			token := pairs()["ed"].sign(less("", jwt.MapClaims{"sub": fmt.Sprint(i)}), nil)
			for range 2 {
				_, err := v.Verify(t.Context(), token)
				require.NoError(t, err)
				require.NotNil(t, v.seen.signer(sumOf(token)))
			}
			require.Equal(t, min(i+1, max), v.seen.tokens.Len())
		}
	}
	v := local(t, func(c *Config) { c.MaxCached = -1 })
	_, err := v.Verify(t.Context(), pairs()["ed"].sign(good(), nil))
	require.NoError(t, err)
	require.Nil(t, v.seen.tokens)

	// A remembered signature is not verified again, even if it is invalid.
	v = local(t, nil)
	forged := pairs()["other"].sign(good(), map[string]any{"kid": "rsa"})
	v.seen.add(sumOf(forged), signature{pairs()["rsa"].private.Public(), now})
	_, err = v.Verify(t.Context(), forged)
	require.NoError(t, err)
	v.seen.add(sumOf(forged), signature{pairs()["other"].private.Public(), now})
	_, err = v.Verify(t.Context(), forged)
	require.ErrorIs(t, err, authz.ErrUnauthenticated, "but only of a key that is the issuer's still")
}

func sumOf(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

// A token that was seen before is refused after a fetch of the set without its key, and the set is
// fetched even if all tokens were seen before.
func TestWithdrawnKey(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "rsa", "ed")
	v := p.verifier(t, func(c *Config) { c.MaxCached = 0 })
	require.NoError(t, verify(t, v, "rsa"))
	token := pairs()["rsa"].sign(good(), nil)
	_, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	p.set(nil, "ed")
	p.advance(defaultRefreshEvery - 1)
	_, err = v.Verify(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, 1, p.count("/keys"))
	p.advance(1)
	_, err = v.Verify(t.Context(), token)
	require.ErrorIs(t, err, authz.ErrUnauthenticated, "RefreshEvery has passed")
	require.ErrorContains(t, err, `no key with id "rsa"`)
	require.Equal(t, 2, p.count("/keys"))
	require.NoError(t, verify(t, v, "ed"))

	// Any token that makes the set be fetched sooner ends it sooner.
	p.set(nil, "rsa", "ed")
	p.advance(defaultMinRefresh)
	_, err = v.Verify(t.Context(), token)
	require.NoError(t, err, "it is back")
	p.set(nil, "ed")
	p.advance(defaultMinRefresh)
	require.Error(t, verify(t, v, "other"))
	_, err = v.Verify(t.Context(), token)
	require.ErrorIs(t, err, authz.ErrUnauthenticated)
}

// The time in which a process is frozen counts: keys that were withdrawn meanwhile are not accepted
// for another hour.
func TestWithdrawnKeyWhileFrozen(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "rsa", "ed")
	at := time.Now()
	v := p.verifier(t, func(c *Config) { c.Clock = func() time.Time { return at } })
	token := pairs()["ed"].sign(less("", jwt.MapClaims{"exp": at.Add(24 * time.Hour).Unix(), "nbf": 0, "iat": 0}), nil)
	_, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	p.set(nil, "rsa")
	at = testclock.Frozen(at, defaultRefreshEvery)
	_, err = v.Verify(t.Context(), token)
	require.ErrorIs(t, err, authz.ErrUnauthenticated)
	require.Equal(t, 2, p.count("/keys"))
}

// Keys that were fetched while the clock was ahead are fetched again once it is set right.
func TestWithdrawnKeyOfAClockSetBack(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "rsa", "ed")
	at := now
	v := p.verifier(t, func(c *Config) { c.Clock = func() time.Time { return at } })
	token := pairs()["ed"].sign(good(), nil)
	_, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	p.set(nil, "rsa")
	at = at.Add(-time.Second)
	_, err = v.Verify(t.Context(), token)
	require.ErrorIs(t, err, authz.ErrUnauthenticated)
	require.Equal(t, 2, p.count("/keys"))
}

// A key under the id of a withdrawn key does not make the tokens of the withdrawn key valid.
func TestWithdrawnKeyWhoseIDIsUsedAgain(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.publish(jwkOf("rsa", map[string]any{"kid": "one"}))
	v := p.verifier(t, func(c *Config) { c.MaxCached = 0 })
	token := pairs()["rsa"].sign(good(), map[string]any{"kid": "one"})
	_, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	p.publish(jwkOf("other", map[string]any{"kid": "one"}))
	p.advance(defaultRefreshEvery)
	_, err = v.Verify(t.Context(), token)
	require.ErrorIs(t, err, authz.ErrUnauthenticated)
	p.publish(jwkOf("rsa", map[string]any{"kid": "one", "alg": "RS512"}))
	p.advance(defaultMinRefresh)
	_, err = v.Verify(t.Context(), token)
	require.ErrorIs(t, err, authz.ErrUnauthenticated, "the key is for another algorithm now")
}

// An empty key set is an answer: from that fetch on all tokens are refused. Any other body without
// keys is a failed fetch.
func TestEmptyKeySet(t *testing.T) {
	t.Parallel()
	write := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	for answer, empties := range map[string]bool{
		`{"keys":[]}`:            true,
		`{"keys":[],"x":1}`:      true,
		`{"keys":[5]}`:           true,
		`{"keys":[{}]}`:          true,
		`{"keys":[null]}`:        true,
		`{"keys":null}`:          false,
		`{"keys":{}}`:            false,
		`{"Keys":[]}`:            false,
		`{}`:                     false,
		`[]`:                     false,
		`null`:                   false,
		``:                       false,
		`{"keys":[]`:             false,
		`{"error":"come later"}`: false,
	} {
		p := newProvider(t, "ed")
		v := p.verifier(t, func(c *Config) { c.MaxCached = 0 })
		token := pairs()["ed"].sign(good(), nil)
		_, err := v.Verify(t.Context(), token)
		require.NoError(t, err)
		p.set(write(answer))
		p.advance(defaultRefreshEvery)
		for range 20 {
			_, err = v.Verify(t.Context(), token)
			if empties {
				require.ErrorIs(t, err, authz.ErrUnauthenticated, answer)
				require.ErrorContains(t, err, "the issuer's set", answer)
			} else {
				require.NoError(t, err, answer)
			}
		}
		require.Equal(t, 2, p.count("/keys"), answer)
		p.set(nil, "ed")
		p.advance(defaultMinRefresh)
		_, err = v.Verify(t.Context(), token)
		require.NoError(t, err, "keys that are published again are found within MinRefresh")
	}
}

// Callers with less time than Config.Timeout, and clients that leave, do not cause a fetch for each
// token from an issuer that hangs, once there are keys.
func TestHangingProviderAndImpatientCallers(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "ed")
	v := p.verifier(t, nil)
	require.NoError(t, verify(t, v, "ed"))
	p.set(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	for wait, pair := range map[time.Duration]string{defaultMinRefresh: "other", defaultRefreshEvery: "ed"} {
		p.advance(wait)
		before := p.count("/keys")
		impatient, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := v.Verify(impatient, pairs()[pair].sign(good(), nil))
			done <- err
		}()
		p.await("/keys", before+1)
		cancel()
		require.Equal(t, pair == "ed", <-done == nil, "what it has, it goes on with")
		for range 20 {
			_, err := v.Verify(t.Context(), pairs()[pair].sign(good(), nil))
			require.Equal(t, pair == "ed", err == nil, "%v", err)
		}
		require.Equal(t, before+1, p.count("/keys"), "it is asked every MinRefresh at most")
	}
}
