package idp

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/authz/jwtauth"
)

const (
	issuer   = "http://127.0.0.1:8080/idp"
	page     = "http://127.0.0.1:8080/"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // of RFC 7636, appendix B
)

// world is a provider with a fixed clock.
type world struct {
	*testing.T
	p   *Provider
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	var err error
	w.p, err = New(Config{
		Issuer:   issuer,
		Audience: "api",
		ClientID: "chat",
		Origins:  []string{"http://127.0.0.1:8080", "http://[::1]:8080"},
		Clock:    func() time.Time { return w.now },
	})
	require.NoError(t, err)
	return w
}

func (w *world) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequestWithContext(w.Context(), method, "/idp"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	w.p.ServeHTTP(rec, r)
	return rec
}

// query is a valid request to sign in, with some changes.
func query(changes ...string) string {
	q := url.Values{
		"response_type": {
			"code",
		},
		"client_id":             {"chat"},
		"redirect_uri":          {page},
		"scope":                 {"openid chat chat:staff other"},
		"state":                 {"s1&x"},
		"code_challenge":        {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
		"code_challenge_method": {"S256"},
	}
	for i := 0; i < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
	}
	return "/authorize?" + q.Encode()
}

// signIn returns the URL that the browser is redirected to.
func (w *world) signIn(form url.Values, changes ...string) url.Values {
	w.Helper()
	rec := w.do("POST", query(changes...), form)
	require.Equal(w, http.StatusSeeOther, rec.Code, "%s", rec.Body)
	back, err := url.Parse(rec.Header().Get("Location"))
	require.NoError(w, err)
	require.Equal(w, "127.0.0.1:8080", back.Host)
	require.Equal(w, "s1&x", back.Query().Get("state"))
	return back.Query()
}

// redeem asks for the tokens of a code.
func (w *world) redeem(code string, changes ...string) (int, map[string]any) {
	w.Helper()
	form := url.Values{
		"grant_type": {
			"authorization_code",
		},
		"client_id":     {"chat"},
		"redirect_uri":  {page},
		"code":          {code},
		"code_verifier": {verifier},
	}
	for i := 0; i < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	rec := w.do("POST", "/token", form)
	var answer map[string]any
	require.NoError(w, json.Unmarshal(rec.Body.Bytes(), &answer), "%s", rec.Body)
	return rec.Code, answer
}

func TestCodeFlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	form := w.do("GET", query("login_hint", `Zo"ë`), nil)
	require.Equal(t, http.StatusOK, form.Code)
	require.Contains(t, form.Body.String(), `value="Zo&#34;ë"`)
	require.Contains(t, form.Header().Get("Content-Security-Policy"), "form-action 'self' http://127.0.0.1:8080")

	for _, c := range []struct {
		form  url.Values
		scope string
	}{
		{url.Values{"name": {" Ann "}}, "chat"},
		{url.Values{"name": {"Ann"}, "staff": {"on"}}, "chat chat:staff"},
	} {
		code := w.signIn(c.form).Get("code")
		status, answer := w.redeem(code)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, c.scope, answer["scope"])
		require.InDelta(t, 600, answer["expires_in"], 0)
		require.Equal(t, "Ann", w.claims(answer["access_token"])["name"])
		require.Equal(t, "chat", w.claims(answer["id_token"])["aud"])
		status, answer = w.redeem(code)
		require.Equal(t, http.StatusBadRequest, status, "a code is used once")
		require.Equal(t, "invalid_grant", answer["error"])
	}
}

// claims returns the claims of a token.
func (w *world) claims(token any) (claims map[string]any) {
	w.Helper()
	parts := strings.Split(token.(string), ".")
	require.Len(w, parts, 3)
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(w, err)
	require.NoError(w, json.Unmarshal(text, &claims))
	return claims
}

func TestCodesOfOthersAndOldOnesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, changes := range [][]string{
		{"code_verifier", verifier + "x"},
		{"code_verifier", ""},
		{"redirect_uri", page + "x"},
		{"code", "guessed"},
	} {
		status, answer := w.redeem(w.signIn(url.Values{"name": {"Ann"}}).Get("code"), changes...)
		require.Equal(t, http.StatusBadRequest, status)
		require.Equal(t, "invalid_grant", answer["error"])
	}
	code := w.signIn(url.Values{"name": {"Ann"}}).Get("code")
	w.now = w.now.Add(codeTime)
	status, _ := w.redeem(code)
	require.Equal(t, http.StatusBadRequest, status)
	w.signIn(url.Values{"name": {"Ann"}})
	require.Len(t, w.p.codes, 1, "old ones are forgotten")

	status, answer := w.redeem(code, "client_id", "other")
	require.Equal(t, http.StatusBadRequest, status)
	require.Equal(t, "invalid_client", answer["error"])
	_, answer = w.redeem(code, "grant_type", "magic")
	require.Equal(t, "unsupported_grant_type", answer["error"])
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, first := w.redeem(w.signIn(url.Values{"name": {"Ann"}}).Get("code"))
	other := newWorld(t) // the program, started again
	status, second := other.redeem("", "grant_type", "refresh_token", "refresh_token", first["refresh_token"].(string))
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "chat", second["scope"])
	require.Equal(t, w.claims(first["access_token"])["sub"], w.claims(second["access_token"])["sub"])
	for _, bad := range []string{"", "x", refreshPrefix, refreshPrefix + "e30", refreshPrefix + "bm90IEpTT04"} {
		status, answer := other.redeem("", "grant_type", "refresh_token", "refresh_token", bad)
		require.Equal(t, http.StatusBadRequest, status)
		require.Equal(t, "invalid_grant", answer["error"])
	}
}

func TestPasswordGrantIsForTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	status, answer := w.redeem("", "grant_type", "password", "username", "Ann", "scope", "chat")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "chat", answer["scope"])
	status, _ = w.redeem("", "grant_type", "password", "username", " ")
	require.Equal(t, http.StatusBadRequest, status)
}

func TestBrokenLinksGoNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, changes := range [][]string{
		{"redirect_uri", "https://evil.example/"},
		{"redirect_uri", "http://127.0.0.1:8080.evil.example/"},
		{"redirect_uri", "http://127.0.0.1:8080@evil.example/"},
		{"redirect_uri", "//127.0.0.1:8080/"},
		{"redirect_uri", "javascript:alert(1)"},
		{"redirect_uri", page + "#x"},
		{"redirect_uri", ":"},
		{"client_id", "other"},
	} {
		for _, method := range []string{"GET", "POST"} {
			rec := w.do(method, query(changes...), url.Values{"name": {"Ann"}})
			require.Equal(t, http.StatusBadRequest, rec.Code, "%q", changes)
			require.Empty(t, rec.Header().Get("Location"))
		}
	}
	require.Equal(t, "unsupported_response_type", w.signIn(nil, "response_type", "token").Get("error"))
	require.Equal(t, "invalid_request", w.signIn(nil, "code_challenge_method", "plain").Get("error"))
	require.Equal(t, "access_denied", w.signIn(url.Values{"cancel": {"1"}}).Get("error"))
	for _, name := range []string{"", " ", strings.Repeat("x", 33), "a\nb"} {
		rec := w.do("POST", query(), url.Values{"name": {name}, "staff": {"on"}})
		require.Equal(t, http.StatusUnprocessableEntity, rec.Code)
		require.Contains(t, rec.Body.String(), "Enter a name")
		require.Contains(t, rec.Body.String(), "checked")
	}
	require.NotContains(
		t,
		w.do("GET", query("redirect_uri", "http://[::1]:8080/"), nil).Header().Get("Content-Security-Policy"),
		"[",
	)
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rec := w.do("GET", "/.well-known/openid-configuration", nil)
	require.Equal(t, "*", rec.Header().Get("Access-Control-Allow-Origin"))
	var found map[string]any
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &found))
	require.Equal(t, issuer+"/jwks.json", found["jwks_uri"])
	require.Equal(t, http.StatusNotFound, w.do("GET", "/other", nil).Code)
	sum := sha256.Sum256([]byte(verifier))
	require.True(t, verifies(base64.RawURLEncoding.EncodeToString(sum[:]), verifier))
}

// The tokens pass a verifier that fetches the keys over HTTP.
func TestTokensVerify(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w.p)
	t.Cleanup(server.Close)
	v, err := jwtauth.New(jwtauth.Config{
		Issuer:     issuer,
		Audience:   []string{"api"},
		JWKS:       server.URL + "/idp/jwks.json",
		Attributes: map[string]string{"name": "name"},
		Clock:      func() time.Time { return w.now },
	})
	require.NoError(t, err)
	_, answer := w.redeem(w.signIn(url.Values{"name": {"Ann"}}).Get("code"))
	who, err := v.Verify(t.Context(), answer["access_token"].(string))
	require.NoError(t, err)
	require.Equal(t, "Ann", who.Attributes["name"])
	require.Equal(t, []string{"chat"}, who.Scopes)
	require.Equal(t, w.now.Add(10*time.Minute), who.ExpiresAt.UTC())
	_, err = v.Verify(t.Context(), answer["id_token"].(string))
	require.Error(t, err)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := Config{Issuer: issuer, Audience: "a", ClientID: "c", Origins: []string{"o"}}
	for name, change := range map[string]func(*Config){
		"no issuer":   func(c *Config) { c.Issuer = "" },
		"a slash":     func(c *Config) { c.Issuer += "/" },
		"no URL":      func(c *Config) { c.Issuer = ":" },
		"no audience": func(c *Config) { c.Audience = "" },
		"no client":   func(c *Config) { c.ClientID = "" },
		"no origins":  func(c *Config) { c.Origins = nil },
	} {
		cfg := good
		change(&cfg)
		_, err := New(cfg)
		require.Error(t, err, name)
	}
}

// No request makes the provider panic, or redirect a browser to another page.
func FuzzAuthorize(f *testing.F) {
	f.Add(
		"response_type=code&client_id=chat&redirect_uri=http://127.0.0.1:8080/&code_challenge=x&code_challenge_method=S256",
		"name=Ann",
		"grant_type=refresh_token&client_id=chat&refresh_token="+refreshPrefix+"e30",
	)
	f.Add(
		"redirect_uri=http://127.0.0.1:8080&client_id=chat",
		"cancel=1",
		"grant_type=password&client_id=chat&username=x",
	)
	f.Fuzz(func(t *testing.T, query, form, token string) {
		w := newWorld(t)
		send := func(path, body string) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/idp/authorize", strings.NewReader(body))
			r.URL.Path, r.URL.RawQuery = "/idp"+path, query
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			rec := httptest.NewRecorder()
			w.p.ServeHTTP(rec, r)
			return rec
		}
		if location := send("/authorize", form).Header().Get("Location"); location != "" {
			to, err := url.Parse(location)
			require.NoError(t, err)
			require.Contains(t, w.p.cfg.Origins, to.Scheme+"://"+to.Host)
		}
		require.Less(t, send("/token", token).Code, 500)
	})
}
