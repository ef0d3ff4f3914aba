package terraform

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzQuote requires that HCL reads a quoted string as what it was. The tests of module examples
// check some of the seeds with HashiCorp's parser.
func FuzzQuote(f *testing.F) {
	for _, s := range awkward() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := unquote(quote(s))
		require.NoError(t, err)
		require.Equal(t, string([]rune(s)), got) // with U+FFFD for what is not UTF-8
		require.True(t, utf8.ValidString(quote(s)))
		require.NotContains(t, quote(s), "\n")
	})
}

// unquote reads a literal as the specification of HCL says ("Quoted templates").
func unquote(literal string) (string, error) {
	inner, ok := strings.CutPrefix(literal, `"`)
	if inner, ok2 := strings.CutSuffix(inner, `"`); ok && ok2 {
		return unescape(inner)
	}
	return "", fmt.Errorf("%s is not in quotes", literal)
}

func unescape(rest string) (string, error) {
	var text strings.Builder
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, "$${"), strings.HasPrefix(rest, "%%{"):
			text.WriteString(rest[1:3])
			rest = rest[3:]
		case strings.HasPrefix(rest, "${"), strings.HasPrefix(rest, "%{"):
			return "", fmt.Errorf("%s is evaluated", rest)
		case rest[0] == '"':
			return "", fmt.Errorf("%s is outside", rest)
		case rest[0] == '\\':
			c, size, err := escaped(rest)
			if err != nil {
				return "", err
			}
			text.WriteRune(c)
			rest = rest[size:]
		default:
			text.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	return text.String(), nil
}

// escaped returns the character of an escape, and the size of the escape.
func escaped(rest string) (rune, int, error) {
	if len(rest) < 2 {
		return 0, 0, fmt.Errorf("%s has no character", rest)
	}
	digits := 0
	switch rest[1] {
	case 'n':
		return '\n', 2, nil
	case '"', '\\':
		return rune(rest[1]), 2, nil
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default:
		return 0, 0, fmt.Errorf("%s is not an escape", rest)
	}
	if len(rest) < 2+digits {
		return 0, 0, fmt.Errorf("%s is too short", rest)
	}
	c, err := strconv.ParseUint(rest[2:2+digits], 16, 32)
	return rune(c), 2 + digits, err
}

// awkward returns strings that a template would change if they were not escaped.
func awkward() []string {
	return []string{
		"${x}", "%{ if x }", "$${x}", "$$${x}", "%%{x}", "%%%{x}", "${", "%{", "$", "%", "$$", "a$", "${${", "$%{", "%${", "$ {",
		`\${x}`, `\`, `\\`, `"`, `""`, `a"b`, "a\nb", "a\r\nb\tc", "\x00\x1f\x7f", "<<EOT\nx\nEOT", "<<-EOT", "# a", "// a", "/* a */",
		"~}", "é", "e\u0301", "\u2028\u2029", "\U0001f600", "\u00ad", "\ufeff", "\u202e", "{}", "}", "[]", "true", "1", "null", " a ", "'", "`",
	}
}
