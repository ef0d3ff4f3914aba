package jwtauth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/jwtauth"
)

// issuedAt is when all tokens of these tests were issued.
const issuedAt = 1795521600

// shape is a token as a provider publishes it: the claims are those of the pages that are named,
// with the values of these tests.
type shape struct {
	header string
	claims string
}

// shapes returns the tokens of the providers, all of one user. The function token adds times and
// the key.
func shapes() map[string]shape {
	return map[string]shape{
		// Amazon Cognito Developer Guide, "Understanding the access token".
		"cognito access": {`{"alg":"RS256","kid":"k1"}`, `{
			"sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "device_key": "eu-central-1_00000000-0000-0000-0000-000000000000",
			"cognito:groups": ["staff"], "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE", "version": 2,
			"client_id": "1example23456789", "origin_jti": "o-1", "event_id": "e-1", "token_use": "access",
			"scope": "chat/say aws.cognito.signin.user.admin", "auth_time": 1795521600, "jti": "j-1", "username": "ann"}`},
		// The same, "Understanding the identity (ID) token".
		"cognito id": {`{"alg":"RS256","kid":"k1"}`, `{
			"sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "cognito:groups": ["staff"], "email_verified": true,
			"cognito:preferred_role": "arn:aws:iam::111122223333:role/my-test-role",
			"iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE", "cognito:username": "ann", "nonce": "n-1",
			"origin_jti": "o-1", "cognito:roles": ["arn:aws:iam::111122223333:role/my-test-role"], "aud": "1example23456789",
			"identities": [{"userId": "u", "providerName": "n", "providerType": "t", "issuer": null, "primary": "true", "dateCreated": "1642699117273"}],
			"event_id": "e-1", "token_use": "id", "auth_time": 1795521600, "jti": "j-2", "email": "ann@example.com"}`},
		// Auth0 docs, "Access Token Profiles", with permissions (access_token_authz).
		"auth0": {`{"alg":"RS256","typ":"JWT","kid":"k1"}`, `{
			"https://ws.example.com/roles": ["moderator"], "iss": "https://example.eu.auth0.com/", "sub": "auth0|123456",
			"aud": ["https://ws.example.com", "https://example.eu.auth0.com/userinfo"], "azp": "my_client_id",
			"scope": "openid profile chat:read chat:admin", "permissions": ["chat:read", "chat:say"]}`},
		// The same, the RFC 9068 profile.
		"auth0 rfc9068": {`{"alg":"RS256","typ":"at+jwt","kid":"k1"}`, `{
			"iss": "https://example.eu.auth0.com/", "sub": "auth0|123456", "client_id": "my_client_id", "jti": "j-1",
			"aud": ["https://ws.example.com", "https://example.eu.auth0.com/userinfo"], "scope": "openid", "permissions": ["chat:read"]}`},
		// Auth0 docs, "ID Token Structure".
		"auth0 id": {`{"alg":"RS256","typ":"JWT","kid":"k1"}`, `{
			"iss": "https://example.eu.auth0.com/", "sub": "auth0|123456", "aud": "my_client_id", "name": "Ann"}`},
		// Clerk docs, "Session tokens", version 2.
		"clerk": {`{"alg":"RS256","cat":"cl_B7d4PD111AAA","kid":"k1","typ":"JWT"}`, `{
			"azp": "https://app.example.com", "fva": [7, -1], "iss": "https://clerk.example.com", "jti": "1234567890", "sid": "sess_123",
			"sub": "user_123", "v": 2, "pla": "u:free,o:pro", "fea": "o:dashboard",
			"o": {"id": "org_123", "slg": "org-slug", "rol": "admin", "per": "read,manage", "fpm": "3,2"}}`},
		// The same, version 1.
		"clerk v1": {`{"alg":"RS256","cat":"cl_B7d4PD111AAA","kid":"k1","typ":"JWT"}`, `{
			"azp": "https://app.example.com", "iss": "https://clerk.example.com", "sid": "sess_123", "sub": "user_123",
			"org_id": "org_123", "org_role": "org:admin", "org_permissions": ["org:admin:example_permission"]}`},
		// Okta developer docs, "OAuth 2.0 and OpenID Connect overview", access token payload.
		"okta": {`{"alg":"RS256","kid":"k1"}`, `{
			"ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE", "iss": "https://example.okta.com/oauth2/default",
			"aud": "api://ws.example.com", "sub": "ann@example.com", "cid": "0oaexampleweb", "uid": "00uexampleann",
			"scp": ["openid", "chat"], "groups": ["Everyone"], "auth_time": 1795521600}`},
		// The same, ID token payload.
		"okta id": {`{"alg":"RS256","kid":"k1"}`, `{
			"ver": 1, "sub": "00uexampleann", "iss": "https://example.okta.com/oauth2/default", "aud": "0oaexampleweb", "jti": "ID.1",
			"amr": ["pwd"], "idp": "00o1", "nonce": "n", "auth_time": 1795521600, "at_hash": "h", "name": "Ann"}`},
		// Microsoft identity platform, "Access token claims reference", version 2.0.
		"entra v2": {`{"typ":"JWT","alg":"RS256","kid":"k1"}`, `{
			"aud": "22222222-2222-2222-2222-222222222222", "ver": "2.0", "tid": "11111111-1111-1111-1111-111111111111",
			"iss": "https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/v2.0", "aio": "opaque", "rh": "opaque", "uti": "u",
			"azp": "33333333-3333-3333-3333-333333333333", "azpacr": "0", "name": "Ann", "oid": "44444444-4444-4444-4444-444444444444",
			"preferred_username": "ann@example.com", "scp": "Chat.Say Chat.Read", "roles": ["Moderator"], "sub": "pairwise"}`},
		// The same, "ID token claims reference", where the application and the API are one registration.
		"entra v2 id": {`{"typ":"JWT","alg":"RS256","kid":"k1"}`, `{
			"aud": "22222222-2222-2222-2222-222222222222", "ver": "2.0", "tid": "11111111-1111-1111-1111-111111111111",
			"iss": "https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/v2.0", "name": "Ann", "nonce": "n", "rh": "opaque",
			"oid": "44444444-4444-4444-4444-444444444444", "preferred_username": "ann@example.com", "sub": "pairwise"}`},
		// The same, version 1.0.
		"entra v1": {`{"typ":"JWT","alg":"RS256","x5t":"k1","kid":"k1"}`, `{
			"aud": "api://22222222-2222-2222-2222-222222222222", "iss": "https://sts.windows.net/11111111-1111-1111-1111-111111111111/",
			"acr": "1", "aio": "opaque", "amr": ["pwd"], "appid": "33333333-3333-3333-3333-333333333333", "appidacr": "0",
			"ipaddr": "192.0.2.1", "name": "Ann", "oid": "44444444-4444-4444-4444-444444444444", "rh": "opaque", "scp": "Chat.Say",
			"sub": "pairwise", "tid": "11111111-1111-1111-1111-111111111111", "unique_name": "ann@example.com", "uti": "u", "ver": "1.0"}`},
		// The same, of a client that asked for the API by its id.
		"entra v1 by id": {`{"typ":"JWT","alg":"RS256","x5t":"k1","kid":"k1"}`, `{
			"aud": "22222222-2222-2222-2222-222222222222", "iss": "https://sts.windows.net/11111111-1111-1111-1111-111111111111/",
			"appid": "33333333-3333-3333-3333-333333333333", "appidacr": "0", "oid": "44444444-4444-4444-4444-444444444444",
			"scp": "Chat.Say", "sub": "pairwise", "tid": "11111111-1111-1111-1111-111111111111", "ver": "1.0"}`},
		// Keycloak, an access token of a client with an audience mapper for ws-api.
		"keycloak": {`{"alg":"RS256","typ":"JWT","kid":"k1"}`, `{
			"jti": "j", "iss": "https://sso.example.com/realms/demo", "aud": ["ws-api", "account"],
			"sub": "55555555-5555-5555-5555-555555555555", "typ": "Bearer", "azp": "web", "session_state": "s", "acr": "1",
			"allowed-origins": ["https://app.example.com"], "realm_access": {"roles": ["offline_access", "member", "role with spaces"]},
			"resource_access": {"ws-api": {"roles": ["moderator"]}, "account": {"roles": ["manage-account"]}},
			"scope": "email profile", "sid": "s", "email_verified": true, "preferred_username": "ann", "email": "ann@example.com"}`},
		// The same without the mapper.
		"keycloak account": {`{"alg":"RS256","typ":"JWT","kid":"k1"}`, `{
			"jti": "j", "iss": "https://sso.example.com/realms/demo", "aud": "account", "sub": "55555555-5555-5555-5555-555555555555",
			"typ": "Bearer", "azp": "web", "realm_access": {"roles": ["member"]}, "scope": "email profile"}`},
		"keycloak id": {`{"alg":"RS256","typ":"JWT","kid":"k1"}`, `{
			"jti": "j", "iss": "https://sso.example.com/realms/demo", "aud": "web", "sub": "55555555-5555-5555-5555-555555555555",
			"typ": "ID", "azp": "web", "at_hash": "h", "preferred_username": "ann"}`},
		// Google Identity, "OpenID Connect", an ID token's payload.
		"google": {`{"alg":"RS256","kid":"k1","typ":"JWT"}`, `{
			"iss": "https://accounts.google.com", "azp": "1234567890-example.apps.googleusercontent.com",
			"aud": "1234567890-example.apps.googleusercontent.com", "sub": "110169484474386276334", "at_hash": "h", "hd": "example.com",
			"email": "ann@example.com", "email_verified": true, "nonce": "n"}`},
	}
}

// token returns a provider's token. Claims that are changed to nil are left out.
func token(name string, changes map[string]any) string {
	s, ok := shapes()[name]
	if !ok {
		panic("no token " + name)
	}
	claims := jwt.MapClaims{}
	must(json.Unmarshal([]byte(s.claims), &claims))
	claims["iat"], claims["nbf"], claims["exp"] = issuedAt, issuedAt-10, issuedAt+3600
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header = map[string]any{}
	must(json.Unmarshal([]byte(s.header), &t.Header))
	text, err := t.SignedString(signingKey())
	must(err)
	return text
}

// signingKey takes a while to make.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey { //nolint:gochecknoglobals // A constant of the tests.
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	return key
})

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// newServer starts a server that is all providers at once: it answers as the host of the request.
func newServer() (*httptest.Server, *http.Client) {
	public := signingKey().Public().(*rsa.PublicKey) //nolint:forcetypeassert // It is one.
	numbers := fmt.Sprintf(`"kty":"RSA","kid":"k1","n":%q,"e":%q`, base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()))
	plain := `{"keys":[{"alg":"RS256","use":"sig",` + numbers + `}]}`
	microsoft := `{"keys":[{"use":"sig","x5t":"k1","x5c":["MIIC"],"issuer":"https://login.microsoftonline.com/{tenantid}/v2.0",` + numbers + `}]}`
	pages := map[string]string{
		"https://clerk.example.com/.well-known/jwks.json":                                            plain,
		"https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/discovery/keys":      microsoft,
		"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE/.well-known/jwks.json":  plain,
		"https://example.eu.auth0.com/.well-known/jwks.json":                                         plain,
		"https://example.okta.com/oauth2/default/v1/keys":                                            plain,
		"https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/discovery/v2.0/keys": microsoft,
		"https://sso.example.com/realms/demo/protocol/openid-connect/certs":                          `{"keys":[{"alg":"RSA-OAEP","use":"enc",` + numbers + `},` + plain[len(`{"keys":[`):],
		"https://www.googleapis.com/oauth2/v3/certs":                                                 plain,
	}
	for issuer, keys := range map[string]string{
		"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE":         "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE/.well-known/jwks.json",
		"https://example.eu.auth0.com/":                                               "https://example.eu.auth0.com/.well-known/jwks.json",
		"https://example.okta.com/oauth2/default":                                     "https://example.okta.com/oauth2/default/v1/keys",
		"https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/v2.0": "https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/discovery/v2.0/keys",
		"https://sso.example.com/realms/demo":                                         "https://sso.example.com/realms/demo/protocol/openid-connect/certs",
		"https://accounts.google.com":                                                 "https://www.googleapis.com/oauth2/v3/certs",
	} {
		pages[strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration"] = fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, issuer, keys)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages["https://"+r.Host+r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(page))
	}))
	address, err := url.Parse(server.URL)
	must(err)
	return server, &http.Client{Transport: toServer{address.Host, &http.Transport{DisableKeepAlives: true}}}
}

// toServer sends all requests to one server, with the host that they are for.
type toServer struct {
	address string
	next    http.RoundTripper
}

func (t toServer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	r.URL.Scheme, r.URL.Host = "http", t.address
	return t.next.RoundTrip(r)
}

// newVerifier returns a Verifier that fetches keys from the test server, in the year of the tokens.
func newVerifier(cfg jwtauth.Config, client *http.Client) *jwtauth.Verifier {
	cfg.HTTPClient, cfg.Timeout, cfg.Clock = client, time.Hour, func() time.Time { return time.Unix(issuedAt+60, 0) }
	v, err := jwtauth.New(cfg)
	must(err)
	return v
}

// Tokens that are not for this API are refused: tokens of another client, origin, pool or tenant,
// ID tokens in place of access tokens, and the other way round.
func TestTokensOfProviders(t *testing.T) {
	t.Parallel()
	server, client := newServer()
	t.Cleanup(server.Close)
	type change = map[string]any
	for _, c := range []struct {
		provider string
		cfg      jwtauth.Config
		good     []string
		refused  map[string]string // by name, why
		changed  map[string]change // of the first good one, by why
	}{
		{
			"Cognito access", cognitoAccess(),
			[]string{"cognito access"},
			map[string]string{"cognito id": "it has an aud"},
			map[string]change{
				`client_id "other" is not one`: {"client_id": "other"},
				"it names no client":           {"client_id": nil},
				"token_use is not one":         {"token_use": "id"},
				"token_use is not one of":      {"token_use": nil},
				"issuer":                       {"iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_OTHER"},
				"no Audience is configured":    {"aud": "https://billing.example.com"}, // resource binding
			},
		},
		{
			"Cognito ID", cognitoID(),
			[]string{"cognito id"},
			map[string]string{"cognito access": "aud"},
			map[string]change{"audience": {"aud": "other"}, "token_use is not one": {"token_use": "access"}, "aud": {"aud": nil, "client_id": "1example23456789"}},
		},
		{
			"Auth0", auth0(),
			[]string{"auth0", "auth0 rfc9068"},
			map[string]string{"auth0 id": "audience"},
			map[string]change{
				"audience": {"aud": []string{"https://billing.example.com", "https://example.eu.auth0.com/userinfo"}},
				"aud":      {"aud": nil},
				"issuer":   {"iss": "https://example.eu.auth0.com"},
			},
		},
		{
			"Clerk", clerk(),
			[]string{"clerk", "clerk v1"},
			nil,
			map[string]change{
				`azp "https://evil.example" is not one`:         {"azp": "https://evil.example"},
				`azp "https://app.example.com.evil" is not one`: {"azp": "https://app.example.com.evil"},
				"it names no client":                            {"azp": nil},
				"not the token of an active session":            {"sts": "pending"},
				"not the token of an active":                    {"sid": nil}, // made with a JWT template
				"it has an aud":                                 {"aud": "hasura"},
			},
		},
		{
			"Okta", okta(),
			[]string{"okta"},
			map[string]string{"okta id": "audience"},
			map[string]change{
				"cid":                {"cid": "0oaother"},
				"it names no client": {"cid": nil, "azp": "0oaexampleweb"},
				"audience":           {"aud": "api://default"},
				"uid is missing":     {"uid": nil}, // client credentials
			},
		},
		{
			"Entra v2", entraV2(),
			[]string{"entra v2"},
			map[string]string{"entra v2 id": "it names no client", "entra v1": "issuer"},
			map[string]change{
				"azp":            {"azp": "99999999-9999-9999-9999-999999999999"},
				"audience":       {"aud": "00000003-0000-0000-c000-000000000000"},
				"issuer":         {"iss": "https://login.microsoftonline.com/99999999-9999-9999-9999-999999999999/v2.0"},
				"oid is missing": {"oid": nil},
			},
		},
		{
			"Entra v1", entraV1(),
			[]string{"entra v1", "entra v1 by id"},
			map[string]string{"entra v2": "issuer"},
			map[string]change{"appid": {"appid": "99999999-9999-9999-9999-999999999999"}, "audience": {"aud": "https://graph.microsoft.com"}},
		},
		{
			"Keycloak", keycloak(),
			[]string{"keycloak"},
			map[string]string{"keycloak account": "audience", "keycloak id": "audience"},
			map[string]change{
				"typ is not one": {"typ": "ID"},
				"audience":       {"aud": "other-api"},
				"aud":            {"aud": nil},
				"issuer":         {"iss": "https://sso.example.com/realms/other"},
				"sub is missing": {"sub": nil},
			},
		},
		{
			"Google", google(),
			[]string{"google"},
			nil,
			map[string]change{
				"audience":      {"aud": "1234567890-other.apps.googleusercontent.com"},
				"hd is not":     {"hd": "evil.example"},
				"hd is not one": {"hd": nil},
				"issuer":        {"iss": "https://accounts.google.com.evil.example"},
			},
		},
	} {
		v := newVerifier(c.cfg, client)
		refused := func(text, says string) {
			_, err := v.Verify(t.Context(), text)
			require.ErrorIs(t, err, authz.ErrUnauthenticated, "%s: %s", c.provider, says)
			require.ErrorContains(t, err, says, c.provider)
		}
		for _, name := range c.good {
			_, err := v.Verify(t.Context(), token(name, nil))
			require.NoError(t, err, name)
		}
		for name, says := range c.refused {
			refused(token(name, nil), says)
		}
		for says, change := range c.changed {
			refused(token(c.good[0], change), says)
		}
		for name := range shapes() {
			if _, listed := c.refused[name]; !listed && !slices.Contains(c.good, name) {
				refused(token(name, nil), "")
			}
		}
		refused(token(c.good[0], map[string]any{"exp": issuedAt}), "expired")
	}
}

// revocations is an application's list of revoked tokens.
type revocations map[string]bool

func (r revocations) Revoked(_ context.Context, _ ...any) (bool, error) {
	if r == nil {
		return false, errors.New("the list is down")
	}
	return r["all"], nil
}

// withList is the configuration of docs/identity-providers.md for an application's list.
func withList(list revocations) jwtauth.Config {
	return jwtauth.Config{
		Issuer:   "https://example.eu.auth0.com/",
		Audience: []string{"https://ws.example.com"},
		Discover: true,
		Check: func(ctx context.Context, claims jwtauth.Claims) error {
			switch revoked, err := list.Revoked(ctx, claims["sub"], claims["jti"], claims["iat"]); {
			case err != nil:
				return err // a fault: nobody is let in
			case revoked:
				return fmt.Errorf("%w: revoked", authz.ErrUnauthenticated)
			}
			return nil
		},
	}
}

func TestListOfRevocations(t *testing.T) {
	t.Parallel()
	server, client := newServer()
	t.Cleanup(server.Close)
	list := revocations{}
	v := newVerifier(withList(list), client)
	_, err := v.Verify(t.Context(), token("auth0", nil))
	require.NoError(t, err)
	list["all"] = true
	_, err = v.Verify(t.Context(), token("auth0", nil))
	require.ErrorIs(t, err, authz.ErrUnauthenticated)
	_, err = newVerifier(withList(nil), client).Verify(t.Context(), token("auth0", nil))
	require.ErrorContains(t, err, "the list is down")
	require.NotErrorIs(t, err, authz.ErrUnauthenticated)
}

// The configurations in docs/identity-providers.md are the tested ones.
func TestDocumentedLines(t *testing.T) {
	t.Parallel()
	var sources strings.Builder
	for _, file := range []string{"example_providers_test.go", "providers_test.go"} {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		sources.Write(source)
	}
	page, err := os.ReadFile("../../docs/identity-providers.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\ntokens, err := jwtauth.New\\(jwtauth.Config\\{\n(.*?)\\}\\)\n```").FindAllSubmatch(page, -1)
	require.Len(t, blocks, 10)
	require.Equal(t, 10, strings.Count(string(page), "```go"), "every block of code is compared")
	for _, block := range blocks {
		lines := regexp.MustCompile(`(?m)^\t`).ReplaceAllString(string(block[1]), "\t\t")
		require.Contains(t, sources.String(), "return jwtauth.Config{\n"+lines+"\t}\n}\n")
	}
}
