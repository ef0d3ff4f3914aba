package iampattern

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"*", "", true},
		{"", "a", false},
		{"a", "", false},
		{"a", "a", true},
		{"?", "a", true},
		{"?", "", false},
		{"?", "*", true},
		{"*", "*", true},
		{"*a", "ba", true},
		{"a*", "ba", false},
		{"a*c", "abbc", true},
		{"a*c", "abcd", false},
		{"*b*d", "abcbd", true},
		{"a*b*c", "axxbyyc", true},
		{"a*b*c", "axxbyy", false},
		{"**a**", "a", true},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"*/*", "local/$connect", true},
	} {
		require.Equal(t, c.want, Match(c.pattern, c.text), "%q %q", c.pattern, c.text)
	}
	require.False(t, Match(strings.Repeat("*a", 500)+"b", strings.Repeat("a", 2000)), "in good time")
}

func TestMatchARN(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/prod/$connect"
	for pattern, want := range map[string]bool{
		"*":                         true,
		"arn:aws:execute-api:*":     false,
		"arn:*":                     false,
		"arn:aws:execute-api:*:*:*": true,
		"arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/*":             true,
		"arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/*/$connect":    true,
		"arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/*/$default":    false,
		"arn:aws:execute-api:eu-central-?:12345678901?:??????/prod/$connect": true,
		"arn:aws:execute-api:eu-central-1:1*:a1b2c3/prod/$connect:*":         false,
		"": false,
	} {
		require.Equal(t, want, MatchARN(pattern, arn), pattern)
	}
}
