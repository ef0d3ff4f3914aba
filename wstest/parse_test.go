package wstest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMatchText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"abc", "abc", true},
		{"abc", "abcd", false},
		{"…", "", true},
		{"...", "anything", true},
		{"a…c", "abc", true},
		{"a…c", "ac", true},
		{"a…c", "abcd", false},
		{"ab…bc", "abc", false},
		{"a…b…c", "a1b2c", true},
		{"a…b…c", "a1c2b", false},
		{`{"message": "Forbidden", …}`, `{"message": "Forbidden", "connectionId":"x", "requestId":"y"}`, true},
		{`{"message": "Forbidden", …}`, `{"message":"Forbidden", "connectionId":"x", "requestId":"y"}`, false},
	} {
		require.Equal(t, c.want, matchText(c.pattern, c.text), "%q %q", c.pattern, c.text)
	}
}

// TestMatchTextWithGaps replaces pieces of a text by gaps. The pattern always matches.
func TestMatchTextWithGaps(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOf(rapid.StringOf(rapid.RuneFrom([]rune("ab{\"")))).Draw(t, "pieces")
		pattern := make([]string, len(pieces))
		for i, p := range pieces {
			if pattern[i] = p; i%2 == 1 {
				pattern[i] = rapid.SampledFrom([]string{"…", "..."}).Draw(t, "gap")
			}
		}
		require.True(t, matchText(strings.Join(pattern, ""), strings.Join(pieces, "")))
	})
}

// FuzzReceive checks that a client can receive any frame.
func FuzzReceive(f *testing.F) {
	f.Add(`{"id":"1","action":"a","data":null}`)
	f.Add(`{"id":1,"error":null}`)
	f.Add("")
	f.Fuzz(func(_ *testing.T, text string) {
		m := parseMessage(text, namesOf(nil))
		m.answers("1")
		var out any
		_ = m.decode(&out)
	})
}
