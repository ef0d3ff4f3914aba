package lineedit

import (
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

func (e *Editor) width() int { return max(2, e.cfg.Width()) }

// write writes to the terminal. If it is gone, reading says so.
func (e *Editor) write(text string) { _, _ = io.WriteString(e.cfg.Out, text) }

// shown returns what is on the screen, before and behind the cursor.
func (e *Editor) shown() (before, behind string) {
	prompt := e.prompt
	if e.search != nil {
		prompt = fmt.Sprintf("(search) %s: ", visible(e.search.text))
	}
	return prompt + visible(e.line.text[:e.line.pos]), visible(e.line.text[e.line.pos:])
}

// clear returns what takes the line off the screen, and puts the cursor where it began.
func (e *Editor) clear() string {
	up := ""
	if e.at.row > 0 {
		up = fmt.Sprintf("\x1b[%dA", e.at.row)
	}
	e.at = place{}
	return up + "\r\x1b[J"
}

// draw returns what puts the line on the screen, where the cursor is at the beginning of a row.
func (e *Editor) draw() string {
	e.changed = false
	before, behind := e.shown()
	e.drawn = before
	width := e.width()
	text := before + behind
	if e.search == nil {
		text = e.prompt + e.cfg.Paint(visible(e.line.text))
	}
	end := place{}.after(before+behind, width)
	if end.col == width { // the terminal waits for the next character before it begins a row
		text += "\r\n"
		end = place{end.row + 1, 0}
	}
	e.at = place{}.after(before, width)
	// The cursor is on the next character, which may be in the next row.
	_, _, w, _ := uniseg.FirstGraphemeClusterInString(behind, -1)
	if e.at.col+max(1, w) > width {
		e.at = place{e.at.row + 1, 0}
	}
	return text + move(end, e.at)
}

// move returns what moves the cursor from one place to another.
func move(from, to place) string {
	if from == to {
		return ""
	}
	var b strings.Builder
	if up := from.row - to.row; up > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", up)
	}
	b.WriteString("\r")
	if to.col > 0 {
		fmt.Fprintf(&b, "\x1b[%dC", to.col)
	}
	return b.String()
}
