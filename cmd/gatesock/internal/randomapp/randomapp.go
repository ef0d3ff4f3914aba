// Package randomapp draws descriptions of applications, for tests of properties that must hold for
// each of them.
package randomapp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/describe"
)

// Draw returns a description such as programs print: its references have a target, and its names
// may be any text.
func Draw(t *rapid.T) *describe.App {
	d := &drawer{t: t}
	d.names = rapid.SliceOfNDistinct(d.name(), 0, 4, rapid.ID[string]).Draw(t, "types")
	app := &describe.App{Version: describe.Version, Envelope: d.envelope(), Types: make(map[string]*describe.Schema)}
	for _, name := range d.names {
		app.Types[name] = d.object(2)
	}
	keys := rapid.SliceOfNDistinct(d.name(), 0, 4, rapid.ID[string]).Draw(t, "routes")
	slices.Sort(keys)
	for _, key := range keys {
		app.Routes = append(app.Routes, d.route(key))
	}
	events := rapid.SliceOfNDistinct(d.name(), 0, 3, rapid.ID[string]).Draw(t, "events")
	slices.Sort(events)
	for _, event := range events {
		app.Pushes = append(app.Pushes, describe.Push{Event: event, Data: d.schema(2)})
	}
	if d.maybe("authorizer") {
		app.Authorizer = &describe.Authorizer{IdentitySources: d.some("sources",
			"route.request.header.Authorization", "route.request.querystring.token", "context.routeKey", "stageVariables.a")}
	}
	if d.maybe("limit") {
		app.Limits = []describe.Limit{{Name: d.name().Draw(t, "limit's name"), By: "user", Rate: 0.5, Burst: 3, Routes: keys}}
	}
	if d.maybe("rule") {
		app.Sources = []describe.Source{{Kind: "iot", Name: "readings", Topic: d.name().Draw(t, "filter")}}
		app.Needs = []describe.Need{{Kind: "iot", Variable: "IOT", Topics: []string{d.name().Draw(t, "topic")}}}
	}
	return app
}

type drawer struct {
	t     *rapid.T
	names []string
}

func (d *drawer) maybe(what string) bool { return rapid.Bool().Draw(d.t, what) }

func (d *drawer) some(what string, from ...string) []string {
	return slices.DeleteFunc(from, func(s string) bool { return !d.maybe(what + " " + s) })
}

// name returns names that are likely to collide with others, and with words of other languages.
func (d *drawer) name() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"Message", "room.join", "room-join", "room/join", "$default", "$connect", "class", "constructor", "__proto__", "toString",
			"Error", "Record", "Array", "Routes", "string", "null", "1", "a b", `"`, "'", "`", `\`, "*/", "//", "${x}", "\n", "\u2028",
			"ß", "部屋", "~1", "gatesock.Error", "ErrorCode", "id", "action", "data", "Page[int]", "Page[a/b.Item]",
		}),
		rapid.StringN(1, 8, -1),
	)
}

func (d *drawer) envelope() describe.Envelope {
	return rapid.SampledFrom([]describe.Envelope{
		{Action: "action", ID: "id", Data: "data", Error: "error", Event: "event", Topic: "topic"},
		{Action: "type", ID: "request/id", Data: "payload", Error: "fault", Event: "type", Topic: "channel", Input: "payload"},
		{Action: "a\"b", ID: "~", Data: "*/", Error: "部", Event: "a\"b", Topic: "class", Input: "constructor"},
	}).Draw(d.t, "envelope")
}

func (d *drawer) route(key string) describe.Route {
	answers := []describe.Answer{
		describe.AnswerNone, describe.AnswerAck, describe.AnswerData, describe.AnswerAny, describe.AnswerMock,
	}
	r := describe.Route{Key: key, Answer: rapid.SampledFrom(answers).Draw(d.t, "answer"), Raw: d.maybe("raw")}
	r.Idempotent = d.maybe("idempotent")
	if d.maybe("typed") {
		r.Codec, r.Input = "json", d.schema(2)
	}
	switch r.Answer {
	case describe.AnswerData:
		r.Output = d.schema(2)
	case describe.AnswerMock:
		r.Raw, r.Input = false, nil
		r.Mock = rapid.SampledFrom([]string{`{"action":"keepalive","data":null}`, "pong", "*/", "`"}).Draw(d.t, "mock")
	case describe.AnswerNone, describe.AnswerAck, describe.AnswerAny:
	}
	if d.maybe("guarded") {
		r.Guards = []describe.Guard{{Name: d.name().Draw(d.t, "guard"), Scopes: d.some("scopes", "a", "b:c", "*/")}}
	}
	return r
}

// schema returns any schema, at most depth levels deep.
func (d *drawer) schema(depth int) *describe.Schema {
	kinds := []string{"any", "string", "number", "integer", "boolean", "enum", "const", "bytes", "time"}
	if len(d.names) > 0 {
		kinds = append(kinds, "ref", "ref", "nullable")
	}
	if depth > 0 {
		kinds = append(kinds, "object", "array", "map", "tuple")
	}
	s := d.kind(rapid.SampledFrom(kinds).Draw(d.t, "kind"), depth)
	if d.maybe("described") {
		s.Description = rapid.SampledFrom([]string{"A text.", "*/ alert(1) /*", "two\nlines", "`${x}`", "ends with \\"}).Draw(d.t, "text")
	}
	return s
}

func (d *drawer) kind(kind string, depth int) *describe.Schema {
	switch kind {
	case "any":
		return &describe.Schema{}
	case "enum":
		values := []string{`"a"`, `"it's \"*/\""`, "1.5", "null", "true"}
		s := &describe.Schema{}
		for _, value := range values[:rapid.IntRange(1, len(values)).Draw(d.t, "values")] {
			s.Enum = append(s.Enum, json.RawMessage(value))
		}
		return s
	case "const":
		constants := []string{`"a"`, "1", "null", `{"a":[1,"b",{}]}`, "[]"}
		return &describe.Schema{Const: json.RawMessage(rapid.SampledFrom(constants).Draw(d.t, "const"))}
	case "bytes":
		return &describe.Schema{Types: []string{"string", "null"}, ContentEncoding: "base64"}
	case "time":
		return &describe.Schema{Types: []string{"string"}, Format: "date-time"}
	case "ref":
		return &describe.Schema{Ref: d.ref()}
	case "nullable":
		return &describe.Schema{AnyOf: []*describe.Schema{{Ref: d.ref()}, {Types: []string{"null"}}}}
	case "object":
		return d.object(depth - 1)
	case "array":
		return &describe.Schema{Types: d.nullable("array"), Items: d.schema(depth - 1), MaxItems: d.bound()}
	case "tuple":
		n := rapid.IntRange(0, 3).Draw(d.t, "length")
		return &describe.Schema{Types: []string{"array"}, Items: d.schema(depth - 1), MinItems: &n, MaxItems: &n}
	case "map":
		return &describe.Schema{Types: d.nullable("object"), Additional: d.schema(depth - 1)}
	case "string":
		return &describe.Schema{Types: d.nullable(kind), MaxLength: d.bound()}
	default:
		s := &describe.Schema{Types: d.nullable(kind)}
		if n := d.bound(); n != nil && kind != "boolean" {
			number := json.Number(strconv.Itoa(*n))
			s.Maximum = &number
		}
		return s
	}
}

// object returns an object with properties of any names.
func (d *drawer) object(depth int) *describe.Schema {
	s := &describe.Schema{Types: d.nullable("object"), Closed: d.maybe("closed")}
	for _, name := range rapid.SliceOfNDistinct(d.name(), 0, 3, rapid.ID[string]).Draw(d.t, "properties") {
		s.Properties = append(s.Properties, describe.Property{Name: name, Schema: d.schema(depth)})
		if d.maybe(fmt.Sprintf("requires %q", name)) {
			s.Required = append(s.Required, name)
		}
	}
	return s
}

func (d *drawer) nullable(kind string) []string {
	if d.maybe("nullable") {
		return []string{kind, "null"}
	}
	return []string{kind}
}

func (d *drawer) bound() *int {
	if !d.maybe("bounded") {
		return nil
	}
	n := rapid.IntRange(0, 9).Draw(d.t, "bound")
	return &n
}

func (d *drawer) ref() string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	return "#/$defs/" + escape.Replace(rapid.SampledFrom(d.names).Draw(d.t, "ref"))
}
