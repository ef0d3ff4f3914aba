package typescript

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// reserved are words that no type of a TypeScript module can have as its name.
const reserved = " any arguments as async await bigint boolean break case catch class const continue debugger default delete do" +
	" else enum eval export extends false finally for function if implements import in instanceof interface keyof let never" +
	" new null number object package private protected public return static string super switch symbol this throw true try" +
	" type typeof undefined unknown var void while with yield "

// own are the names that every file exports.
const own = " Api ApiError ErrorCode ErrorFrame Frame GatewayFrame PushFrame Pushes RawRoutes ReplyFrame RequestFrame ResultFrame Routes" +
	" api envelope keepAlive oneWay "

func isWord(words, name string) bool { return strings.Contains(words, " "+name+" ") }

// identifiers returns the name of the TypeScript type for each name of a type. A name that
// TypeScript permits and that the file does not need is kept; another gets an underscore, or a
// number if that is taken.
func identifiers(names []string) map[string]string {
	names = slices.Sorted(slices.Values(names))
	byName, taken := make(map[string]string, len(names)), make(map[string]bool, len(names))
	for _, name := range names {
		if identifier(name) == name && !isWord(reserved, name) && !isWord(own, name) {
			byName[name], taken[name] = name, true
		}
	}
	for _, name := range names {
		if _, ok := byName[name]; ok {
			continue
		}
		base := identifier(name)
		if isWord(reserved, base) || isWord(own, base) {
			base += "_"
		}
		chosen := base
		for n := 2; taken[chosen]; n++ {
			chosen = fmt.Sprintf("%s_%d", base, n)
		}
		byName[name], taken[chosen] = chosen, true
	}
	return byName
}

// identifier replaces what identifiers do not allow.
func identifier(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case isLetter(r), i > 0 && r >= '0' && r <= '9':
			b.WriteRune(r)
		case !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
			if i == 0 && r >= '0' && r <= '9' {
				b.WriteRune(r)
			}
		}
	}
	if s := strings.TrimRight(b.String(), "_"); s != "" {
		return s
	}
	return "Type"
}

// isLetter reports whether every TypeScript has a character in identifiers, old ones too, which
// know older versions of Unicode.
func isLetter(r rune) bool {
	if r <= unicode.MaxASCII {
		return r == '_' || r == '$' || unicode.IsLetter(r)
	}
	const end = 0xA000 // of the scripts that have long been complete
	return r < end && unicode.IsLetter(r) && unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic,
		unicode.Han, unicode.Hiragana, unicode.Katakana)
}
