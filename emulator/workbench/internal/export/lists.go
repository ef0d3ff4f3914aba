package export

import (
	"encoding/json"
	"strings"
)

// extent is a part of a text.
type extent struct{ from, to int }

// lists returns the items of each list of a text in JSON, of lists with at least two.
func lists(text string) (all [][]extent) {
	if !strings.Contains(text, "[") || !json.Valid([]byte(text)) {
		return nil
	}
	type open struct {
		list  bool
		items []extent
		from  int
	}
	var stack []open
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = endOfString(text, i)
		case '{', '[':
			stack = append(stack, open{list: text[i] == '[', from: i + 1})
		case ',', '}', ']':
			if len(stack) == 0 {
				continue
			}
			top := &stack[len(stack)-1]
			if top.list && i > top.from {
				top.items = append(top.items, extent{top.from, i})
			}
			top.from = i + 1
			if text[i] == ',' {
				continue
			}
			if len(top.items) > 1 {
				all = append(all, top.items)
			}
			stack = stack[:len(stack)-1]
		}
	}
	return all
}

// unorderedLists returns the items of lists that are in the order of ids which are others in each
// run, so that another run has them in another order. Of lists within each other it returns the
// outer ones.
func (v *values) unorderedLists(text string) (all [][]extent) {
	for _, items := range lists(text) {
		if v.sortedByDrawn(text, items) {
			all = append(all, items)
		}
	}
	var outer [][]extent
	for i, items := range all {
		inside := false
		for j, other := range all {
			inside = inside || i != j && other[0].from <= items[0].from && items[len(items)-1].to <= other[len(other)-1].to
		}
		if !inside {
			outer = append(outer, items)
		}
	}
	return outer
}

// sortedByDrawn reports whether the first drawn id of each item is above that of the item before.
func (v *values) sortedByDrawn(text string, items []extent) bool {
	before := ""
	for _, item := range items {
		id := v.drawnIn(text[item.from:item.to])
		if id == "" || before != "" && id < before {
			return false
		}
		before = id
	}
	return true
}

// drawnIn returns the first id in a text that the application has drawn, or "". The gateway's ids
// have an order in time.
func (v *values) drawnIn(text string) string {
	for _, r := range v.runs(text) {
		value := text[r.from:r.to]
		if _, isTime := v.session.parseStamp(value); isTime || v.ids[value] || !v.of(value).fromServer() {
			continue
		}
		if looksRandom(value) || v.drawn[r.key] && len(value) >= 8 {
			return value
		}
	}
	return ""
}

// anyItems returns the pieces of the items of a list whose order differs: each place has what all
// items have there, any value if it is a value in all of them, and otherwise any text.
func (v *values) anyItems(text string, items []extent) []piece {
	first := v.scalars(text, items[0])
	same := make([]bool, len(first))
	for i := range same {
		same[i] = true
	}
	differ := make([]bool, len(first))
	for _, item := range items {
		scalars := v.scalars(text, item)
		if skeleton(text, item, scalars) != skeleton(text, items[0], first) {
			return []piece{{literal: "…"}}
		}
		for i, r := range scalars {
			value := text[r.from:r.to]
			same[i] = same[i] && value == text[first[i].from:first[i].to]
			differ[i] = differ[i] || v.differs(value, r.key) && v.of(value).fromServer() || v.ids[value]
		}
	}
	var one []piece
	at := items[0].from
	for i, r := range first {
		if same[i] && !differ[i] {
			continue
		}
		one = append(one, piece{literal: text[at:r.from]})
		if differ[i] {
			one = append(one, piece{name: "_"})
		} else {
			one = append(one, piece{literal: "…"})
		}
		at = r.to
	}
	one = append(one, piece{literal: text[at:items[0].to]})
	pieces := one
	for range items[1:] {
		pieces = append(append(pieces[:len(pieces):len(pieces)], piece{literal: ","}), one...)
	}
	return pieces
}

// scalars returns the texts in quotes, except names of members, and other values of an item.
func (v *values) scalars(text string, item extent) (all []run) {
	for i := item.from; i < item.to; i++ {
		switch c := text[i]; {
		case c == '"':
			end := endOfString(text, i)
			if !isKey(text, end+1) {
				all = append(all, run{from: i + 1, to: min(end, item.to), key: keyBefore(text, i), quoted: true})
			}
			i = end
		case c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z':
			end := i
			for end < item.to && strings.IndexByte(",]} \t\r\n", text[end]) < 0 {
				end++
			}
			all = append(all, run{from: i, to: end, key: keyBefore(text, i)})
			i = end - 1
		}
	}
	return all
}

// keyBefore returns the name of the member whose value begins at a place.
func keyBefore(text string, at int) string {
	before := strings.TrimRight(text[:at], " ")
	before, ok := strings.CutSuffix(before, ":")
	before = strings.TrimRight(before, " ")
	if !ok || !strings.HasSuffix(before, `"`) {
		return ""
	}
	before = strings.TrimSuffix(before, `"`)
	return before[strings.LastIndexByte(before, '"')+1:]
}

// skeleton returns a text without its scalars.
func skeleton(text string, item extent, scalars []run) string {
	var b strings.Builder
	at := item.from
	for _, r := range scalars {
		b.WriteString(text[at:r.from] + "\x00")
		at = r.to
	}
	b.WriteString(text[at:item.to])
	return b.String()
}
