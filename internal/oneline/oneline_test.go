package oneline_test

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/oneline"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "",
		`plain "é" 'text\`:          `plain "é" 'text\`,
		"a\x1b[31m\n\t\u202e\u009b": `a\x1b[31m\n\t\u202e\u009b`,
		"\xff\xfe":                  "\uFFFD",
		"xéééé":                     "xééé… (9 bytes)",
		"12345678":                  "12345678",
		"123456789":                 "12345678… (9 bytes)",
	} {
		limit := 8
		if strings.Contains(text, "a\x1b") || strings.HasPrefix(text, "plain") {
			limit = 100
		}
		require.Equal(t, want, oneline.Of(text, limit), "%q", text)
	}
}

func FuzzOf(f *testing.F) {
	f.Add("a\x1b[2J\xffé", 4)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit &= 0xfff
		got := oneline.Of(text, limit)
		require.True(t, utf8.ValidString(got))
		require.LessOrEqual(t, len(got), 10*limit+len("… (9223372036854775807 bytes)"))
		for _, r := range got {
			require.True(t, strconv.IsPrint(r), "%q", got)
		}
	})
}
