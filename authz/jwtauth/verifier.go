package jwtauth

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gatesock/gatesock/authz"
)

// Verifier is an [authz.Verifier] for JSON Web Tokens. It is safe for concurrent use.
type Verifier struct {
	cfg       Config
	parser    *jwt.Parser
	validator *jwt.Validator
	remote    *remote    // nil if the keys are configured
	seen      signatures // of tokens that were verified before
}

var _ authz.Verifier = (*Verifier)(nil)

// New returns a Verifier. It fetches nothing: the first token does. It returns an error if the
// configuration is incomplete or contradicts itself, since issuers and audiences often come from
// the program's environment. The Verifier has a copy of the configuration, except for the functions
// and the HTTP client's transport.
func New(cfg Config) (*Verifier, error) {
	cfg.clone()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	for i, k := range cfg.Keys {
		public, err := cloneKey(k.Public)
		if err != nil {
			return nil, fmt.Errorf("jwtauth: key %q: %w", k.ID, err)
		}
		cfg.Keys[i].Public = public
	}
	options := []jwt.ParserOption{
		jwt.WithIssuer(cfg.Issuer),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(cfg.Skew),
		jwt.WithTimeFunc(cfg.Clock),
	}
	if len(cfg.Audience) > 0 {
		options = append(options, jwt.WithAudience(cfg.Audience...))
	}
	v := &Verifier{
		cfg:       cfg,
		parser:    jwt.NewParser(jwt.WithStrictDecoding(), jwt.WithJSONNumber()),
		validator: jwt.NewValidator(options...),
	}
	if cfg.MaxCached > 0 {
		v.seen.remember(cfg.MaxCached)
	}
	if cfg.JWKS != "" || cfg.Discover {
		v.remote = newRemote(&v.cfg)
	}
	return v, nil
}

// clone copies what a caller could change later: a secret that is wiped after New would be a key
// that everybody knows.
func (c *Config) clone() {
	for _, list := range []*[]string{&c.Audience, &c.ClientIDs, &c.Algorithms, &c.Types, &c.ScopeClaims, &c.RoleClaims} {
		*list = slices.Clone(*list)
	}
	c.Secret, c.Keys, c.Attributes = slices.Clone(c.Secret), slices.Clone(c.Keys), maps.Clone(c.Attributes)
	c.RequiredClaims = maps.Clone(c.RequiredClaims)
	for claim, values := range c.RequiredClaims {
		c.RequiredClaims[claim] = slices.Clone(values)
	}
}

// Verify returns the principal of a token. A text without three parts is not a token and an
// [authz.ErrNoCredential]. An invalid token is an [authz.ErrUnauthenticated] whose text names the
// reason, for the log. If keys are not available, the error is an internal one.
func (v *Verifier) Verify(ctx context.Context, token string) (authz.Principal, error) {
	if strings.Count(token, ".") != 2 {
		return authz.Principal{}, authz.ErrNoCredential
	}
	if len(token) > maxTokenBytes {
		return authz.Principal{}, refuse("more than %d bytes", maxTokenBytes)
	}
	claims, err := v.claims(ctx, token)
	if err != nil {
		return authz.Principal{}, err
	}
	exp, err := expiry(claims)
	if err != nil {
		return authz.Principal{}, err
	}
	if v.cfg.Check != nil {
		if err := v.cfg.Check(ctx, claims.clone()); err != nil {
			return authz.Principal{}, err
		}
	}
	return v.principal(claims, exp)
}

// refuse returns the error of an invalid token.
func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: token: "+format, append([]any{authz.ErrUnauthenticated}, args...)...)
}

// refused returns the error of a token that package jwt refuses, whose text names the token.
func refused(err error) error { return fmt.Errorf("%w: %w", authz.ErrUnauthenticated, err) }

// claims verifies a token and returns its claims.
func (v *Verifier) claims(ctx context.Context, token string) (Claims, error) {
	claims := jwt.MapClaims{}
	parsed, parts, err := v.parser.ParseUnverified(token, claims)
	if err != nil {
		return nil, refused(err)
	}
	if err := checkText(token, parts); err != nil {
		return nil, err
	}
	h, err := v.header(parsed)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(token))
	key, err := v.signer(ctx, h, signed{
		sum: sum, text: parts[0] + "." + parts[1], signature: parsed.Signature, method: parsed.Method,
	})
	if err != nil {
		return nil, err
	}
	if err := v.validate(claims); err != nil {
		return nil, err
	}
	if len(v.cfg.Secret) > 0 { // Its signatures are as fast as looking them up.
		return Claims(claims), nil
	}
	exp, err := expiry(Claims(claims))
	if err != nil {
		return nil, err
	}
	v.seen.add(sum, signature{key, exp})
	return Claims(claims), nil
}

// expiry returns when a token expires.
func expiry(claims Claims) (time.Time, error) {
	exp, err := jwt.MapClaims(claims).GetExpirationTime()
	if err != nil || exp == nil {
		return time.Time{}, refuse("exp can't be read")
	}
	return exp.UTC(), nil
}

// checkText refuses what the parser ignores: line breaks, which package base64 skips, and text
// after the object of claims. A token is one text with one reading (RFC 7515 §2, RFC 7519 §7.2).
func checkText(token string, parts []string) error {
	if strings.ContainsAny(token, "\r\n") {
		return refuse("it contains a line break")
	}
	if text, err := base64.RawURLEncoding.DecodeString(parts[1]); err != nil || !json.Valid(text) {
		return refuse("the claims are not one JSON object")
	}
	return nil
}

// validate checks the claims of a token whose signature is valid.
func (v *Verifier) validate(claims jwt.MapClaims) error {
	if err := checkDates(Claims(claims)); err != nil {
		return err
	}
	if err := v.validator.Validate(claims); err != nil {
		return refused(err)
	}
	if err := v.cfg.checkClient(Claims(claims)); err != nil {
		return err
	}
	return v.cfg.checkRequired(Claims(claims))
}

// principal returns the principal of a valid token.
func (v *Verifier) principal(claims Claims, exp time.Time) (authz.Principal, error) {
	of := v.cfg.Principal
	if of == nil {
		of = v.cfg.standard
	}
	p, err := of(claims)
	switch {
	case err != nil:
		return authz.Principal{}, err
	case p.ExpiresAt.IsZero() || !p.ExpiresAt.Before(exp):
		p.ExpiresAt = exp
	case p.Expired(v.cfg.Clock()):
		return authz.Principal{}, refuse("the principal has expired")
	}
	return p, nil
}

// header is the part of a token's header that decides which key verifies it.
type header struct{ Algorithm, KeyID string }

// header checks the header of a token, as it was parsed for its signature, so that it has one
// reading.
func (v *Verifier) header(token *jwt.Token) (header, error) {
	text := make(map[string]string, 3)
	for _, name := range []string{"alg", "kid", "typ"} {
		value, there := token.Header[name]
		s, ok := value.(string)
		if value != nil && !ok || there && value == nil && name == "alg" {
			return header{}, refuse("%s is not a string", name)
		}
		text[name] = s
	}
	_, critical := token.Header["crit"]
	h := header{Algorithm: text["alg"], KeyID: text["kid"]}
	switch {
	case !slices.Contains(v.cfg.Algorithms, h.Algorithm):
		return header{}, refuse("alg %.32q is not accepted", h.Algorithm)
	case critical: // RFC 7515 §4.1.11
		return header{}, refuse("crit: no extension is supported")
	case text["typ"] != "" && !slices.ContainsFunc(v.cfg.Types, func(t string) bool { return isType(text["typ"], t) }):
		return header{}, refuse("typ %.64q is not accepted", text["typ"])
	}
	return h, nil
}

// isType reports whether two media types are equal. They may lack "application/" (RFC 7515 §4.1.9).
func isType(typ, want string) bool {
	const application = "application/"
	if len(typ) > len(application) && strings.EqualFold(typ[:len(application)], application) {
		typ = typ[len(application):]
	}
	return strings.EqualFold(typ, want)
}

// signed is the part of a token that verifying its signature needs.
type signed struct {
	sum       [sha256.Size]byte
	text      string
	signature []byte
	method    jwt.SigningMethod
}

// maxTried is how many keys a signature is tried with. More than one fits if the token or the keys
// have no id, or several keys share an id.
const maxTried = 8

// signer returns the key that signed a token.
func (v *Verifier) signer(ctx context.Context, h header, token signed) (any, error) {
	switch {
	case len(v.cfg.Secret) > 0:
		if err := token.method.Verify(token.text, token.signature, v.cfg.Secret); err != nil {
			return nil, refused(err)
		}
		return v.cfg.Secret, nil
	case v.remote == nil:
		return v.signerIn(&keySet{keys: v.cfg.Keys}, h, token)
	}
	set, err := v.remote.find(ctx, h, nil)
	if err != nil {
		return nil, err
	}
	key, refusal := v.signerIn(set, h, token)
	if refusal == nil {
		return key, nil
	}
	// The issuer may have replaced a key under the same id or without an id.
	switch renewed, err := v.remote.find(ctx, h, set); {
	case err != nil:
		return nil, err
	case renewed == set:
		return nil, refusal
	default:
		return v.signerIn(renewed, h, token)
	}
}

// signerIn returns the key of a set that signed a token.
func (v *Verifier) signerIn(set *keySet, h header, token signed) (crypto.PublicKey, error) {
	candidates := set.candidates(h)
	if len(candidates) == 0 {
		return nil, refuse("no key with id %.64q is for %s%s", h.KeyID, h.Algorithm, set.leftOut)
	}
	if known := v.seen.signer(token.sum); known != nil && contains(candidates, known) {
		return known, nil
	}
	for _, k := range candidates[:min(len(candidates), maxTried)] {
		if token.method.Verify(token.text, token.signature, k.Public) == nil {
			return k.Public, nil
		}
	}
	if len(candidates) > maxTried {
		return nil, refuse("none of the first %d keys has signed it, and %d more with id %.64q for %s are not tried",
			maxTried, len(candidates)-maxTried, h.KeyID, h.Algorithm)
	}
	return nil, refuse("no key with id %.64q for %s has signed it", h.KeyID, h.Algorithm)
}
