package emulator

import (
	"net/url"
	"strings"
)

// parseQuery reads the parameters of an address. Unlike net/url it keeps those that have a semicolon, which stands for
// itself (WHATWG URL Standard, application/x-www-form-urlencoded), or a "%" that begins no escape, which stays as it is:
// what AWS does with them is not known, and a parameter that is lost without a word helps nobody.
func parseQuery(raw string) url.Values {
	query := url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name = unescapeParameter(name)
		query[name] = append(query[name], unescapeParameter(value))
	}
	return query
}

// unescapeParameter decodes what is well formed and leaves the rest.
func unescapeParameter(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if plain, err := url.PathUnescape(s[i:min(i+3, len(s))]); err == nil {
				b = append(b, plain...)
				i += 2
				continue
			}
		}
		if s[i] == '+' {
			b = append(b, ' ')
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}
