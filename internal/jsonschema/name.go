package jsonschema

import (
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// names returns the names of all classes. A type has its own name, in upper case, and with the name
// of its package before it if there are several of that name. If the uses of a type have different
// schemas, the output has the name, and "Input" or "StrictInput" is appended for the others.
func (c *classes) names() map[key]string {
	types := c.sorted()
	short := make(map[string]int)
	for _, t := range types {
		short[shortName(t.Name())]++
	}
	taken := make(map[string]bool)
	unique := func(name string) string {
		for i, wish := 2, name; taken[name]; i++ {
			name = fmt.Sprintf("%s%d", wish, i)
		}
		taken[name] = true
		return name
	}
	names := make(map[key]string)
	for _, t := range types {
		name := shortName(t.Name())
		if short[name] > 1 {
			name = exported(packageName(t)) + name
		}
		names[c.firstClass(t)] = unique(name)
	}
	for _, t := range types {
		first := c.firstClass(t)
		for _, use := range []Use{Input, StrictInput} {
			k := key{t, use}
			if class, ok := c.of[k]; !ok || class != use || k == first {
				continue
			}
			suffix := "Input"
			if use == StrictInput && c.of[key{t, Input}] == Input && c.has(key{t, Input}) && (key{t, Input}) != first {
				suffix = "StrictInput"
			}
			names[k] = unique(names[first] + suffix)
		}
	}
	return names
}

// sorted returns the types by their package and name.
func (c *classes) sorted() []reflect.Type {
	byName := make(map[string]reflect.Type)
	var names []string
	for i, t := range c.order {
		name := fmt.Sprintf("%s.%s %06d", t.PkgPath(), t.Name(), i)
		byName[name] = t
		names = append(names, name)
	}
	slices.Sort(names)
	types := make([]reflect.Type, len(names))
	for i, name := range names {
		types[i] = byName[name]
	}
	return types
}

func (c *classes) has(k key) bool { _, ok := c.of[k]; return ok }

// firstClass returns the class of a type that has the type's own name.
func (c *classes) firstClass(t reflect.Type) key {
	for _, use := range []Use{Output, Input} {
		if k := (key{t, use}); c.has(k) {
			return c.class(k)
		}
	}
	return key{t, StrictInput}
}

// packageName returns the last element of a package's path that is not a version.
func packageName(t reflect.Type) string {
	dir, name := path.Split(t.PkgPath())
	if dir != "" && len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" {
		name = path.Base(dir)
	}
	return strings.Map(letterOrDigit, name)
}

// baseName returns the name of a type without its type arguments.
func baseName(t reflect.Type) string {
	name, _, _ := strings.Cut(t.Name(), "[")
	return name
}

// shortName returns a name for a type without packages, and with words in place of brackets:
// Page[example.com/chat.Message] becomes PageOfMessage.
func shortName(name string) string {
	base, arguments, generic := strings.Cut(name, "[")
	base = exported(strings.Map(letterOrDigit, base[strings.LastIndexByte(base, '.')+1:]))
	if !generic {
		return base
	}
	var short []string
	for _, argument := range split(strings.TrimSuffix(arguments, "]")) {
		short = append(short, argumentName(argument))
	}
	return base + "Of" + strings.Join(short, "And")
}

// argumentName returns a name for a type argument.
func argumentName(t string) string {
	t = strings.TrimLeft(t, "*")
	switch {
	case strings.HasPrefix(t, "[]"):
		return "ListOf" + argumentName(t[2:])
	case strings.HasPrefix(t, "map["):
		if keyEnd := closing(t[4:]); keyEnd >= 0 {
			return "MapOf" + argumentName(t[4+keyEnd+1:])
		}
	case strings.HasPrefix(t, "struct {"):
		return "Struct"
	}
	return shortName(t[lastSlash(t)+1:])
}

// lastSlash returns the index of the last slash before the first bracket, or -1.
func lastSlash(t string) int {
	head, _, _ := strings.Cut(t, "[")
	return strings.LastIndexByte(head, '/')
}

// closing returns the index of the bracket that closes one that is open before text, or -1.
func closing(text string) int {
	depth := 1
	for i, c := range text {
		switch c {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// split splits type arguments at the commas that are in no brackets.
func split(arguments string) []string {
	var list []string
	depth, start := 0, 0
	for i, c := range arguments {
		switch c {
		case '[', '{', '(':
			depth++
		case ']', '}', ')':
			depth--
		case ',':
			if depth == 0 {
				list, start = append(list, arguments[start:i]), i+1
			}
		}
	}
	return append(list, arguments[start:])
}

// letterOrDigit drops all other characters, for [strings.Map].
func letterOrDigit(r rune) rune {
	if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' {
		return r
	}
	return -1
}

// exported returns a name with an upper-case letter first.
func exported(name string) string {
	r, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(r)) + name[size:]
}
