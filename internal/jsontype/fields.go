// Package jsontype finds what encoding/json uses of Go types: the fields of structs, and the
// methods by which types encode and decode themselves.
package jsontype

import (
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// Field is a field of a struct that encoding/json uses.
type Field struct {
	Name      string // in JSON
	GoName    string
	Type      reflect.Type
	Index     []int             // as in [reflect.StructField]
	Tag       reflect.StructTag // all tags of the field
	Tagged    bool              // the tag has the name
	Quoted    bool              // the tag has the option "string"
	OmitZero  bool              // the tag has the option "omitzero"
	OmitEmpty bool              // the tag has the option "omitempty"
}

// Named returns the field that a member of a message is decoded into, or nil if there is none: the
// field with exactly that name, or else the first that differs only in case.
func Named(fields []Field, name string) *Field {
	var folded *Field
	for i := range fields {
		f := &fields[i]
		if f.Name == name {
			return f
		}
		if folded == nil && strings.EqualFold(f.Name, name) {
			folded = f
		}
	}
	return folded
}

// Fields returns the fields of a struct that encoding/json uses, in the order of their declaration.
// Fields of embedded structs count as the struct's own. Of several fields with one name, the least
// deep counts; of those, a tagged one; and none, if there are still several.
func Fields(t reflect.Type) []Field {
	var all []*Field
	taken := make(map[string]bool)
	seen := make(map[reflect.Type]bool)
	for level := []*Field{{Type: t}}; len(level) > 0; {
		var found, embedded []*Field
		for _, from := range level {
			seen[from.Type] = true
			found, embedded = ownFields(from, found, embedded)
		}
		for _, f := range found {
			if !taken[f.Name] && dominates(f, found) {
				all = append(all, f)
			}
		}
		for _, f := range found {
			taken[f.Name] = true
		}
		level = level[:0]
		for _, f := range embedded {
			if !seen[f.Type] {
				level = append(level, f)
			}
		}
	}
	slices.SortFunc(all, func(a, b *Field) int { return slices.Compare(a.Index, b.Index) })
	fields := make([]Field, len(all))
	for i, f := range all {
		fields[i] = *f
	}
	return fields
}

// dominates reports whether f is the field that counts among those of the same depth with its name.
func dominates(f *Field, level []*Field) bool {
	alike := 0
	for _, other := range level {
		if other.Name != f.Name {
			continue
		}
		if other.Tagged && !f.Tagged {
			return false
		}
		if other.Tagged == f.Tagged {
			alike++
		}
	}
	return alike == 1
}

// ownFields appends the fields that a struct declares itself, and the structs that it embeds.
func ownFields(from *Field, fields, embedded []*Field) (_, _ []*Field) {
	for i := range from.Type.NumField() {
		sf := from.Type.Field(i)
		index := append(slices.Clone(from.Index), i)
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
			embedded = append(embedded, &Field{Type: elem, Index: index})
			continue
		}
		f := &Field{Name: name, GoName: sf.Name, Type: sf.Type, Index: index, Tag: sf.Tag, Tagged: name != ""}
		if name == "" {
			f.Name = sf.Name
		}
		for _, option := range strings.Split(options, ",") {
			f.Quoted = f.Quoted || option == "string" && mayBeQuoted(elem)
			f.OmitZero = f.OmitZero || option == "omitzero"
			f.OmitEmpty = f.OmitEmpty || option == "omitempty"
		}
		fields = append(fields, f)
	}
	return fields, embedded
}

// mayBeQuoted reports whether encoding/json honors the tag option "string" for a type.
func mayBeQuoted(t reflect.Type) bool {
	return IsNumeric(t) || t.Kind() == reflect.Bool || t.Kind() == reflect.String
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
