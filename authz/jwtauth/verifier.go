package jwtauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/gatesock/gatesock/authz"
)

// Verifier is an [authz.Verifier] for JSON Web Tokens. It is safe for concurrent use.
type Verifier struct {
	cfg    Config
	parser *jwt.Parser
	remote *remote // nil: the keys are known

	mu     sync.Mutex
	cached map[[sha256.Size]byte]authz.Principal
}

var _ authz.Verifier = (*Verifier)(nil)

// New returns a Verifier. It fetches nothing: the first token does. An error says what is missing in the configuration.
func New(cfg Config) (*Verifier, error) {
	cfg.Audience, cfg.Keys = slices.Clone(cfg.Audience), slices.Clone(cfg.Keys)
	if err := cfg.check(); err != nil {
		return nil, err
	}
	v := &Verifier{cfg: cfg, cached: make(map[[sha256.Size]byte]authz.Principal)}
	v.parser = jwt.NewParser(
		jwt.WithValidMethods(cfg.Algorithms),
		jwt.WithIssuer(cfg.Issuer),
		jwt.WithAudience(cfg.Audience...),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(cfg.Skew),
		jwt.WithTimeFunc(cfg.Clock),
		jwt.WithStrictDecoding(),
		jwt.WithJSONNumber(),
	)
	if cfg.JWKS != "" || cfg.Discover {
		v.remote = newRemote(&v.cfg)
	}
	return v, nil
}

// Verify gives the principal of a token. Something that does not have three parts is no token ([authz.ErrNoCredential]).
func (v *Verifier) Verify(ctx context.Context, token string) (authz.Principal, error) {
	if strings.Count(token, ".") != 2 {
		return authz.Principal{}, authz.ErrNoCredential
	}
	if len(token) > MaxToken {
		return authz.Principal{}, refuse("it has more than %d bytes", MaxToken)
	}
	sum := sha256.Sum256([]byte(token))
	if p, ok := v.remembered(sum); ok {
		return p, nil
	}
	claims, err := v.claims(ctx, token)
	if err != nil {
		return authz.Principal{}, err
	}
	p, err := v.principal(claims)
	if err == nil {
		v.remember(sum, p)
	}
	return p, err
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: the token: "+format, append([]any{authz.ErrUnauthenticated}, args...)...)
}

// header is that of a token, as far as it decides something.
type header struct {
	Algorithm string           `json:"alg"`
	KeyID     string           `json:"kid"`
	Type      string           `json:"typ"`
	Critical  *json.RawMessage `json:"crit"`
}

// claims verifies a token and gives its claims.
func (v *Verifier) claims(ctx context.Context, token string) (jwt.MapClaims, error) {
	h, err := v.header(token)
	if err != nil {
		return nil, err
	}
	keys, err := v.keys(ctx, h)
	if err != nil {
		return nil, err
	}
	claims := jwt.MapClaims{}
	_, err = v.parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return keys, nil })
	if err != nil {
		return nil, refuse("%w", err)
	}
	return claims, nil
}

func (v *Verifier) header(token string) (h header, err error) {
	first, _, _ := strings.Cut(token, ".")
	data, err := base64.RawURLEncoding.Strict().DecodeString(first)
	if err != nil {
		return header{}, refuse("its header is not base64url")
	}
	if err := json.Unmarshal(data, &h); err != nil {
		return header{}, refuse("its header is no JSON object: %w", err)
	}
	switch {
	case !slices.Contains(v.cfg.Algorithms, h.Algorithm):
		return header{}, refuse("its alg %.32q is not taken", h.Algorithm)
	case h.Critical != nil: // RFC 7515 §4.1.11
		return header{}, refuse("it has crit, and no extension is known")
	case h.Type != "" && !slices.ContainsFunc(v.cfg.Types, func(t string) bool { return isType(h.Type, t) }):
		return header{}, refuse("its typ %.64q is not taken", h.Type)
	case len(h.KeyID) > 1024:
		return header{}, refuse("its kid has more than 1024 bytes")
	}
	return h, nil
}

// isType compares media types, which may leave out what they begin with (RFC 7515 §4.1.9).
func isType(typ, want string) bool {
	const application = "application/"
	if len(typ) > len(application) && strings.EqualFold(typ[:len(application)], application) {
		typ = typ[len(application):]
	}
	return strings.EqualFold(typ, want)
}

// maxTried is how many keys a signature is tried with, if the token names none.
const maxTried = 8

// keys gives the keys that a token may be verified with: those of its id that are for its algorithm.
func (v *Verifier) keys(ctx context.Context, h header) (jwt.VerificationKeySet, error) {
	if len(v.cfg.Secret) > 0 {
		return jwt.VerificationKeySet{Keys: []jwt.VerificationKey{v.cfg.Secret}}, nil
	}
	known := v.cfg.Keys
	if v.remote != nil {
		var err error
		if known, err = v.remote.find(ctx, h.KeyID); err != nil {
			return jwt.VerificationKeySet{}, err
		}
	}
	var set jwt.VerificationKeySet
	for _, k := range matching(known, h.KeyID) {
		if (k.Algorithm == "" || k.Algorithm == h.Algorithm) && fits(h.Algorithm, k.Public) && len(set.Keys) < maxTried {
			set.Keys = append(set.Keys, k.Public)
		}
	}
	if len(set.Keys) == 0 {
		return set, refuse("no key of id %.64q is for %s", h.KeyID, h.Algorithm)
	}
	return set, nil
}

// principal makes one of the claims of a good token.
func (v *Verifier) principal(claims jwt.MapClaims) (authz.Principal, error) {
	exp, err := claims.GetExpirationTime()
	if err != nil || exp == nil {
		return authz.Principal{}, refuse("its exp can't be read")
	}
	of := v.cfg.Principal
	if of == nil {
		of = v.standard
	}
	p, err := of(Claims(claims))
	if err != nil {
		return authz.Principal{}, err
	}
	if p.Expires.IsZero() || exp.Before(p.Expires) {
		p.Expires = exp.UTC()
	}
	return p, nil
}

func (v *Verifier) standard(claims Claims) (authz.Principal, error) {
	p := authz.Principal{}
	var ok bool
	if p.ID, ok = claims["sub"].(string); !ok || p.ID == "" {
		return p, refuse("its sub is missing or no string")
	}
	for name, to := range map[string]*[]string{"scope": &p.Scopes, "scp": &p.Scopes, "roles": &p.Roles} {
		words, err := wordsOf(claims[name])
		if err != nil {
			return p, refuse("its %s %w", name, err)
		}
		*to = append(*to, words...)
	}
	slices.Sort(p.Scopes)
	p.Scopes = slices.Compact(p.Scopes)
	for _, name := range v.cfg.Attributes {
		if value, ok := textOf(claims[name]); ok {
			if p.Attributes == nil {
				p.Attributes = make(map[string]string)
			}
			p.Attributes[name] = value
		}
	}
	return p, nil
}

// wordsOf reads a list, or words with spaces between them.
func wordsOf(claim any) ([]string, error) {
	switch c := claim.(type) {
	case nil:
		return nil, nil
	case string:
		return strings.Fields(c), nil
	case []any:
		var words []string
		for _, e := range c {
			s, ok := e.(string)
			if !ok {
				return nil, errors.New("has something else than strings")
			}
			words = append(words, s)
		}
		return words, nil
	default:
		return nil, errors.New("is neither a string nor a list")
	}
}

func textOf(claim any) (string, bool) {
	switch c := claim.(type) {
	case string:
		return c, true
	case json.Number, bool:
		return fmt.Sprint(c), true
	default:
		return "", false
	}
}

// remembered gives the principal of a token that was verified before and has not expired.
func (v *Verifier) remembered(sum [sha256.Size]byte) (authz.Principal, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p, ok := v.cached[sum]
	if ok && p.Expired(v.cfg.Clock()) {
		delete(v.cached, sum)
		return authz.Principal{}, false
	}
	return p, ok
}

func (v *Verifier) remember(sum [sha256.Size]byte, p authz.Principal) {
	now := v.cfg.Clock()
	if v.cfg.MaxCached < 0 || p.Expired(now) {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.cached) >= v.cfg.MaxCached {
		v.forget(now)
	}
	v.cached[sum] = p
}

// forget makes room: what has expired goes, or else anything.
func (v *Verifier) forget(now time.Time) {
	for sum, p := range v.cached {
		if p.Expired(now) {
			delete(v.cached, sum)
		}
	}
	for sum := range v.cached {
		if len(v.cached) < v.cfg.MaxCached {
			return
		}
		delete(v.cached, sum)
	}
}
