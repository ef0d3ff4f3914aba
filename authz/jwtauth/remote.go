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
	// fetching holds a value while a call fetches.
	fetching chan struct{}

	mu    sync.Mutex
	state state
}

// state is what is known of the key set.
type state struct {
	set   *keySet
	at    time.Time // when it was fetched; zero: never
	tried time.Time // when that was tried last
	err   error     // why it failed, if it did
	where string    // what discovery has found
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
	return &remote{cfg: cfg, client: client, fetching: make(chan struct{}, 1), state: state{set: new(keySet)}}
}

// find returns the key set to verify a token of some header with. It fetches the set if it is old, or if it has no
// key for the token: none of its id and algorithm, or, with useless, none that has signed it.
func (r *remote) find(ctx context.Context, h header, useless *keySet) (*keySet, error) {
	s := r.snapshot()
	now := r.cfg.Clock()
	known := s.set != useless && r.isUsable(s, now) && len(s.set.candidates(h)) > 0
	if known && r.isFresh(s, now) || r.mustWait(s, now) {
		return r.usable(s, now)
	}
	switch {
	case r.begin(ctx, !known):
		defer func() { <-r.fetching }()
	case known:
		return s.set, nil
	default:
		return nil, context.Cause(ctx)
	}
	if again := r.snapshot(); again.tried.Equal(s.tried) { // Nobody else has just fetched it.
		r.refresh(ctx, again)
	}
	return r.usable(r.snapshot(), r.cfg.Clock())
}

// isFresh reports whether the set needs no fetching for its age.
func (r *remote) isFresh(s state, now time.Time) bool {
	return isWithin(s.at, now, r.cfg.RefreshEvery)
}

// mustWait reports whether the last try was too short a time ago for another.
func (r *remote) mustWait(s state, now time.Time) bool {
	return isWithin(s.tried, now, r.cfg.MinRefresh)
}

// isWithin reports whether something was done less than d ago. What is to come, on a clock that was set back, was not.
func isWithin(done, now time.Time, d time.Duration) bool {
	age := now.Sub(done)
	return !done.IsZero() && age >= 0 && age < d
}

// begin takes the turn to fetch, which may last for Config.Timeout. It waits for it only if told to: a call that
// has keys of the last time goes on with them.
func (r *remote) begin(ctx context.Context, wait bool) bool {
	select {
	case r.fetching <- struct{}{}:
		return true
	default:
	}
	if !wait {
		return false
	}
	select {
	case r.fetching <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// isUsable reports whether the set is new enough to go on with where it can't be fetched.
func (r *remote) isUsable(s state, now time.Time) bool {
	return !s.at.IsZero() && now.Sub(s.at) < r.cfg.RefreshEvery+r.cfg.StaleFor
}

// usable returns the set unless it is too old, or why there is none.
func (r *remote) usable(s state, now time.Time) (*keySet, error) {
	if !r.isUsable(s, now) {
		return nil, fmt.Errorf("jwtauth: the issuer's keys can't be had: %w", s.err)
	}
	return s.set, nil
}

func (r *remote) snapshot() state {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// refresh fetches the set. A try whose caller gave up does not count as one while there is no set at all: the next
// call must not be refused for it. Once there is a set, it counts: clients that leave early, and callers with less
// time than Config.Timeout, would otherwise have an issuer that hangs asked again and again.
func (r *remote) refresh(ctx context.Context, s state) {
	bounded, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	set, where, err := r.fetch(bounded, s.where)
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

func (r *remote) fetch(ctx context.Context, where string) (set *keySet, at string, err error) {
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

// discover finds where the keys are (OpenID Connect Discovery 1.0 §4).
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
