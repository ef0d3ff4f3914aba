package jwtauth

import (
	"cmp"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
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
	// MaxToken is the longest token that is looked at, in bytes: API Gateway takes 10,240 bytes of headers in all.
	MaxToken = 8 << 10
)

// Config says which tokens are good. It needs an issuer, an audience, and one source of keys: JWKS, Discover, Keys or Secret.
type Config struct {
	// Issuer is what "iss" has to be, to the letter.
	Issuer string
	// Audience is what "aud" has to name one of.
	Audience []string

	// JWKS is the URL of the issuer's keys.
	JWKS string
	// Discover finds the keys by OpenID Connect Discovery: the issuer is a URL, below which is
	// /.well-known/openid-configuration.
	Discover bool
	// Keys are public keys that are known.
	Keys []Key
	// Secret is a key for HS256, HS384 and HS512, of 32 bytes or more. Who can verify such tokens can make them too.
	Secret []byte

	// Algorithms are those that are taken. Empty: all that are safe for the source of keys, which are RS, PS, ES and EdDSA, or
	// HS256 alone with a Secret. An algorithm is taken only with a key of its kind, whatever the token says.
	Algorithms []string
	// Types are values of the header "typ" that are taken, in whatever case; a token without one is too. Empty: JWT and at+jwt.
	Types []string
	// Skew is how far clocks may differ; 0 is [DefaultSkew].
	Skew time.Duration

	// Principal makes a principal of the claims of a good token; nil takes sub, scopes and roles as the package says. Its
	// Expires is set to the token's exp if it is zero or later. An error is treated as that of an [authz.Verifier].
	Principal func(claims Claims) (authz.Principal, error)
	// Attributes are claims that become attributes of the principal of the same name, if they are strings, numbers or
	// booleans.
	Attributes []string

	// Timeout is how long fetching keys may take; 0 is [DefaultTimeout].
	Timeout time.Duration
	// RefreshEvery, MinRefresh and StaleFor are when keys are fetched again, how long to wait between two tries, and how long
	// old keys are good when they can't be. 0 is the default of each.
	RefreshEvery, MinRefresh, StaleFor time.Duration
	// HTTPClient fetches keys; nil is one that keeps no connection open. Its CheckRedirect is not used.
	HTTPClient *http.Client

	// MaxCached is how many good tokens are remembered until they expire, so that they are not verified again; 0 is
	// [DefaultMaxCached], less than 0 none.
	MaxCached int
	// Clock gives the time; nil is [time.Now].
	Clock func() time.Time
}

// Key is a public key that is known.
type Key struct {
	// ID is the token's "kid"; empty: the key is tried whatever that is.
	ID string
	// Algorithm is the only one that it is for; empty: those of its kind.
	Algorithm string
	// Public is an *rsa.PublicKey of 2,048 bits or more, an *ecdsa.PublicKey, or an ed25519.PublicKey.
	Public crypto.PublicKey
}

// Claims are those of a token, as encoding/json decodes them, but for numbers, which are of type [encoding/json.Number].
type Claims map[string]any

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
	case len(c.Audience) == 0 || slices.Contains(c.Audience, ""):
		return errors.New("jwtauth: the audience is missing; without it tokens for other services would be good here")
	}
	if err := c.checkSource(); err != nil {
		return err
	}
	if err := c.checkAlgorithms(); err != nil {
		return err
	}
	for name, d := range map[string]time.Duration{
		"Skew": c.Skew, "Timeout": c.Timeout, "RefreshEvery": c.RefreshEvery, "MinRefresh": c.MinRefresh, "StaleFor": c.StaleFor,
	} {
		if d < 0 {
			return fmt.Errorf("jwtauth: %s is negative", name)
		}
	}
	if len(c.Types) == 0 {
		c.Types = []string{"JWT", "at+jwt"}
	}
	c.Skew = cmp.Or(c.Skew, DefaultSkew)
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.RefreshEvery = cmp.Or(c.RefreshEvery, DefaultRefreshEvery)
	c.MinRefresh = cmp.Or(c.MinRefresh, DefaultMinRefresh)
	c.StaleFor = cmp.Or(c.StaleFor, DefaultStaleFor)
	c.MaxCached = cmp.Or(c.MaxCached, DefaultMaxCached)
	if c.Clock == nil {
		c.Clock = time.Now
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
