package guard_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/workbench/internal/guard"
)

const token = "0123456789abcdef"

func request(t *testing.T, method, host, from string, header map[string]string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/x/", nil)
	r.Host, r.RemoteAddr = host, from
	for name, value := range header {
		r.Header.Set(name, value)
	}
	return r
}

// TestPlace is the table of where requests may come from.
func TestPlace(t *testing.T) {
	t.Parallel()
	const ipv4, ipv6 = "127.0.0.1:5000", "[::1]:5000"
	for name, c := range map[string]struct {
		method, host, from string
		header             map[string]string
		refused            string // a part of the text; "" is served
	}{
		"this machine":                {host: "localhost:3001", from: ipv4},
		"without a port":              {host: "localhost", from: ipv4},
		"in capitals":                 {host: "LOCALHOST:3001", from: ipv4},
		"with a dot at the end":       {host: "localhost.:3001", from: ipv4},
		"a name below localhost":      {host: "api.localhost:3001", from: ipv4},
		"IPv4":                        {host: "127.0.0.1:3001", from: ipv4},
		"another loopback address":    {host: "127.9.9.9:3001", from: "127.9.9.9:1"},
		"IPv6":                        {host: "[::1]:3001", from: ipv6},
		"IPv6 without a port":         {host: "[::1]", from: ipv6},
		"IPv4 in IPv6":                {host: "localhost:3001", from: "[::ffff:127.0.0.1]:5000"},
		"a zone":                      {host: "localhost:3001", from: "[::1%lo]:5000"},
		"its own page":                {host: "localhost:3001", from: ipv4, header: map[string]string{"Origin": "http://localhost:3001"}},
		"its own page, TLS":           {host: "localhost:3001", from: ipv4, header: map[string]string{"Origin": "https://localhost:3001"}},
		"its own page, in capitals":   {host: "localhost:3001", from: ipv4, header: map[string]string{"Origin": "http://LocalHost:3001"}},
		"Sec-Fetch-Site: same-origin": {host: "localhost:3001", from: ipv4, header: map[string]string{"Sec-Fetch-Site": "same-origin"}},
		"Sec-Fetch-Site: none":        {host: "localhost:3001", from: ipv4, header: map[string]string{"Sec-Fetch-Site": "none"}},
		"a link from another port": {host: "localhost:3001", from: ipv4, header: map[string]string{
			"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
		}},

		"another machine":         {host: "localhost:3001", from: "192.168.1.7:5000", refused: "own machine"},
		"another machine, IPv6":   {host: "localhost:3001", from: "[fe80::1%eth0]:5000", refused: "own machine"},
		"a socket without a name": {host: "localhost:3001", from: "@", refused: "own machine"},
		"no address":              {host: "localhost:3001", from: "", refused: "own machine"},
		"a foreign host":          {host: "evil.example:3001", from: ipv4, refused: "DNS rebinding"},
		"a host like localhost":   {host: "localhost.evil.example", from: ipv4, refused: "DNS rebinding"},
		"a host with localhost":   {host: "notlocalhost:3001", from: ipv4, refused: "DNS rebinding"},
		"an address of a network": {host: "192.168.1.2:3001", from: ipv4, refused: "DNS rebinding"},
		"all addresses":           {host: "0.0.0.0:3001", from: ipv4, refused: "DNS rebinding"},
		"a port with a host":      {host: "localhost:3001@evil.example", from: ipv4, refused: "DNS rebinding"},
		"no host":                 {host: "", from: ipv4, refused: "DNS rebinding"},
		"a foreign origin": {
			host: "localhost:3001", from: ipv4, refused: "another origin",
			header: map[string]string{"Origin": "https://evil.example"},
		},
		"another port": {
			host: "localhost:3001", from: ipv4, refused: "another origin",
			header: map[string]string{"Origin": "http://localhost:3002"},
		},
		"another name of this machine": {
			host: "localhost:3001", from: ipv4, refused: "another origin",
			header: map[string]string{"Origin": "http://127.0.0.1:3001"},
		},
		"the origin null": {host: "localhost:3001", from: ipv4, refused: "another origin", header: map[string]string{"Origin": "null"}},
		"an origin of a file": {
			host: "localhost:3001", from: ipv4, refused: "another origin",
			header: map[string]string{"Origin": "file://localhost:3001"},
		},
		"Sec-Fetch-Site: cross-site": {
			host: "localhost:3001", from: ipv4, refused: "another site",
			header: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
		},
		"a script of another port": {
			host: "localhost:3001", from: ipv4, refused: "another site",
			header: map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
		},
		"a frame of another port": {
			host: "localhost:3001", from: ipv4, refused: "another site",
			header: map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
		},
		"a form of another port": {
			method: http.MethodPost, host: "localhost:3001", from: ipv4, refused: "another site",
			header: map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
		},
		"an unknown Sec-Fetch-Site": {
			host: "localhost:3001", from: ipv4, refused: "another site", header: map[string]string{"Sec-Fetch-Site": "x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused := guard.New(token, "/x/").Place(request(t, c.method, c.host, c.from, c.header))
			if c.refused == "" {
				require.Nil(t, refused)
				return
			}
			require.NotNil(t, refused)
			require.Equal(t, http.StatusForbidden, refused.Status)
			require.Contains(t, refused.Text, c.refused)
		})
	}
}

// TestTwoOrigins checks that a second Origin does not hide behind a good one.
// A tunnel on this machine connects from a loopback address, and may replace the host.
func TestForwarded(t *testing.T) {
	t.Parallel()
	for value, served := range map[string]bool{
		"127.0.0.1": true, "::1": true, "[::1]:4000": true, "127.0.0.1, ::1": true,
		"203.0.113.9": false, "127.0.0.1, 203.0.113.9": false, "203.0.113.9, 127.0.0.1": false, "2001:db8::1": false,
		"unknown": false, "": false, "localhost": false,
	} {
		for _, name := range []string{"X-Forwarded-For", "X-Real-Ip"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:3001/_gatesock/", nil)
			r.RemoteAddr = "127.0.0.1:50000"
			r.Header.Set(name, value)
			refused := guard.New("t", "/_gatesock/").Place(r)
			require.Equal(t, served, refused == nil, "%s: %q", name, value)
		}
	}
}

func TestTwoOrigins(t *testing.T) {
	t.Parallel()
	r := request(t, "", "localhost:3001", "127.0.0.1:1", nil)
	r.Header["Origin"] = []string{"http://localhost:3001", "http://evil.example"}
	require.NotNil(t, guard.New(token, "/x/").Place(r))
}

// cookie returns what a browser has after it was let in at a host.
func cookie(t *testing.T, g *guard.Guard, host string) *http.Cookie {
	t.Helper()
	w := httptest.NewRecorder()
	g.SetCookie(w, request(t, "", host, "127.0.0.1:1", nil))
	cookies := w.Result().Cookies()
	require.Len(t, cookies, 1)
	return cookies[0]
}

func TestSender(t *testing.T) {
	t.Parallel()
	g := guard.New(token, "/x/")
	own := cookie(t, g, "localhost:3001")
	for name, c := range map[string]struct {
		bearer  string
		cookies []*http.Cookie
		want    guard.By
	}{
		"nothing":                         {"", nil, guard.Nobody},
		"the token":                       {"Bearer " + token, nil, guard.Script},
		"another token":                   {"Bearer 0123456789abcdeF", nil, guard.Nobody},
		"a part of the token":             {"Bearer " + token[:15], nil, guard.Nobody},
		"no token":                        {"Bearer ", nil, guard.Nobody},
		"another scheme":                  {"Basic " + token, nil, guard.Nobody},
		"a wrong token and a good cookie": {"Bearer x", []*http.Cookie{own}, guard.Nobody},
		"the cookie":                      {"", []*http.Cookie{own}, guard.Browser},
		"the cookie of another port":      {"", []*http.Cookie{cookie(t, g, "localhost:3002")}, guard.Nobody},
		"another port's value":            {"", []*http.Cookie{{Name: own.Name, Value: cookie(t, g, "localhost:3002").Value}}, guard.Nobody},
		"another workbench's value": {
			"", []*http.Cookie{{Name: own.Name, Value: cookie(t, guard.New("fedcba9876543210", "/x/"), "localhost:3001").Value}}, guard.Nobody,
		},
		"the token as a cookie": {"", []*http.Cookie{{Name: own.Name, Value: token}}, guard.Nobody},
		"an old cookie before":  {"", []*http.Cookie{{Name: own.Name, Value: "old"}, own}, guard.Browser},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request(t, "", "localhost:3001", "127.0.0.1:1", nil)
			if c.bearer != "" {
				r.Header.Set("Authorization", c.bearer)
			}
			for _, cookie := range c.cookies {
				r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value}) //nolint:gosec // a request's cookie
			}
			require.Equal(t, c.want, g.Sender(r))
		})
	}
}

func TestCookie(t *testing.T) {
	t.Parallel()
	g := guard.New(token, "/x/")
	c := cookie(t, g, "localhost:3001")
	require.True(t, c.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, c.SameSite)
	require.Equal(t, "/x/", c.Path)
	require.Empty(t, c.Domain)
	require.False(t, c.Secure)
	require.NotContains(t, c.Value, token)
	require.NotEqual(t, c.Name, cookie(t, g, "localhost:3002").Name)

	r := request(t, "", "localhost:3001", "127.0.0.1:1", nil)
	r.TLS = new(tls.ConnectionState)
	w := httptest.NewRecorder()
	g.SetCookie(w, r)
	require.Contains(t, w.Header().Get("Set-Cookie"), "; Secure")
}

// FuzzPlace checks that only names of this machine pass, whatever a request has.
func FuzzPlace(f *testing.F) {
	f.Add("localhost:3001", "127.0.0.1:1", "http://localhost:3001", "same-origin")
	f.Add("[::1]:3001", "[::1]:1", "null", "cross-site")
	f.Fuzz(func(t *testing.T, host, from, origin, site string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x/", nil)
		r.Host, r.RemoteAddr = host, from
		r.Header["Origin"] = []string{origin}
		r.Header["Sec-Fetch-Site"] = []string{site}
		if guard.New(token, "/x/").Place(r) == nil {
			require.NotEqual(t, "cross-site", site)
			require.True(t, strings.EqualFold(origin, "http://"+host) || strings.EqualFold(origin, "https://"+host))
			require.Regexp(t, `(?i)localhost|127\.|1`, host)
		}
	})
}
