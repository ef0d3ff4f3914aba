package terraform

import (
	"strings"
)

// width is the longest line of a comment.
const width = 100

// body is the contents of a file or a block.
type body struct{ items []item }

// item is one of an attribute, a block and a comment.
type item struct {
	name, value string // an attribute
	header      string // a block
	body        *body
	comment     string
	isNote      bool // of a comment: it is not about the item that follows
}

// set adds an attribute. The value is an expression, of one line or formatted.
func (b *body) set(name, value string) {
	b.items = append(b.items, item{name: name, value: value})
}

// block adds a block. The header is its type and labels.
func (b *body) block(header string, fill func(*body)) {
	var inner body
	fill(&inner)
	b.items = append(b.items, item{header: header, body: &inner})
}

// comment adds a comment, which is about the item that follows. It is broken into lines; a line
// that begins with a space stays as it is.
func (b *body) comment(text string) {
	b.items = append(b.items, item{comment: text})
}

// note adds a comment that is about no item.
func (b *body) note(text string) {
	b.items = append(b.items, item{comment: text, isNote: true})
}

// String returns the text of a file.
func (b *body) String() string {
	return strings.Join(b.lines(0), "\n") + "\n"
}

// lines returns the lines of a body at a depth.
func (b *body) lines(depth int) []string {
	var list []string
	for i, it := range b.items {
		if i > 0 && b.isApart(i) {
			list = append(list, "")
		}
		switch {
		case it.comment != "":
			list = append(list, commented(it.comment, width-len(indent)*depth)...)
		case it.header != "" && len(it.body.items) == 0:
			list = append(list, it.header+" {}")
		case it.header != "":
			list = append(list, it.header+" {")
			list = append(list, indented(it.body.lines(depth+1))...)
			list = append(list, "}")
		default:
			list = append(list, strings.Split(it.name+b.padding(i)+" = "+it.value, "\n")...)
		}
	}
	return list
}

// isApart reports whether an empty line is before an item: between blocks and whatever is beside
// them, but not between a comment and what it is about.
func (b *body) isApart(i int) bool {
	before, it := b.items[i-1], b.items[i]
	switch {
	case before.comment != "":
		return it.comment != "" || before.isNote
	case it.comment != "" || it.header != "" || before.header != "":
		return true
	default:
		return it.isLong() || before.isLong()
	}
}

// isLong reports whether an attribute has several lines.
func (it item) isLong() bool { return strings.Contains(it.value, "\n") }

// isShort reports whether an item is an attribute of one line.
func (it item) isShort() bool { return it.name != "" && !it.isLong() }

// padding returns the spaces after the name of an attribute that align it with those beside it.
func (b *body) padding(i int) string {
	if !b.items[i].isShort() {
		return ""
	}
	first, last := i, i
	for first > 0 && b.items[first-1].isShort() {
		first--
	}
	for last+1 < len(b.items) && b.items[last+1].isShort() {
		last++
	}
	longest := 0
	for _, it := range b.items[first : last+1] {
		longest = max(longest, len(it.name))
	}
	return strings.Repeat(" ", longest-len(b.items[i].name))
}

const indent = "  "

func indented(lines []string) []string {
	list := make([]string, len(lines))
	for i, line := range lines {
		if line != "" {
			list[i] = indent + line
		}
	}
	return list
}

// commented returns a text as lines of a comment.
func commented(text string, width int) []string {
	var list []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		if paragraph == "" || paragraph[0] == ' ' {
			list = append(list, strings.TrimRight("# "+paragraph, " "))
			continue
		}
		line := "#"
		for word := range strings.FieldsSeq(paragraph) {
			if len(line)+1+len(word) > width && line != "#" {
				list = append(list, line)
				line = "#"
			}
			line += " " + word
		}
		list = append(list, line)
	}
	return list
}

// object returns an object with the attributes of a body, of several lines.
func object(fill func(*body)) string {
	var b body
	fill(&b)
	return "{\n" + strings.Join(indented(b.lines(1)), "\n") + "\n}"
}

// list returns a list of expressions, one on each line.
func list(values ...string) string {
	var text strings.Builder
	text.WriteString("[\n")
	for _, value := range values {
		text.WriteString(strings.Join(indented(strings.Split(value, "\n")), "\n") + ",\n")
	}
	return text.String() + "]"
}

// quoteAll returns strings as literals.
func quoteAll(values []string) []string {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = quote(value)
	}
	return quoted
}
