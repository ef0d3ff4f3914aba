package asyncapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/asyncapi"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/randomapp"
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

// apps are descriptions that differ from the chat's.
func apps(t *testing.T) map[string]*describe.App {
	t.Helper()
	documents := map[string]string{
		"empty": `{` + protocol + `,"routes":[]}`,
		"untyped": `{` + protocol + `,"routes":[{"key":"$connect","answer":"none"},{"key":"say","answer":"any"},
			{"key":"log","answer":"none"},{"key":"leave","answer":"ack"}]}`,
		"envelope": `{"version":1,"envelope":{"action":"type","id":"request/id~","data":"payload","error":"fault","event":"type",
			"topic":"channel","input":"payload"},"routes":[{"key":"say","answer":"data","codec":"json","input":{"$ref":"#/$defs/Say"},
			"output":{"type":"integer"}},{"key":"number","answer":"ack","input":{"type":"integer"}}],
			"pushes":[{"event":"said","data":{"$ref":"#/$defs/Say"}}],"$defs":{"Say":{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}}}`,
		"raw": `{` + protocol + `,"routes":[{"key":"$default","answer":"data","raw":true,"codec":"json","input":{"type":"array"},
			"output":{"type":"object"}},{"key":"ocpp","answer":"ack","raw":true,"codec":"custom"},{"key":"log","answer":"none","raw":true}]}`,
		"proto": `{` + protocol + `,"routes":[{"key":"__proto__","answer":"ack","input":{"$ref":"#/$defs/__proto__"}}],
			"$defs":{"__proto__":{"type":"object","properties":{"a":{}},"additionalProperties":false},"B":{}},"pushes":[{"event":"b","data":{"$ref":"#/$defs/__proto__"}}]}`,
		"member": `{` + protocol + `,"routes":[{"key":"a","answer":"ack","input":{"type":"object","properties":{
			"a":{"type":"string"},"__proto__":{"type":"string","description":"A text."}},"required":["__proto__"]}}]}`,
		"default": `{` + protocol + `,"routes":[{"key":"$default","answer":"data","codec":"json","input":{"type":"object",
			"properties":{"n":{"type":"number"}}},"output":{"type":"string"}}]}`,
		"names": `{` + protocol + `,"routes":[{"key":"room.join","answer":"ack"},{"key":"room/join","answer":"ack"},
			{"key":"room join","answer":"ack"},{"key":"räume \"ß\" 部屋","answer":"ack"},{"key":"_","answer":"ack"},{"key":"a\\b~c","answer":"ack"}],
			"pushes":[{"event":"/","data":{"$ref":"#/$defs/Page[a~1b.Item]"}},{"event":"?","data":{"$ref":"#/$defs/gatesock.Error"}},{"event":" ","data":{}}],
			"$defs":{"Page[a/b.Item]":{"type":"object","properties":{"next":{"$ref":"#/$defs/Page[a~1b.Item]","description":"the next"}}},
			"gatesock.Error":{"type":"string"},"unused":{}}}`,
		"closed": `{` + protocol + `,"routes":[{"key":"set","answer":"ack","codec":"json","input":{"$ref":"#/$defs/Set"}},
			{"key":"count","answer":"ack","codec":"json","input":{"type":"object","additionalProperties":{"type":"integer"}}},
			{"key":"keys","answer":"data","output":{"type":"object","additionalProperties":{},"propertyNames":{"pattern":"^[0-9]+$"},"oneOf":1}},
			{"key":"both","answer":"ack","codec":"json","input":{"anyOf":[{"$ref":"#/$defs/Set"},{"type":"null"}]}}],
			"$defs":{"Set":{"type":"object","properties":{"id":{"type":"string"},"value":{}},"required":["value"],"additionalProperties":false}}}`,
		"access": `{` + protocol + `,"routes":[{"key":"$connect","answer":"none","guards":[{"name":"origin"}]},
			{"key":"say","answer":"ack","guards":[{"name":"scope a","scopes":["a"]},{"name":"scope a b","scopes":["a","b"]}]}],
			"authorizer":{"identitySources":["route.request.header.Authorization","route.request.querystring.token","context.x"]},
			"limits":[{"name":"day","by":"user","quota":1000,"period":"day","routes":["say","$connect"]}]}`,
		"later": `{` + protocol + `,"routes":[{"key":"report","answer":"ack"}],"pushes":[
			{"event":"report","data":{"type":"number"}},{"event":"said","data":{"type":"string"}}]}`,
		"mock": `{` + protocol + `,"routes":[{"key":"ping","answer":"mock","mock":"pong"}]}`,
		"alias": `{` + protocol + `,"routes":[{"key":"a","answer":"data","input":{"$ref":"#/$defs/A"},"output":{"$ref":"#/$defs/B"}}],
			"$defs":{"A":{"$ref":"#/$defs/B"},"B":{"type":["object","null"],"properties":{"b":{"anyOf":[{"$ref":"#/$defs/B"},{"type":"null"}]},
			"list":{"type":"array","items":{"$ref":"#/$defs/A"},"minItems":1,"uniqueItems":true},"kind":{"enum":["a","b","a"]},"x-note":{"x-y":1,"$comment":"c"}}}}}`,
	}
	all := map[string]*describe.App{"chat": chat(t)}
	for name, document := range documents {
		all[name] = parse(t, document)
	}
	return all
}

func TestDocumentsAreValid(t *testing.T) {
	t.Parallel()
	documents := make(map[string][]byte)
	for name, app := range apps(t) {
		documents[name] = document(t, app)
		require.Equal(t, string(documents[name]), string(document(t, app)), "it must be the same each time")
	}
	validate(t, documents)
}

// at returns a part of a document, as JSON.
func at(t *testing.T, document []byte, path ...string) string {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal(document, &value))
	for _, name := range path {
		object, ok := value.(map[string]any)
		require.True(t, ok, "%s in %s", name, path)
		value, ok = object[name]
		require.True(t, ok, "%s in %s of %s", name, path, document)
	}
	data, err := json.Marshal(value)
	require.NoError(t, err)
	return string(data)
}

func TestParts(t *testing.T) {
	t.Parallel()
	const closed = `{"type":"object","properties":{"action":{"const":"%s"},
		"id":{"allOf":[{"$ref":"#/components/schemas/gatesock.ID"},{"type":"string"}]},"value":{}},
		"required":["action","value"],"additionalProperties":false}`
	for _, c := range []struct{ app, path, want string }{
		{"untyped", "operations|receive.log|messages", `[{"$ref":"#/channels/api/messages/request.log"}]`},
		{"envelope", "components|messages|request.say|payload", `{"type":"object","properties":{"type":{"const":"say"},
			"request/id~":{"$ref":"#/components/schemas/gatesock.ID"},"payload":{"$ref":"#/components/schemas/Say"}},"required":["type","payload"]}`},
		{"envelope", "components|messages|request.number|payload|required", `["type"]`},
		{"envelope", "components|messages|request.say|correlationId|location", `"$message.payload#/request~1id~0"`},
		{"envelope", "components|messages|push.said|payload|required", `["type","payload"]`},
		{"envelope", "components|messages|error|payload|required", `["type","fault"]`},
		{"raw", "components|messages|request._default|payload", `{"type":"array"}`},
		{"raw", "components|messages|reply._default|payload", `{"type":"object"}`},
		{"raw", "operations|receive.ocpp|reply|messages", `[{"$ref":"#/channels/api/messages/error"}]`},
		{"proto", "components|messages|push.b|payload|properties|data", `{"$ref":"#/components/schemas/_proto_"}`},
		{"default", "components|messages|request._default|payload", `{"type":"object","properties":{"action":{"type":"string"},
			"id":{"$ref":"#/components/schemas/gatesock.ID"},"n":{"type":"number"}}}`},
		{"names", "operations|receive.room_join|title", `"room join"`},
		{"names", "operations|receive.room_join_2|title", `"room/join"`},
		{"names", "operations|receive.room.join|title", `"room.join"`},
		{"names", "components|messages|push.__2|payload|properties|event", `{"const":"/"}`},
		{"names", "components|schemas|gatesock.Error", `{"type":"string"}`},
		{"names", "components|messages|error|payload|properties|error", `{"$ref":"#/components/schemas/gatesock.Error_"}`},
		{
			"names", "components|schemas|Page_a_b.Item_|properties|next",
			`{"description":"the next","allOf":[{"$ref":"#/components/schemas/Page_a_b.Item_"}]}`,
		},
		{"closed", "components|messages|request.set|payload", fmt.Sprintf(closed, "set")},
		{"closed", "components|messages|request.both|payload", fmt.Sprintf(closed, "both")},
		{"closed", "components|messages|request.count|payload|additionalProperties", `{"type":"integer"}`},
		{"closed", "components|messages|reply.keys|payload|properties|data", `{"type":"object","additionalProperties":{},"propertyNames":{"pattern":"^[0-9]+$"}}`},
		{"access", "channels|api|bindings|ws", `{"method":"GET","query":{"type":"object","properties":{"token":{"type":"string"}},"required":["token"]},
			"headers":{"type":"object","properties":{"Authorization":{"type":"string"}},"required":["Authorization"]},"bindingVersion":"0.1.0"}`},
		{"access", "components|securitySchemes|authorizer|name", `"Authorization"`},
		{"access", "channels|api|description", `"Requires: origin.\n\nA handshake takes 1 token of the limit \"day\", which has 1000 a day for each user."`},
		{"later", "components|messages|push.report|payload", `{"type":"object","properties":{"event":{"const":"report"},
			"id":{"$ref":"#/components/schemas/gatesock.ID"},"topic":{"type":"string","minLength":1,"description":"What the push is about."},
			"data":{"type":"number"},"error":{"$ref":"#/components/schemas/gatesock.Error"}},"required":["event"],
			"oneOf":[{"required":["data"]},{"required":["error"]}]}`},
		{"later", "components|messages|push.said|payload|required", `["event","data"]`},
		{"mock", "components|messages|reply.ping|payload", `{"const":"pong"}`},
		{"chat", "components|messages|reply.keepalive|payload", `{"const":{"action":"keepalive","data":null}}`},
	} {
		app := apps(t)[c.app]
		require.JSONEq(t, c.want, at(t, document(t, app), strings.Split(c.path, "|")...), "%s %s", c.app, c.path)
	}
	access := document(t, apps(t)["access"])
	require.Contains(t, string(access), `"scopes": [
            "a",
            "b"
          ]`)
}

func TestMissingTypesAreAnError(t *testing.T) {
	t.Parallel()
	app := parse(t, `{`+protocol+`,"routes":[{"key":"a","answer":"ack","input":{"$ref":"#/$defs/Lost"}}]}`)
	_, err := asyncapi.Document(app, asyncapi.Options{})
	require.EqualError(t, err, `asyncapi: the description refers to a type "Lost", but has none of that name`)
}

func TestRandomAppsHaveValidDocuments(t *testing.T) {
	t.Parallel()
	documents := make(map[string][]byte)
	rapid.Check(t, func(rt *rapid.T) {
		app := randomapp.Draw(rt)
		data, err := asyncapi.Document(app, asyncapi.Options{Title: "random"})
		require.NoError(rt, err)
		if len(documents) < 6 { // the parser is slow
			documents[fmt.Sprint(len(documents))] = data
		}
	})
	validate(t, documents)
}
