package jsonschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// Root is a type that needs a schema.
type Root struct {
	// Of says what the schema is for, in errors.
	Of   string
	Type reflect.Type
	Use  Use
}

// Make returns the schemas of types, and the definitions to which they refer as "#/$defs/NAME": one
// for each struct that has a name, or several if its uses have different schemas. The result
// depends on nothing but the roots. A mistake in a tag, or in a schema that a type has by a method
// JSONSchema() json.RawMessage, is an error.
//
// Which uses of a type have the same schema depends on the types that it refers to. Make therefore
// begins with one definition for all uses of a type, and divides them for as long as that makes a
// difference.
func Make(roots []Root) (schemas []json.RawMessage, defs map[string]json.RawMessage, err error) {
	c := classes{of: make(map[key]Use), numbers: make(map[reflect.Type]int)}
	recursive := make(map[reflect.Type]bool)
	for {
		known := len(recursive)
		g, _, err := pass(roots, recursive, c.canonical)
		if err != nil {
			return nil, nil, err
		}
		divided, err := c.divide(g)
		if err != nil {
			return nil, nil, err
		}
		if !divided && len(recursive) == known {
			break
		}
	}
	names := c.names()
	g, made, err := pass(roots, recursive, func(k key) string { return names[c.class(k)] })
	if err != nil {
		return nil, nil, err
	}
	defs = make(map[string]json.RawMessage)
	for k, s := range g.defined {
		if defs[names[c.class(k)]], err = marshal(s); err != nil {
			return nil, nil, err
		}
	}
	for _, s := range made {
		text, err := marshal(s)
		if err != nil {
			return nil, nil, err
		}
		schemas = append(schemas, text)
	}
	return schemas, defs, nil
}

// pass makes all schemas once.
func pass(roots []Root, recursive map[reflect.Type]bool, nameOf func(key) string) (*generator, []*schema, error) {
	g := &generator{nameOf: nameOf, defined: make(map[key]*schema), recursive: recursive}
	schemas := make([]*schema, len(roots))
	for i, root := range roots {
		schemas[i] = g.root(key{root.Type, root.Use})
		if g.err != nil {
			return nil, nil, fmt.Errorf("%s: %w", root.Of, g.err)
		}
	}
	return g, schemas, nil
}

// classes divides the uses of types into those that have the same schema. Each class has the name
// of its first use.
type classes struct {
	of      map[key]Use
	numbers map[reflect.Type]int // in the order in which the types were found
	order   []reflect.Type
}

// class returns the key of the class of a key.
func (c *classes) class(k key) key {
	if first, ok := c.of[k]; ok {
		return key{k.typ, first}
	}
	return k
}

// canonical returns a name that is the same for all keys of a class.
func (c *classes) canonical(k key) string {
	if _, ok := c.numbers[k.typ]; !ok {
		c.numbers[k.typ] = len(c.order)
		c.order = append(c.order, k.typ)
	}
	if _, ok := c.of[k]; !ok {
		c.of[k] = k.use
		for _, other := range []Use{Output, Input, StrictInput} {
			if first, ok := c.of[key{k.typ, other}]; ok && other != k.use {
				c.of[k] = first
				break
			}
		}
	}
	return fmt.Sprintf("%d-%d", c.numbers[k.typ], c.of[k])
}

// divide divides the classes whose members have different schemas. It reports whether there were
// any.
func (c *classes) divide(g *generator) (bool, error) {
	divided := false
	for _, t := range c.order {
		var firsts []key
		texts := make(map[key][]byte)
		before := make(map[key]Use)
		for _, use := range []Use{Output, Input, StrictInput} {
			k := key{t, use}
			s, ok := g.defined[k]
			if !ok {
				continue
			}
			text, err := marshal(s)
			if err != nil {
				return false, err
			}
			texts[k], before[k] = text, c.of[k]
			class := k
			for _, first := range firsts {
				if before[first] == before[k] && bytes.Equal(texts[first], text) {
					class = first
					break
				}
			}
			if class == k {
				firsts = append(firsts, k)
			}
			c.of[k] = class.use
			divided = divided || c.of[k] != before[k]
		}
	}
	return divided, nil
}
