package authz

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func from(origins ...string) *Handshake {
	return &Handshake{Header: http.Header{"Origin": origins}}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern       string
		takes, leaves string // by spaces
	}{
		{
			"https://example.com",
			"https://example.com https://example.com:443 HTTPS://EXAMPLE.com",
			"http://example.com https://example.com:444 https://www.example.com https://example.com.evil.test https://evil-example.com " +
				"https://example.com. https://example.comx wss://example.com null https://example.com/ https://example.com/x " +
				"https://example.com? https://example.com# https://u@example.com https://example.com@evil.test https://example.com:443@evil.test " +
				"https://evil.test\\@example.com https://evil.test\\.example.com https:example.com https:///example.com //example.com example.com " +
				"https://example.com: https://example.com:0443 https://example.com:443x https://examplе.com https://example.com%2eevil.test " +
				"https://*.example.com https:// https://:443 ://example.com https://example.com,https://example.com",
		},
		{
			"https://*.example.com",
			"https://a.example.com https://a.b.example.com https://a.example.com:443",
			"https://example.com https://.example.com https://a..example.com https://evil-example.com https://aexample.com " +
				"https://a.example.com.evil.test http://a.example.com https://a.example.com:8443 https://*.example.com https://a/.example.com " +
				"https://a#.example.com https://a@b.example.com https://a\\.example.com https://evil.test/a.example.com https://evil.test?.example.com",
		},
		{"http://localhost:3000", "http://localhost:3000 http://LOCALHOST:3000", "http://localhost http://localhost:30000 https://localhost:3000 http://127.0.0.1:3000"},
		{"http://[::1]:3000", "http://[::1]:3000", "http://[::2]:3000 http://::1:3000 http://[::1]"},
		{"https://example.com:443", "https://example.com", "http://example.com:443"},
		{"null", "null", "https://null NULL nul file://"},
		{"file://", "file://", "null FILE:// file:///x file://x https://file"},
		{"chrome-extension://abcdef", "chrome-extension://abcdef", "https://abcdef chrome-extension://abcdefg"},
	} {
		check := Origins("https://other.test", c.pattern)
		for origin := range strings.FieldsSeq(c.takes) {
			p, err := check.Authenticate(t.Context(), from(origin))
			require.NoError(t, err, "%s takes %s", c.pattern, origin)
			require.Equal(t, Principal{}, p)
		}
		for origin := range strings.FieldsSeq(c.leaves) {
			_, err := check.Authenticate(t.Context(), from(origin))
			require.ErrorIs(t, err, ErrForbidden, "%s does not take %s", c.pattern, origin)
		}
	}
}

// Malformed patterns from the environment are errors, not panics.
func TestParseOrigins(t *testing.T) {
	t.Parallel()
	for _, bad := range [][]string{nil, {""}, {"https://a.test", ""}, {"example.com"}, {"https://a.test/x"}, {"file:///"}} {
		p, err := ParseOrigins(bad...)
		require.Error(t, err, "%q", bad)
		require.Nil(t, p)
		require.Panics(t, func() { Origins(bad...) })
	}
	p, err := ParseOrigins(strings.Split("https://a.test, https://b.test", ",")...)
	require.NoError(t, err)
	_, err = p.Authenticate(t.Context(), from("https://b.test"))
	require.NoError(t, err)
}

func TestOriginHeaders(t *testing.T) {
	t.Parallel()
	check := Origins("https://example.com")
	_, err := check.Authenticate(t.Context(), from())
	require.NoError(t, err, "not a browser")
	_, err = check.Authenticate(t.Context(), from("https://example.com", "https://example.com"))
	require.ErrorIs(t, err, ErrForbidden)
	_, err = check.Authenticate(t.Context(), from(""))
	require.ErrorIs(t, err, ErrForbidden)
	_, err = check.Authenticate(t.Context(), from("https://"+strings.Repeat("x", 10_000)+".test"))
	require.ErrorIs(t, err, ErrForbidden)
	require.Less(t, len(err.Error()), 400)
}

func TestOriginPatternsRefused(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { Origins() })
	for _, pattern := range []string{
		"", "*", "example.com", "https://", "https://*", "https://*.", "https://a.*.example.com", "https://*example.com",
		"https://example.com/", "https://example.com:*", "https://user@example.com", "https://exämple.com", "https://**.example.com",
	} {
		require.Panics(t, func() { Origins(pattern) }, pattern)
	}
}

func TestAnyOriginIsLogged(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	check := DangerouslyAllowAnyOrigin(WithLogger(slog.New(slog.NewTextHandler(&text, nil))))
	require.Contains(t, text.String(), "level=WARN msg=\"authz: pages of any origin may connect")
	_, err := check.Authenticate(t.Context(), from("https://evil.test"))
	require.NoError(t, err)
}

// An origin that the wildcard accepts is a subdomain and nothing else.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"https://a.example.com", "https://a.example.com:443", "https://example.com@evil.test", "null", "https://[::1]"} {
		f.Add(s)
	}
	check := Origins("https://*.example.com")
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := check.Authenticate(t.Context(), from(s)); err != nil {
			return
		}
		lower := strings.TrimSuffix(strings.ToLower(s), ":443")
		rest, ok := strings.CutPrefix(lower, "https://")
		require.True(t, ok)
		require.True(t, strings.HasSuffix(rest, ".example.com"))
		require.Empty(t, strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789-_."))
	})
}
