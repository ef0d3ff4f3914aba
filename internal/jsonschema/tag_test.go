package jsonschema_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/jsonschema"
)

// property returns the schema of the only field of a struct.
func property(t *testing.T, value any, use jsonschema.Use) string {
	t.Helper()
	schemas, _, err := makeAll([]typeUse{{of: "the test", typ: reflect.TypeOf(value), use: use}})
	require.NoError(t, err)
	var object struct{ Properties struct{ A json.RawMessage } }
	require.NoError(t, json.Unmarshal(schemas[0], &object))
	return string(object.Properties.A)
}

func TestTags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value any
		want  string // the schema of the output
	}{
		{struct {
			A string `jsonschema:"minLength=1,maxLength=32,pattern=^[a-z\\,]+$,format=hostname"`
		}{}, `{"type":"string","minLength":1,"maxLength":32,"pattern":"^[a-z,]+$","format":"hostname"}`},
		{struct {
			A string `jsonschema:"title=A name,description=Of a room\\, in words,default=hall,example=a,example=b" jsonschema_description:"Better"`
		}{}, `{"title":"A name","description":"Better","type":"string","default":"hall","examples":["a","b"]}`},
		{struct {
			A *string `jsonschema:"enum=a,enum=b"`
		}{}, `{"type":["string","null"],"enum":["a","b",null]}`},
		{struct {
			A *string `jsonschema:"enum=a,nonnull"`
		}{}, `{"type":"string","enum":["a"]}`},
		{struct {
			A int `jsonschema:"minimum=1,maximum=10,exclusiveMinimum=0,exclusiveMaximum=11,multipleOf=2,enum=4,default=4"`
		}{}, `{"type":"integer","enum":[4],"minimum":1,"maximum":10,"exclusiveMinimum":0,"exclusiveMaximum":11,"multipleOf":2,"default":4}`},
		{struct {
			A uint8 `jsonschema:"minimum=1"`
		}{}, `{"type":"integer","minimum":1,"maximum":255}`},
		{struct {
			A float64 `jsonschema:"minimum=-1.5e3"`
		}{}, `{"type":"number","minimum":-1.5e3}`},
		{struct {
			A bool `jsonschema:"default=false,deprecated,readOnly=true,writeOnly"`
		}{}, `{"deprecated":true,"readOnly":true,"writeOnly":true,"type":"boolean","default":false}`},
		{struct {
			A []string `jsonschema:"minItems=1,maxItems=9,uniqueItems=true,nonnull,maxLength=3,enum=a,default=[\"a\"]"`
		}{}, `{"type":"array","items":{"type":"string","enum":["a"],"maxLength":3},"minItems":1,"maxItems":9,"uniqueItems":true,"default":["a"]}`},
		{struct {
			A map[string]int `jsonschema:"nonnull"`
		}{}, `{"type":"object","additionalProperties":{"type":"integer"}}`},
		{struct {
			A []int `jsonschema:"default= [1\\, 2],example=[ 3 ]"`
		}{}, `{"type":["array","null"],"items":{"type":"integer"},"default":[1,2],"examples":[[3]]}`},
		{struct {
			A string `jsonschema:"nullable"`
		}{}, `{"type":["string","null"]}`},
		{struct {
			A any `jsonschema:"minLength=1,minimum=2,enum=x,enum=1"`
		}{}, `{"enum":["x",1],"minLength":1,"minimum":2}`},
		{struct {
			A any `jsonschema:"nullable,enum=1,enum=x"`
		}{}, `{"enum":[1,"x",null]}`},
		{struct {
			A any `jsonschema:"nullable,enum=null,enum=[1\\,2\\,3],enum=2"`
		}{}, `{"enum":[null,[1,2,3],2]}`},
		{struct {
			A *any `json:",omitempty" jsonschema:"enum=1"`
		}{}, `{"enum":[1]}`},
		{struct {
			A bool `json:",string" jsonschema:"nullable"`
		}{}, `{"type":["string","null"],"enum":["true","false",null]}`},
		{struct {
			A []string `jsonschema:"minLength=2,maxLength=2,minItems=1,maxItems=1"`
		}{}, `{"type":["array","null"],"items":{"type":"string","minLength":2,"maxLength":2},"minItems":1,"maxItems":1}`},
		{struct {
			A *tree `jsonschema:"description=The root"`
		}{}, `{"description":"The root","anyOf":[{"$ref":"#/$defs/Tree"},{"type":"null"}]}`},
		{struct {
			A tree `jsonschema:"description=The root"`
		}{}, `{"$ref":"#/$defs/Tree","description":"The root"}`},
		{struct {
			A money `jsonschema:"title=Price"`
		}{}, `{"title":"Price","anyOf":[{"type":"string","pattern":"^[0-9]+ [A-Z]{3}$"}]}`},
	} {
		require.JSONEq(t, tt.want, property(t, tt.value, jsonschema.Output))
	}
}

func TestTheTagRequiresAField(t *testing.T) {
	t.Parallel()
	require.Equal(t, `{"type":"object","properties":{"A":{"type":"integer"},"B":{"type":"integer"}},"required":["A"]}`,
		schemaOf(t, reflect.TypeFor[struct {
			A int `json:",omitempty" jsonschema:"required"`
			B int `json:",omitempty"`
		}](), jsonschema.Input))
}

// own returns what is not a schema.
type own string

func (own) JSONSchema() json.RawMessage { return json.RawMessage(`true`) }

type panics string

func (panics) JSONSchema() json.RawMessage { panic("no") }

func TestMistakes(t *testing.T) {
	t.Parallel()
	type room struct {
		Name string `jsonschema:"minlength=1"`
	}
	for _, tt := range []struct {
		value any
		want  string
	}{
		{room{}, `the route "join": the field Name of jsonschema_test.room: the tag jsonschema:"minlength=1": there is no keyword "minlength"`},
		{struct {
			A string `jsonschema:"minLength=x"`
		}{}, `minLength: "x" is not a value of the type whole number`},
		{struct {
			A string `jsonschema:"minLength=-1"`
		}{}, `minLength: "-1" is not a value of the type whole number`},
		{struct {
			A string `jsonschema:"minLength"`
		}{}, `minLength needs a value`},
		{struct {
			A string `jsonschema:"title"`
		}{}, `title needs a value`},
		{struct {
			A string `jsonschema:"nonnull=no"`
		}{}, `nonnull must be true, or have no value`},
		{struct {
			A string `jsonschema:"minimum=1"`
		}{}, `minimum: it is for numbers, not for strings`},
		{struct {
			A int `jsonschema:"maxLength=1"`
		}{}, `maxLength: it is for strings, not for integers`},
		{struct {
			A int `jsonschema:"minItems=1"`
		}{}, `minItems: it is for arrays, not for integers`},
		{struct {
			A int `jsonschema:"uniqueItems"`
		}{}, `uniqueItems: it is for arrays, not for integers`},
		{struct {
			A int `jsonschema:"minimum=01"`
		}{}, `minimum: "01" is not a value of the type number`},
		{struct {
			A int `jsonschema:"multipleOf=0"`
		}{}, `multipleOf: it must be above zero`},
		{struct {
			A int `jsonschema:"enum=1.5"`
		}{}, `enum: "1.5" is not a value of the type integer`},
		{struct {
			A int `jsonschema:"default= [1]"`
		}{}, `default: " [1]" is not a value of the type integer`},
		{struct {
			A bool `jsonschema:"default=yes"`
		}{}, `default: "yes" is not a value of the type boolean`},
		{struct {
			A string `jsonschema:"enum=x,enum=y,enum=x"`
		}{}, `the tag jsonschema:"enum=x,enum=y,enum=x": enum: it has "x" twice`},
		{struct {
			A []int `jsonschema:"enum=1,enum=1"`
		}{}, `enum: it has 1 twice`},
		{struct {
			A string `jsonschema:"maxLength=2,minLength=5"`
		}{}, `the tag jsonschema:"maxLength=2,minLength=5": minLength is above maxLength`},
		{struct {
			A []string `jsonschema:"minLength=10,maxLength=9"`
		}{}, `minLength is above maxLength`},
		{struct {
			A []string `jsonschema:"minItems=1,maxItems=0"`
		}{}, `minItems is above maxItems`},
		{struct {
			A [2]string `jsonschema:"minItems=3"`
		}{}, `minItems is above maxItems`},
		{struct {
			A float64 `jsonschema:"minimum=1e2,maximum=99.5"`
		}{}, `minimum is above maximum`},
		{struct {
			A int8 `jsonschema:"minimum=128"`
		}{}, `minimum is above maximum`},
		{struct {
			A tree `jsonschema:"minLength=1"`
		}{}, `minLength: it is not for a type with a schema of its own`},
		{struct {
			A money `jsonschema:"enum=1"`
		}{}, `enum: it is not for a type with a schema of its own`},
		{struct {
			A string `jsonschema:",minLength=1"`
		}{}, `there is no keyword ""`},
		{struct{ A own }{}, `jsonschema_test.own: its method JSONSchema must return a JSON object`},
		{struct{ A panics }{}, `jsonschema_test.panics: its method JSONSchema panics for the zero value: no`},
	} {
		_, _, err := makeAll([]typeUse{{of: `the route "join"`, typ: reflect.TypeOf(tt.value), use: jsonschema.Input}})
		require.ErrorContains(t, err, tt.want)
	}
}
