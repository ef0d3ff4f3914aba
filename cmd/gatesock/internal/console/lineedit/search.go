package lineedit

import (
	"strings"
	"unicode/utf8"
)

// search is a search in the history, backwards.
type search struct {
	text string
	back int    // the line of the history that was found; 0 if there is none
	line string // before the search
}

// searching handles a key during a search, and reports whether that is all. Keys that edit end the
// search, and then edit the line that was found.
func (e *Editor) searching(k key) bool {
	s := e.search
	switch {
	case k == ctrlR:
		e.find(s.back + 1)
	case k == ctrlG:
		e.line.set(s.line)
		e.search = nil
	case k == backspace || k == ctrlH:
		_, size := utf8.DecodeLastRuneInString(s.text)
		s.text = s.text[:len(s.text)-size]
		e.find(1)
	case k >= ' ':
		s.text += string(rune(k))
		e.find(max(1, s.back))
	default:
		e.search = nil
		e.back, e.draft = s.back, s.line
		return k == keyNone
	}
	return true
}

// find shows the next line of the history that has the text, from one on.
func (e *Editor) find(back int) {
	s := e.search
	for ; s.text != "" && back <= e.cfg.History.Len(); back++ {
		if found := e.cfg.History.Back(back); strings.Contains(found, s.text) {
			s.back = back
			e.line.set(found)
			e.line.pos = strings.Index(found, s.text)
			return
		}
	}
}
