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

func TestQuoteAndCut(t *testing.T) {
	t.Parallel()
	require.Equal(t, `"aé\n"`, oneline.Quote("aé\n", 4))
	require.Equal(t, `"aé…"`, oneline.Quote("aéé", 4))
	require.Equal(t, "aé", oneline.Cut("aéé", 4))
	require.Equal(t, "a", oneline.Cut("aé", 2))
	require.Empty(t, oneline.Cut("é", 0))
	require.Equal(t, "\x80\x80\x80\x80", oneline.Cut(strings.Repeat("\x80", 9), 8), "not UTF-8: cut all the same")
}

func FuzzOf(f *testing.F) {
	f.Add("a\x1b[2J\xffé", 4)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit &= 0xfff
		require.True(t, !utf8.ValidString(text) || utf8.ValidString(oneline.Cut(text, limit)))
		require.LessOrEqual(t, len(oneline.Cut(text, limit)), limit)
		got := oneline.Of(text, limit)
		require.True(t, utf8.ValidString(got))
		require.LessOrEqual(t, len(got), 10*limit+len("… (9223372036854775807 bytes)"))
		for _, r := range got {
			require.True(t, strconv.IsPrint(r), "%q", got)
		}
	})
}
