// Package vttest is a terminal for tests: it shows what was written to it as a person would see it.
package vttest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rivo/uniseg"
)

// Screen is a terminal that knows what line editors use of a VT100, with the wide characters of
// today. It is safe for concurrent use.
type Screen struct {
	mu       sync.Mutex
	width    int
	height   int
	rows     [][]string // cells; that behind a wide character is empty
	row      int
	col      int // the width after the last column: the next character is in the next row
	scrolled []string
	unknown  []string
	bytes    []byte
	changed  chan struct{} // closed, and made anew, with each change
	partial  string        // an escape sequence that is not complete
}

// New returns an empty screen.
func New(width, height int) *Screen {
	return &Screen{width: width, height: height, rows: make([][]string, height), changed: make(chan struct{})}
}

// Write shows text.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes = append(s.bytes, p...)
	text := s.partial + string(p)
	s.partial = ""
	for text != "" {
		text = text[s.one(text):]
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return len(p), nil
}

// one shows the first character of text, or acts on it, and returns its length.
func (s *Screen) one(text string) int {
	switch text[0] {
	case '\r':
		s.col = 0
		return 1
	case '\n':
		s.down()
		return 1
	case 0x1b:
		n, ok := s.sequence(text)
		if !ok {
			s.partial = text
		}
		return n
	}
	if text[0] < ' ' {
		s.unknown = append(s.unknown, strconv.Quote(text[:1]))
		return 1
	}
	cluster, _, width, _ := uniseg.FirstGraphemeClusterInString(text, -1)
	if s.col+width > s.width {
		s.down()
		s.col = 0
	}
	s.put(s.col, cluster)
	for i := 1; i < width; i++ {
		s.put(s.col+i, "")
	}
	s.col += width
	return len(cluster)
}

func (s *Screen) put(col int, cell string) {
	for len(s.rows[s.row]) <= col {
		s.rows[s.row] = append(s.rows[s.row], " ")
	}
	s.rows[s.row][col] = cell
}

func (s *Screen) down() {
	if s.row++; s.row < s.height {
		return
	}
	s.row = s.height - 1
	s.scrolled = append(s.scrolled, line(s.rows[0]))
	s.rows = append(s.rows[1:], nil)
}

// sequence acts on a sequence, and returns its length. It is not ok if it has no end.
func (s *Screen) sequence(text string) (n int, ok bool) {
	if len(text) < 2 {
		return len(text), false
	}
	if text[1] != '[' {
		s.unknown = append(s.unknown, strconv.Quote(text[:2]))
		return 2, true
	}
	end := strings.IndexFunc(text[2:], func(r rune) bool { return r >= 0x40 && r <= 0x7e })
	if end < 0 {
		return len(text), false
	}
	parameter, final := text[2:end+2], text[end+2]
	count, _ := strconv.Atoi(parameter)
	s.act(parameter, final, max(1, count))
	return end + 3, true
}

func (s *Screen) act(parameter string, final byte, count int) {
	switch {
	case final == 'A':
		s.row = max(0, s.row-count)
	case final == 'C':
		s.col = min(s.width-1, s.col+count)
	case final == 'H' && parameter == "":
		s.row, s.col = 0, 0
	case final == 'J' && parameter == "2":
		s.rows = make([][]string, s.height)
	case final == 'J' && parameter == "":
		s.rows[s.row] = s.rows[s.row][:min(s.col, len(s.rows[s.row]))]
		for i := s.row + 1; i < s.height; i++ {
			s.rows[i] = nil
		}
	case final == 'm', final == 'h', final == 'l':
	default:
		s.unknown = append(s.unknown, fmt.Sprintf("%q", "\x1b["+parameter+string(final)))
	}
}

func line(cells []string) string { return strings.TrimRight(strings.Join(cells, ""), " ") }

// Resize changes the width. Rows that are too long are cut, and their rest is in rows of its own,
// as many terminals do it; rows do not grow together again.
func (s *Screen) Resize(width int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.width = width
	var rows [][]string
	row, col := 0, min(s.col, width)
	for i, cells := range s.rows {
		if i == s.row {
			row = len(rows) + s.col/width
			col = s.col % width
		}
		for len(cells) > width {
			rows = append(rows, cells[:width])
			cells = cells[width:]
		}
		rows = append(rows, cells)
	}
	for len(rows) > s.height && len(rows[len(rows)-1]) == 0 && len(rows)-1 > row {
		rows = rows[:len(rows)-1]
	}
	for len(rows) > s.height {
		s.scrolled = append(s.scrolled, line(rows[0]))
		rows = rows[1:]
		row--
	}
	s.rows, s.row, s.col = rows, row, col
}

// Text returns what is and was on the screen, without blanks at the ends of lines.
func (s *Screen) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text()
}

func (s *Screen) text() string {
	all := slices.Clone(s.scrolled)
	for _, cells := range s.rows {
		all = append(all, line(cells))
	}
	return strings.TrimRight(strings.Join(all, "\n"), "\n")
}

// Cursor returns the text of the row that the cursor is in, before the cursor and from it on.
func (s *Screen) Cursor() (before, behind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cells := s.rows[s.row]
	at := min(s.col, len(cells))
	return strings.Join(cells[:at], "") + strings.Repeat(" ", s.col-at), line(cells[at:])
}

// Unknown returns what was written and means nothing to a simple terminal, such as control
// characters.
func (s *Screen) Unknown() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.unknown)
}

// Bytes returns all that was written.
func (s *Screen) Bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bytes)
}

// Await waits until a condition on the text holds, or done is closed, and reports whether it does.
func (s *Screen) Await(done <-chan struct{}, holds func(text string) bool) bool {
	for {
		s.mu.Lock()
		text, changed := s.text(), s.changed
		s.mu.Unlock()
		if holds(text) {
			return true
		}
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}
