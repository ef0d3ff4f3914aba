package idp

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config has the settings of a provider. All fields are required except Lifetime and Clock.
type Config struct {
	// Issuer is the URL that the provider is served under, without a trailing slash.
	Issuer string
	// Audience is the audience of access tokens: the API.
	Audience string
	// ClientID is the page's client id.
	ClientID string
	// Origins are the origins of the pages that people sign in to.
	Origins []string
	// Lifetime is the lifetime of an access token; 0 means ten minutes.
	Lifetime time.Duration
	// Clock returns the time; nil means [time.Now].
	Clock func() time.Time
}

// Provider is the identity provider, an [http.Handler]. It is safe for concurrent use.
type Provider struct {
	cfg  Config
	base string // the path of the issuer
	key  *ecdsa.PrivateKey
	kid  string
	mux  http.ServeMux

	mu    sync.Mutex
	codes map[string]grant // by code
}

// New returns a provider with a new key.
func New(cfg Config) (*Provider, error) {
	issuer, err := url.Parse(cfg.Issuer)
	switch {
	case err != nil:
		return nil, fmt.Errorf("idp: the issuer: %w", err)
	case issuer.Host == "" || strings.HasSuffix(cfg.Issuer, "/"):
		return nil, fmt.Errorf("idp: the issuer %q is no URL without a slash at its end", cfg.Issuer)
	case cfg.Audience == "" || cfg.ClientID == "" || len(cfg.Origins) == 0:
		return nil, errors.New("idp: the audience, the client id or the origins are missing")
	}
	cfg.Lifetime = cmp.Or(cfg.Lifetime, 10*time.Minute)
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("idp: %w", err)
	}
	p := &Provider{cfg: cfg, base: issuer.Path, key: key, kid: rand.Text()[:8], codes: map[string]grant{}}
	p.mux.HandleFunc("GET "+p.base+"/.well-known/openid-configuration", p.configuration)
	p.mux.HandleFunc("GET "+p.base+"/jwks.json", p.jwks)
	p.mux.HandleFunc("GET "+p.base+"/authorize", p.page)
	p.mux.HandleFunc("POST "+p.base+"/authorize", p.signIn)
	p.mux.HandleFunc("POST "+p.base+"/token", p.token)
	return p, nil
}

// ServeHTTP serves the paths below the issuer.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	p.mux.ServeHTTP(w, r)
}

func (p *Provider) configuration(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{
		"issuer":                                p.cfg.Issuer,
		"authorization_endpoint":                p.cfg.Issuer + "/authorize",
		"token_endpoint":                        p.cfg.Issuer + "/token",
		"jwks_uri":                              p.cfg.Issuer + "/jwks.json",
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token", "password"},
		"code_challenge_methods_supported":      []string{"S256"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
		"token_endpoint_auth_methods_supported": []string{"none"},
		"scopes_supported": append(
			[]string{scopeOpenID},
			slices.Sorted(slices.Values(allScopes()))...),
	})
}

// write answers with JSON that pages of all origins may read: no answer depends on cookies.
func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		slog.Debug("idp: writing an answer", "error", err) // the client is gone
	}
}
