package lineedit

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// line is a text with a cursor. The cursor moves by what users see as a character.
type line struct {
	text string
	pos  int // of the cursor, in bytes
}

func (l *line) insert(text string) {
	l.text = l.text[:l.pos] + text + l.text[l.pos:]
	l.pos += len(text)
}

// set replaces the text, and puts the cursor behind it.
func (l *line) set(text string) { l.text, l.pos = text, len(text) }

// next returns the end of the character at the cursor.
func (l *line) next() int {
	cluster, _, _, _ := uniseg.FirstGraphemeClusterInString(l.text[l.pos:], -1)
	return l.pos + len(cluster)
}

// previous returns the beginning of the character before the cursor.
func (l *line) previous() int {
	// Clusters are found from the front, and do not reach over a blank, a quote or a brace, of which
	// JSON has many.
	begin := max(0, strings.LastIndexAny(l.text[:max(0, l.pos-1)], "\" {}[]:,"))
	state := -1
	for at, rest := begin, l.text[begin:l.pos]; ; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if rest == "" {
			return at
		}
		at += len(cluster)
	}
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }

// wordLeft returns the beginning of the word before the cursor.
func (l *line) wordLeft() int {
	before := strings.TrimRightFunc(l.text[:l.pos], func(r rune) bool { return !isWord(r) })
	return len(strings.TrimRightFunc(before, isWord))
}

// wordRight returns the end of the word behind the cursor.
func (l *line) wordRight() int {
	behind := strings.TrimLeftFunc(l.text[l.pos:], func(r rune) bool { return !isWord(r) })
	return len(l.text) - len(strings.TrimLeftFunc(behind, isWord))
}

// cut removes the text from one position to another, puts the cursor there, and returns what it
// has removed.
func (l *line) cut(from, to int) string {
	removed := l.text[from:to]
	l.text = l.text[:from] + l.text[to:]
	l.pos = from
	return removed
}

// transpose exchanges the characters before and at the cursor, or the last two.
func (l *line) transpose() {
	if l.pos == len(l.text) {
		l.pos = l.previous()
	}
	if l.pos == 0 {
		return
	}
	before, end := l.previous(), l.next()
	l.text = l.text[:before] + l.text[l.pos:end] + l.text[before:l.pos] + l.text[end:]
	l.pos = end
}

// visible returns text as the terminal gets it: a control character becomes its picture, which is
// as wide as a letter, and what is not printed a question mark in a diamond.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ':
			return 0x2400 + r
		case r == 0x7f:
			return 0x2421
		case r == utf8.RuneError, r == 0x200d, r >= 0xfe00 && r <= 0xfe0f:
			return r // joiners and selectors are parts of emoji
		case !unicode.IsPrint(r) && !unicode.IsMark(r):
			return utf8.RuneError
		}
		return r
	}, text)
}

// place is where a terminal's cursor is: rows and columns from where the line begins.
type place struct{ row, col int }

// after returns where the cursor is after text was written at a place, on a terminal of a width.
// A character that does not fit into a row is at the beginning of the next one. The column may be
// the width: the next character is in the next row.
func (p place) after(text string, width int) place {
	state := -1
	for text != "" {
		var w int
		_, text, w, state = uniseg.FirstGraphemeClusterInString(text, state)
		if p.col+w > width {
			p = place{p.row + 1, 0}
		}
		p.col += w
	}
	return p
}
