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
	DefaultSkew         = 30 * time.Second
	DefaultTimeout      = 5 * time.Second
	DefaultRefreshEvery = time.Hour
	DefaultMinRefresh   = time.Minute
	DefaultStaleFor     = 24 * time.Hour
	DefaultMaxCached    = 4096
	// MaxTokenBytes is the longest token that is looked at, in bytes: API Gateway accepts 10,240 bytes of headers in all.
	MaxTokenBytes = 8 << 10
)

// Config describes which tokens are accepted. It needs an Issuer, an Audience or ClientIDs, and one source of keys:
// JWKS, Discover, Keys or Secret. docs/identity-providers.md has the lines for Amazon Cognito, Auth0, Clerk,
// Google, Keycloak, Microsoft Entra and Okta.
//
// A claim is named by its name ("scope", "cognito:groups"), or, if it is a member of other claims, by a JSON
// Pointer (RFC 6901), which begins with a slash: "/realm_access/roles".
type Config struct {
	// Issuer is the value of "iss", to the letter.
	Issuer string
	// Audience lists the services that this API goes by; "aud" must name one of them. If it is empty, ClientIDs is
	// required, and tokens must have no "aud": one that has it was issued for another service.
	Audience []string
	// ClientIDs lists the clients whose tokens are accepted. It takes the place of Audience where a provider issues
	// tokens without "aud", such as the access tokens of Amazon Cognito and the session tokens of Clerk; with
	// Audience, a token must match both. Empty: those of all clients.
	ClientIDs []string
	// ClientIDClaim is the claim that names the client; a token without it is refused. Empty: "client_id" and
	// "azp", of which one must be there, and each that is there must be one of ClientIDs.
	ClientIDClaim string
	// RequiredClaims lists claims and, for each, the values of which the token must have one: {"token_use":
	// {"access"}}. A claim may be a string, a number, a boolean, or a list that contains the value.
	RequiredClaims map[string][]string

	// JWKS is the URL of the issuer's keys.
	JWKS string
	// Discover finds the keys by OpenID Connect Discovery: the issuer is a URL, below which is
	// /.well-known/openid-configuration.
	Discover bool
	// Keys are public keys that are known.
	Keys []Key
	// Secret is a key for HS256, HS384 and HS512, of 32 bytes or more. Whoever can verify such tokens can make them
	// too.
	Secret []byte

	// Algorithms are those that are accepted. Empty: all that are safe for the source of keys, which are RS, PS, ES
	// and EdDSA, or HS256 alone with a Secret. An algorithm is accepted only with a key of its kind, whatever the
	// token says.
	Algorithms []string
	// Types are values of the header "typ" that are accepted, in whatever case; a token without one is too. Empty:
	// JWT and at+jwt.
	Types []string
	// Skew is how far clocks may differ; 0 is [DefaultSkew].
	Skew time.Duration

	// IDClaim is the claim that becomes the principal's ID, a string; empty is "sub".
	IDClaim string
	// ScopeClaims are the claims that hold scopes: lists, or strings of words with spaces between them. Empty:
	// "scope" and "scp".
	ScopeClaims []string
	// RoleClaims are the claims that hold roles: lists, or strings that are one role. Empty: "roles".
	//
	// A scope or role in a list that is empty or has a space, which no guard can ask for, is left out.
	RoleClaims []string
	// Attributes are the attributes of the principal, by name, and the claims that they come from. A claim that is
	// not a string, number or boolean is left out.
	Attributes map[string]string
	// Principal makes a principal of the claims of a good token, in place of IDClaim, ScopeClaims, RoleClaims and
	// Attributes. It is called for every [Verifier.Verify], also for tokens seen before, and owns the claims. Its
	// Expires is set to the token's exp if it is zero or later; a principal that has expired is refused. An error
	// is treated as that of an [authz.Verifier].
	Principal func(claims Claims) (authz.Principal, error)
	// Check, if not nil, is asked about every good token in every [Verifier.Verify], also about tokens seen before:
	// it is the place for an application's list of revoked tokens or users. It owns the claims. An error that is an
	// [authz.ErrUnauthenticated] or [authz.ErrForbidden] refuses the token; others are faults.
	Check func(ctx context.Context, claims Claims) error

	// Timeout is how long fetching keys may take; 0 is [DefaultTimeout].
	Timeout time.Duration
	// RefreshEvery is the age at which keys are fetched again, and so how long a key that the issuer withdraws is
	// accepted at most while the issuer answers; 0 is [DefaultRefreshEvery].
	RefreshEvery time.Duration
	// MinRefresh is how long to wait between two fetches, however many tokens name unknown keys; 0 is
	// [DefaultMinRefresh].
	MinRefresh time.Duration
	// StaleFor is how much longer than RefreshEvery old keys are accepted while fetching fails; 0 is
	// [DefaultStaleFor].
	StaleFor time.Duration
	// HTTPClient fetches keys; nil is one that keeps no connection open. Its CheckRedirect is not used.
	HTTPClient *http.Client

	// MaxCached is about how many tokens the Verifier remembers the signing key of, so that their signatures are
	// not computed again; everything else is checked each time. 0 is [DefaultMaxCached], less than 0 none.
	MaxCached int
	// Clock returns the time; nil is [time.Now].
	Clock func() time.Time
}

// Key is a public key that is known.
type Key struct {
	// ID is the token's "kid"; empty: the key is tried whatever that is. Several keys may have one ID (RFC 7517
	// §4.5).
	ID string
	// Algorithm is the only one that it is for; empty: those of its kind.
	Algorithm string
	// Public is an *rsa.PublicKey of 2,048 bits or more, an *ecdsa.PublicKey, or an ed25519.PublicKey.
	Public crypto.PublicKey
}

// asymmetric and symmetric are the algorithms that are known (RFC 7518 §3.1, RFC 8037 §3.1).
func asymmetric() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

func symmetric() []string { return []string{"HS256", "HS384", "HS512"} }

// check fills in the defaults, and says what is missing.
func (c *Config) check() error {
	switch {
	case c.Issuer == "":
		return errors.New("jwtauth: the issuer is missing")
	case len(c.Audience) == 0 && len(c.ClientIDs) == 0:
		return errors.New("jwtauth: the audience is missing, and so are client ids; " +
			"without either, tokens for other services would be accepted here")
	case slices.Contains(c.Audience, ""):
		return errors.New("jwtauth: the audience has an empty name")
	case slices.Contains(c.ClientIDs, ""):
		return errors.New("jwtauth: ClientIDs has an empty id")
	case c.ClientIDClaim != "" && len(c.ClientIDs) == 0:
		return errors.New("jwtauth: ClientIDClaim is set without ClientIDs")
	case c.Principal != nil && (c.IDClaim != "" || len(c.ScopeClaims)+len(c.RoleClaims)+len(c.Attributes) > 0):
		return errors.New("jwtauth: Principal takes the place of IDClaim, ScopeClaims, RoleClaims and Attributes; set either")
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
	c.Skew = cmp.Or(c.Skew, DefaultSkew)
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.RefreshEvery = cmp.Or(c.RefreshEvery, DefaultRefreshEvery)
	c.MinRefresh = cmp.Or(c.MinRefresh, DefaultMinRefresh)
	c.StaleFor = cmp.Or(c.StaleFor, DefaultStaleFor)
	c.MaxCached = cmp.Or(c.MaxCached, DefaultMaxCached)
	clock := c.Clock
	if clock == nil {
		clock = time.Now
	}
	// The wall clock alone: the monotonic clock stands still while Lambda has a process frozen, and what was fetched
	// hours ago would be taken for new.
	c.Clock = func() time.Time { return clock().Round(0) }
}

func (c *Config) checkDurations() error {
	for name, d := range map[string]time.Duration{
		"Skew": c.Skew, "Timeout": c.Timeout, "RefreshEvery": c.RefreshEvery, "MinRefresh": c.MinRefresh, "StaleFor": c.StaleFor,
	} {
		if d < 0 {
			return fmt.Errorf("jwtauth: %s is negative", name)
		}
	}
	if every, least := cmp.Or(c.RefreshEvery, DefaultRefreshEvery), cmp.Or(c.MinRefresh, DefaultMinRefresh); least > every {
		return fmt.Errorf("jwtauth: MinRefresh (%v) is longer than RefreshEvery (%v), so that keys could not be fetched when due", least, every)
	}
	return nil
}

// checkClaims refuses names that can be no claim's, and attributes that a principal can't have.
func (c *Config) checkClaims() error {
	for claim, values := range c.RequiredClaims {
		if len(values) == 0 {
			return fmt.Errorf("jwtauth: RequiredClaims lists no values of %q", claim)
		}
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."
	for attribute := range c.Attributes {
		if attribute == "" || strings.Trim(attribute, letters) != "" {
			return fmt.Errorf("jwtauth: attribute %q needs a name of letters, digits, dots, _ and -", attribute)
		}
	}
	names := slices.Concat(c.ScopeClaims, c.RoleClaims, slices.Collect(maps.Keys(c.RequiredClaims)), slices.Collect(maps.Values(c.Attributes)))
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
		return fmt.Errorf("jwtauth: %d sources of keys; give one of JWKS, Discover, Keys and Secret", sources)
	case len(c.Secret) > 0 && len(c.Secret) < 32:
		return fmt.Errorf("jwtauth: the secret has %d bytes; it needs 32", len(c.Secret))
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
			return fmt.Errorf("jwtauth: algorithm %q is not one for these keys: %v", a, known)
		}
	}
	usable := func(k Key) bool {
		return slices.ContainsFunc(c.Algorithms, k.isFor)
	}
	if len(c.Keys) > 0 && !slices.ContainsFunc(c.Keys, usable) {
		return fmt.Errorf("jwtauth: no key is for any of the Algorithms %v", c.Algorithms)
	}
	return nil
}

// checkURL refuses what is fetched in the clear, but from this machine.
func checkURL(what, s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return fmt.Errorf("jwtauth: %s %q is no URL", what, s)
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
