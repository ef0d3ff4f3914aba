package gatesock

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// field is a field of a struct that encoding/json uses.
type field struct {
	name   string // in JSON
	goName string
	typ    reflect.Type
	index  []int // as in [reflect.StructField]
	tagged bool  // the tag has the name
	quoted bool  // the tag has the option "string"
	zero   bool  // the tag has the option "omitzero"
}

// fieldNamed returns the field that a member of a message is decoded into, or nil if there is none:
// the field with exactly that name, or else the first that differs only in case.
func fieldNamed(fields []field, name string) *field {
	var folded *field
	for i := range fields {
		f := &fields[i]
		if f.name == name {
			return f
		}
		if folded == nil && strings.EqualFold(f.name, name) {
			folded = f
		}
	}
	return folded
}

// fieldsOf returns the fields of a struct that encoding/json uses, in the order of their
// declaration. Fields of embedded structs count as the struct's own. Of several fields with one
// name, the least deep counts; of those, a tagged one; and none, if there are still several.
func fieldsOf(t reflect.Type) []field {
	var all []field
	taken := make(map[string]bool)
	seen := make(map[reflect.Type]bool)
	for level := []field{{typ: t}}; len(level) > 0; {
		var found, next []field
		for _, from := range level {
			fields, embedded := ownFields(from)
			found = append(found, fields...)
			next = append(next, embedded...)
		}
		for _, from := range level {
			seen[from.typ] = true
		}
		for _, f := range found {
			if !taken[f.name] && dominates(f, found) {
				all = append(all, f)
			}
		}
		for _, f := range found {
			taken[f.name] = true
		}
		level = slices.DeleteFunc(next, func(f field) bool { return seen[f.typ] })
	}
	slices.SortFunc(all, func(a, b field) int { return slices.Compare(a.index, b.index) })
	return all
}

// dominates reports whether f is the field that counts among those of the same depth with its name.
func dominates(f field, level []field) bool {
	alike := 0
	for _, other := range level {
		if other.name != f.name {
			continue
		}
		if other.tagged && !f.tagged {
			return false
		}
		if other.tagged == f.tagged {
			alike++
		}
	}
	return alike == 1
}

// ownFields returns the fields that a struct declares itself, and the structs that it embeds.
func ownFields(from field) (fields, embedded []field) {
	for i := range from.typ.NumField() {
		sf := from.typ.Field(i)
		index := append(slices.Clone(from.index), i)
		elem := sf.Type
		if elem.Kind() == reflect.Pointer && elem.Name() == "" {
			elem = elem.Elem()
		}
		tag := sf.Tag.Get("json")
		if tag == "-" || !sf.IsExported() && (!sf.Anonymous || elem.Kind() != reflect.Struct) {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if !validName(name) {
			name = ""
		}
		if name == "" && sf.Anonymous && elem.Kind() == reflect.Struct {
			embedded = append(embedded, field{typ: elem, index: index})
			continue
		}
		f := field{name: name, goName: sf.Name, typ: sf.Type, index: index, tagged: name != ""}
		if name == "" {
			f.name = sf.Name
		}
		for option := range strings.SplitSeq(options, ",") {
			f.quoted = f.quoted || option == "string" && mayBeQuoted(elem)
			f.zero = f.zero || option == "omitzero"
		}
		fields = append(fields, f)
	}
	return fields, embedded
}

// mayBeQuoted reports whether encoding/json honors the tag option "string" for a type.
func mayBeQuoted(t reflect.Type) bool {
	return isNumeric(t) || t.Kind() == reflect.Bool || t.Kind() == reflect.String
}

// validName reports whether encoding/json accepts a name in a tag.
func validName(name string) bool {
	for _, c := range name {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return name != ""
}

type capability int

const (
	unmarshaler capability = iota
	textUnmarshaler
	marshaler
	textMarshaler
)

// implements reports whether a type implements one of the interfaces that encoding/json honors.
func implements(t reflect.Type, c capability) bool {
	switch c {
	case unmarshaler:
		return t.Implements(reflect.TypeFor[json.Unmarshaler]())
	case textUnmarshaler:
		return t.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
	case marshaler:
		return t.Implements(reflect.TypeFor[json.Marshaler]())
	case textMarshaler:
		return t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
	}
	return false
}
