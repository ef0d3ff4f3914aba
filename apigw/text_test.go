package apigw

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestBodyText(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                             "",
		" \n":                          "",
		"no healthy upstream\n":        "no healthy upstream",
		"a\r\n\tb\x00\x1b[31mc\u2028d": "a b [31mc d",
		"\xff\xfea":                    "a",
		"<html><title>503 Service Unavailable</title>\n<p>try again</html>": "503 Service Unavailable try again",
		"<Error><Code>X</Code><Message>of XML</Message></Error>":            "X of XML",
		"<cut":                   "",
		`{"error":"of nobody"}`:  `{"error":"of nobody"}`,
		strings.Repeat("ü", 500): strings.Repeat("ü", 127) + "…",
	} {
		require.Equal(t, want, bodyText([]byte(body)), "%q", body)
	}
}

func FuzzBodyText(f *testing.F) {
	f.Add([]byte("<a><b>x</b>\n"))
	f.Add([]byte("plain\x00 \xff text"))
	f.Fuzz(func(t *testing.T, body []byte) {
		text := bodyText(body)
		require.LessOrEqual(t, len(text), maxText+len("…"))
		require.True(t, utf8.ValidString(text))
		for _, r := range text {
			require.True(t, unicode.IsPrint(r), "%q", text)
		}
	})
}
