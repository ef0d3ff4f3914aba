package web_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/examples/iot/web"
)

func get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	web.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
	return w
}

func TestHandler(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status      int
		contentType string
	}{
		"/":              {http.StatusOK, "text/html; charset=utf-8"},
		"/main.js":       {http.StatusOK, "text/javascript; charset=utf-8"},
		"/gatesock.js":   {http.StatusOK, "text/javascript; charset=utf-8"},
		"/uplot.js":      {http.StatusOK, "text/javascript; charset=utf-8"},
		"/uplot.css":     {http.StatusOK, "text/css; charset=utf-8"},
		"/style.css":     {http.StatusOK, "text/css; charset=utf-8"},
		"/icon.svg":      {http.StatusOK, "image/svg+xml"},
		"/uplot.LICENSE": {http.StatusOK, "text/plain; charset=utf-8"},
		"/package.json":  {http.StatusNotFound, "text/plain; charset=utf-8"},
		"/web.go":        {http.StatusNotFound, "text/plain; charset=utf-8"},
	}
	for path, want := range tests {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := get(t, path)
			require.Equal(t, want.status, w.Code)
			require.Equal(t, want.contentType, w.Header().Get("Content-Type"))
			require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'self'")
		})
	}
}

// What the policy forbids would be missing only in a browser: styles and handlers in the HTML, and
// text of others that becomes HTML.
func TestThePageKeepsToItsPolicy(t *testing.T) {
	t.Parallel()
	page := get(t, "/").Body.String()
	require.NotRegexp(t, `(?i)\sstyle=|<style|\son[a-z]+=|javascript:`, page)
	require.NotRegexp(t, `https?://`, page)
	unsafe := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`)
	entries, err := fs.ReadDir(os.DirFS("."), ".")
	require.NoError(t, err)
	for _, entry := range entries {
		name := entry.Name()
		if path.Ext(name) != ".js" || name == "uplot.js" {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NotRegexp(t, unsafe, string(text), name)
	}
}

// Every file that the page and its modules name is there, and none is there in vain.
func TestFilesAreUsed(t *testing.T) {
	t.Parallel()
	named := map[string]bool{"uplot.LICENSE": true, "index.html": true}
	names := regexp.MustCompile(`(?:href|src)="([^"#]+)"|from "\./([^"]+)"|import "\./([^"]+)"`)
	entries, err := fs.ReadDir(os.DirFS("."), ".")
	require.NoError(t, err)
	var there []string
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasSuffix(name, ".go") || name == "package.json" {
			continue
		}
		there = append(there, name)
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, match := range names.FindAllStringSubmatch(string(text), -1) {
			named[match[1]+match[2]+match[3]] = true
		}
	}
	for _, name := range there {
		require.True(t, named[name], "%s is not used", name)
		delete(named, name)
	}
	require.Empty(t, named, "files that are not there")
}
