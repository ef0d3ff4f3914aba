package describe_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/describe"
)

const protocol = `"version":1,"envelope":{"action":"action","id":"id","data":"data","error":"error","event":"event","topic":"topic"}`

// parse reads a description without the checks of describe.Parse: a program can make any App.
func parse(t *testing.T, document string) *describe.App {
	t.Helper()
	var app describe.App
	require.NoError(t, json.Unmarshal([]byte(document), &app), document)
	return &app
}

// lines returns the changes as text.
func lines(changes []describe.Change) []string {
	list := []string{}
	for _, c := range changes {
		list = append(list, c.String())
	}
	return list
}

// TestDiffOfSchemas compares schemas as the input and as the output of a route, in both directions.
// The wanted changes have "→" for what breaks an input, "←" for what breaks an output.
func TestDiffOfSchemas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to       string
		there, andBack []string
	}{
		{`{"type":"string"}`, `{"type":"string"}`, nil, nil},
		{`{"type":"string"}`, `{"type":"number"}`, []string{"→← : was string and is number"}, []string{"→← : was number and is string"}},
		{`{"type":"integer"}`, `{"type":"number"}`, []string{"← : was integer and is number"}, []string{"→ : was number and is integer"}},
		{`{"type":"string"}`, `{"type":["string","null"]}`, []string{"← : may be null"}, []string{"→ : may not be null any more"}},
		{`{"type":"string"}`, `{}`, []string{"← : was string and is anything"}, []string{"→ : was anything and is string"}},
		{
			`{"type":"object","properties":{"a":{"type":"string"}}}`, `{"type":"object","properties":{"a":{"type":"string"},"b":{}}}`,
			[]string{" .b: added, optional"},
			[]string{"← .b: removed"},
		},
		{
			`{"type":"object"}`, `{"type":"object","properties":{"b":{}},"required":["b"]}`,
			[]string{"→ .b: added, required"},
			[]string{"← .b: removed"},
		},
		{
			`{"type":"object","properties":{"b":{}}}`, `{"type":"object","properties":{"b":{}},"required":["b"]}`,
			[]string{"→ .b: became required"},
			[]string{"← .b: became optional"},
		},
		{
			`{"type":"object","additionalProperties":false}`, `{"type":"object","properties":{"b":{}},"additionalProperties":false}`,
			[]string{"← .b: added, optional"},
			[]string{"→← .b: removed"},
		},
		{
			`{"type":"object"}`, `{"type":"object","additionalProperties":false}`,
			[]string{"→ : refuses unknown properties"},
			[]string{" : does not refuse unknown properties any more"},
		},
		{
			`{"type":"object","properties":{"a":{"type":"string"}}}`, `{"type":"object","additionalProperties":{"type":"number"}}`,
			[]string{"← .a: removed", "→← .a: was string and is number", " : may have any properties"},
			[]string{" .a: added, optional", "→← .a: was number and is string", "← : has only the properties of its description"},
		},
		{
			`{"type":"object","additionalProperties":{"type":"string"}}`, `{"type":"object","additionalProperties":{}}`,
			[]string{"← {}: was string and is anything"},
			[]string{"→ {}: was anything and is string"},
		},
		{
			`{"type":"object","properties":{"a":{"type":"array","items":{"type":"string"}}}}`,
			`{"type":"object","properties":{"a":{"type":"array","items":{"type":"string","maxLength":5}}}}`,
			[]string{"→ .a[]: maxLength was unset and is 5"},
			[]string{"← .a[]: maxLength was 5 and is unset"},
		},
		{
			`{"enum":["a","b"]}`, `{"enum":["b","c",null]}`,
			[]string{"← : may be null", `→ : enum value removed: "a"`, `← : enum value added: "c"`, "← : enum value added: null"},
			[]string{"→ : may not be null any more", `→ : enum value removed: "c"`, "→ : enum value removed: null", `← : enum value added: "a"`},
		},
		{`{"type":"string"}`, `{"type":"string","enum":["a"]}`, []string{`→ : must be one of "a"`}, []string{`← : may have other values than "a"`}},
		{`{"const":1}`, `{"enum":[1,2,3]}`, []string{"← : enum value added: 2", "← : enum value added: 3"}, []string{"→ : enum value removed: 2", "→ : enum value removed: 3"}},
		{`{"type":"string","minLength":0}`, `{"type":"string"}`, nil, nil},
		{`{"type":"string","minLength":1}`, `{"type":"string","minLength":2}`, []string{"→ : minLength was 1 and is 2"}, []string{"← : minLength was 2 and is 1"}},
		{`{"type":"number","minimum":0}`, `{"type":"number","minimum":-0.0}`, nil, nil},
		{`{"type":"number","maximum":1e2}`, `{"type":"number","maximum":99}`, []string{"→ : maximum was 1e2 and is 99"}, []string{"← : maximum was 99 and is 1e2"}},
		{`{"type":"string","pattern":"a"}`, `{"type":"string","pattern":"b"}`, []string{"→← : pattern was a and is b"}, []string{"→← : pattern was b and is a"}},
		{`{"type":"string","format":"date"}`, `{"type":"string"}`, []string{"← : format was date and is unset"}, []string{"→ : format was unset and is date"}},
		{
			`{"type":"object","propertyNames":{"pattern":"a"}}`, `{"type":"object","x-a":1}`,
			[]string{`→← : propertyNames was {"pattern":"a"} and is unset`},
			[]string{`→← : propertyNames was unset and is {"pattern":"a"}`},
		},
		{`{"type":"string","readOnly":true,"$comment":"a"}`, `{"type":"string","writeOnly":true}`, nil, nil},
		{`{"type":"string","deprecated":true,"description":"a"}`, `{"type":"string","examples":[1]}`, []string{" : is not deprecated any more"}, []string{" : is deprecated"}},
		{
			`{"anyOf":[{"type":"string"},{"type":"number"}]}`, `{"anyOf":[{"type":"number"},{"type":"boolean"}]}`,
			[]string{`→ : alternative removed: {"type":"string"}`, `← : alternative added: {"type":"boolean"}`},
			[]string{`→ : alternative removed: {"type":"boolean"}`, `← : alternative added: {"type":"string"}`},
		},
		{`{"anyOf":[{"type":"string"},{"type":"number"}]}`, `{"type":"string"}`, []string{"→← : was one of several and is string"}, []string{"→← : was string and is one of several"}},
		{`{"$ref":"#/$defs/Old"}`, `{"$ref":"#/$defs/New"}`, []string{" .text: added, optional"}, []string{"← .text: removed"}},
		{`{"$ref":"#/$defs/Old"}`, `{"anyOf":[{"$ref":"#/$defs/Old"},{"type":"null"}]}`, []string{"← : may be null"}, []string{"→ : may not be null any more"}},
		{
			`{"anyOf":[{"$ref":"#/$defs/Kind"},{"type":"null"}]}`, `{"type":["string","null"],"enum":["a",null]}`,
			[]string{`→ : enum value removed: "b"`},
			[]string{`← : enum value added: "b"`},
		},
		{`{"$ref":"#/$defs/Lost"}`, `{}`, nil, nil},
		{`{"$ref":"#/$defs/List"}`, `{"type":"array"}`, []string{"← []: was array and is anything"}, []string{"→ []: was anything and is array"}},
	} {
		app := func(schema string) *describe.App {
			return parse(t, `{`+protocol+`,"routes":[{"key":"r","answer":"data","input":`+schema+`,"output":`+schema+`}],"$defs":{
				"Old":{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#/$defs/Old"},{"type":"null"}]}}},
				"New":{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#/$defs/New"},{"type":"null"}]},"text":{"type":"string"}}},
				"List":{"type":"array","items":{"$ref":"#/$defs/List"}},"Kind":{"type":"string","enum":["a","b"]}}}`)
		}
		require.Equal(t, expand(c.there), lines(describe.Diff(app(c.from), app(c.to))), "%s to %s", c.from, c.to)
		require.Equal(t, expand(c.andBack), lines(describe.Diff(app(c.to), app(c.from))), "%s to %s", c.to, c.from)
	}
}

// expand returns the changes of the input and of the output for each of a list.
func expand(list []string) []string {
	all := []string{}
	for _, place := range []struct{ name, breaks string }{{"input", "→"}, {"output", "←"}} {
		for _, change := range list {
			marks, rest, _ := strings.Cut(change, " ")
			breaking := ""
			if strings.Contains(marks, place.breaks) {
				breaking = "breaking: "
			}
			all = append(all, fmt.Sprintf("%sroute \"r\", %s%s", breaking, place.name, strings.TrimPrefix(rest, " ")))
		}
	}
	return all
}

// TestDiff compares whole descriptions, in both directions.
func TestDiff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to       string
		there, andBack []string
	}{
		{`"routes":[]`, `"routes":[{"key":"say","answer":"ack"}]`, []string{`route "say": added`}, []string{`breaking: route "say": removed`}},
		{`"routes":[]`, `"routes":[{"key":"$connect","answer":"none"}]`, []string{`route "$connect": added`}, []string{`route "$connect": removed`}},
		{
			`"routes":[]`, `"routes":[{"key":"$connect","answer":"none","guards":[{"name":"origin"}]}]`,
			[]string{`breaking: route "$connect": added`},
			[]string{`route "$connect": removed`},
		},
		{
			`"routes":[{"key":"a","answer":"ack"}]`, `"routes":[{"key":"a","answer":"data","output":{"type":"string"}}]`,
			[]string{`route "a": answers with data instead of with an acknowledgement`},
			[]string{`breaking: route "a": answers with an acknowledgement instead of with data`},
		},
		{
			`"routes":[{"key":"a","answer":"none"}]`, `"routes":[{"key":"a","answer":"any"}]`,
			[]string{`route "a": answers with any frame instead of nothing`},
			[]string{`breaking: route "a": answers nothing instead of with any frame`},
		},
		{
			`"routes":[{"key":"a","answer":"mock","mock":"x"}]`, `"routes":[{"key":"a","answer":"mock","mock":"y"}]`,
			[]string{`breaking: route "a": answers y instead of x`},
			[]string{`breaking: route "a": answers x instead of y`},
		},
		{
			`"routes":[{"key":"a","answer":"ack"}]`, `"routes":[{"key":"a","answer":"ack","raw":true,"codec":"custom"}]`,
			[]string{`breaking: route "a": was in the wire format and is outside it`, `breaking: route "a": has another encoding`},
			[]string{`breaking: route "a": was outside the wire format and is in it`, `breaking: route "a": has another encoding`},
		},
		{
			`"routes":[{"key":"a","answer":"ack"}]`, `"routes":[{"key":"a","answer":"ack","idempotent":true}]`,
			[]string{`route "a": is idempotent`},
			[]string{`breaking: route "a": is not idempotent`},
		},
		{
			`"routes":[{"key":"a","answer":"ack"}]`, `"routes":[{"key":"a","answer":"ack","input":{"type":"object"},"codec":"json"}]`,
			[]string{`breaking: route "a", input: was anything and is object`},
			[]string{`route "a", input: was object and is anything`},
		},
		{
			`"routes":[{"key":"a","answer":"ack","guards":[{"name":"public"}]}]`, `"routes":[{"key":"a","answer":"ack","guards":[{"name":"scope a b","scopes":["a","b"]}]}]`,
			[]string{`route "a": guard removed: public`, `breaking: route "a": guard added: scope a b`},
			[]string{`route "a": guard removed: scope a b`, `route "a": guard added: public`},
		},
		{
			`"routes":[{"key":"a","answer":"ack","guards":[{"name":"scope a b","scopes":["a","b"]}]}]`, `"routes":[{"key":"a","answer":"ack","guards":[{"name":"scope b","scopes":["b"]}]}]`,
			[]string{`route "a": guard removed: scope a b`, `route "a": guard added: scope b`},
			[]string{`route "a": guard removed: scope b`, `breaking: route "a": guard added: scope a b`},
		},
		{`"routes":[]`, `"routes":[],"pushes":[{"event":"e","data":{}}]`, []string{`push "e": added`}, []string{`breaking: push "e": removed`}},
		{
			`"pushes":[{"event":"e","data":{"type":"string"}}]`, `"pushes":[{"event":"e","data":{"type":"string","maxLength":3}}]`,
			[]string{`push "e", data: maxLength was unset and is 3`},
			[]string{`breaking: push "e", data: maxLength was 3 and is unset`},
		},
		{`"routes":[]`, `"authorizer":{}`, []string{"breaking: authorizer: added"}, []string{"authorizer: removed"}},
		{
			`"authorizer":{}`, `"authorizer":{"identitySources":["route.request.header.A"]}`,
			[]string{"breaking: authorizer: requires route.request.header.A"},
			[]string{"authorizer: does not require route.request.header.A any more"},
		},
		{`"routes":[]`, `"limits":[{"name":"m","by":"user","rate":1,"burst":2}]`, []string{`breaking: limit "m": added`}, []string{`limit "m": removed`}},
		{
			`"limits":[{"name":"m","by":"user","rate":2,"burst":2}]`, `"limits":[{"name":"m","by":"user","rate":1,"burst":4}]`,
			[]string{`breaking: limit "m": the rate was lowered from 2 to 1`, `limit "m": the burst was raised from 2 to 4`},
			[]string{`limit "m": the rate was raised from 1 to 2`, `breaking: limit "m": the burst was lowered from 4 to 2`},
		},
		{
			`"limits":[{"name":"m","by":"user","quota":2,"period":"day"}]`, `"limits":[{"name":"m","by":"connection","quota":2,"period":"day"}]`,
			[]string{`breaking: limit "m": counts something else: messages of a day by connection instead of messages of a day by user`},
			[]string{`breaking: limit "m": counts something else: messages of a day by user instead of messages of a day by connection`},
		},
		{
			`"routes":[{"key":"a","answer":"ack"}],"limits":[{"name":"m","by":"user","rate":2,"burst":2,"routes":["b"]}]`,
			`"routes":[{"key":"a","answer":"ack"}],"limits":[{"name":"m","by":"user","rate":2,"burst":2,"costs":{"a":3}}]`,
			[]string{`breaking: limit "m": a message on "a" takes 3 instead of 0`},
			[]string{`limit "m": a message on "a" takes 0 instead of 3`},
		},
		{
			`"sources":[{"kind":"iot","name":"a","topic":"+/b"},{"kind":"iot","name":"b","topic":"+/a"},{"kind":"iot","name":"c","topic":"+/a"}]`,
			`"sources":[{"kind":"iot","name":"renamed","topic":"+/b"},{"kind":"iot","name":"b","topic":"+/c"}]`,
			[]string{`breaking: MQTT topics "+/a": removed`, `MQTT topics "+/c": added`},
			[]string{`breaking: MQTT topics "+/c": removed`, `MQTT topics "+/a": added`},
		},
		{`"sources":[{"kind":"sqs","name":"*"}]`, `"needs":[{"kind":"table","variable":"TABLE"}]`, nil, nil},
		{
			`"envelope":{"action":"action"}`, `"envelope":{"action":"type"}`,
			[]string{`breaking: envelope: the member for the action was "action" and is "type"`},
			[]string{`breaking: envelope: the member for the action was "type" and is "action"`},
		},
	} {
		from, to := parse(t, `{`+protocol+`,`+c.from+`}`), parse(t, `{`+protocol+`,`+c.to+`}`)
		require.Equal(t, append([]string{}, c.there...), lines(describe.Diff(from, to)), "%s to %s", c.from, c.to)
		require.Equal(t, append([]string{}, c.andBack...), lines(describe.Diff(to, from)), "%s to %s", c.to, c.from)
	}
}

func TestDiffOfTypesThatConsistOfThemselves(t *testing.T) {
	t.Parallel()
	for _, types := range []string{
		`"A":{"$ref":"#/$defs/A"}`,
		`"A":{"anyOf":[{"$ref":"#/$defs/A"},{"type":"null"}]}`,
		`"A":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/A"},{"$ref":"#/$defs/A"}]}`,
		`"A":{"type":"array","items":{"$ref":"#/$defs/A"}}`,
		`"A":{"type":"object","additionalProperties":{"$ref":"#/$defs/A"}}`,
		`"A":{"type":"object","properties":{"a":{"anyOf":[{"$ref":"#/$defs/A"},{"type":"null"}]}},"required":["a"]}`,
	} {
		app := parse(t, `{`+protocol+`,"routes":[{"key":"r","answer":"ack","input":{"$ref":"#/$defs/A"}}],"$defs":{`+types+`}}`)
		require.Empty(t, describe.Diff(app, app), types)
		for _, other := range []string{"{}", `{"type":"string"}`, `{"anyOf":[{"$ref":"#/$defs/A"},{"type":"null"}]}`} {
			to := parse(t, `{`+protocol+`,"routes":[{"key":"r","answer":"ack","input":`+other+`}],"$defs":{`+types+`}}`)
			describe.Diff(app, to)
			describe.Diff(to, app)
		}
	}
}

func TestDiffOfTheChat(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/chat.json")
	require.NoError(t, err)
	require.Empty(t, describe.Diff(parse(t, string(data)), parse(t, string(data))))
	with := strings.NewReplacer(`"maxLength": 2000`, `"maxLength": 4000`, `"key": {
          "type": "string"
        },`, ``).Replace(string(data))
	require.Equal(t, []string{
		`breaking: route "join", output.messages[].key: removed`,
		`route "say", input.text: maxLength was 2000 and is 4000`,
		`breaking: route "say", output.key: removed`,
		`breaking: push "message", data.key: removed`,
	}, lines(describe.Diff(parse(t, string(data)), parse(t, with))))
}
