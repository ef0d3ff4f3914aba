package cloudformation

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
)

var (
	// plain are strings that are themselves in YAML. Words such as true, and numbers, are not among
	// them.
	plain = regexp.MustCompile(`^[$A-Za-z/][A-Za-z0-9 $_./(),:*-]*[A-Za-z0-9.)*]$`)
	// printable are strings that a single-quoted scalar can have.
	printable = regexp.MustCompile(`^[ -~\x{a1}-\x{ac}\x{ae}-\x{2027}\x{2030}-\x{d7ff}]*$`)
	// special are words that some versions of YAML read as something else than a string.
	special = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|null|y|n)$`)
)

// quote returns a string as a scalar of YAML, in a block.
func quote(s string) string {
	if plain.MatchString(s) && !special.MatchString(s) && !strings.Contains(s, ": ") {
		return s
	}
	return inQuotes(s)
}

// quoteFlow returns a string as a scalar of YAML that may also be between brackets.
func quoteFlow(s string) string {
	if strings.ContainsAny(s, ",:") {
		return inQuotes(s)
	}
	return quote(s)
}

func inQuotes(s string) string {
	if !printable.MatchString(s) {
		return strconv.QuoteToASCII(s) // YAML has the escapes of Go
	}
	if strings.ContainsAny(s, `"\`) {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return `"` + s + `"`
}

// values returns the values of a parameter as a list.
func values(p stack.Parameter) string {
	list := make([]string, len(p.Values))
	for i, value := range p.Values {
		list[i] = value
		if !p.Number {
			list[i] = inQuotes(value)
		}
	}
	return "[" + strings.Join(list, ", ") + "]"
}
