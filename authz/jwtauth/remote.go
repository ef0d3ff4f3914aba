package jwtauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// maxSet is the largest answer that is read, in bytes.
const maxSet = 512 << 10

// remote is a key set that is fetched.
type remote struct {
	cfg    *Config
	client *http.Client
	turn   turn // to fetch

	mu    sync.Mutex
	state state
}

// state is what is known about the key set.
type state struct {
	set   *keySet
	at    time.Time // of the last fetch that succeeded; zero if none has
	tried time.Time // of the last fetch
	err   error     // of the last fetch
	where string    // the URL that discovery has found
}

func newRemote(cfg *Config) *remote {
	client := &http.Client{}
	if cfg.HTTPClient != nil {
		*client = *cfg.HTTPClient
	} else {
		client.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	}
	client.CheckRedirect = func(to *http.Request, via []*http.Request) error {
		from := via[0].URL
		if len(via) > 3 || to.URL.Host != from.Host || to.URL.Scheme != from.Scheme {
			return fmt.Errorf("a redirect from %s to %s is not followed", from.Redacted(), to.URL.Redacted())
		}
		return nil
	}
	return &remote{cfg: cfg, client: client, turn: make(turn, 1), state: state{set: new(keySet)}}
}

// find returns the key set for a token with a header. It fetches the set if it is old or has no key
// for the token: no key of its id and algorithm, or, if useless is the current set, none that has
// signed it.
func (r *remote) find(ctx context.Context, h header, useless *keySet) (*keySet, error) {
	s, now := r.snapshot(), r.cfg.Clock()
	hasKey := r.usable(s, now) && s.set != useless && len(s.set.candidates(h)) > 0
	if hasKey && r.fresh(s, now) || !r.mayFetch(s, now) {
		return r.keys(s, now)
	}
	if hasKey && !r.turn.try() {
		return s.set, nil // Another call fetches.
	}
	if !hasKey {
		if err := r.turn.wait(ctx); err != nil {
			return nil, err
		}
	}
	defer r.turn.end()
	if latest := r.snapshot(); latest.tried.Equal(s.tried) { // No other call has fetched meanwhile.
		r.fetch(ctx, latest)
	}
	return r.keys(r.snapshot(), r.cfg.Clock())
}

// fresh reports whether the set is too young to be fetched again.
func (r *remote) fresh(s state, now time.Time) bool { return within(s.at, now, r.cfg.RefreshEvery) }

// mayFetch reports whether the last fetch is long enough ago for another one.
func (r *remote) mayFetch(s state, now time.Time) bool {
	return !within(s.tried, now, r.cfg.MinRefresh)
}

// usable reports whether the set is young enough to be used if it can't be fetched.
func (r *remote) usable(s state, now time.Time) bool {
	return !s.at.IsZero() && now.Sub(s.at) < r.cfg.RefreshEvery+r.cfg.StaleFor
}

// within reports whether something happened less than d ago. A time in the future, on a clock that
// was set back, does not count.
func within(then, now time.Time, d time.Duration) bool {
	age := now.Sub(then)
	return !then.IsZero() && age >= 0 && age < d
}

// keys returns the set, or why there is none that may be used.
func (r *remote) keys(s state, now time.Time) (*keySet, error) {
	if !r.usable(s, now) {
		return nil, fmt.Errorf("jwtauth: the issuer's keys are not available: %w", s.err)
	}
	return s.set, nil
}

func (r *remote) snapshot() state {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// turn is the right of one call at a time to fetch.
type turn chan struct{}

// try takes the turn unless another call has it.
func (t turn) try() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

// wait takes the turn once it is free. It prefers a free turn to a context that has ended.
func (t turn) wait(ctx context.Context) error {
	if t.try() {
		return nil
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turn) end() { <-t }

// fetch fetches the set. A fetch whose caller gave up does not count as one while there is no set:
// the next call must not be refused for it. Once there is a set it counts: clients that leave
// early, and callers with less time than Config.Timeout, must not cause more fetches from an issuer
// that hangs.
func (r *remote) fetch(ctx context.Context, s state) {
	bounded, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	set, where, err := r.download(bounded, s.where)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.err = err
	if err == nil {
		r.state = state{set: set, at: r.cfg.Clock(), where: where}
	} else {
		r.state.where = "" // It may have moved.
	}
	if ctx.Err() == nil || !r.state.at.IsZero() {
		r.state.tried = r.cfg.Clock()
	}
}

// download returns the set that is at a URL, or at the one that the configuration names or
// discovery finds.
func (r *remote) download(ctx context.Context, where string) (set *keySet, at string, err error) {
	if where == "" {
		where = r.cfg.JWKS
	}
	if where == "" {
		if where, err = r.discover(ctx); err != nil {
			return nil, "", err
		}
	}
	data, err := r.get(ctx, where)
	if err != nil {
		return nil, "", err
	}
	set, err = parseJWKS(data)
	return set, where, err
}

// discover returns the URL of the keys (OpenID Connect Discovery 1.0 §4).
func (r *remote) discover(ctx context.Context) (string, error) {
	data, err := r.get(ctx, strings.TrimSuffix(r.cfg.Issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", err
	}
	var found struct {
		Issuer string
		JWKS   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(data, &found); err != nil {
		return "", fmt.Errorf("the issuer's configuration is not a JSON object: %w", err)
	}
	if found.Issuer != r.cfg.Issuer {
		return "", fmt.Errorf("the issuer's configuration names the issuer %.200q", found.Issuer)
	}
	return found.JWKS, checkURL("jwks_uri", found.JWKS)
}

func (r *remote) get(ctx context.Context, where string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		if faulty := (*url.Error)(nil); errors.As(err, &faulty) {
			err = faulty.Err
		}
		return nil, fmt.Errorf("fetch %s: %w", req.URL.Redacted(), err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch %s: status %d", req.URL.Redacted(), resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxSet+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("fetch %s: %w", req.URL.Redacted(), err)
	case len(data) > maxSet:
		return nil, fmt.Errorf("fetch %s: more than %d bytes", req.URL.Redacted(), maxSet)
	default:
		return data, nil
	}
}
