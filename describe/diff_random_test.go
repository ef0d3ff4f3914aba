package describe_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/describe"
)

// TestHarmlessChangesAreHarmless changes random schemas at random. If Diff finds no breaking
// change, what the old input accepts the new one accepts too, and what the new output may be the
// old one may be too.
func TestHarmlessChangesAreHarmless(t *testing.T) {
	t.Parallel()
	harmless := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		d := &drawer{t: t}
		from := d.app()
		to := d.changed(from)
		require.Empty(t, describe.Diff(from, from))
		require.Equal(t, describe.Diff(from, to), describe.Diff(from, to))
		broken := map[string]bool{}
		for _, c := range describe.Diff(from, to) {
			place, _, _ := strings.Cut(c.Path, ",")
			broken[place] = broken[place] || c.Breaking
		}
		sameText := text(t, from) == text(t, to)
		if !broken[`route "in"`] {
			if !sameText {
				harmless["input"]++
			}
			d.holds(from, from.Routes[0].Input, to, to.Routes[0].Input)
		}
		if !broken[`push "out"`] {
			if !sameText {
				harmless["output"]++
			}
			d.holds(to, to.Pushes[0].Data, from, from.Pushes[0].Data)
		}
	})
	require.NotZero(t, harmless["input"])
	require.NotZero(t, harmless["output"])
}

func text(t require.TestingT, app *describe.App) string {
	data, err := json.Marshal(app)
	require.NoError(t, err)
	return string(data)
}

// holds checks that values of one schema are values of another.
func (d *drawer) holds(app *describe.App, of *describe.Schema, others *describe.App, other *describe.Schema) {
	for range 5 {
		value, ok := d.value(app, of, 4)
		if !ok {
			continue
		}
		require.True(d.t, valid(app, of, value), "the value %v is not one of its own schema %s", value, text(d.t, app))
		require.True(d.t, valid(others, other, value), "%v\n%s\n%s\n%v", value, text(d.t, app), text(d.t, others),
			describe.Diff(app, others))
	}
}

// drawer draws descriptions with two types, one input and one push.
type drawer struct{ t *rapid.T }

func (d *drawer) n(what string, low, high int) int { return rapid.IntRange(low, high).Draw(d.t, what) }
func (d *drawer) maybe(what string) bool           { return rapid.Bool().Draw(d.t, what) }
func (d *drawer) one(what string, of ...string) string {
	return rapid.SampledFrom(of).Draw(d.t, what)
}

func (d *drawer) app() *describe.App {
	return &describe.App{
		Version: 1,
		Routes:  []describe.Route{{Key: "in", Answer: describe.AnswerAck, Input: d.top()}},
		Pushes:  []describe.Push{{Event: "out", Data: d.top()}},
		Types:   map[string]*describe.Schema{"A": d.object(2), "B": d.schema(0)},
	}
}

// top returns the schema of a whole input or output: mostly an object, as in applications.
func (d *drawer) top() *describe.Schema {
	if d.n("top", 0, 2) > 0 {
		return d.object(2)
	}
	return d.schema(3)
}

func (d *drawer) schema(depth int) *describe.Schema {
	kinds := []string{"string", "integer", "number", "boolean", "enum", "const", "any"}
	if depth > 0 {
		kinds = append(kinds, "object", "object", "map", "array", "ref", "nullable", "anyOf")
	}
	s := &describe.Schema{}
	switch kind := d.one("kind", kinds...); kind {
	case "any":
	case "enum":
		s.Types = []string{"string"}
		for i := range d.n("values", 1, 3) {
			s.Enum = append(s.Enum, json.RawMessage(strconv.Quote(strconv.Itoa(i))))
		}
	case "const":
		s.Const = json.RawMessage(d.one("const", `"0"`, `"1"`, "1", "null"))
	case "object":
		return d.object(depth)
	case "map":
		s.Types, s.Additional = []string{"object"}, d.schema(depth-1)
	case "array":
		s.Types, s.Items = []string{"array"}, d.schema(depth-1)
		d.bounds(s)
	case "ref":
		s.Ref = "#/$defs/" + d.one("ref", "A", "B")
	case "nullable":
		s.AnyOf = []*describe.Schema{{Ref: "#/$defs/" + d.one("ref", "A", "B")}, {Types: []string{"null"}}}
	case "anyOf":
		s.AnyOf = []*describe.Schema{d.schema(depth - 1), d.schema(depth - 1)}
	default:
		s.Types = []string{kind}
		d.bounds(s)
	}
	if len(s.Types) > 0 && s.Enum == nil && d.maybe("null") {
		s.Types = append(s.Types, "null")
	}
	return s
}

func (d *drawer) object(depth int) *describe.Schema {
	s := &describe.Schema{Types: []string{"object"}, Closed: d.n("closed", 0, 3) == 0}
	for _, name := range []string{"a", "b", "c"} {
		if d.maybe("has " + name) {
			s.Properties = append(s.Properties, describe.Property{Name: name, Schema: d.schema(depth - 1)})
			if d.maybe("requires " + name) {
				s.Required = append(s.Required, name)
			}
		}
	}
	if !s.Closed && d.n("additional", 0, 4) == 0 {
		s.Additional = d.schema(depth - 1)
	}
	return s
}

// bounds sets some of the bounds that fit a schema's type.
func (d *drawer) bounds(s *describe.Schema) {
	count := func() *int {
		if d.n("bounded", 0, 2) > 0 {
			return nil
		}
		n := d.n("count", 0, 4)
		return &n
	}
	limit := func() *json.Number {
		if d.n("limited", 0, 2) > 0 {
			return nil
		}
		n := json.Number(d.one("limit", "-1", "0", "2", "2.5", "1e1"))
		return &n
	}
	switch s.Types[0] {
	case "string":
		s.MinLength, s.MaxLength = count(), count()
	case "array":
		s.MinItems, s.MaxItems = count(), count()
	case "integer", "number":
		s.Minimum, s.Maximum, s.ExclusiveMinimum, s.ExclusiveMaximum = limit(), limit(), limit(), limit()
	}
}

// changed returns a copy of an app with some changes.
func (d *drawer) changed(app *describe.App) *describe.App {
	to := new(describe.App)
	require.NoError(d.t, json.Unmarshal([]byte(text(d.t, app)), to))
	for range d.n("changes", 1, 2) {
		all := []*describe.Schema{to.Routes[0].Input, to.Pushes[0].Data, to.Types["A"], to.Types["B"]}
		for i := 0; i < len(all); i++ {
			all = append(all, parts(all[i])...)
		}
		d.change(rapid.SampledFrom(all).Draw(d.t, "where"))
	}
	return to
}

// parts returns the schemas of which a schema consists.
func parts(s *describe.Schema) []*describe.Schema {
	list := slices.Clone(s.AnyOf)
	for _, p := range s.Properties {
		list = append(list, p.Schema)
	}
	for _, part := range []*describe.Schema{s.Items, s.Additional} {
		if part != nil {
			list = append(list, part)
		}
	}
	return list
}

func (d *drawer) change(s *describe.Schema) {
	switch d.one("change", "null", "bounds", "add", "remove", "require", "allow", "close", "enum", "integer", "replace", "wrap") {
	case "null":
		if i := slices.Index(s.Types, "null"); i >= 0 && len(s.Types) > 1 {
			s.Types = slices.Delete(s.Types, i, i+1)
		} else if i < 0 && len(s.Types) > 0 {
			s.Types = append(s.Types, "null")
		}
	case "bounds":
		if len(s.Types) > 0 && s.Enum == nil {
			d.bounds(s)
		}
	case "add":
		if _, has := property(s, "d"); !has && slices.Contains(s.Types, "object") {
			s.Properties = append(s.Properties, describe.Property{Name: "d", Schema: d.schema(1)})
		}
	case "remove":
		if len(s.Properties) > 0 {
			s.Required = slices.DeleteFunc(s.Required, func(name string) bool { return name == s.Properties[0].Name })
			s.Properties = s.Properties[1:]
		}
	case "require":
		for _, p := range s.Properties {
			if !s.IsRequired(p.Name) {
				s.Required = append(s.Required, p.Name)
			}
		}
	case "allow":
		s.Required = nil
	case "close":
		if slices.Contains(s.Types, "object") {
			s.Closed, s.Additional = !s.Closed, nil
		}
	case "enum":
		if len(s.Enum) > 1 && d.maybe("less") {
			s.Enum = s.Enum[1:]
		} else if len(s.Enum) > 0 {
			s.Enum = append(s.Enum, json.RawMessage(`"more"`))
		}
	case "integer":
		if i := slices.Index(s.Types, "integer"); i >= 0 {
			s.Types[i] = "number"
		} else if i := slices.Index(s.Types, "number"); i >= 0 {
			s.Types[i] = "integer"
		}
	case "replace":
		*s = *d.schema(0)
	case "wrap":
		if s.Ref != "" && len(s.AnyOf) == 0 {
			*s = describe.Schema{AnyOf: []*describe.Schema{{Ref: s.Ref}, {Types: []string{"null"}}}}
		}
	}
}

func property(s *describe.Schema, name string) (*describe.Schema, bool) {
	for _, p := range s.Properties {
		if p.Name == name {
			return p.Schema, true
		}
	}
	return nil, false
}
