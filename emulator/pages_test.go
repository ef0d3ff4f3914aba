package emulator_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

// Pages gets what is outside the API, and nothing else.
func TestPages(t *testing.T) {
	t.Parallel()
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "page "+r.URL.Path) })
	for name, c := range map[string]struct {
		pages        http.Handler
		custom       bool
		method, path string
		header       http.Header
		host         string
		status       int
		body         string
	}{
		"a page":                  {pages: pages, path: "/chat.html", status: 200, body: "page /chat.html"},
		"the root":                {pages: pages, path: "/", status: 200, body: "page /"},
		"a name like the stage's": {pages: pages, path: "/locals", status: 200, body: "page /locals"},
		"a form":                  {pages: pages, method: http.MethodPost, path: "/form", status: 200, body: "page /form"},
		"the stage":               {pages: pages, path: "/local", status: 426},
		"below the stage":         {pages: pages, path: "/local/x", status: 426},
		"another machine's name":  {pages: pages, path: "/", host: "evil.example", status: 403},
		"a handshake": {
			pages: pages, path: "/", status: 403,
			header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}},
		},
		"no path is outside": {pages: pages, custom: true, path: "/", status: 426},
		"no pages":           {path: "/", status: 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gw, err := emulator.New(gatesock.New(), emulator.Config{Pages: c.pages, CustomDomain: c.custom})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, gw.Shutdown(context.Background())) })
			r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, nil)
			r.Host = "localhost:3001"
			if c.host != "" {
				r.Host = c.host
			}
			for name, values := range c.header {
				r.Header[name] = values
			}
			answer := httptest.NewRecorder()
			gw.ServeHTTP(answer, r)
			require.Equal(t, c.status, answer.Code)
			if c.body != "" {
				require.Equal(t, c.body, answer.Body.String())
				require.Empty(t, answer.Header().Get("X-Amzn-Requestid"))
				require.NotContains(t, answer.Header(), "x-amzn-RequestId")
			}
		})
	}
}
