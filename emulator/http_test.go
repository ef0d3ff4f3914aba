package emulator

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

// A page whose name was bound to the address of this machine (DNS rebinding) reaches nothing,
// whatever it requests.
func TestHosts(t *testing.T) {
	t.Parallel()
	plain := newWorld(t, inMemory{}, Config{}, nil).gw
	named := newWorld(t, inMemory{}, Config{
		DomainName: "ws.example.com:8443",
		Hosts:      []string{"host.docker.internal", "Gateway"},
	}, nil).gw
	anyHost := newWorld(t, inMemory{}, Config{Hosts: []string{"*"}}, nil).gw
	for _, c := range []struct {
		gateway *Gateway
		host    string
		served  bool
	}{
		{plain, "localhost", true},
		{plain, "LOCALHOST.:3001", true},
		{plain, "app.localhost:3001", true},
		{plain, "127.0.0.1:3001", true},
		{plain, "127.1.2.3", true},
		{plain, "[::1]:3001", true},
		{plain, "[::1]", true},
		{plain, "192.168.1.5:3001", true},
		{plain, "[fe80::1%25eth0]:3001", true},
		{plain, "localapi00.execute-api.us-east-1.amazonaws.com", true},
		{plain, "", true}, // HTTP/1.0, which browsers do not use
		{plain, "evil.example:3001", false},
		{plain, "localhost.evil.example", false},
		{plain, "127.0.0.1.evil.example", false},
		{plain, "evillocalhost", false},
		{plain, "host.docker.internal:3001", false},
		{named, "host.docker.internal:3001", true},
		{named, "gateway:3001", true},
		{named, "ws.example.com", true},
		{named, "evil.example", false},
		{anyHost, "evil.example", true},
	} {
		for path, method := range map[string]string{
			"/local": "GET", "/local?upgrade": "GET",
			"/local/@connections/" + wellFormed: "POST",
		} {
			r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
			r.Host = c.host
			if r.URL.RawQuery != "" {
				r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}} // the key is checked later
			}
			answer := httptest.NewRecorder()
			c.gateway.ServeHTTP(answer, r)
			if c.served {
				require.NotEqual(t, http.StatusForbidden, answer.Code, "%s for host %q", path, c.host)
				continue
			}
			require.Equal(t, http.StatusForbidden, answer.Code, "%s for host %q", path, c.host)
			require.Contains(t, answer.Body.String(), "Config.Hosts")
		}
	}
}

// A page of another site can make a browser send an unsigned POST with text, or a DELETE.
func TestCrossSiteCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"an SDK":                {http.Header{"User-Agent": {"aws-sdk-go-v2/1"}}, 200},
		"a page of the gateway": {http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"http://localhost:3001"}}, 200},
		"a person":              {http.Header{"Sec-Fetch-Site": {"none"}}, 200},
		"another site":          {http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, 403},
		"another port":          {http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://localhost:9"}}, 403},
		"an old browser":        {http.Header{"Origin": {"https://evil.example"}}, 403},
		"a sandboxed page":      {http.Header{"Origin": {"null"}}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, inMemory{}, Config{}, nil)
			p := w.connect()
			for _, method := range []string{"POST", "DELETE"} {
				r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost:3001/local/@connections/"+p.id, nil)
				r.Header = c.header
				answer := httptest.NewRecorder()
				w.gw.ServeHTTP(answer, r)
				if c.status == http.StatusForbidden {
					require.Equal(t, c.status, answer.Code)
					require.Contains(t, answer.Body.String(), "another origin")
					continue
				}
				require.Contains(t, []int{200, 204}, answer.Code)
			}
		})
	}
}

// The body of a call is read only until it is known to be too large.
func TestEndlessBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inMemory{}, Config{}, nil)
	body := &endless{}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "http://localhost/local/@connections/"+wellFormed, body)
	answer := httptest.NewRecorder()
	w.gw.ServeHTTP(answer, r)
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.Code)
	require.LessOrEqual(t, body.read, 2*gatesock.MaxMessageSize)
}

// endless is a reader that ends far beyond what may be read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read > 10*gatesock.MaxMessageSize {
		return 0, io.EOF
	}
	e.read += len(p)
	return len(p), nil
}

// A parameter with a broken escape is otherwise decoded like any other.
func TestBrokenParameter(t *testing.T) {
	t.Parallel()
	require.Equal(t, url.Values{"a b": {"%zz c+"}, "%": {""}}, parseQuery("a+b=%zz+c%2B&%"))
}
