package describe_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/describe"
)

// envelope is the envelope of the protocol.
const envelope = `"version":1,"envelope":{"action":"action","id":"id","data":"data","error":"error","event":"event","topic":"topic"}`

func TestParseReadsWhatItWrites(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/chat.json")
	require.NoError(t, err)
	app, err := describe.Parse(data)
	require.NoError(t, err)
	again, err := json.Marshal(app)
	require.NoError(t, err)
	require.JSONEq(t, string(data), string(again))
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	const no = "describe: this is not the description of an app: "
	const wrong = "describe: the description of the app is wrong: "
	route := func(members string) string { return `{` + envelope + `,"routes":[{"key":"say",` + members + `}]}` }
	with := func(members string) string { return `{` + envelope + `,"routes":[],` + members + `}` }
	for _, tt := range []struct{ doc, want string }{
		{``, no + "unexpected end of JSON input"},
		{`hello`, no + "invalid character 'h'"},
		{`[]`, no + "it is a JSON array, not an object"},
		{`{}`, no + "it has no version"},
		{`{"version":"1"}`, no + `"version" cannot be a JSON string`},
		{`{` + envelope + `,"routes":7}`, no + `"routes" cannot be a JSON number`},
		{`{"version":2}`, "describe: the description is of a later version: it has version 2, and this gatesock reads 1"},
		{`{"version":1} {}`, no + "invalid character '{' after top-level value"},
		{`{"version":1}`, wrong + `the envelope has no name for "action"`},
		{`{` + envelope + `}`, wrong + `it has no "routes"`},
		{`{` + envelope + `,"routes":[{}]}`, wrong + "routes[0] has no key"},
		{`{` + envelope + `,"routes":[{"key":"say","answer":"ack"},{"key":"say","answer":"none"}]}`, wrong + `there are two routes "say"`},
		{route(`"answer":"maybe"`), wrong + `the route "say": the answer "maybe" is not one of none, ack, data, any and mock`},
		{route(`"answer":"mock"`), wrong + `the route "say": a route with the answer mock, and no other, has a member "mock"`},
		{route(`"answer":"ack","mock":"x"`), wrong + `the route "say": a route with the answer mock, and no other, has a member "mock"`},
		{route(`"answer":"ack","codec":"xml"`), wrong + `the route "say": the codec "xml" is neither json nor custom`},
		{route(`"answer":"ack","guards":[{}]`), wrong + `the route "say": guards[0] has no name`},
		{route(`"answer":"ack","input":{"$ref":"#/$defs/Say"}`), wrong + `the route "say": the input: it refers to #/$defs/Say, which does not exist`},
		{route(`"answer":"ack","input":{"$ref":"Say"}`), wrong + `the route "say": the input: it refers to Say, which does not exist`},
		{
			route(`"answer":"ack","output":{"properties":{"a":{"items":{"anyOf":[{"additionalProperties":{"$ref":"#/$defs/Say"}}]}}}}`),
			wrong + `the route "say": the output: the property "a": it refers to #/$defs/Say, which does not exist`,
		},
		{route(`"answer":"ack","input":{"type":5}`), no + "type: json: cannot unmarshal number"},
		{route(`"answer":"ack","input":{"properties":{"a":null}}`), no + `properties: the schema of the property "a" is null`},
		{route(`"answer":"ack","input":{"anyOf":[null]}`), wrong + `the route "say": the input: an alternative is null`},
		{route(`"answer":"ack","input":1`), no + "want a JSON object, not 1"},
		{route(`"answer":"ack","input":{"type":["string","text"]}`), wrong + `the route "say": the input: JSON has no type "text"`},
		{route(`"answer":"ack","input":{"type":null}`), wrong + `the route "say": the input: JSON has no type ""`},
		{route(`"answer":"ack","input":{"properties":{"a":{},"a":{}}}`), no + `properties: there are two properties "a"`},
		{with(`"$defs":{"":{"$ref":"https://example.com/a"}}`), wrong + `the type "": it refers to https://example.com/a, which does not exist`},
		{with(`"pushes":[{"data":{}}]`), wrong + "pushes[0] has no event"},
		{with(`"pushes":[{"event":"said"}]`), wrong + `the push "said" has no data`},
		{with(`"pushes":[{"event":"said","data":{}},{"event":"said","data":{}}]`), wrong + `there are two pushes "said"`},
		{with(`"pushes":[{"event":"said","data":{"$ref":"#/$defs/A"}}]`), wrong + `the push "said": it refers to #/$defs/A, which does not exist`},
		{with(`"limits":[{"name":"x"}]`), wrong + `limits[0] has no "name" or no "by"`},
		{with(`"limits":[{"name":"x","by":"user"}]`), wrong + `the limit "x" has neither a rate and a burst, nor a quota`},
		{with(`"limits":[{"name":"x","by":"user","quota":1,"period":"year"}]`), wrong + `the limit "x" has the period "year", which is not one of day, week and month`},
		{with(`"sources":[{"kind":"sqs","name":"*"},{"kind":"ftp","name":"x"}]`), wrong + `sources[1] has the unknown kind "ftp"`},
		{with(`"sources":[{"kind":"sqs"}]`), wrong + "sources[0], of the kind sqs, has no name"},
		{with(`"sources":[{"kind":"iot","name":"a"}]`), wrong + `sources[0]: a source of the kind iot, and no other, has a member "topic"`},
		{with(`"sources":[{"kind":"sqs","name":"a","topic":"b"}]`), wrong + `sources[0]: a source of the kind iot, and no other, has a member "topic"`},
		{with(`"needs":[{"kind":"iot","variable":"I"}]`), wrong + `the need I: a need of the kind iot, and no other, has a member "topics"`},
		{with(`"needs":[{"kind":"queue","variable":"Q","topics":["a"]}]`), wrong + `the need Q: a need of the kind iot, and no other, has a member "topics"`},
		{with(`"needs":[{"kind":"setting"}]`), wrong + "needs[0] has no variable"},
		{with(`"needs":[{"kind":"bucket","variable":"B"}]`), wrong + `the need B has the unknown kind "bucket"`},
		{with(`"needs":[{"kind":"setting","variable":"B"},{"kind":"setting","variable":"B"}]`), wrong + `there are two needs with the variable B`},
		{with(`"needs":[{"kind":"table","variable":"T"}]`), wrong + `the need T: a table, and no other need, has a member "table"`},
		{with(`"needs":[{"kind":"table","variable":"T","table":{}}]`), wrong + "the need T: the table has no partition key"},
		{with(`"$defs":{"A":null}`), wrong + `the type "A" is null`},
		{with(`"$defs":{"A":{"items":{"$ref":"#/$defs/B"}}}`), wrong + `the type "A": it refers to #/$defs/B, which does not exist`},
		{with(`"$defs":{"A":{"$ref":"#/$defs/A"}}`), wrong + `the type "A" is defined by itself`},
		{with(`"$defs":{"A":{"anyOf":[{"$ref":"#/$defs/B"},{"type":"null"}]},"B":{"$ref":"#/$defs/A"}}`), wrong + `the type "A" is defined by itself`},
		{route(`"answer":"ack","input":` + strings.Repeat(`{"items":`, 300) + `{}` + strings.Repeat("}", 300)), no + "it is nested more than 200 levels deep"},
		{strings.Repeat("[", 100_000), no},
	} {
		_, err := describe.Parse([]byte(tt.doc))
		require.ErrorContains(t, err, tt.want, tt.doc)
	}
	_, err := describe.Parse([]byte(`{"version":2}`))
	require.ErrorIs(t, err, describe.ErrVersion)
	for _, doc := range []string{
		`{` + envelope + `,"routes":[]}`,
		with(`"$defs":{"A":{"items":{"$ref":"#/$defs/A"}},"B":{"anyOf":[{"$ref":"#/$defs/A"},{"$ref":"#/$defs/A"}]}}`),
		with(`"$defs":{"a/b~":{}},"pushes":[{"event":"x","data":{"$ref":"#/$defs/a~1b~0"}}]`),
		with(`"sources":[{"kind":"iot","name":"a","topic":"+/b"}],"needs":[{"kind":"iot","variable":"IOT","topics":["+/c"]}]`),
		with(`"later":{"members":"are ignored"}`),
		route(`"answer":"ack","input":true`),
		route(`"answer":"ack","input":{"properties":{"a":false},"items":false}`),
		route(`"answer":"ack","input":{"title":"brackets [[[ \" {{{ in strings"}`),
	} {
		_, err := describe.Parse([]byte(doc))
		require.NoError(t, err, doc)
	}
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/chat.json")
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{` + envelope + `,"routes":[{"key":"a","answer":"ack","input":{"anyOf":[{"$ref":"#/$defs/A"},{"type":["string","null"]}]}}],"$defs":{"A":{"type":"object","additionalProperties":false,"x-more":[1]}}}`))
	f.Add([]byte(`{"version":9}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		app, err := describe.Parse(data)
		if err != nil {
			require.Nil(t, app)
			return
		}
		text, err := json.Marshal(app)
		require.NoError(t, err)
		again, err := describe.Parse(text)
		require.NoError(t, err, "%s", text)
		twice, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(text), string(twice))
	})
}
