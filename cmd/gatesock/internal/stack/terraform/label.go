package terraform

import (
	"strings"
	"unicode"
)

// label returns an identifier of the plan as a name in Terraform, in words: RoomJoin is room_join.
// Different identifiers have different labels: words of several capital letters stay as they are,
// and a label of an identifier that begins with a digit begins with an underscore.
func label(id string) string {
	list := words(id)
	for i, word := range list {
		if !isCapitals(word) {
			list[i] = strings.ToLower(word)
		}
	}
	name := strings.Join(list, "_")
	if name != "" && unicode.IsDigit(rune(name[0])) {
		return "_" + name
	}
	return name
}

// words returns the words of an identifier. A word begins with a capital letter that follows
// another character, or that a small letter follows.
func words(id string) []string {
	var list []string
	begin := 0
	for i := 1; i < len(id); i++ {
		follows := !isCapital(id[i-1])
		leads := i+1 < len(id) && isSmall(id[i+1])
		if isCapital(id[i]) && (follows || leads) {
			list = append(list, id[begin:i])
			begin = i
		}
	}
	return append(list, id[begin:])
}

// isCapitals reports whether a word has several capital letters.
func isCapitals(word string) bool {
	return len(word) > 1 && isCapital(word[0]) && isCapital(word[1])
}

func isCapital(c byte) bool { return 'A' <= c && c <= 'Z' }
func isSmall(c byte) bool   { return 'a' <= c && c <= 'z' }

// hyphenated returns a label as a part of names on AWS, which may have hyphens.
func hyphenated(id string) string {
	return strings.ReplaceAll(strings.TrimPrefix(label(id), "_"), "_", "-")
}
