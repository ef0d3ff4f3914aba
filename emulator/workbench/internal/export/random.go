package export

import (
	"regexp"
	"strings"
)

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

// words are what people write: a word, perhaps with a capital, an abbreviation or a number.
var words = regexp.MustCompile(`[A-Z]?[a-z]+|[A-Z]+|[0-9]+`)

var hexadecimal = regexp.MustCompile(`^([0-9a-f]{8,}|[0-9A-F]{8,})$`)

// looksRandom reports whether a text looks like an id that a program has drawn, such as a UUID, a
// ULID, or a hash in hexadecimal or base64. It prefers to be wrong about a text that is not random:
// the test is then only less strict.
func looksRandom(text string) bool {
	if uuid.MatchString(text) {
		return true
	}
	for _, part := range strings.FieldsFunc(text, isSeparator) {
		if len(part) >= 8 && (isHash(part) || isMixed(part)) || len(part) >= 10 && isShouted(part) {
			return true
		}
	}
	bare := strings.Join(strings.FieldsFunc(text, isSeparator), "")
	return len(bare) >= 10 && len(bare) < len(text) && strings.ToLower(bare) != bare && isMixed(bare)
}

func isSeparator(r rune) bool { return strings.ContainsRune("-_.:/=+~|#@", r) }

// isHash reports whether a text is a hash in hexadecimal.
func isHash(text string) bool {
	return hexadecimal.MatchString(text) && strings.ContainsAny(text, "0123456789") &&
		strings.ContainsAny(strings.ToLower(text), "abcdef")
}

// isMixed reports whether a text changes so often between capitals, small letters and digits as no
// words do. The longer it is, the more it may look like words in between.
func isMixed(text string) bool {
	parts := words.FindAllString(text, -1)
	length := len(strings.Join(parts, ""))
	if length < 8 || len(parts) < 4 {
		return false
	}
	average := float64(length) / float64(len(parts))
	digits := strings.ContainsAny(text, "0123456789")
	switch {
	case digits && length >= 16:
		return average <= 4
	case digits && length >= 12:
		return average <= 3
	case digits:
		return average <= 2.4
	case length >= 14:
		return average <= 2.8
	}
	return average <= 2.1
}

// longestWord is how long a word is at most that somebody writes in capitals.
const longestWord = 23

// isShouted reports whether a text is in capitals and digits as no abbreviation is, such as base32.
func isShouted(text string) bool {
	if strings.ToUpper(text) != text {
		return false
	}
	letters, vowels, digits := 0, 0, 0
	for _, c := range text {
		switch {
		case strings.ContainsRune("AEIOU", c):
			letters, vowels = letters+1, vowels+1
		case c >= 'A' && c <= 'Z':
			letters++
		case c >= '0' && c <= '9':
			digits++
		}
	}
	return letters >= 5 && (digits >= 2 || vowels*4 < letters || len(text) > longestWord)
}
