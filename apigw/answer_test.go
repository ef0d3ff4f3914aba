package apigw

import (
	"errors"
	"strings"
	"testing"
	"time"
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
		"a\r\n\tb\x00\x1b[31mc\u2028d": "a b\x00\x1b[31mc d",
		"<html><title>503 Service Unavailable</title>\n<p>try again</html>": "503 Service Unavailable try again",
		"<Error><Code>X</Code><Message>of XML</Message></Error>":            "X of XML",
		"<cut":                  "",
		`{"error":"of nobody"}`: `{"error":"of nobody"}`,
	} {
		require.Equal(t, want, bodyText([]byte(body)), "%q", body)
	}
}

// Errors that quote the gateway have one line, which is safe to print, and wrap their cause.
func TestErrorsArePrintable(t *testing.T) {
	t.Parallel()
	cause := errors.New("valid for a\nERROR\x1b[31m" + strings.Repeat("ü", 2*maxErrorText))
	for _, f := range []failure{
		{err: cause}, {err: cause, status: 500}, {err: cause, status: 410}, {err: cause, sent: true},
	} {
		err := call{"post to", "AbC=", time.Second}.wrap(t.Context(), f)
		require.ErrorIs(t, err, cause)
		require.ErrorContains(t, err, `valid for a\nERROR\x1b[31mü`)
		require.Less(t, len(err.Error()), maxErrorText+maxText)
		for _, r := range err.Error() {
			require.True(t, unicode.IsPrint(r), "%q", err)
		}
	}
}

func FuzzBodyText(f *testing.F) {
	f.Add([]byte("<a><b>x</b>\n"))
	f.Add([]byte("plain\x00 \xff text"))
	f.Fuzz(func(t *testing.T, body []byte) {
		text := (&refusal{status: 503, message: bodyText(body)}).Error()
		require.LessOrEqual(t, len(text), 5*maxText, "an escape has up to 4 times the length of its bytes")
		require.True(t, utf8.ValidString(text))
		for _, r := range text {
			require.True(t, unicode.IsPrint(r), "%q", text)
		}
	})
}
