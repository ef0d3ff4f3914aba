package workbench_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/workbench"
)

// TestAccess is the table of requests that are served and refused. Package guard has more about
// places and tokens.
func TestAccess(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{})
	w := serve(f.bench, request(t, "GET", "/_gatesock/?token="+token, ""))
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "/_gatesock/", w.Header().Get("Location"))
	require.NotContains(t, fmt.Sprint(w.Header(), w.Body), token)
	cookie := w.Result().Cookies()[0]
	type change func(r *http.Request)
	none := func(r *http.Request) { r.Header.Del("Authorization") }
	browser := func(r *http.Request) {
		none(r)
		r.AddCookie(cookie)
	}
	page := func(r *http.Request) { r.Header.Set("Accept", "text/html,*/*") }
	header := func(name, value string) change { return func(r *http.Request) { r.Header.Set(name, value) } }
	host := func(host string) change { return func(r *http.Request) { r.Host = host } }
	from := func(address string) change { return func(r *http.Request) { r.RemoteAddr = address } }
	const state = "/_gatesock/api/state"
	for name, c := range map[string]struct {
		method, path, body string
		changes            []change
		status             int
		text               string
	}{
		"a script":                 {"GET", state, "", nil, 200, `"instance"`},
		"a browser":                {"GET", state, "", []change{browser}, 200, `"instance"`},
		"the page":                 {"GET", "/_gatesock/", "", []change{browser}, 200, "<html lang=\"en\">"},
		"HEAD":                     {"HEAD", "/_gatesock/", "", []change{browser}, 200, ""},
		"without the slash":        {"GET", "/_gatesock?token=x", "", []change{none}, 308, ""},
		"IPv6":                     {"GET", state, "", []change{host("[::1]:3001"), from("[::1]:9")}, 200, `"instance"`},
		"no token":                 {"GET", state, "", []change{none}, 401, "printed by the program"},
		"no token, the page":       {"GET", "/_gatesock/", "", []change{none, page}, 401, "<h1>gatesock workbench</h1>"},
		"no token, its files":      {"GET", "/_gatesock/main.js", "", []change{none}, 401, "printed by the program"},
		"a wrong token":            {"GET", state, "", []change{header("Authorization", "Bearer 0123456789abcdeF")}, 401, "printed by the program"},
		"a wrong token, the page":  {"GET", "/_gatesock/?token=0123456789abcdeF", "", []change{none, page}, 401, "started again"},
		"an empty token":           {"GET", "/_gatesock/?token=", "", []change{none, page}, 401, "started again"},
		"the token in the API":     {"GET", state + "?token=" + token, "", []change{none}, 401, "printed by the program"},
		"the cookie at other port": {"GET", state, "", []change{browser, host("localhost:3002")}, 401, "printed by the program"},
		"a foreign host":           {"GET", state, "", []change{host("evil.example:3001")}, 403, "DNS rebinding"},
		"a foreign host, the page": {"GET", "/_gatesock/?token=" + token, "", []change{host("evil.example:3001"), page}, 403, "<p>The workbench is served at localhost"},
		"another machine":          {"GET", state, "", []change{from("192.168.1.7:9")}, 403, "own machine"},
		"a foreign origin":         {"GET", state, "", []change{browser, header("Origin", "http://evil.example")}, 403, "another origin"},
		"the origin null":          {"GET", state, "", []change{browser, header("Origin", "null")}, 403, "another origin"},
		"another site":             {"GET", state, "", []change{browser, header("Sec-Fetch-Site", "cross-site")}, 403, "another site"},
		"a form of another port":   {"POST", "/_gatesock/api/clear", "", []change{browser, header("Origin", "http://localhost:8080")}, 403, "another origin"},
		"a body as plain text": {
			"POST", "/_gatesock/api/clock", `{"advance":"9m"}`, []change{browser, header("Content-Type", "text/plain")}, 415, "application/json",
		},
		"a body of a form": {
			"POST", "/_gatesock/api/clock", `{"advance":"9m"}`,
			[]change{browser, header("Content-Type", "application/x-www-form-urlencoded")},
			415, "application/json",
		},
		"a body without a type": {
			"POST", "/_gatesock/api/clock", `{"advance":"9m"}`, []change{browser, func(r *http.Request) { r.Header.Del("Content-Type") }}, 415, "application/json",
		},
		"a type with a charset": {
			"POST", "/_gatesock/api/clock", `{"advance":"1m"}`, []change{browser, header("Content-Type", "application/json; charset=utf-8")}, 200, "offsetMs",
		},
		"a file that is not there":  {"GET", "/_gatesock/nothing.js", "", nil, 404, "no page"},
		"a folder":                  {"GET", "/_gatesock/page", "", nil, 404, "no page"},
		"POST to the page":          {"POST", "/_gatesock/", "", nil, 405, "use GET"},
		"a path outside":            {"GET", "/", "", nil, 403, "Forbidden"},
		"a path with the beginning": {"GET", "/_gatesockets", "", nil, 403, "Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request(t, c.method, c.path, c.body)
			for _, change := range c.changes {
				change(r)
			}
			w := serve(f.bench, r)
			require.Equal(t, c.status, w.Code, w.Body.String())
			require.Contains(t, w.Body.String(), c.text)
			require.NotContains(t, w.Body.String(), token)
			if c.text == "Forbidden" {
				return
			}
			require.Equal(t, "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
				w.Header().Get("Content-Security-Policy"))
			require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
			require.NotContains(t, w.Header(), "Access-Control-Allow-Origin")
		})
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{})
	id := f.connect(`{}`)
	require.NoError(t, f.bench.Close(t.Context()))
	require.NoError(t, f.bench.Close(t.Context()))
	_, open := f.gw.Session(id)
	require.False(t, open, "the page's clients are closed")
	status, answer := call(t, f.bench, "GET", "state", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, answer, "closed")
}

// TestCloseGivesUp checks that Close does not wait for longer than its caller.
func TestCloseGivesUp(t *testing.T) {
	t.Parallel()
	wait, entered := make(chan struct{}), make(chan struct{})
	b := newBench(t, workbench.Config{Sources: sources{fire: func() {
		close(entered)
		<-wait
	}}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		call(t, b, "POST", "schedules/tick", "")
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.Close(ctx), context.Canceled)
	close(wait)
	<-done
}
