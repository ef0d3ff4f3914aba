package console

import (
	"encoding/json"
	"slices"
	"strings"
)

// position is where a cursor is in JSON that need not be complete.
type position struct {
	path  []string // the members and, as "", the elements that lead to the value; to the object for a name
	name  bool     // a name is expected
	full  bool     // a comma is expected before the name, as a member is complete
	text  string   // what there is of the name or value, before the cursor
	start int      // where that begins
	// closed reports that the string at the cursor has its end behind it.
	closed bool
	// nothing reports that a colon, or a comma of an array, is expected.
	nothing bool
	names   []string // what the object has, without the name at the cursor
}

// level is an object or an array that is open.
type level struct {
	object bool
	name   string   // of the member whose value comes or is there
	value  bool     // the colon was there
	full   bool     // the value or the element is complete
	named  bool     // the name is complete, and has no colon
	names  []string // of an object
}

// contextOf returns where a position of a line is.
func contextOf(line string, pos int) position {
	levels, at := scan(line[:pos])
	result := position{text: line[at:pos], start: at}
	behind := line[pos:]
	if strings.HasPrefix(result.text, `"`) {
		// With a quote of its own, as in "na|": the templates have pairs of them.
		result.closed = strings.HasPrefix(behind, `"`)
		behind = behind[stringEnd(`"`+behind)-1:]
	}
	for i, l := range levels {
		inner := i == len(levels)-1
		result.nothing = inner && (!l.object && l.full || l.named)
		switch {
		case !l.object:
			result.path = append(result.path, "")
		case !inner || l.value && !l.full:
			result.path = append(result.path, l.name)
		default:
			result.name, result.full = true, l.full
			result.names = slices.Concat(l.names, namesBehind(behind))
		}
	}
	return result
}

// scan reads JSON to its end, and returns what is open there, and where the last name or value
// begins that is not complete.
func scan(text string) (levels []level, at int) {
	top := func() *level {
		if len(levels) == 0 {
			return &level{}
		}
		return &levels[len(levels)-1]
	}
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '{', '[':
			levels = append(levels, level{object: c == '{'})
			i++
		case '}', ']':
			if len(levels) > 0 {
				levels = levels[:len(levels)-1]
			}
			top().full = true
			i++
		case ':':
			top().value, top().named = true, false
			i++
		case ',':
			top().value, top().full, top().named = false, false, false
			i++
		case ' ', '\t', '\n', '\r':
			i++
		case '"':
			end := stringEnd(text[i:]) + i
			if end == len(text) && !isComplete(text[i:end]) {
				return levels, i
			}
			l := top()
			if l.object && !l.value {
				l.name, l.named = unquoted(text[i:end]), true
				l.names = append(l.names, l.name)
			} else {
				l.full = true
			}
			i = end
		default:
			end := i + strings.IndexAny(text[i:]+" ", ",:{}[]\" \t\n\r")
			if end == i {
				end++
			}
			if end == len(text) {
				return levels, i
			}
			top().full = true
			i = end
		}
	}
	return levels, len(text)
}

// isComplete reports whether a text is a whole JSON string.
func isComplete(text string) bool {
	return len(text) > 1 && strings.HasSuffix(text, `"`) && json.Valid([]byte(text))
}

func unquoted(text string) string {
	var name string
	if json.Unmarshal([]byte(text), &name) != nil {
		return ""
	}
	return name
}

// namesBehind returns the names of the members that follow in the same object.
func namesBehind(text string) (names []string) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return names
			}
		case '"':
			end := i + stringEnd(text[i:])
			if after := strings.TrimLeft(text[end:], " "); depth == 0 && strings.HasPrefix(after, ":") {
				names = append(names, unquoted(text[i:end]))
			}
			i = end - 1
		}
	}
	return names
}

// actionIn returns the action of a message that need not be complete.
func actionIn(line, member string) string {
	depth := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			end := i + stringEnd(line[i:])
			rest, isName := strings.CutPrefix(strings.TrimLeft(line[end:], " "), ":")
			rest = strings.TrimLeft(rest, " ")
			if isName && depth == 1 && unquoted(line[i:end]) == member && strings.HasPrefix(rest, `"`) {
				return unquoted(rest[:stringEnd(rest)])
			}
			i = end - 1
		}
	}
	return ""
}
