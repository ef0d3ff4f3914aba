package asyncapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/describe"
)

const schemas = "#/components/schemas/"

// schema returns a schema of the description in the form that AsyncAPI has: draft 7 of JSON Schema,
// where references have no siblings, and where lists of keywords have no repetitions. A nil schema
// allows everything. Keywords that a describe.Schema does not know are left out, but for those of
// others.
func (d *document) schema(s *describe.Schema) *describe.Schema {
	if s == nil {
		return new(describe.Schema)
	}
	c := *s
	c.Ref, c.Other = "", d.others(s.Other)
	c.Types, c.Required = unique(s.Types), unique(s.Required)
	c.Enum = uniqueValues(s.Enum)
	c.Items = d.optional(s.Items)
	c.Additional = d.optional(s.Additional)
	c.AnyOf = nil
	for _, alternative := range s.AnyOf {
		c.AnyOf = append(c.AnyOf, d.schema(alternative))
	}
	c.Properties = nil
	for _, p := range s.Properties {
		c.Properties = append(c.Properties, describe.Property{Name: p.Name, Schema: d.schema(p.Schema)})
	}
	if s.Ref == "" {
		return &c
	}
	target := &describe.Schema{Ref: schemas + d.use(s.Name())}
	if alone, err := json.Marshal(&c); err == nil && string(alone) == "{}" {
		return target
	}
	all, err := json.Marshal([]*describe.Schema{target})
	d.fail(err)
	c.Other["allOf"] = all
	return &c
}

func (d *document) optional(s *describe.Schema) *describe.Schema {
	if s == nil {
		return nil
	}
	return d.schema(s)
}

// use returns the key of a type, which is then a part of the document.
func (d *document) use(name string) string {
	if d.app.Types[name] == nil {
		d.fail(fmt.Errorf("the description refers to a type %q, but has none of that name", name))
	}
	if !slices.Contains(d.used, name) {
		d.used = append(d.used, name)
	}
	return d.typeKeys[name]
}

// resolve follows references to the schema that they stand for; nil if they stand for nothing.
func (d *document) resolve(s *describe.Schema) *describe.Schema {
	for range len(d.app.Types) + 1 {
		if s == nil || s.Ref == "" {
			return s
		}
		s = d.app.Types[s.Name()]
	}
	return nil
}

// unique returns the strings without repetitions.
func unique(list []string) (short []string) {
	for _, s := range list {
		if !slices.Contains(short, s) {
			short = append(short, s)
		}
	}
	return short
}

func uniqueValues(list []json.RawMessage) (short []json.RawMessage) {
	for _, v := range list {
		if !slices.ContainsFunc(short, func(w json.RawMessage) bool { return string(v) == string(w) }) {
			short = append(short, v)
		}
	}
	return short
}

// others returns the keywords that AsyncAPI accepts although a describe.Schema does not know them:
// extensions, and propertyNames, which descriptions have for maps whose keys are numbers.
func (d *document) others(all map[string]json.RawMessage) map[string]json.RawMessage {
	kept := make(map[string]json.RawMessage)
	for name, value := range all {
		if strings.HasPrefix(name, "x-") && len(name) > 2 && keyOf(name) == name {
			kept[name] = value
		}
	}
	var names *describe.Schema
	if json.Unmarshal(all["propertyNames"], &names) == nil && names != nil {
		data, err := json.Marshal(d.schema(names))
		d.fail(err)
		kept["propertyNames"] = data
	}
	return kept
}
