package jsonschema

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// name names all classes. A type has its own name, in upper case, and with the name of its package
// before it if there are several of that name. If the uses of a type have different schemas, the
// first has the name, and "Input" or "StrictInput" is appended for the others.
func (g *Generator) name() {
	defs := slices.Clone(g.defs)
	for i := range defs { // an insertion sort is smaller than a new instance of slices.SortFunc
		for ; i > 0 && defs[i].goType < defs[i-1].goType; i-- {
			defs[i], defs[i-1] = defs[i-1], defs[i]
		}
	}
	var taken []string
	name := func(d *definition, use int, wish string) {
		d.names[use] = wish
		for i := 2; slices.Contains(taken, d.names[use]); i++ {
			d.names[use] = wish + strconv.Itoa(i)
		}
		taken = append(taken, d.names[use])
	}
	for _, d := range defs {
		short := shortName(d.typ)
		wish := short
		for _, other := range defs {
			if other != d && shortName(other.typ) == short {
				pkg, _, _ := strings.Cut(d.typ.String(), ".")
				wish = exported(pkg) + short
			}
		}
		name(d, d.first(), wish)
	}
	for _, d := range defs {
		first, suffix := d.first(), "Input"
		for use := first + 1; use < uses; use++ {
			if d.texts[use] != "" && d.class[use] == use {
				name(d, use, d.names[first]+suffix)
				suffix = "StrictInput"
			}
		}
	}
}

// first returns the first use that a type has.
func (d *definition) first() int {
	first := 0
	for d.texts[first] == "" {
		first++
	}
	return first
}

// shortName returns a name for a type without packages, and with words in place of brackets:
// Page[example.com/chat.Message] becomes PageOfMessage.
func shortName(t reflect.Type) string {
	var short, word string
	for _, c := range strings.ReplaceAll(t.Name(), "[]", "List[") {
		if unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_' {
			word += string(c)
			continue
		}
		switch c {
		case '.', '/', '-', '~', '+', '%':
			word = "" // a part of a package's path
		case '[':
			word += "Of"
		case ',':
			word += "And"
		}
		short, word = short+exported(word), ""
	}
	return short + exported(word)
}

// exported returns a name with an upper-case letter first.
func exported(name string) string {
	_, size := utf8.DecodeRuneInString(name)
	return strings.ToUpper(name[:size]) + name[size:]
}
