package wstest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// values are what the names in patterns stand for.
type values struct {
	mu sync.Mutex
	of map[string]string
}

// placeholder is a name in a pattern.
var placeholder = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// anyValue is the name that stands for another value at each place.
const anyValue = "_"

// oneValue matches what a name can stand for, as short as possible.
const oneValue = "[^\\s\"'`,;\\\\()<>{}\\[\\]]+?"

// match reports whether a text is as the pattern says, and keeps what the names that are new stand
// for.
func (v *values) match(pattern, text string) bool {
	if !placeholder.MatchString(pattern) {
		return matchText(pattern, text)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	found := map[string]string{}
	for {
		e, name := compile(pattern, func(name string) (string, bool) {
			value, ok := found[name]
			if !ok {
				value, ok = v.of[name]
			}
			return value, ok
		})
		m := e.FindStringSubmatch(text)
		if m == nil {
			return false
		}
		if name == "" {
			break
		}
		found[name] = m[1]
	}
	if v.of == nil {
		v.of = map[string]string{}
	}
	maps.Copy(v.of, found)
	return true
}

// compile returns the expression of a pattern and the first name in it that has no value yet, if
// there is one. The expression's group is the place of that name.
func compile(pattern string, valueOf func(string) (string, bool)) (e *regexp.Regexp, first string) {
	var b strings.Builder
	b.WriteString("(?s)^")
	rest := pattern
	for at := placeholder.FindStringSubmatchIndex(rest); at != nil; at = placeholder.FindStringSubmatchIndex(rest) {
		writeText(&b, rest[:at[0]])
		name := rest[at[2]:at[3]]
		switch value, ok := valueOf(name); {
		case ok:
			b.WriteString(regexp.QuoteMeta(strings.ToValidUTF8(value, "\uFFFD")))
		case name == anyValue || first != "":
			b.WriteString(oneValue)
		default:
			first = name
			b.WriteString("(" + oneValue + ")")
		}
		rest = rest[at[1]:]
	}
	writeText(&b, rest)
	b.WriteString("$")
	return regexp.MustCompile(b.String()), first
}

// writeText writes the expression of a pattern without names.
func writeText(b *strings.Builder, pattern string) {
	for i, part := range strings.Split(strings.ReplaceAll(pattern, "...", "…"), "…") {
		if i > 0 {
			b.WriteString(".*?")
		}
		b.WriteString(regexp.QuoteMeta(strings.ToValidUTF8(part, "\uFFFD")))
	}
}

// expand puts the values in place of names. The error names one that has none.
func (v *values) expand(text string) (out string, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	out = placeholder.ReplaceAllStringFunc(text, func(place string) string {
		name := place[2 : len(place)-1]
		value, ok := v.of[name]
		if !ok && err == nil {
			err = fmt.Errorf("no frame has given %s a value yet; %s", place, v.known())
		}
		return value
	})
	return out, err
}

// describe returns a pattern for a failure, with the values of its names.
func (v *values) describe(pattern string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var with []string
	for _, m := range placeholder.FindAllStringSubmatch(pattern, -1) {
		if value, ok := v.of[m[1]]; ok {
			with = append(with, fmt.Sprintf("%s = %q", m[1], clip(value)))
		}
	}
	if len(with) == 0 {
		return pattern
	}
	slices.Sort(with)
	return pattern + " with " + strings.Join(slices.Compact(with), ", ")
}

func (v *values) known() string {
	if len(v.of) == 0 {
		return "no name has one"
	}
	return "names with one: " + strings.Join(slices.Sorted(maps.Keys(v.of)), ", ")
}

// Expand replaces each ${name} in the text by the value that the name has in frames that the
// clients of the harness have received; see [Client.ExpectFrame]. It fails the test if a name has
// no value.
//
//	alice.ExpectFrame(`{"action":"invite","id":"1","data":{"code":"${code}"}}`)
//	bob.SendText(h.Expand(`{"action":"accept","id":"2","code":"${code}"}`))
func (h *Harness) Expand(text string) string {
	h.t.Helper()
	out, err := h.values.expand(text)
	if err != nil {
		h.t.Fatalf("wstest: Expand: %v", err)
	}
	return out
}

// matchText reports whether text equals pattern, in which "…" or "..." matches any text.
func matchText(pattern, text string) bool {
	parts := strings.Split(strings.ReplaceAll(pattern, "...", "…"), "…")
	first, rest := parts[0], parts[1:]
	if len(rest) == 0 {
		return text == first
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	last := rest[len(rest)-1]
	for _, part := range rest[:len(rest)-1] {
		_, after, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = after
	}
	return strings.HasSuffix(text, last)
}
