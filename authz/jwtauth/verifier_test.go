package jwtauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
)

const (
	issuer   = "https://login.example.com/"
	audience = "https://ws.example.com"
)

// now is the current time in tests that do not move it.
var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // A constant, if it could be one.

// pair is a private key and the algorithms that are for it.
type pair struct {
	id      string
	private crypto.Signer
	methods []jwt.SigningMethod
}

// pairs returns the key pairs, which are made once: RSA keys take a while.
var pairs = sync.OnceValue(func() map[string]pair { //nolint:gochecknoglobals // Keys of the tests.
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	rsas := []jwt.SigningMethod{
		jwt.SigningMethodRS256, jwt.SigningMethodRS384, jwt.SigningMethodRS512,
		jwt.SigningMethodPS256, jwt.SigningMethodPS384, jwt.SigningMethodPS512,
	}
	all := map[string]pair{"rsa": {"rsa", r, rsas}, "other": {"other", other, rsas}}
	for method, curve := range map[*jwt.SigningMethodECDSA]elliptic.Curve{
		jwt.SigningMethodES256: elliptic.P256(), jwt.SigningMethodES384: elliptic.P384(),
		jwt.SigningMethodES512: elliptic.P521(),
	} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		must(err)
		all[method.Name] = pair{method.Name, k, []jwt.SigningMethod{method}}
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	all["ed"] = pair{"ed", ed, []jwt.SigningMethod{jwt.SigningMethodEdDSA}}
	return all
})

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func good() jwt.MapClaims {
	return jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": "ann", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nbf": now.Unix(),
		"scope": "say read", "roles": []string{"member"}, "tenant": "t", "level": 3, "beta": true,
	}
}

// sign returns a token. Headers that are nil are left out.
func sign(method jwt.SigningMethod, key any, claims jwt.Claims, header map[string]any) string {
	t := jwt.NewWithClaims(method, claims)
	maps.Copy(t.Header, header)
	for k, v := range t.Header {
		if v == nil {
			delete(t.Header, k)
		}
	}
	s, err := t.SignedString(key)
	must(err)
	return s
}

func (p pair) sign(claims jwt.Claims, header map[string]any) string {
	h := map[string]any{"kid": p.id}
	maps.Copy(h, header)
	return sign(p.methods[0], p.private, claims, h)
}

// local returns a Verifier with all keys except "other".
func local(t testing.TB, change func(*Config)) *Verifier {
	t.Helper()
	cfg := Config{
		Issuer: issuer, Audience: []string{"https://another.example.com", audience}, Clock: func() time.Time { return now },
		Attributes: map[string]string{"tenant": "tenant", "level": "level", "beta": "beta", "none": "none", "roles": "roles"},
	}
	for _, p := range pairs() {
		if p.id != "other" {
			cfg.Keys = append(cfg.Keys, Key{ID: p.id, Public: p.private.Public()})
		}
	}
	if change != nil {
		change(&cfg)
	}
	v, err := New(cfg)
	require.NoError(t, err)
	return v
}

func TestGoodTokens(t *testing.T) {
	t.Parallel()
	v := local(t, nil)
	want := authz.Principal{
		ID: "ann", Scopes: []string{"read", "say"}, Roles: []string{"member"}, ExpiresAt: now.Add(time.Hour),
		Attributes: map[string]string{"tenant": "t", "level": "3", "beta": "true"},
	}
	for _, p := range pairs() {
		if p.id == "other" {
			continue
		}
		for _, method := range p.methods {
			for _, header := range []map[string]any{
				{"kid": p.id}, {"kid": nil}, {"kid": p.id, "typ": nil}, {"kid": p.id, "typ": "at+jwt"}, {"kid": p.id, "typ": "application/JWT"},
			} {
				got, err := v.Verify(t.Context(), sign(method, p.private, good(), header))
				require.NoError(t, err, "%s %v", method.Alg(), header)
				require.Equal(t, want, got)
			}
		}
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	secret := []byte(strings.Repeat("s", 64))
	v := local(t, func(c *Config) { c.Keys, c.Secret, c.Algorithms = nil, secret, []string{"HS256", "HS512"} })
	for _, m := range []*jwt.SigningMethodHMAC{jwt.SigningMethodHS256, jwt.SigningMethodHS512} {
		_, err := v.Verify(t.Context(), sign(m, secret, good(), nil))
		require.NoError(t, err)
	}
	for _, token := range []string{
		sign(jwt.SigningMethodHS384, secret, good(), nil),
		sign(jwt.SigningMethodHS256, append([]byte("x"), secret...), good(), nil),
		pairs()["rsa"].sign(good(), nil),
	} {
		_, err := v.Verify(t.Context(), token)
		require.ErrorIs(t, err, authz.ErrUnauthenticated)
	}
	v = local(t, func(c *Config) { c.Keys, c.Secret = nil, secret })
	_, err := v.Verify(t.Context(), sign(jwt.SigningMethodHS512, secret, good(), nil))
	require.Error(t, err, "HS256 alone, unless more are named")
}

// less returns the good claims without one of them, and with others.
func less(without string, with jwt.MapClaims) jwt.MapClaims {
	c := good()
	delete(c, without)
	maps.Copy(c, with)
	return c
}

func segment(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// hostile returns tokens that must be refused, by what is wrong with them.
func hostile() map[string]string {
	p, other := pairs()["rsa"], pairs()["other"]
	token := p.sign(good(), nil)
	parts := strings.Split(token, ".")
	der, err := x509.MarshalPKIXPublicKey(p.private.Public())
	must(err)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	others := func(header map[string]any) string {
		return sign(jwt.SigningMethodRS256, other.private, good(), header)
	}
	unsigned := func(header string) string { return segment(header) + "." + parts[1] + "." }
	body := func(claims string) string { // signed as it is
		input := segment(`{"alg":"RS256","kid":"rsa"}`) + "." + segment(claims)
		sig, err := jwt.SigningMethodRS256.Sign(input, p.private)
		must(err)
		return input + "." + base64.RawURLEncoding.EncodeToString(sig)
	}
	head := func(header string) string {
		input := segment(header) + "." + parts[1]
		sig, err := jwt.SigningMethodRS256.Sign(input, p.private)
		must(err)
		return input + "." + base64.RawURLEncoding.EncodeToString(sig)
	}
	hour := now.Add(time.Hour).Unix()
	claims := fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":"ann","exp":%d}`, issuer, audience, hour)
	return map[string]string{
		"alg none":                         unsigned(`{"alg":"none"}`),
		"alg None":                         unsigned(`{"alg":"None","kid":"rsa"}`),
		"alg NONE":                         unsigned(`{"alg":"NONE"}`),
		"alg nOnE with a signature":        unsigned(`{"alg":"nOnE"}`) + parts[2],
		"alg missing":                      unsigned(`{"kid":"rsa"}`) + parts[2],
		"alg empty":                        head(`{"alg":"","kid":"rsa"}`),
		"alg null":                         head(`{"alg":null,"kid":"rsa"}`),
		"alg a number":                     head(`{"alg":256,"kid":"rsa"}`),
		"alg a list":                       head(`{"alg":["RS256"],"kid":"rsa"}`),
		"alg in other letters":             head(`{"alg":"rs256","kid":"rsa"}`),
		"alg with a space":                 head(`{"alg":"RS256 ","kid":"rsa"}`),
		"alg RS1":                          head(`{"alg":"RS1","kid":"rsa"}`),
		"HMAC with the public key as PEM":  sign(jwt.SigningMethodHS256, public, good(), map[string]any{"kid": "rsa"}),
		"HMAC with the public key as DER":  sign(jwt.SigningMethodHS256, der, good(), map[string]any{"kid": "rsa"}),
		"HMAC with nothing":                sign(jwt.SigningMethodHS256, []byte{}, good(), map[string]any{"kid": "rsa"}),
		"the alg of another key":           sign(jwt.SigningMethodRS256, p.private, good(), map[string]any{"kid": "ed"}),
		"the kid of another curve":         sign(jwt.SigningMethodES256, pairs()["ES256"].private, good(), map[string]any{"kid": "ES384"}),
		"another's key":                    others(map[string]any{"kid": "rsa"}),
		"another's key without kid":        others(map[string]any{"kid": nil}),
		"a key that nobody knows":          other.sign(good(), nil),
		"kid of a path":                    p.sign(good(), map[string]any{"kid": "../../dev/null"}),
		"kid of SQL":                       p.sign(good(), map[string]any{"kid": "' OR 1=1 --"}),
		"kid a number":                     head(`{"alg":"RS256","kid":5}`),
		"kid a list":                       head(`{"alg":"RS256","kid":["rsa"]}`),
		"kid of two KB":                    p.sign(good(), map[string]any{"kid": strings.Repeat("k", 2000)}),
		"its own key (jwk)":                others(map[string]any{"kid": "rsa", "jwk": map[string]any{"kty": "RSA"}}),
		"a key elsewhere (jku)":            others(map[string]any{"kid": "rsa", "jku": "http://127.0.0.1:1/"}),
		"a certificate elsewhere (x5u)":    others(map[string]any{"kid": "rsa", "x5u": "http://127.0.0.1:1/"}),
		"crit":                             p.sign(good(), map[string]any{"crit": []string{"exp"}, "exp": 1}),
		"crit empty":                       p.sign(good(), map[string]any{"crit": []string{}}),
		"b64 unencoded":                    p.sign(good(), map[string]any{"b64": false, "crit": []string{"b64"}}),
		"typ of another use":               p.sign(good(), map[string]any{"typ": "secevent+jwt"}),
		"typ a number":                     head(`{"alg":"RS256","kid":"rsa","typ":1}`),
		"header a list":                    head(`[]`),
		"header null":                      head(`null`),
		"header twice":                     head(`{"alg":"RS256","kid":"rsa"}{"alg":"none"}`),
		"header no JSON":                   head(`{`),
		"header padded":                    parts[0] + "=." + parts[1] + "." + parts[2],
		"header of other base64":           strings.Replace(parts[0], "e", "+", 1) + "." + parts[1] + "." + parts[2],
		"header with a line":               parts[0] + "\n." + parts[1] + "." + parts[2],
		"claims changed":                   parts[0] + "." + segment(`{"sub":"root"}`) + "." + parts[2],
		"claims empty":                     parts[0] + ".." + parts[2],
		"signature missing":                parts[0] + "." + parts[1] + ".",
		"signature cut":                    token[:len(token)-4],
		"signature longer":                 token + "AAAA",
		"signature in two lines":           token[:len(token)-4] + "\r\n" + token[len(token)-4:],
		"a carriage return within":         token[:len(token)-4] + "\r" + token[len(token)-4:],
		"a line break at its end":          token + "\n",
		"signature of zeros":               parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 256)),
		"signature with bits to spare":     sloppy(token),
		"ES256 of zeros":                   segment(`{"alg":"ES256","kid":"ES256"}`) + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
		"ES256 as ASN.1":                   asn1Signature(),
		"not UTF-8":                        body("{\"iss\":\"" + issuer + "\",\"aud\":\"" + audience + "\",\"sub\":5,\"exp\":" + fmt.Sprint(hour) + ",\"x\":\"\xff\"}"),
		"a token in a token":               body(`"` + token + `"`),
		"claims a list":                    body(`[]`),
		"claims twice":                     body(claims + `{"sub":"root"}`),
		"claims and more":                  body(claims + `,`),
		"claims null":                      body(`null`),
		"iss missing":                      p.sign(less("iss", nil), nil),
		"iss without its slash":            p.sign(less("", jwt.MapClaims{"iss": strings.TrimSuffix(issuer, "/")}), nil),
		"iss a list":                       p.sign(less("", jwt.MapClaims{"iss": []string{issuer}}), nil),
		"aud missing":                      p.sign(less("aud", nil), nil),
		"aud empty":                        p.sign(less("", jwt.MapClaims{"aud": []string{}}), nil),
		"aud of others":                    p.sign(less("", jwt.MapClaims{"aud": []string{"a", "b"}}), nil),
		"aud that begins so":               p.sign(less("", jwt.MapClaims{"aud": audience + "/"}), nil),
		"aud a number":                     p.sign(less("", jwt.MapClaims{"aud": 5}), nil),
		"aud of numbers":                   p.sign(less("", jwt.MapClaims{"aud": []any{5, audience}}), nil),
		"exp missing":                      p.sign(less("exp", nil), nil),
		"exp null":                         p.sign(less("", jwt.MapClaims{"exp": nil}), nil),
		"exp passed":                       p.sign(less("", jwt.MapClaims{"exp": now.Add(-31 * time.Second).Unix()}), nil),
		"exp a string":                     p.sign(less("", jwt.MapClaims{"exp": fmt.Sprint(hour)}), nil),
		"exp negative":                     p.sign(less("", jwt.MapClaims{"exp": -1}), nil),
		"exp zero":                         p.sign(less("", jwt.MapClaims{"exp": 0}), nil),
		"exp a list":                       p.sign(less("", jwt.MapClaims{"exp": []int64{hour}}), nil),
		"nbf to come":                      p.sign(less("", jwt.MapClaims{"nbf": now.Add(31 * time.Second).Unix()}), nil),
		"nbf a string":                     p.sign(less("", jwt.MapClaims{"nbf": "now"}), nil),
		"iat to come":                      p.sign(less("", jwt.MapClaims{"iat": now.Add(time.Minute).Unix()}), nil),
		"sub missing":                      p.sign(less("sub", nil), nil),
		"sub empty":                        p.sign(less("", jwt.MapClaims{"sub": ""}), nil),
		"sub a number":                     p.sign(less("", jwt.MapClaims{"sub": 7}), nil),
		"scope a number":                   p.sign(less("", jwt.MapClaims{"scope": 7}), nil),
		"roles of numbers":                 p.sign(less("", jwt.MapClaims{"roles": []int{7}}), nil),
		"huge":                             p.sign(less("", jwt.MapClaims{"x": strings.Repeat("x", maxTokenBytes)}), nil),
		"deep":                             body(strings.Repeat(`{"a":`, 2000)),
		"three dots of nothing":            "..",
		"spaces around":                    " " + token,
		"the header of one, another's end": parts[0] + "." + parts[1] + "." + strings.Split(pairs()["ES256"].sign(good(), nil), ".")[2],
	}
}

// sloppy sets unused bits of a token's last character, which strict base64 refuses.
func sloppy(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + string(alphabet[last|1])
}

func asn1Signature() string {
	p := pairs()["ES256"]
	input := strings.Join(strings.Split(p.sign(good(), nil), ".")[:2], ".")
	digest := crypto.SHA256.New()
	digest.Write([]byte(input))
	sig, err := p.private.Sign(rand.Reader, digest.Sum(nil), crypto.SHA256)
	must(err)
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestHostileTokens(t *testing.T) {
	t.Parallel()
	all := hostile()
	require.Greater(t, len(all), 40)
	v := local(t, nil)
	for name, token := range all {
		p, err := v.Verify(t.Context(), token)
		require.ErrorIs(t, err, authz.ErrUnauthenticated, name)
		require.Equal(t, authz.Principal{}, authz.Principal{ID: p.ID}, name)
		require.NotErrorIs(t, err, authz.ErrNoCredential, name)
		if len(token) > 100 {
			require.NotContains(t, err.Error(), token[40:100], name)
		}
		require.Less(t, len(err.Error()), 400, name)
		if v.seen.signer(sumOf(token)) != nil {
			require.Regexp(t, "token: (sub|scope|roles) ", err.Error(), "its signature is good, and all else that is checked before: %s", name)
		}
	}
	for length, tooLong := range map[int]bool{maxTokenBytes: false, maxTokenBytes + 1: true} {
		_, err := v.Verify(t.Context(), "a.b."+strings.Repeat("c", length-len("a.b.")))
		require.Equal(t, tooLong, strings.Contains(err.Error(), "more than 8192 bytes"), "%d: %v", length, err)
	}
	for _, none := range []string{"", "abc", "a.b", "a.b.c.d", "gs_key_abc"} {
		_, err := v.Verify(t.Context(), none)
		require.ErrorIs(t, err, authz.ErrNoCredential)
	}
}

// The clock may differ by the skew, and no more.
func TestSkew(t *testing.T) {
	t.Parallel()
	v := local(t, func(c *Config) { c.MaxCached = -1 })
	p := pairs()["ed"]
	for name, claims := range map[string]jwt.MapClaims{
		"exp": {"exp": now.Add(-29 * time.Second).Unix()},
		"nbf": {"nbf": now.Add(29 * time.Second).Unix()},
		"iat": {"iat": now.Add(29 * time.Second).Unix()},
	} {
		_, err := v.Verify(t.Context(), p.sign(less("", claims), nil))
		require.NoError(t, err, name)
	}
	require.Nil(t, v.seen.tokens)
}

func TestOwnPrincipal(t *testing.T) {
	t.Parallel()
	v := local(t, func(c *Config) {
		c.Attributes = nil
		c.Principal = func(claims Claims) (authz.Principal, error) {
			if claims["email_verified"] != true {
				return authz.Principal{}, fmt.Errorf("%w: the address is not verified", authz.ErrForbidden)
			}
			return authz.Principal{ID: claims["email"].(string), ExpiresAt: now.Add(time.Minute)}, nil
		}
	})
	_, err := v.Verify(t.Context(), pairs()["ed"].sign(good(), nil))
	require.ErrorIs(t, err, authz.ErrForbidden)
	p, err := v.Verify(t.Context(), pairs()["ed"].sign(less("sub", jwt.MapClaims{"email": "a@b.test", "email_verified": true}), nil))
	require.NoError(t, err)
	require.Equal(t, authz.Principal{ID: "a@b.test", ExpiresAt: now.Add(time.Minute)}, p)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil { // Go may refuse to make one.
		small = &rsa.PrivateKey{}
	}
	secret := []byte(strings.Repeat("s", 32))
	for says, change := range map[string]func(*Config){
		"Issuer is missing":                  func(c *Config) { c.Issuer = "" },
		"Audience and ClientIDs are missing": func(c *Config) { c.Audience = nil },
		"contains an empty name":             func(c *Config) { c.Audience = []string{"x", ""} },
		"contains an empty id":               func(c *Config) { c.ClientIDs = []string{""} },
		"without ClientIDs":                  func(c *Config) { c.ClientIDClaim = "cid" },
		"Principal replaces":                 func(c *Config) { c.Principal, c.IDClaim = c.standard, "oid" },
		`no values of "token_use"`:           func(c *Config) { c.RequiredClaims = map[string][]string{"token_use": nil} },
		`attribute "cognito:groups"`:         func(c *Config) { c.Attributes = map[string]string{"cognito:groups": "cognito:groups"} },
		`attribute ""`:                       func(c *Config) { c.Attributes = map[string]string{"": "name"} },
		`claim "": the name of a`:            func(c *Config) { c.RoleClaims = []string{""} },
		`claim "/a~b": in a JSON`:            func(c *Config) { c.ScopeClaims = []string{"/a~b"} },
		`claim "/~": in a JSON`:              func(c *Config) { c.IDClaim = "/~" },
		`claim "/~2": in a JSON`:             func(c *Config) { c.Attributes = map[string]string{"a": "/~2"} },
		`longer than RefreshEvery`:           func(c *Config) { c.RefreshEvery = time.Second },
		"0 sources of keys":                  func(c *Config) { c.Keys = nil },
		"2 sources of keys":                  func(c *Config) { c.Secret = secret },
		"needs at least 32":                  func(c *Config) { c.Keys, c.Secret = nil, []byte("short") },
		`algorithm "HS256" does not fit`:     func(c *Config) { c.Algorithms = []string{"HS256"} },
		`algorithm "none" does not fit`:      func(c *Config) { c.Algorithms = []string{"none"} },
		`algorithm "RS256" does not fit`:     func(c *Config) { c.Keys, c.Secret, c.Algorithms = nil, secret, []string{"RS256"} },
		"Skew is negative":                   func(c *Config) { c.Skew = -1 },
		"less than 2048 bits":                func(c *Config) { c.Keys = []Key{{Public: &small.PublicKey}} },
		"is not a public key":                func(c *Config) { c.Keys = []Key{{Public: pairs()["ed"].private}} },
		"wrong size":                         func(c *Config) { c.Keys = []Key{{Public: ed25519.PublicKey("x")}} },
		"no key fits any of":                 func(c *Config) { c.Algorithms = []string{"RS256", "ES256"} },
		"Algorithms [RS512]": func(c *Config) {
			c.Keys, c.Algorithms = []Key{{Algorithm: "RS256", Public: pairs()["rsa"].private.Public()}}, []string{"RS512"}
		},
		"which is not for ES256":        func(c *Config) { c.Keys = []Key{{Algorithm: "ES256", Public: pairs()["rsa"].private.Public()}} },
		"is not fetched over https":     func(c *Config) { c.Keys, c.JWKS = nil, "http://login.example.com/keys" },
		"is not a URL":                  func(c *Config) { c.Keys, c.JWKS = nil, "keys" },
		`the issuer "joe" is not a URL`: func(c *Config) { c.Keys, c.Discover, c.Issuer = nil, true, "joe" },
	} {
		cfg := Config{Issuer: issuer, Audience: []string{audience}, Keys: []Key{{Public: pairs()["ed"].private.Public()}}}
		change(&cfg)
		_, err := New(cfg)
		require.ErrorContains(t, err, says)
	}
}

// A token that is accepted was signed by a known key.
func FuzzVerify(f *testing.F) {
	for _, token := range hostile() {
		f.Add(token)
	}
	for _, p := range pairs() {
		f.Add(p.sign(good(), nil))
	}
	v := local(f, nil)
	f.Fuzz(func(t *testing.T, token string) {
		p, err := v.Verify(t.Context(), token)
		if err != nil {
			require.ErrorIs(t, err, authz.ErrUnauthenticated)
			return
		}
		require.NotEmpty(t, p.ID)
		parts := strings.Split(token, ".")
		require.Len(t, parts, 3)
		sig, err := base64.RawURLEncoding.DecodeString(parts[2])
		require.NoError(t, err)
		verified := false
		for _, k := range pairs() {
			for _, m := range k.methods {
				verified = verified || k.id != "other" && m.Verify(parts[0]+"."+parts[1], sig, k.private.Public()) == nil
			}
		}
		require.True(t, verified)
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, id := range []string{"rsa", "ES256", "ed"} {
		token := pairs()[id].sign(good(), nil)
		for name, cached := range map[string]int{"new": -1, "known": 0} {
			b.Run(id+"/"+name, func(b *testing.B) {
				v := local(b, func(c *Config) { c.MaxCached = cached })
				b.ReportAllocs()
				for b.Loop() {
					if _, err := v.Verify(b.Context(), token); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
