package jsonschema

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Finish puts all schemas into their places, and returns the definitions to which they refer as
// "#/$defs/NAME": the members of an object, sorted by name, one for each struct that has a name, or
// several if its uses have different schemas. It is nil if there are none. The result depends on
// nothing but the types. A mistake in a tag, or in a schema that a type has by a method
// JSONSchema() json.RawMessage, is an error.
func (g *Generator) Finish() (json.RawMessage, error) {
	if g.err != nil {
		return nil, g.err
	}
	g.divide()
	g.name()
	for _, p := range g.places {
		*p = json.RawMessage(g.resolve(string(*p)))
	}
	var members []string
	for _, d := range g.defs {
		for use, text := range d.texts {
			if text != "" && d.class[use] == use {
				members = append(members, `"`+d.names[use]+`":`+g.resolve(text))
			}
		}
	}
	if members == nil {
		return nil, nil
	}
	slices.Sort(members)
	return append(append([]byte{'{'}, strings.Join(members, ",")...), '}'), nil
}

// definition is a type that other schemas refer to, with what it is for each of its uses. Its id
// for a use is its index times the number of uses, and the use.
type definition struct {
	typ    reflect.Type
	goType string    // the path of its package, a dot and its name
	texts  []string  // the schemas in JSON, "" for uses that the type does not have
	class  [uses]int // a use with the same schema, the first one after divide
	names  []string  // of the classes
}

// mark encloses the id of a definition in the text of a schema until the definition has its name.
// JSON does not have this character.
const mark = "\x00"

// reference returns a reference to the definition of a type.
func (g *Generator) reference(t reflect.Type, use Use) *schema {
	at := slices.IndexFunc(g.defs, func(d *definition) bool { return d.typ == t })
	if at < 0 {
		at = len(g.defs)
		first := int(use)
		g.defs = append(g.defs, &definition{
			typ: t, goType: t.PkgPath() + "." + t.Name(),
			texts: make([]string, uses), class: [uses]int{first, first, first}, names: make([]string, uses),
		})
	}
	id := at*uses + int(use)
	d := g.defs[at]
	if d.names[use] == "" {
		d.names[use] = strconv.Itoa(id) // until there are names
		g.wanted = append(g.wanted, id)
	}
	return (&schema{kind: ref}).set(ref, `"#/$defs/`+mark+d.names[use]+mark+`"`)
}

// resolve replaces the ids in a schema by the names of their classes.
func (g *Generator) resolve(text string) string {
	parts := strings.Split(text, mark)
	for i := 1; i < len(parts); i += 2 {
		id, _ := strconv.Atoi(parts[i])
		d := g.defs[id/uses]
		parts[i] = d.names[d.class[id%uses]]
	}
	return strings.Join(parts, "")
}

// divide finds which uses of each type have the same schema. That depends on the types that it
// refers to. It therefore begins with one class for all uses of a type, and divides the classes for
// as long as their members differ.
func (g *Generator) divide() {
	for divided := true; divided; {
		divided = false
		for _, d := range g.defs {
			var texts [uses]string
			for use, text := range d.texts {
				texts[use] = g.resolve(text)
			}
			before := d.class
			for use := range d.class {
				first := 0
				for before[first] != before[use] || texts[first] != texts[use] {
					first++
				}
				d.class[use] = first
			}
			divided = divided || d.class != before
		}
	}
}
