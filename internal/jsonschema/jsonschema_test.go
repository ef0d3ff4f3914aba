package jsonschema_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/jsonschema"
)

// text is a string that encodes and decodes itself.
type text struct{ s string }

func (t text) MarshalText() ([]byte, error)  { return []byte(t.s), nil }
func (t *text) UnmarshalText(b []byte) error { t.s = string(b); return nil }

// pointerText encodes itself if it is addressable.
type pointerText int

func (*pointerText) MarshalText() ([]byte, error) { return nil, nil }

// money has a schema of its own.
type money int

func (money) MarshalJSON() ([]byte, error) { return []byte(`"1 EUR"`), nil }
func (*money) UnmarshalJSON([]byte) error  { return nil }
func (money) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"type":"string","pattern":"^[0-9]+ [A-Z]{3}$"}`)
}

type word string

// list and forest contain themselves without a struct.
type (
	list   []list
	forest map[string]*forest
	ping   []pong
	pong   []ping
	lists  []list
)

type tree struct {
	Name     string `json:"name"`
	Children []tree `json:"children"`
}

type base struct {
	ID string `json:"key"`
}

// zeroes has a method that says which values are zero.
type zeroes []int

func (zeroes) IsZero() bool { return false }

// pointerZeroes has that method for its pointer, which encoding/json calls too.
type pointerZeroes []int

func (*pointerZeroes) IsZero() bool { return false }

// typeUse is a type that needs a schema.
type typeUse struct {
	of  string
	typ reflect.Type
	use jsonschema.Use
}

// makeAll returns the schemas of types, and the definitions.
func makeAll(types []typeUse) (schemas []json.RawMessage, defs json.RawMessage, err error) {
	var g jsonschema.Generator
	schemas = make([]json.RawMessage, len(types))
	for i, t := range types {
		g.Add(t.of, t.typ, t.use, &schemas[i])
	}
	defs, err = g.Finish()
	return schemas, defs, err
}

// schemaOf returns the schema of a type, and after it the definitions.
func schemaOf(t *testing.T, typ reflect.Type, use jsonschema.Use) string {
	t.Helper()
	schemas, defs, err := makeAll([]typeUse{{of: "the test", typ: typ, use: use}})
	require.NoError(t, err)
	out := string(schemas[0])
	if defs != nil {
		out += " " + string(defs)
	}
	return strings.ReplaceAll(out, "github.com/gatesock/gatesock/internal/jsonschema_test.", "")
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	const same = "the input's schema"
	for _, tt := range []struct {
		value         any
		input, output string
	}{
		{false, `{"type":"boolean"}`, same},
		{"", `{"type":"string"}`, same},
		{word(""), `{"type":"string"}`, same},
		{0, `{"type":"integer"}`, same},
		{int64(0), `{"type":"integer"}`, same},
		{int8(0), `{"type":"integer","minimum":-128,"maximum":127}`, same},
		{int32(0), `{"type":"integer","minimum":-2147483648,"maximum":2147483647}`, same},
		{uint(0), `{"type":"integer","minimum":0}`, same},
		{uint64(0), `{"type":"integer","minimum":0}`, same},
		{uint16(0), `{"type":"integer","minimum":0,"maximum":65535}`, same},
		{uint32(0), `{"type":"integer","minimum":0,"maximum":4294967295}`, same},
		{0.5, `{"type":"number"}`, same},
		{float32(0), `{"type":"number"}`, same},
		{json.Number(""), `{"type":"number"}`, same},
		{time.Time{}, `{"type":"string","format":"date-time"}`, same},
		{time.Second, `{"type":"integer"}`, same},
		{json.RawMessage(nil), `{}`, same},
		{struct{}{}, `{"type":"object"}`, same},
		{[]byte(nil), `{"type":"string","contentEncoding":"base64"}`, `{"type":["string","null"],"contentEncoding":"base64"}`},
		{[2]byte{}, `{"type":"array","items":{"type":"integer","minimum":0,"maximum":255},"minItems":2,"maxItems":2}`, same},
		{[]string(nil), `{"type":"array","items":{"type":"string"}}`, `{"type":["array","null"],"items":{"type":"string"}}`},
		{[]any(nil), `{"type":"array","items":{}}`, `{"type":["array","null"],"items":{}}`},
		{
			map[string]int(nil), `{"type":"object","additionalProperties":{"type":"integer"}}`,
			`{"type":["object","null"],"additionalProperties":{"type":"integer"}}`,
		},
		{
			map[int8]bool(nil), `{"type":"object","additionalProperties":{"type":"boolean"},"propertyNames":{"pattern":"^-?[0-9]+$"}}`,
			`{"type":["object","null"],"additionalProperties":{"type":"boolean"},"propertyNames":{"pattern":"^-?[0-9]+$"}}`,
		},
		{
			map[uint8]bool(nil), `{"type":"object","additionalProperties":{"type":"boolean"},"propertyNames":{"pattern":"^[0-9]+$"}}`,
			`{"type":["object","null"],"additionalProperties":{"type":"boolean"},"propertyNames":{"pattern":"^[0-9]+$"}}`,
		},
		{
			map[text]bool(nil), `{"type":"object","additionalProperties":{"type":"boolean"}}`,
			`{"type":["object","null"],"additionalProperties":{"type":"boolean"}}`,
		},
		{new(int), `{"type":["integer","null"]}`, same},
		{new(*int), `{"type":["integer","null"]}`, same},
		{new(any), `{}`, same},
		{text{}, `{"type":"string"}`, same},
		{new(text), `{"type":["string","null"]}`, same},
		{pointerText(0), `{"type":"integer"}`, `{}`},
		{new(pointerText), `{"type":["integer","null"]}`, `{"type":["string","null"]}`},
		{[]pointerText{}, `{"type":"array","items":{"type":"integer"}}`, `{"type":["array","null"],"items":{"type":"string"}}`},
		{new(big.Int), `{}`, same},
		{money(0), `{"type":"string","pattern":"^[0-9]+ [A-Z]{3}$"}`, same},
		{new(money), `{"anyOf":[{"type":"string","pattern":"^[0-9]+ [A-Z]{3}$"},{"type":"null"}]}`, same},
		{
			list{},
			`{"$ref":"#/$defs/List"} {"List":{"x-go-type":"list","type":"array","items":{"$ref":"#/$defs/List"}}}`,
			"",
		},
		{
			ping{},
			`{"$ref":"#/$defs/Ping"} {"Ping":{"x-go-type":"ping","type":"array","items":{"$ref":"#/$defs/Pong"}},"Pong":{"x-go-type":"pong","type":"array","items":{"$ref":"#/$defs/Ping"}}}`,
			"",
		},
		{
			lists{},
			`{"type":"array","items":{"$ref":"#/$defs/List"}} {"List":{"x-go-type":"list","type":"array","items":{"$ref":"#/$defs/List"}}}`,
			"",
		},
		{
			tree{},
			`{"$ref":"#/$defs/Tree"} {"Tree":{"x-go-type":"tree","type":"object","properties":{"name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/$defs/Tree"}}},"required":["name","children"]}}`,
			`{"$ref":"#/$defs/Tree"} {"Tree":{"x-go-type":"tree","type":"object","properties":{"name":{"type":"string"},"children":{"type":["array","null"],"items":{"$ref":"#/$defs/Tree"}}},"required":["name","children"]}}`,
		},
		{new(tree), "", `{"anyOf":[{"$ref":"#/$defs/Tree"},{"type":"null"}]} {"Tree":{"x-go-type":"tree","type":"object","properties":{"name":{"type":"string"},"children":{"type":["array","null"],"items":{"$ref":"#/$defs/Tree"}}},"required":["name","children"]}}`},
		{struct {
			A int     `json:"a,string"`
			B *bool   `json:"b,string"`
			C string  `json:",string,omitempty"`
			D float64 `json:",string"`
			E *uint   `json:",string"`
		}{}, `{"type":"object","properties":{"a":{"type":"string","pattern":"^-?[0-9]+$"},"b":{"type":["string","null"],"enum":["true","false",null]},"C":{"type":"string"},"D":{"type":"string","pattern":"^-?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?$"},"E":{"type":["string","null"],"pattern":"^[0-9]+$"}},"required":["a","b","D","E"]}`, same},
		{struct {
			A []int         `json:"a,omitempty"`
			B []int         `json:"b,omitzero"`
			C zeroes        `json:"c,omitzero"`
			D *[]int        `json:"d,omitempty"`
			E func()        `json:"e,omitzero"`
			F pointerZeroes `json:"f,omitzero"`
		}{}, "", `{"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"}},"b":{"type":"array","items":{"type":"integer"}},"c":{"type":["array","null"],"items":{"type":"integer"}},"d":{"type":["array","null"],"items":{"type":"integer"}},"f":{"type":["array","null"],"items":{"type":"integer"}}}}`},
		{struct {
			base
			*tree
			A int `json:"-"`
		}{}, "", `{"type":"object","properties":{"key":{"type":"string"},"name":{"type":"string"},"children":{"type":["array","null"],"items":{"$ref":"#/$defs/Tree"}}},"required":["key"]} {"Tree":{"x-go-type":"tree","type":"object","properties":{"name":{"type":"string"},"children":{"type":["array","null"],"items":{"$ref":"#/$defs/Tree"}}},"required":["name","children"]}}`},
	} {
		t.Run(fmt.Sprintf("%T", tt.value), func(t *testing.T) {
			t.Parallel()
			if tt.input != "" {
				require.Equal(t, tt.input, schemaOf(t, reflect.TypeOf(tt.value), jsonschema.Input))
			}
			if tt.output == same {
				tt.output = tt.input
			}
			if tt.output != "" {
				require.Equal(t, tt.output, schemaOf(t, reflect.TypeOf(tt.value), jsonschema.Output))
			}
		})
	}
}

func TestStrictInputHasNoOtherMembers(t *testing.T) {
	t.Parallel()
	type strict struct {
		In struct{ A int }
	}
	require.Equal(t, `{"$ref":"#/$defs/Strict"} {"Strict":{"x-go-type":"strict","type":"object","properties":{"In":{"type":"object","properties":{"A":{"type":"integer"}},"required":["A"],"additionalProperties":false}},"required":["In"],"additionalProperties":false}}`,
		schemaOf(t, reflect.TypeFor[strict](), jsonschema.StrictInput))
}
