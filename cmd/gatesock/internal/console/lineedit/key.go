package lineedit

import (
	"strings"
	"unicode/utf8"
)

// key is a key that was pressed: a character, or one of the constants.
type key rune

// Keys without a character. Characters are not negative.
const (
	keyNone key = -1 - iota // a sequence that means nothing here
	keyUp
	keyDown
	keyLeft
	keyRight
	keyWordLeft
	keyWordRight
	keyHome
	keyEnd
	keyDelete
	keyDeleteWordLeft
	keyDeleteWordRight
	keyPasteBegin
	keyPasteEnd
)

// Control characters.
const (
	ctrlA     key = 1
	ctrlB     key = 2
	ctrlC     key = 3
	ctrlD     key = 4
	ctrlE     key = 5
	ctrlF     key = 6
	ctrlG     key = 7
	ctrlH     key = 8
	tab       key = 9
	lineFeed  key = 10
	ctrlK     key = 11
	ctrlL     key = 12
	enter     key = 13
	ctrlN     key = 14
	ctrlP     key = 16
	ctrlR     key = 18
	ctrlT     key = 20
	ctrlU     key = 21
	ctrlW     key = 23
	ctrlY     key = 25
	escape    key = 27
	backspace key = 127
)

// longestSequence bounds an escape sequence, in bytes. What is longer is not a key.
const longestSequence = 32

// decode returns the first key of what a terminal has sent, and how many bytes it has: 0 if it is
// not complete.
func decode(input []byte) (k key, n int) {
	switch {
	case len(input) == 0:
		return keyNone, 0
	case input[0] == byte(escape):
		return decodeEscape(input)
	case !utf8.FullRune(input):
		return keyNone, 0
	}
	r, n := utf8.DecodeRune(input)
	if r == utf8.RuneError && n == 1 {
		return keyNone, 1 // not UTF-8
	}
	return key(r), n
}

// plain returns how many bytes of what a terminal has sent are characters that are not control
// characters.
func plain(input []byte) (n int) {
	for n < len(input) && utf8.FullRune(input[n:]) {
		r, size := utf8.DecodeRune(input[n:])
		if r < ' ' || r == rune(backspace) || r == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}

// decodeEscape decodes what begins with ESC: a sequence of ECMA-48 (ESC [ parameters final), one of
// application keys (ESC O x), or a key with Alt.
func decodeEscape(input []byte) (k key, n int) {
	if len(input) < 2 {
		return keyNone, 0
	}
	switch input[1] {
	case '[':
		for i := 2; i < len(input); i++ {
			if c := input[i]; c >= 0x40 && c <= 0x7e {
				return sequence(string(input[2 : i+1])), i + 1
			} else if c < ' ' || c > 0x7e || i >= longestSequence {
				return keyNone, i // what follows is a key of its own
			}
		}
		return keyNone, 0
	case 'O':
		if len(input) < 3 {
			return keyNone, 0
		}
		return sequence(string(input[2])), 3
	case 'b':
		return keyWordLeft, 2
	case 'f':
		return keyWordRight, 2
	case 'd':
		return keyDeleteWordRight, 2
	case byte(backspace), byte(ctrlH):
		return keyDeleteWordLeft, 2
	case byte(escape):
		return keyNone, 1
	}
	if !utf8.FullRune(input[1:]) {
		return keyNone, 0
	}
	_, size := utf8.DecodeRune(input[1:])
	return keyNone, 1 + size
}

// sequence returns the key of a sequence's parameters and final character. Modifiers such as those
// of Ctrl-Left are all taken for "by a word".
func sequence(text string) key {
	final, modified := text[len(text)-1], strings.Contains(text, ";")
	switch {
	case final == 'A':
		return keyUp
	case final == 'B':
		return keyDown
	case final == 'C' && modified:
		return keyWordRight
	case final == 'C':
		return keyRight
	case final == 'D' && modified:
		return keyWordLeft
	case final == 'D':
		return keyLeft
	case final == 'H', text == "1~", text == "7~":
		return keyHome
	case final == 'F', text == "4~", text == "8~":
		return keyEnd
	case text == "3~":
		return keyDelete
	case text == "200~":
		return keyPasteBegin
	case text == "201~":
		return keyPasteEnd
	default:
		return keyNone
	}
}
