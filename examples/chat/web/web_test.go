package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/examples/chat/web"
)

func TestHandler(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status      int
		contentType string
	}{
		"/":             {http.StatusOK, "text/html; charset=utf-8"},
		"/chat.js":      {http.StatusOK, "text/javascript; charset=utf-8"},
		"/gatesock.js":  {http.StatusOK, "text/javascript; charset=utf-8"},
		"/package.json": {http.StatusNotFound, "text/plain; charset=utf-8"},
		"/style.css":    {http.StatusOK, "text/css; charset=utf-8"},
		"/icon.svg":     {http.StatusOK, "image/svg+xml"},
		"/web.go":       {http.StatusNotFound, "text/plain; charset=utf-8"},
	}
	for path, want := range tests {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			page, err := web.Handler("")
			require.NoError(t, err)
			page.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
			require.Equal(t, want.status, w.Code)
			require.Equal(t, want.contentType, w.Header().Get("Content-Type"))
			require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'self'")
		})
	}
}

func TestHandlerTellsThePageWhereToSignIn(t *testing.T) {
	t.Parallel()
	page, err := web.Handler(`https://login.example.com/a"b`)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?code=x", http.NoBody))
	require.Contains(t, w.Body.String(), `<meta name="issuer" content="https://login.example.com/a&#34;b">`)
	require.Contains(
		t,
		w.Header().Get("Content-Security-Policy"),
		"connect-src 'self' ws: wss: https://login.example.com",
	)
	_, err = web.Handler("login")
	require.ErrorContains(t, err, "not an absolute URL")
}
