package cloudformation

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func FuzzQuote(f *testing.F) {
	for _, s := range []string{
		"", "say", "$default", "room.join", "yes", "Null", "~", "1", "0x1f", "1e3", "2026-11-27", ".inf", "a: b", "a:b", "a #b", "#a",
		"'a'", `"a"`, `\`, "- a", "[a]", "{a}", "a, b", "*a", "&a", "!a", "%a", "@a", "`a", "a ", " a", "a\nb", "a\tb", "\x00", "\u0085", "\u2028",
		"\ufeff", "ä", "日本", "😀", "<<", "=", "/200/", "a*", "(a)", "a:",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip()
		}
		const longestKey = 1000 // of YAML, 1,024 characters with quotes and escapes
		if text := quote(s) + ": a"; len(text) < longestKey {
			var key map[string]string
			require.NoError(t, yaml.Unmarshal([]byte(text), &key), text)
			require.Equal(t, map[string]string{s: "a"}, key)
		}
		var block struct{ A any }
		require.NoError(t, yaml.Unmarshal([]byte("a: "+quote(s)), &block))
		require.Equal(t, any(s), block.A)
		var flow struct{ A []any }
		require.NoError(t, yaml.Unmarshal([]byte("a: ["+quoteFlow(s)+"]"), &flow))
		require.Equal(t, []any{s}, flow.A)
	})
}
