package jwtauth

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock/authz"
)

// The defaults of a [Config].
const (
	defaultSkew         = 30 * time.Second
	defaultTimeout      = 5 * time.Second
	defaultRefreshEvery = time.Hour
	defaultMinRefresh   = time.Minute
	defaultStaleFor     = 24 * time.Hour
	defaultMaxCached    = 4096
)

// maxTokenBytes is the longest token that is parsed: API Gateway accepts 10,240 bytes of headers in
// all.
const maxTokenBytes = 8 << 10

// Config describes which tokens are accepted. It is data, as the lines of a provider in
// docs/identity-providers.md are, and passed by value to [New]. It needs an Issuer, an Audience or
// ClientIDs, and one source of keys: JWKS, Discover, Keys or Secret. No duration may be negative.
//
// A claim is named by its name ("scope", "cognito:groups"), or, if it is a member of other claims,
// by a JSON Pointer (RFC 6901), which begins with a slash: "/realm_access/roles".
type Config struct {
	// Issuer is the exact value of "iss".
	Issuer string
	// Audience lists the names of this API; "aud" must contain one of them. If it is empty, ClientIDs
	// is required, and tokens must have no "aud": a token with one was issued for another service.
	Audience []string
	// ClientIDs lists the clients whose tokens are accepted; if it is empty, tokens of all clients
	// are. It replaces Audience if a provider issues tokens without "aud", such as the access tokens
	// of Amazon Cognito and the session tokens of Clerk. With Audience, a token must match both.
	ClientIDs []string
	// ClientIDClaim is the claim that names the client; a token without it is refused. If it is empty,
	// these are "client_id" and "azp": one must be there, and each that is there must be one of
	// ClientIDs.
	ClientIDClaim string
	// RequiredClaims lists claims and, for each, the values of which the token must have one:
	// {"token_use": {"access"}}. A claim may be a string, a number, a boolean, or a list that contains
	// the value.
	RequiredClaims map[string][]string

	// JWKS is the URL of the issuer's keys.
	JWKS string
	// Discover finds the keys by OpenID Connect Discovery: the issuer is a URL, and
	// /.well-known/openid-configuration is below it.
	Discover bool
	// Keys are the issuer's public keys, if they are to be configured.
	Keys []Key
	// Secret is a key for HS256, HS384 and HS512, of 32 bytes or more. A program that can verify such
	// tokens can make them too.
	Secret []byte

	// Algorithms lists the algorithms that are accepted. If it is empty, these are HS256 with a
	// Secret, and otherwise EdDSA and all of the RS, PS and ES algorithms. An algorithm is accepted
	// only with a key of its kind, whatever the token's header contains.
	Algorithms []string
	// Types lists the values of the header "typ" that are accepted, in upper or lower case; a token
	// without one is accepted too. If it is empty, these are JWT and at+jwt.
	Types []string
	// Skew is how far clocks may differ. 0 means 30 seconds.
	Skew time.Duration

	// IDClaim is the claim that becomes the principal's ID, a string. Empty means "sub".
	IDClaim string
	// ScopeClaims lists the claims with scopes: lists, or strings of words with spaces between them.
	// If it is empty, these are "scope" and "scp".
	ScopeClaims []string
	// RoleClaims lists the claims with roles: lists, or strings that are one role. If it is empty,
	// this is "roles".
	//
	// A scope or role in a list that is empty or contains a space is left out, since no guard can ask
	// for it.
	RoleClaims []string
	// Attributes maps the attributes of the principal to the claims that they come from. A claim that
	// is not a string, number or boolean is left out.
	Attributes map[string]string
	// Principal returns the principal for the claims of a valid token. It replaces IDClaim,
	// ScopeClaims, RoleClaims and Attributes. It is called for every [Verifier.Verify], also for
	// tokens that were seen before, and owns the claims. The principal's ExpiresAt is set to the
	// token's exp if it is zero or later; a principal that has expired is refused. Its errors are
	// those of an [authz.Verifier].
	Principal func(claims Claims) (authz.Principal, error)
	// Check, if it is not nil, is called for every valid token in every [Verifier.Verify], also for
	// tokens that were seen before. Use it for a list of revoked tokens or users. It owns the claims.
	// An [authz.ErrUnauthenticated] or [authz.ErrForbidden] refuses the token; any other error is an
	// internal one.
	Check func(ctx context.Context, claims Claims) error

	// Timeout is how long fetching keys may take. 0 means 5 seconds.
	Timeout time.Duration
	// RefreshEvery is the age at which keys are fetched again, and so the longest time for which a key
	// that the issuer has withdrawn is accepted while the issuer answers. 0 means one hour.
	RefreshEvery time.Duration
	// MinRefresh is the shortest time between two fetches, however many tokens name unknown keys. 0
	// means one minute.
	MinRefresh time.Duration
	// StaleFor is how much longer than RefreshEvery old keys are accepted while fetching fails. 0
	// means 24 hours.
	StaleFor time.Duration
	// HTTPClient fetches keys. If it is nil, a client is used that keeps no connection open. Its
	// CheckRedirect is not used.
	HTTPClient *http.Client

	// MaxCached is the number of tokens whose signing key the Verifier remembers, so that it need not
	// verify their signatures again; everything else is checked each time. 0 means 4,096, and a
	// negative number turns it off.
	MaxCached int
	// Clock returns the current time; nil means [time.Now].
	Clock func() time.Time
}

// Key is a public key of an issuer.
type Key struct {
	// ID is the token's "kid". If it is empty, the key is tried for every token. Several keys may have
	// the same ID (RFC 7517 §4.5).
	ID string
	// Algorithm is the only algorithm that the key is for; if it is empty, the key is for all of its
	// kind.
	Algorithm string
	// Public is an *rsa.PublicKey of 2,048 bits or more, an *ecdsa.PublicKey, or an ed25519.PublicKey.
	Public crypto.PublicKey
}

// asymmetric and symmetric return the supported algorithms (RFC 7518 §3.1, RFC 8037 §3.1).
func asymmetric() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

func symmetric() []string { return []string{"HS256", "HS384", "HS512"} }

// check sets the defaults, and returns an error if something is missing or contradictory.
func (c *Config) check() error {
	switch {
	case c.Issuer == "":
		return errors.New("jwtauth: Issuer is missing")
	case len(c.Audience) == 0 && len(c.ClientIDs) == 0:
		return errors.New("jwtauth: both Audience and ClientIDs are missing; " +
			"without either, tokens for other services would be accepted here")
	case slices.Contains(c.Audience, ""):
		return errors.New("jwtauth: Audience contains an empty name")
	case slices.Contains(c.ClientIDs, ""):
		return errors.New("jwtauth: ClientIDs contains an empty id")
	case c.ClientIDClaim != "" && len(c.ClientIDs) == 0:
		return errors.New("jwtauth: ClientIDClaim is set without ClientIDs")
	case c.Principal != nil && (c.IDClaim != "" || len(c.ScopeClaims)+len(c.RoleClaims)+len(c.Attributes) > 0):
		return errors.New("jwtauth: Principal replaces IDClaim, ScopeClaims, RoleClaims and Attributes; set one or the other")
	}
	for _, check := range []func() error{c.checkClaims, c.checkSource, c.checkAlgorithms, c.checkDurations} {
		if err := check(); err != nil {
			return err
		}
	}
	c.setDefaults()
	return nil
}

func (c *Config) setDefaults() {
	if len(c.Types) == 0 {
		c.Types = []string{"JWT", "at+jwt"}
	}
	if len(c.ScopeClaims) == 0 {
		c.ScopeClaims = []string{"scope", "scp"}
	}
	if len(c.RoleClaims) == 0 {
		c.RoleClaims = []string{"roles"}
	}
	c.IDClaim = cmp.Or(c.IDClaim, "sub")
	c.Skew = cmp.Or(c.Skew, defaultSkew)
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.RefreshEvery = cmp.Or(c.RefreshEvery, defaultRefreshEvery)
	c.MinRefresh = cmp.Or(c.MinRefresh, defaultMinRefresh)
	c.StaleFor = cmp.Or(c.StaleFor, defaultStaleFor)
	c.MaxCached = cmp.Or(c.MaxCached, defaultMaxCached)
	clock := c.Clock
	if clock == nil {
		clock = time.Now
	}
	// Only the wall clock: the monotonic clock stands still while Lambda has a process frozen, so that
	// keys which were fetched hours ago would pass for new.
	c.Clock = func() time.Time { return clock().Round(0) }
}

func (c *Config) checkDurations() error {
	for name, d := range map[string]time.Duration{
		"Skew": c.Skew, "Timeout": c.Timeout, "RefreshEvery": c.RefreshEvery, "MinRefresh": c.MinRefresh,
		"StaleFor": c.StaleFor,
	} {
		if d < 0 {
			return fmt.Errorf("jwtauth: %s is negative", name)
		}
	}
	every, least := cmp.Or(c.RefreshEvery, defaultRefreshEvery), cmp.Or(c.MinRefresh, defaultMinRefresh)
	if least > every {
		return fmt.Errorf("jwtauth: MinRefresh (%v) is longer than RefreshEvery (%v), so that keys could not be "+
			"fetched when due", least, every)
	}
	return nil
}

// checkClaims refuses malformed names of claims, and attributes that a principal can't have.
func (c *Config) checkClaims() error {
	for claim, values := range c.RequiredClaims {
		if len(values) == 0 {
			return fmt.Errorf("jwtauth: RequiredClaims lists no values of %q", claim)
		}
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."
	for attribute := range c.Attributes {
		if attribute == "" || strings.Trim(attribute, letters) != "" {
			return fmt.Errorf("jwtauth: attribute %q: a name consists of letters, digits, dots, _ and -", attribute)
		}
	}
	names := slices.Concat(c.ScopeClaims, c.RoleClaims,
		slices.Collect(maps.Keys(c.RequiredClaims)), slices.Collect(maps.Values(c.Attributes)))
	for _, optional := range []string{c.IDClaim, c.ClientIDClaim} {
		if optional != "" {
			names = append(names, optional)
		}
	}
	for _, name := range names {
		if _, err := parseClaimName(name); err != nil {
			return fmt.Errorf("jwtauth: claim %q: %w", name, err)
		}
	}
	return nil
}

func (c *Config) checkSource() error {
	sources := 0
	for _, there := range []bool{c.JWKS != "", c.Discover, len(c.Keys) > 0, len(c.Secret) > 0} {
		if there {
			sources++
		}
	}
	switch {
	case sources != 1:
		return fmt.Errorf("jwtauth: %d sources of keys; set exactly one of JWKS, Discover, Keys and Secret", sources)
	case len(c.Secret) > 0 && len(c.Secret) < 32:
		return fmt.Errorf("jwtauth: Secret has %d bytes; it needs at least 32", len(c.Secret))
	case c.JWKS != "":
		return checkURL("the JWKS", c.JWKS)
	case c.Discover:
		return checkURL("the issuer", c.Issuer)
	}
	for _, k := range c.Keys {
		if err := checkKey(k.Public); err != nil {
			return fmt.Errorf("jwtauth: key %q: %w", k.ID, err)
		}
		if k.Algorithm != "" && !fits(k.Algorithm, k.Public) {
			return fmt.Errorf("jwtauth: key %q is a %T, which is not for %s", k.ID, k.Public, k.Algorithm)
		}
	}
	return nil
}

func (c *Config) checkAlgorithms() error {
	known := asymmetric()
	if len(c.Secret) > 0 {
		known = symmetric()
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = known
		if len(c.Secret) > 0 {
			c.Algorithms = known[:1]
		}
	}
	for _, a := range c.Algorithms {
		if !slices.Contains(known, a) {
			return fmt.Errorf("jwtauth: algorithm %q does not fit these keys; want one of %v", a, known)
		}
	}
	usable := func(k Key) bool {
		return slices.ContainsFunc(c.Algorithms, k.isFor)
	}
	if len(c.Keys) > 0 && !slices.ContainsFunc(c.Keys, usable) {
		return fmt.Errorf("jwtauth: no key fits any of the Algorithms %v", c.Algorithms)
	}
	return nil
}

// checkURL refuses URLs that are not https, except those of this machine.
func checkURL(what, s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return fmt.Errorf("jwtauth: %s %q is not a URL", what, s)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return fmt.Errorf("jwtauth: %s %q is not fetched over https", what, s)
	}
	return nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
