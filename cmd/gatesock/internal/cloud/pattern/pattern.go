// Package pattern matches JSON against the patterns of EventBridge, which event source mappings of
// Lambda and filter policies of SNS use as well:
//
//	{"source": ["shop"], "detail": {"total": [{"numeric": [">", 100]}], "gift": [{"exists": false}]}}
//
// It knows all operators that EventBridge documents: exact values, prefix, suffix, both with
// equals-ignore-case, anything-but with each of them, numeric, exists, cidr, equals-ignore-case,
// wildcard and $or.
package pattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Pattern is a compiled pattern. It is safe for concurrent use.
type Pattern struct{ root *object }

// Options say what differs between the services.
type Options struct {
	// NumbersByValue lets 1 and 1.0 be equal, as for SNS. EventBridge compares their texts.
	NumbersByValue bool
}

// Compile returns the pattern that a text in JSON is. The error says which part of it is wrong.
func Compile(text []byte, o Options) (*Pattern, error) {
	v, err := Decode(text)
	if err != nil {
		return nil, fmt.Errorf("the pattern is not JSON: %w", err)
	}
	fields, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("the pattern is not a JSON object")
	}
	root, err := compiler{o}.object("", fields)
	if err != nil {
		return nil, err
	}
	return &Pattern{root}, nil
}

// Decode reads JSON for [Pattern.Match]. Its numbers are of type [json.Number].
func Decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after it")
	}
	return v, nil
}

// Match reports whether a value of [Decode] matches.
func (p *Pattern) Match(v any) bool { return p.root.match(v) }

// MatchJSON reports whether a text in JSON matches. A text that is not JSON does not.
func (p *Pattern) MatchJSON(text []byte) bool {
	v, err := Decode(text)
	return err == nil && p.Match(v)
}

// object is a pattern of an object: all fields must match, and one of each list of alternatives.
type object struct {
	fields       map[string]field
	alternatives [][]*object
}

// field is what a field must be: an object, or a value that passes one of the tests.
type field struct {
	object *object
	tests  []test
	absent bool // it may be missing
}

type test func(v any) bool

func (o *object) match(v any) bool {
	if list, ok := v.([]any); ok {
		return slices.ContainsFunc(list, o.match)
	}
	fields, _ := v.(map[string]any) // other values have no fields
	for name, f := range o.fields {
		value, ok := fields[name]
		if !f.match(value, ok) {
			return false
		}
	}
	for _, alternatives := range o.alternatives {
		if !slices.ContainsFunc(alternatives, func(o *object) bool { return o.match(v) }) {
			return false
		}
	}
	return true
}

func (f field) match(v any, present bool) bool {
	if f.object != nil {
		return f.object.match(v)
	}
	values := leaves(nil, v)
	if !present || len(values) == 0 {
		return f.absent
	}
	return slices.ContainsFunc(values, func(v any) bool {
		return slices.ContainsFunc(f.tests, func(passes test) bool { return passes(v) })
	})
}

// leaves returns the values of a field that are neither objects nor lists.
func leaves(to []any, v any) []any {
	switch v := v.(type) {
	case map[string]any:
	case []any:
		for _, element := range v {
			to = leaves(to, element)
		}
	default:
		to = append(to, v)
	}
	return to
}

type compiler struct{ Options }

func (c compiler) object(path string, fields map[string]any) (*object, error) {
	if len(fields) == 0 {
		return nil, fmt.Errorf("%s is an empty object, which matches nothing", where(path))
	}
	o := &object{fields: make(map[string]field)}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		at := path + "." + name
		if list, ok := fields[name].([]any); ok && name == "$or" {
			alternatives, err := c.alternatives(at, list)
			if err != nil {
				return nil, err
			}
			o.alternatives = append(o.alternatives, alternatives)
			continue
		}
		f, err := c.field(at, fields[name])
		if err != nil {
			return nil, err
		}
		o.fields[name] = f
	}
	return o, nil
}

func where(path string) string {
	if path == "" {
		return "the pattern"
	}
	return strconv.Quote(strings.TrimPrefix(path, "."))
}

func (c compiler) alternatives(path string, list []any) ([]*object, error) {
	if len(list) < 2 {
		return nil, fmt.Errorf("%s needs two alternatives or more", where(path))
	}
	all := make([]*object, len(list))
	for i, element := range list {
		fields, ok := element.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("an alternative of %s is not an object", where(path))
		}
		o, err := c.object(path, fields)
		if err != nil {
			return nil, err
		}
		all[i] = o
	}
	return all, nil
}

func (c compiler) field(path string, v any) (field, error) {
	switch v := v.(type) {
	case map[string]any:
		o, err := c.object(path, v)
		return field{object: o}, err
	case []any:
		if len(v) == 0 {
			return field{}, fmt.Errorf("%s is an empty list, which matches nothing", where(path))
		}
		f := field{}
		for _, element := range v {
			if err := c.add(&f, path, element); err != nil {
				return field{}, err
			}
		}
		return f, nil
	default:
		return field{}, fmt.Errorf("%s must be an object or a list", where(path))
	}
}

// add adds what one element of a list allows.
func (c compiler) add(f *field, path string, v any) error {
	operators, ok := v.(map[string]any)
	if !ok {
		if _, nested := v.([]any); nested {
			return fmt.Errorf("%s has a list in its list", where(path))
		}
		f.tests = append(f.tests, c.equal(v))
		return nil
	}
	if len(operators) != 1 {
		return fmt.Errorf("an object in the list of %s must have one operator", where(path))
	}
	for name, operand := range operators {
		if name == "exists" {
			exists, ok := operand.(bool)
			if !ok {
				return fmt.Errorf("exists of %s must be true or false", where(path))
			}
			if exists {
				f.tests = append(f.tests, func(any) bool { return true })
			} else {
				f.absent = true
			}
			return nil
		}
		passes, err := c.operator(name, operand)
		if err != nil {
			return fmt.Errorf("%s: %w", where(path), err)
		}
		f.tests = append(f.tests, passes)
	}
	return nil
}

// equal passes one value.
func (c compiler) equal(want any) test {
	if number, ok := want.(json.Number); ok && c.NumbersByValue {
		n, err := number.Float64()
		return func(v any) bool { got, ok := toNumber(v); return ok && err == nil && got == n }
	}
	return func(v any) bool { return v == want }
}

func toNumber(v any) (float64, bool) {
	number, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	n, err := number.Float64()
	return n, err == nil
}

// operator returns the test of an operator of strings and numbers.
func (c compiler) operator(name string, operand any) (test, error) {
	switch name {
	case "prefix":
		return ofText(name, operand, strings.HasPrefix)
	case "suffix":
		return ofText(name, operand, strings.HasSuffix)
	case "equals-ignore-case":
		return text(name, operand, strings.EqualFold)
	case "wildcard":
		return wildcard(operand)
	case "numeric":
		return numeric(operand)
	case "cidr":
		return cidr(operand)
	case "anything-but":
		return c.anythingBut(operand)
	}
	return nil, fmt.Errorf("there is no operator %q", name)
}

// text returns a test of strings against a string.
func text(name string, operand any, holds func(value, operand string) bool) (test, error) {
	want, ok := operand.(string)
	if !ok {
		return nil, fmt.Errorf("%s must be a string", name)
	}
	return func(v any) bool { s, ok := v.(string); return ok && holds(s, want) }, nil
}

// ofText is for prefix and suffix, which may ignore case.
func ofText(name string, operand any, holds func(value, part string) bool) (test, error) {
	fold, ok := operand.(map[string]any)
	if !ok {
		return text(name, operand, holds)
	}
	if len(fold) != 1 || fold["equals-ignore-case"] == nil {
		return nil, fmt.Errorf("%s must be a string, or an object with equals-ignore-case", name)
	}
	return text(name, fold["equals-ignore-case"], func(value, part string) bool {
		return holds(strings.ToLower(value), strings.ToLower(part))
	})
}

// wildcard passes strings in which each * of the operand stands for any characters. \* is a star,
// and \\ a backslash.
func wildcard(operand any) (test, error) {
	pattern, ok := operand.(string)
	if !ok {
		return nil, errors.New("wildcard must be a string")
	}
	parts := []string{""}
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern) && (pattern[i+1] == '*' || pattern[i+1] == '\\'):
			i++
			parts[len(parts)-1] += pattern[i : i+1]
		case pattern[i] == '\\':
			return nil, errors.New("a backslash in wildcard must stand before * or another backslash")
		case pattern[i] == '*' && i > 0 && pattern[i-1] == '*' && parts[len(parts)-1] == "":
			return nil, errors.New("wildcard must not have two * in a row")
		case pattern[i] == '*':
			parts = append(parts, "")
		default:
			parts[len(parts)-1] += pattern[i : i+1]
		}
	}
	return func(v any) bool { s, ok := v.(string); return ok && between(s, parts) }, nil
}

// between reports whether a text is the parts in their order, with anything between them.
func between(s string, parts []string) bool {
	if len(parts) == 1 {
		return s == parts[0]
	}
	first, middle, last := parts[0], parts[1:len(parts)-1], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range middle {
		_, after, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = after
	}
	return true
}

// numeric passes numbers in a range: one or two comparisons.
func numeric(operand any) (test, error) {
	list, ok := operand.([]any)
	if !ok || len(list) != 2 && len(list) != 4 {
		return nil, errors.New(`numeric must be a list such as ["=", 5] or [">", 0, "<=", 5]`)
	}
	var tests []func(n float64) bool
	for pair := range slices.Chunk(list, 2) {
		limit, ok := toNumber(pair[1])
		if !ok {
			return nil, errors.New("numeric compares with numbers only")
		}
		holds, err := comparison(pair[0], limit)
		if err != nil {
			return nil, err
		}
		tests = append(tests, holds)
	}
	return func(v any) bool {
		n, ok := toNumber(v)
		return ok && !slices.ContainsFunc(tests, func(holds func(float64) bool) bool { return !holds(n) })
	}, nil
}

func comparison(operator any, limit float64) (func(n float64) bool, error) {
	switch operator {
	case "=":
		return func(n float64) bool { return n == limit }, nil
	case "<":
		return func(n float64) bool { return n < limit }, nil
	case "<=":
		return func(n float64) bool { return n <= limit }, nil
	case ">":
		return func(n float64) bool { return n > limit }, nil
	case ">=":
		return func(n float64) bool { return n >= limit }, nil
	}
	return nil, fmt.Errorf("numeric has no comparison %v", operator)
}

// cidr passes addresses of a network.
func cidr(operand any) (test, error) {
	network, _ := operand.(string)
	prefix, err := netip.ParsePrefix(network)
	if err != nil {
		return nil, errors.New("cidr must be a network such as \"10.0.0.0/24\"")
	}
	return func(v any) bool {
		s, _ := v.(string)
		address, err := netip.ParseAddr(s)
		return err == nil && prefix.Contains(address)
	}, nil
}

// anythingBut passes strings and numbers that none of what it lists passes.
func (c compiler) anythingBut(operand any) (test, error) {
	name := ""
	if operators, ok := operand.(map[string]any); ok {
		if len(operators) != 1 {
			return nil, errors.New("anything-but must have one operator")
		}
		for name, operand = range operators { //nolint:revive // the only one
		}
	}
	list, ok := operand.([]any)
	if !ok {
		list = []any{operand}
	}
	if len(list) == 0 {
		return nil, errors.New("anything-but has an empty list")
	}
	var refused []test
	for _, element := range list {
		switch {
		case name != "":
			if name == "numeric" || name == "anything-but" || name == "cidr" {
				return nil, fmt.Errorf("anything-but does not take %s", name)
			}
			passes, err := c.operator(name, element)
			if err != nil {
				return nil, err
			}
			refused = append(refused, passes)
		default:
			switch element.(type) {
			case string, json.Number:
				refused = append(refused, c.equal(element))
			default:
				return nil, errors.New("anything-but takes strings and numbers")
			}
		}
	}
	return func(v any) bool {
		return !slices.ContainsFunc(refused, func(passes test) bool { return passes(v) })
	}, nil
}
