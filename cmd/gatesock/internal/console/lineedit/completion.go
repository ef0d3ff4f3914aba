package lineedit

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Completion is what a line could go on with.
type Completion struct {
	// Start is where the text begins that an option replaces, in bytes. It ends at the cursor.
	Start int
	// Options are the texts to choose from, in the order in which they are shown.
	Options []Option
}

// Option is one text of a [Completion].
type Option struct {
	// Text replaces what is there.
	Text string
	// Label is shown if there are several. Default: Text.
	Label string
	// Back is how many bytes before the end of Text the cursor is to be.
	Back int
}

func (o Option) label() string { return cmp.Or(o.Label, o.Text) }

// complete handles Tab: it inserts what all options have in common. A second Tab shows them if
// there is nothing.
func (e *Editor) complete() {
	c := e.cfg.Complete(e.line.text, e.line.pos)
	if len(c.Options) == 0 || c.Start < 0 || c.Start > e.line.pos {
		return
	}
	have := e.line.text[c.Start:e.line.pos]
	if len(c.Options) == 1 {
		e.line.cut(c.Start, e.line.pos)
		e.line.insert(c.Options[0].Text)
		e.line.pos -= c.Options[0].Back
		e.tabbed = false
		return
	}
	if common := commonPrefix(c.Options); len(common) > len(have) {
		e.line.cut(c.Start, e.line.pos)
		e.line.insert(common)
		return
	}
	if !e.tabbed {
		e.tabbed = true
		return
	}
	e.tabbed = false
	text := strings.ReplaceAll(columns(c.Options, e.width()), "\n", "\r\n")
	e.write(e.clear() + text)
}

// commonPrefix returns what all options begin with.
func commonPrefix(options []Option) string {
	common := options[0].Text
	for _, o := range options[1:] {
		n := 0
		for n < len(common) && n < len(o.Text) && common[n] == o.Text[n] {
			n++
		}
		for n > 0 && n < len(common) && !utf8.RuneStart(common[n]) {
			n--
		}
		common = common[:n]
	}
	return common
}

// columns returns the labels of options in columns that fit into a width.
func columns(options []Option, width int) string {
	widest := 0
	for _, o := range options {
		widest = max(widest, uniseg.StringWidth(visible(o.label())))
	}
	perRow := max(1, (width+1)/(widest+2))
	var b strings.Builder
	for i, o := range options {
		label := visible(o.label())
		b.WriteString(label)
		if i == len(options)-1 || (i+1)%perRow == 0 {
			b.WriteString("\n")
			continue
		}
		b.WriteString(strings.Repeat(" ", widest+2-uniseg.StringWidth(label)))
	}
	return b.String()
}
