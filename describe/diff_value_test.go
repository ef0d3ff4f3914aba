package describe_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/describe"
)

// value draws a value of a schema, without properties that it does not describe. It reports whether
// it found one.
func (d *drawer) value(app *describe.App, s *describe.Schema, fuel int) (any, bool) {
	switch {
	case s == nil:
		s = &describe.Schema{}
	case fuel < 0:
		return nil, false
	case s.Ref != "":
		return d.value(app, app.Types[s.Name()], fuel-1)
	case s.Const != nil:
		return decode(s.Const), true
	case len(s.Enum) > 0:
		return decode(s.Enum[d.n("value", 0, len(s.Enum)-1)]), true
	case len(s.AnyOf) > 0:
		return d.value(app, s.AnyOf[d.n("alternative", 0, len(s.AnyOf)-1)], fuel-1)
	}
	types := s.Types
	if len(types) == 0 {
		types = []string{"null", "boolean", "string", "number", "object", "array"}
	}
	switch d.one("type", types...) {
	case "null":
		return nil, true
	case "boolean":
		return d.maybe("value"), true
	case "string":
		low, high, ok := counts(s.MinLength, s.MaxLength)
		if !ok {
			return nil, false
		}
		return strings.Repeat("x", d.n("length", low, high)), true
	case "integer":
		return d.number(s, 0)
	case "number":
		return d.number(s, float64(d.n("half", 0, 1))/2)
	case "array":
		return d.array(app, s, fuel)
	default:
		return d.members(app, s, fuel)
	}
}

func decode(data json.RawMessage) (v any) {
	if json.Unmarshal(data, &v) != nil {
		return nil
	}
	return v
}

func counts(least, most *int) (low, high int, ok bool) {
	if least != nil {
		low = *least
	}
	high = low + 3
	if most != nil {
		high = *most
	}
	return low, high, low <= high
}

func (d *drawer) number(s *describe.Schema, fraction float64) (any, bool) {
	v := float64(d.n("number", -3, 12)) + fraction
	return v, inRange(s, v)
}

func inRange(s *describe.Schema, v float64) bool {
	in := func(bound *json.Number, ok func(float64) bool) bool {
		if bound == nil {
			return true
		}
		f, err := bound.Float64()
		return err == nil && ok(f)
	}
	return in(s.Minimum, func(f float64) bool { return v >= f }) &&
		in(s.Maximum, func(f float64) bool { return v <= f }) &&
		in(s.ExclusiveMinimum, func(f float64) bool { return v > f }) &&
		in(s.ExclusiveMaximum, func(f float64) bool { return v < f })
}

func (d *drawer) array(app *describe.App, s *describe.Schema, fuel int) (any, bool) {
	low, high, ok := counts(s.MinItems, s.MaxItems)
	if !ok {
		return nil, false
	}
	list := []any{}
	for range d.n("length", low, high) {
		v, ok := d.value(app, s.Items, fuel-1)
		if !ok {
			return nil, false
		}
		list = append(list, v)
	}
	return list, true
}

func (d *drawer) members(app *describe.App, s *describe.Schema, fuel int) (any, bool) {
	object := map[string]any{}
	for _, p := range s.Properties {
		if !s.IsRequired(p.Name) && d.maybe("leave out "+p.Name) {
			continue
		}
		v, ok := d.value(app, p.Schema, fuel-1)
		if ok {
			object[p.Name] = v
		} else if s.IsRequired(p.Name) {
			return nil, false
		}
	}
	if s.Additional != nil {
		for _, name := range []string{"a", "d", "key"} {
			if _, has := property(s, name); !has && d.maybe("add "+name) {
				if v, ok := d.value(app, s.Additional, fuel-1); ok {
					object[name] = v
				}
			}
		}
	}
	return object, true
}

// valid reports whether JSON Schema allows a value.
func valid(app *describe.App, s *describe.Schema, v any) bool {
	if s == nil {
		return true
	}
	if s.Ref != "" && !valid(app, app.Types[s.Name()], v) {
		return false
	}
	if len(s.AnyOf) > 0 && !slices.ContainsFunc(s.AnyOf, func(a *describe.Schema) bool { return valid(app, a, v) }) {
		return false
	}
	if len(s.Types) > 0 && !slices.ContainsFunc(s.Types, func(kind string) bool { return isOf(kind, v) }) {
		return false
	}
	equal := func(data json.RawMessage) bool { return decode(data) == v }
	switch v := v.(type) {
	case map[string]any:
		return len(s.Enum) == 0 && s.Const == nil && validObject(app, s, v)
	case []any:
		return len(s.Enum) == 0 && s.Const == nil && within(len(v), s.MinItems, s.MaxItems) &&
			!slices.ContainsFunc(v, func(e any) bool { return !valid(app, s.Items, e) })
	case string:
		if !within(len(v), s.MinLength, s.MaxLength) {
			return false
		}
	case float64:
		if !inRange(s, v) {
			return false
		}
	}
	return (s.Const == nil || equal(s.Const)) && (len(s.Enum) == 0 || slices.ContainsFunc(s.Enum, equal))
}

func within(n int, least, most *int) bool {
	return (least == nil || n >= *least) && (most == nil || n <= *most)
}

func validObject(app *describe.App, s *describe.Schema, object map[string]any) bool {
	for _, name := range s.Required {
		if _, ok := object[name]; !ok {
			return false
		}
	}
	for name, v := range object {
		schema, has := property(s, name)
		if !has && s.Closed {
			return false
		}
		if !has {
			schema = s.Additional
		}
		if !valid(app, schema, v) {
			return false
		}
	}
	return true
}

func isOf(kind string, v any) bool {
	switch v := v.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case float64:
		return kind == "number" || kind == "integer" && v == math.Trunc(v)
	case []any:
		return kind == "array"
	default:
		return kind == "object"
	}
}
