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
		"/":          {http.StatusOK, "text/html; charset=utf-8"},
		"/chat.js":   {http.StatusOK, "text/javascript; charset=utf-8"},
		"/style.css": {http.StatusOK, "text/css; charset=utf-8"},
		"/icon.svg":  {http.StatusOK, "image/svg+xml"},
		"/web.go":    {http.StatusNotFound, "text/plain; charset=utf-8"},
	}
	for path, want := range tests {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			web.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
			require.Equal(t, want.status, w.Code)
			require.Equal(t, want.contentType, w.Header().Get("Content-Type"))
			require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'self'")
		})
	}
}
