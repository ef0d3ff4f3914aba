package idp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const scopeOpenID = "openid"

// allScopes returns the scopes that the provider knows: the chat, which any person may request, and
// its rooms for staff.
func allScopes() []string { return []string{"chat", staffScope} }

const staffScope = "chat:staff"

// person is a person that has signed in.
type person struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
}

// subject returns the stable id of a person.
func (u person) subject() string {
	sum := sha256.Sum256([]byte(u.Name))
	return "dev-" + hex.EncodeToString(sum[:8])
}

// grant is the sign-in that a code stands for.
type grant struct {
	person
	redirect  string
	challenge string
	expires   time.Time
}

// codeTime is the lifetime of a code, which only passes from one page to the other.
const codeTime = time.Minute

// keep keeps a grant and removes expired ones.
func (p *Provider) keep(code string, g grant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.cfg.Clock()
	for old, g := range p.codes {
		if !g.expires.After(now) {
			delete(p.codes, old)
		}
	}
	g.expires = now.Add(codeTime)
	p.codes[code] = g
}

// redeem returns the grant of a code, once.
func (p *Provider) redeem(code string) (grant, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g, ok := p.codes[code]
	delete(p.codes, code)
	return g, ok && g.expires.After(p.cfg.Clock())
}

// token is the token endpoint (RFC 6749 §3.2).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	fail := func(code, description string) {
		write(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": description})
	}
	if err := r.ParseForm(); err != nil {
		fail("invalid_request", "the body is not a form")
		return
	}
	form := r.PostForm
	if form.Get("client_id") != p.cfg.ClientID {
		fail("invalid_client", "unknown client_id")
		return
	}
	switch form.Get("grant_type") {
	case "authorization_code":
		g, ok := p.redeem(form.Get("code"))
		if !ok || g.redirect != form.Get("redirect_uri") || !verifies(g.challenge, form.Get("code_verifier")) {
			fail("invalid_grant", "the code was used, is too old, or belongs to another redirect_uri or code_verifier")
			return
		}
		p.issue(w, g.person)
	case "refresh_token":
		u, ok := readRefreshToken(form.Get("refresh_token"))
		if !ok {
			fail("invalid_grant", "the refresh_token was not issued by this provider")
			return
		}
		p.issue(w, u)
	case "password":
		name, problem := checkName(form.Get("username"))
		if problem != "" {
			fail("invalid_request", "username: "+problem)
			return
		}
		p.issue(w, person{name, granted(form, true)})
	default:
		fail("unsupported_grant_type", "the grant_type must be authorization_code, refresh_token or password")
	}
}

// verifies reports whether a code is redeemed by the page that requested it (RFC 7636 §4.6).
func verifies(challenge, verifier string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// granted returns the requested scopes that are known. Only staff get the scope of staff.
func granted(form url.Values, staff bool) []string {
	asked := strings.Fields(form.Get("scope"))
	return slices.DeleteFunc(
		allScopes(),
		func(s string) bool { return !slices.Contains(asked, s) || s == staffScope && !staff },
	)
}

// issue responds with tokens.
func (p *Provider) issue(w http.ResponseWriter, u person) {
	now := p.cfg.Clock()
	claims := func(audience string, more jwt.MapClaims) jwt.MapClaims {
		more["iss"], more["aud"], more["sub"], more["name"] = p.cfg.Issuer, audience, u.subject(), u.Name
		more["iat"], more["exp"] = now.Unix(), now.Add(p.cfg.Lifetime).Unix()
		return more
	}
	scope := strings.Join(u.Scopes, " ")
	access, err := p.sign("at+jwt", claims(p.cfg.Audience, jwt.MapClaims{"scope": scope, "client_id": p.cfg.ClientID}))
	if err != nil {
		write(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	id, err := p.sign("JWT", claims(p.cfg.ClientID, jwt.MapClaims{}))
	if err != nil {
		write(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	write(w, http.StatusOK, map[string]any{
		"access_token": access, "id_token": id, "refresh_token": refreshToken(u), "token_type": "Bearer",
		"expires_in": int(p.cfg.Lifetime.Seconds()), "scope": scope,
	})
}

func (p *Provider) sign(kind string, claims jwt.MapClaims) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	t.Header["typ"], t.Header["kid"] = kind, p.kid
	return t.SignedString(p.key)
}

// jwks publishes the key (RFC 7517, RFC 7518 §6.2).
func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	point, err := p.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		write(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	x, y := point[1:33], point[33:]
	write(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": p.kid,
		"x": base64.RawURLEncoding.EncodeToString(x), "y": base64.RawURLEncoding.EncodeToString(y),
	}}})
}

// refreshPrefix marks refresh tokens as not trustworthy.
const refreshPrefix = "unsigned-development-refresh-token."

func refreshToken(u person) string {
	text, err := json.Marshal(u)
	if err != nil {
		panic(err) // a person always encodes
	}
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(text)
}

func readRefreshToken(token string) (u person, ok bool) {
	encoded, ok := strings.CutPrefix(token, refreshPrefix)
	if !ok {
		return person{}, false
	}
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || json.Unmarshal(text, &u) != nil {
		return person{}, false
	}
	name, problem := checkName(u.Name)
	return u, problem == "" && name == u.Name
}
