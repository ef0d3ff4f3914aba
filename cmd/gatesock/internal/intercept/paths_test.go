package intercept

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// through returns the path that a handler behind p sees.
func through(tb testing.TB, p Paths, target string) (seen, requestURI string) {
	tb.Helper()
	h := p.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen, requestURI = r.URL.EscapedPath(), r.RequestURI
		require.Equal(tb, r.URL.Path, unescapeOnce(tb, seen))
	}))
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/", nil)
	var err error
	r.URL, err = url.ParseRequestURI(target) // as net/http does
	require.NoError(tb, err)
	r.RequestURI = target
	h.ServeHTTP(httptest.NewRecorder(), r)
	return seen, requestURI
}

func unescapeOnce(tb testing.TB, path string) string {
	tb.Helper()
	plain, err := url.PathUnescape(path)
	require.NoError(tb, err)
	return plain
}

func TestPaths(t *testing.T) {
	t.Parallel()
	one := Paths{Bases: []string{"/dev"}}
	two := Paths{Bases: []string{"/dev", "/prod"}, BaseOf: func(id string) string {
		return map[string]string{"here=": "/prod", "gone=": "/no", "nowhere=": ""}[id]
	}}
	custom := Paths{Bases: []string{""}}
	keys := Paths{Bases: []string{"/chat", "/chat/v1"}}
	for _, c := range []struct {
		paths      Paths
		sent, want string // want is empty if the path stays
	}{
		{one, "/dev/@connections/a=", ""},
		{one, "/dev/%40connections/a%3D", ""},
		{one, "/@connections/a=", "/dev/@connections/a="},
		{one, "//@connections/a=", "/dev/@connections/a="},
		{one, "/dev//@connections/a=", "/dev/@connections/a="},
		{one, "//dev//@connections//a=//", "/dev/@connections/a="},
		{one, "/dev/@connections/a=/", "/dev/@connections/a="},
		{one, "/dev/dev/@connections/a%3D", "/dev/@connections/a%3D"},
		{one, "/dev/dev//dev/%40connections/a%253D", "/dev/%40connections/a%253D"},
		{one, "/@connections/a%2Fb", "/dev/@connections/a%2Fb"},
		{one, "/prod/@connections/a=", ""},
		{one, "/dev/prod/@connections/a=", ""},
		{one, "/devdev/@connections/a=", ""},
		{one, "/de/v/@connections/a=", ""},
		{one, "/dev", ""},
		{one, "/dev//", ""},
		{one, "/dev//@connections/", ""},
		{one, "/dev//@connections/a/b", ""},
		{one, "/dev/@connections", ""},
		{one, "/", ""},
		{two, "/@connections/here%3D", "/prod/@connections/here%3D"},
		{two, "//@connections/here%253D", "/prod/@connections/here%253D"},
		{two, "/@connections/gone=", ""},
		{two, "/@connections/nowhere=", ""},
		{two, "/dev//@connections/here=", "/dev/@connections/here="},
		{two, "/dev/prod/@connections/here=", ""},
		{Paths{Bases: []string{"/dev", "/prod"}}, "/@connections/here=", ""},
		{custom, "/@connections/a=", ""},
		{custom, "//@connections/a=/", "/@connections/a="},
		{custom, "/dev/@connections/a=", ""},
		{keys, "/chat/chat/@connections/a=", "/chat/@connections/a="},
		{keys, "/chat/v1//@connections/a=", "/chat/v1/@connections/a="},
		{keys, "/v1/@connections/a=", ""},
		{Paths{Bases: []string{"/v1", ""}}, "//@connections/a=", "/@connections/a="},
		{Paths{}, "//@connections/a=", ""},
	} {
		var noticed []string
		c.paths.Noticed = func(sent, served string) { noticed = append(noticed, sent, served) }
		seen, requestURI := through(t, c.paths, c.sent)
		require.Equal(t, c.sent, requestURI, "signatures are of what was sent")
		if c.want == "" {
			require.Equal(t, c.sent, seen)
			require.Empty(t, noticed)
			continue
		}
		require.Equal(t, c.want, seen, c.sent)
		require.Equal(t, []string{c.sent, c.want}, noticed)
	}
}

// FuzzPaths holds that a path stays or becomes one that stays, with the same connection.
func FuzzPaths(f *testing.F) {
	for _, seed := range []string{"/dev/@connections/a=", "//@connections//a%3D/", "/dev/%2540connections/%", "/%2F/@connections/%2f", "/a%"} {
		f.Add(seed)
	}
	p := Paths{Bases: []string{"/dev"}}
	f.Fuzz(func(t *testing.T, sent string) {
		if u, err := url.ParseRequestURI(sent); err != nil || !strings.HasPrefix(sent, "/") || u.EscapedPath() == "" {
			return // net/http refuses it
		}
		seen, _ := through(t, p, sent)
		again, _ := through(t, p, seen)
		require.Equal(t, seen, again)
		if served, ok := p.served(sent); ok {
			id, found := strings.CutPrefix(unescape(served), "/dev/@connections/")
			require.True(t, found, served)
			require.NotEmpty(t, id)
			require.Contains(t, sent, served[strings.LastIndexByte(served, '/'):])
		}
	})
}
