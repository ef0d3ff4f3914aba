package jwtauth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
)

// provider is an identity provider on a real socket. The test decides what it publishes.
type provider struct {
	*httptest.Server

	mu       sync.Mutex
	wasAsked *sync.Cond // something was asked
	keys     []string   // ids of pairs
	answer   http.HandlerFunc
	asked    map[string]int // by path
	at       time.Time
}

func newProvider(t *testing.T, keys ...string) *provider {
	t.Helper()
	p := &provider{keys: keys, asked: map[string]int{}, at: now}
	p.wasAsked = sync.NewCond(&p.mu)
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	p.wasAsked.Broadcast()
	answer, keys := p.answer, p.keys
	p.mu.Unlock()
	switch {
	case answer != nil:
		answer(w, r)
	case r.URL.Path == "/.well-known/openid-configuration":
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, p.URL, p.URL+"/keys")
	default:
		_, _ = w.Write(jwks(keys...))
	}
}

func (p *provider) set(answer http.HandlerFunc, keys ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer, p.keys = answer, keys
}

func (p *provider) count(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// await waits until a path was requested a number of times.
func (p *provider) await(path string, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.asked[path] < times {
		p.wasAsked.Wait()
	}
}

func (p *provider) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

func (p *provider) advance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = p.at.Add(d)
}

func (p *provider) verifier(t *testing.T, change func(*Config)) *Verifier {
	t.Helper()
	cfg := Config{
		Issuer: issuer, Audience: []string{audience}, JWKS: p.URL + "/keys", Clock: p.clock,
		MaxCached: -1, Skew: 100 * time.Hour, Timeout: time.Hour,
	}
	if change != nil {
		change(&cfg)
	}
	v, err := New(cfg)
	require.NoError(t, err)
	return v
}

func jwks(ids ...string) []byte {
	set := map[string][]any{"keys": {}}
	for _, id := range ids {
		metadata := jwkset.JWKMetadataOptions{KID: id, USE: jwkset.UseSig}
		jwk, err := jwkset.NewJWKFromKey(pairs()[id].private.Public(), jwkset.JWKOptions{Metadata: metadata})
		must(err)
		set["keys"] = append(set["keys"], jwk.Marshal())
	}
	b, err := json.Marshal(set)
	must(err)
	return b
}

func verify(t *testing.T, v *Verifier, id string) error {
	t.Helper()
	_, err := v.Verify(t.Context(), pairs()[id].sign(good(), nil))
	return err
}

func TestRotation(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "rsa", "ed")
	v := p.verifier(t, nil)
	for _, id := range []string{"rsa", "ed", "rsa"} {
		require.NoError(t, verify(t, v, id))
	}
	require.Equal(t, 1, p.count("/keys"))

	p.set(nil, "ES256", "ed")
	require.ErrorIs(t, verify(t, v, "ES256"), authz.ErrUnauthenticated, "the set has just been fetched")
	require.NoError(t, verify(t, v, "rsa"))
	p.advance(defaultMinRefresh)
	require.NoError(t, verify(t, v, "ES256"))
	require.ErrorIs(t, verify(t, v, "rsa"), authz.ErrUnauthenticated, "it has been taken out")
	require.Equal(t, 2, p.count("/keys"))

	// Made-up ids make no load.
	for range 100 {
		require.ErrorIs(t, verify(t, v, "other"), authz.ErrUnauthenticated)
	}
	p.advance(defaultMinRefresh)
	for range 100 {
		require.ErrorIs(t, verify(t, v, "other"), authz.ErrUnauthenticated)
	}
	require.Equal(t, 3, p.count("/keys"))

	p.advance(defaultRefreshEvery)
	require.NoError(t, verify(t, v, "ed"))
	require.Equal(t, 4, p.count("/keys"), "a known key is asked for again after a while")
}

func TestOldKeysWhileNoneCanBeHad(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "ed")
	v := p.verifier(t, nil)
	require.NoError(t, verify(t, v, "ed"))
	p.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	p.advance(defaultRefreshEvery)
	for range 10 {
		require.NoError(t, verify(t, v, "ed"))
	}
	require.Equal(t, 2, p.count("/keys"), "not with every token")
	require.ErrorIs(t, verify(t, v, "rsa"), authz.ErrUnauthenticated)
	p.advance(defaultStaleFor)
	err := verify(t, v, "ed")
	require.ErrorContains(t, err, "status 502")
	require.NotErrorIs(t, err, authz.ErrUnauthenticated, "that is a fault, and not the client's")
	p.set(nil, "ed")
	p.advance(defaultMinRefresh)
	require.NoError(t, verify(t, v, "ed"))
}

// What is not a set of keys is never taken for one, and the error names the reason.
func TestLies(t *testing.T) {
	t.Parallel()
	elsewhere := newProvider(t, "ed")
	write := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	for says, answer := range map[string]http.HandlerFunc{
		"not a JSON object: invalid": write(`<html>`),
		"not a JSON object: json":    write(`[]`),
		`has no list "keys"`:         write(`{}`),
		`no list "keys"`:             write(`{"keys":{}}`),
		`list "keys"`:                write(`{"keys":null}`),
		`"keys"`:                     write(`{"KEYS":[]}`),
		"more than 524288 bytes":     write(strings.Repeat(" ", maxSet+1)),
		"status 404":                 http.NotFound,
		"is not followed": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/keys", http.StatusFound)
		},
		"stopped after": nil, // set below
		"unexpected EOF": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99")
			_, _ = io.WriteString(w, "{")
		},
		"malformed HTTP": hijack("nonsense\r\n\r\n"),
		"EOF":            hijack(""),
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			if answer == nil {
				answer = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, p.URL+"/keys", http.StatusFound) }
				says = "is not followed"
			}
			p.set(answer)
			err := verify(t, p.verifier(t, nil), "ed")
			require.Error(t, err)
			require.NotErrorIs(t, err, authz.ErrUnauthenticated)
			require.ErrorContains(t, err, says)
			require.Less(t, len(err.Error()), 600)
		})
	}
	t.Cleanup(func() { require.Zero(t, elsewhere.count("/keys")) })
}

// hijack answers with any bytes, and closes the connection.
func hijack(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		must(err)
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

// One bad key does not spoil the others.
func TestBadKeyAmongGoodOnes(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	set := `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"bad"},{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"small"},` +
		strings.TrimPrefix(string(jwks("ed", "rsa")), `{"keys":[`)
	p.set(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, set) })
	v := p.verifier(t, nil)
	require.NoError(t, verify(t, v, "ed"))
	require.NoError(t, verify(t, v, "rsa"))
}

// An issuer that hangs costs the configured timeout.
func TestHangingProviderCostsTheTimeout(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.set(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	err := verify(t, p.verifier(t, func(c *Config) { c.Timeout = 20 * time.Millisecond }), "ed")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, authz.ErrUnauthenticated)
}

// At most one call at a time waits for an issuer that hangs.
func TestHangingProvider(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	p.set(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	v := p.verifier(t, func(c *Config) { c.Timeout = time.Hour })
	leader, giveUp := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := v.Verify(leader, pairs()["ed"].sign(good(), nil)); err == nil {
			t.Error("it hangs")
		}
	})
	p.await("/keys", 1)
	follower, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := v.Verify(follower, pairs()["ed"].sign(good(), nil))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	p.set(nil, "ed")
	giveUp()
	wg.Wait()
	require.NoError(t, verify(t, v, "ed"), "a call that gave up does not count as a try")
	require.Equal(t, 2, p.count("/keys"))
}

// While one call waits for a provider that hangs, others use the keys of the last fetch.
func TestKeysOfTheLastTimeAreGoodWhileOthersAreFetched(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "ed")
	v := p.verifier(t, func(c *Config) { c.Timeout = time.Hour })
	require.NoError(t, verify(t, v, "ed"))
	p.set(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	p.advance(defaultRefreshEvery)
	leader, giveUp := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := v.Verify(leader, pairs()["ed"].sign(good(), nil)); err != nil {
			t.Error(err, "it has the key of the last time")
		}
	})
	p.await("/keys", 2)
	require.NoError(t, verify(t, v, "ed"), "it would hang")
	giveUp()
	wg.Wait()
}

func TestManyAtOnceFetchOnce(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "ed", "ES256")
	v := p.verifier(t, nil)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			if err := verify(t, v, []string{"ed", "ES256"}[i%2]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1, p.count("/keys"))
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	const configuration = "/.well-known/openid-configuration"
	p := newProvider(t, "ed")
	v := p.verifier(t, func(c *Config) { c.Issuer, c.JWKS, c.Discover = p.URL, "", true })
	token := pairs()["ed"].sign(less("", map[string]any{"iss": p.URL}), nil)
	for range 3 {
		_, err := v.Verify(t.Context(), token)
		require.NoError(t, err)
	}
	p.advance(defaultRefreshEvery)
	_, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, 1, p.count(configuration))
	require.Equal(t, 2, p.count("/keys"))

	for says, text := range map[string]string{
		`the issuer "https://evil.test"`: `{"issuer":"https://evil.test","jwks_uri":"https://evil.test/keys"}`,
		"is not fetched over https":      `{"issuer":"` + p.URL + `","jwks_uri":"http://evil.test/keys"}`,
		"is not a URL":                   `{"issuer":"` + p.URL + `"}`,
		"is not a JSON object":           `[`,
	} {
		p.set(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
		v := p.verifier(t, func(c *Config) { c.Issuer, c.JWKS, c.Discover = p.URL, "", true })
		_, err := v.Verify(t.Context(), token)
		require.ErrorContains(t, err, says)
		require.NotErrorIs(t, err, authz.ErrUnauthenticated)
	}
}

// If keys are too old to be used, all calls wait for the fetch of one of them.
func TestKeysThatAreTooOldAreWaitedFor(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "ed")
	v := p.verifier(t, nil)
	require.NoError(t, verify(t, v, "ed"))
	answer := make(chan struct{})
	release := sync.OnceFunc(func() { close(answer) })
	defer release()
	p.set(func(w http.ResponseWriter, _ *http.Request) {
		<-answer
		_, _ = w.Write(jwks("ed"))
	})
	p.advance(defaultRefreshEvery + defaultStaleFor)
	token := pairs()["ed"].sign(less("", map[string]any{"exp": now.Add(48 * time.Hour).Unix()}), nil)
	results := make(chan error, 5)
	for range 5 {
		go func() {
			_, err := v.Verify(t.Context(), token)
			results <- err
		}()
	}
	p.await("/keys", 2)
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.Verify(impatient, token)
	require.ErrorIs(t, err, context.Canceled, "nobody goes on with them")
	release()
	for range 5 {
		require.NoError(t, <-results)
	}
	require.Equal(t, 2, p.count("/keys"))
}

// Keys that have moved are discovered again.
func TestDiscoveryOfKeysThatHaveMoved(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "ed")
	v := p.verifier(t, func(c *Config) { c.Issuer, c.JWKS, c.Discover = p.URL, "", true })
	token := pairs()["ed"].sign(less("", map[string]any{"iss": p.URL}), nil)
	_, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	p.set(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, p.URL, p.URL+"/moved")
		case "/moved":
			_, _ = w.Write(jwks("ed"))
		default:
			http.NotFound(w, r)
		}
	})
	for range 2 { // the first finds nothing at the old place
		p.advance(defaultRefreshEvery)
		_, err = v.Verify(t.Context(), token)
		require.NoError(t, err)
	}
	require.Equal(t, 1, p.count("/moved"))
}

// A free turn goes to a call even if its context has ended: its fetch says why.
func TestAFreeTurnIsTaken(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	free := make(turn, 1)
	for range 100 {
		require.NoError(t, free.wait(ended))
		require.ErrorIs(t, free.wait(ended), context.Canceled)
		require.False(t, free.try())
		free.end()
	}
}

// A configured HTTP client is used, without its CheckRedirect.
func TestOwnHTTPClient(t *testing.T) {
	t.Parallel()
	p := newProvider(t, "ed")
	own := p.Client()
	own.CheckRedirect = func(*http.Request, []*http.Request) error { panic("not asked") }
	v := p.verifier(t, func(c *Config) { c.HTTPClient = own })
	t.Cleanup(own.CloseIdleConnections)
	require.NoError(t, verify(t, v, "ed"))
}

// No bytes make the parser of key sets panic, and the keys that it returns can verify.
func FuzzParseJWKS(f *testing.F) {
	f.Add(jwks("rsa", "ed", "ES256", "ES384", "ES512"))
	f.Add([]byte(`{"keys":[]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := parseJWKS(data)
		if err != nil {
			return
		}
		require.Less(t, len(set.leftOut), 500)
		for _, k := range set.keys {
			require.NoError(t, checkKey(k.Public))
			require.True(t, k.Algorithm == "" || fits(k.Algorithm, k.Public))
		}
	})
}
