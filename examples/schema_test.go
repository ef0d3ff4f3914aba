//go:build !race

package examples

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
)

// Types of all kinds that encoding/json treats specially. They have names, so that their schemas
// refer to each other.
type (
	level    int8
	nickname string

	// color encodes itself as text.
	color struct{ R, G, B uint8 }

	// place encodes itself as text if it is addressable.
	place struct{ Name string }

	// price encodes itself, and has a schema of its own.
	price int

	// odd encodes itself as anything, and has no schema of its own.
	odd bool

	node struct {
		Value    any              `json:"value"`
		Children []node           `json:"children"`
		Next     *node            `json:"next,omitempty"`
		ByName   map[string]*node `json:"byName,omitempty"`
	}

	nested struct {
		Level level `json:",string"`
		Names []nickname
	}

	Embedded struct {
		Shared   string
		Pointers *nested `json:"pointers"`
	}

	Hidden struct{ Deep *bool }

	holder struct {
		Embedded
		*Hidden
		Shared int `json:"Shared"`
		Place  place
		Places []place
		At     *place
	}

	box[T any] struct {
		Content T   `json:"content"`
		More    []T `json:"more,omitzero"`
	}
)

func (c color) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "#%02x%02x%02x", c.R, c.G, c.B), nil
}

func (p *place) MarshalText() ([]byte, error) { return []byte(p.Name), nil }

func (p price) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `{"cents":%d}`, int(p)), nil }

func (price) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"type":"object","properties":{"cents":{"type":"integer"}},"required":["cents"]}`)
}

func (o odd) MarshalJSON() ([]byte, error) {
	if o {
		return []byte(`[1,"2",null]`), nil
	}
	return []byte(`"odd"`), nil
}

// leaves are types that struct fields, slices and maps are made of.
func leaves() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[string](), reflect.TypeFor[nickname](), reflect.TypeFor[int](),
		reflect.TypeFor[level](), reflect.TypeFor[int16](), reflect.TypeFor[int32](), reflect.TypeFor[int64](),
		reflect.TypeFor[uint](), reflect.TypeFor[uint8](), reflect.TypeFor[uint16](), reflect.TypeFor[uint32](),
		reflect.TypeFor[uint64](), reflect.TypeFor[float32](), reflect.TypeFor[float64](),
		reflect.TypeFor[[]byte](), reflect.TypeFor[[3]byte](), reflect.TypeFor[time.Time](),
		reflect.TypeFor[time.Duration](), reflect.TypeFor[json.RawMessage](), reflect.TypeFor[json.Number](),
		reflect.TypeFor[any](), reflect.TypeFor[color](), reflect.TypeFor[price](), reflect.TypeFor[odd](),
		reflect.TypeFor[place](), reflect.TypeFor[node](), reflect.TypeFor[nested](), reflect.TypeFor[holder](),
		reflect.TypeFor[box[node]](), reflect.TypeFor[box[*color]](), reflect.TypeFor[netip.Addr](),
	}
}

// drawType draws a type of all kinds.
func drawType(t *rapid.T, depth int) reflect.Type {
	kinds := 6
	if depth == 0 {
		kinds = 1
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 1:
		return reflect.PointerTo(drawType(t, depth-1))
	case 2:
		return reflect.SliceOf(drawType(t, depth-1))
	case 3:
		keys := []reflect.Type{
			reflect.TypeFor[string](), reflect.TypeFor[int8](), reflect.TypeFor[uint64](), reflect.TypeFor[color](),
			reflect.TypeFor[nickname](),
		}
		return reflect.MapOf(rapid.SampledFrom(keys).Draw(t, "key"), drawType(t, depth-1))
	case 4:
		return reflect.ArrayOf(rapid.IntRange(0, 3).Draw(t, "length"), drawType(t, depth-1))
	case 5:
		return drawStruct(t, depth-1)
	default:
		return rapid.SampledFrom(leaves()).Draw(t, "leaf")
	}
}

func drawStruct(t *rapid.T, depth int) reflect.Type {
	var fields []reflect.StructField
	for i := range rapid.IntRange(0, 4).Draw(t, "fields") {
		tag := rapid.SampledFrom([]string{"", "a", "b", "-", "-,", "é"}).Draw(t, "name") +
			rapid.SampledFrom([]string{"", ",omitempty", ",omitzero", ",string", ",string,omitempty"}).Draw(t, "options")
		fields = append(fields, reflect.StructField{
			Name: fmt.Sprintf("F%d", i), Type: drawType(t, depth), Tag: reflect.StructTag(fmt.Sprintf(`json:"%s"`, tag)),
		})
	}
	return reflect.StructOf(fields)
}

// fill sets a value to anything that its type can have.
func fill(t *rapid.T, v reflect.Value, depth int) {
	switch v.Interface().(type) {
	case time.Time:
		seconds, ns := rapid.Int64Range(0, 1<<33).Draw(t, "time"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")
		v.Set(reflect.ValueOf(time.Unix(seconds, ns).UTC()))
		return
	case json.Number:
		v.SetString(rapid.SampledFrom([]string{"", "1", "-2.5e3"}).Draw(t, "number"))
		return
	case json.RawMessage:
		v.SetBytes(rapid.SampledFrom([][]byte{nil, []byte(`{"a":[1]}`), []byte(`"x"`)}).Draw(t, "raw"))
		return
	case netip.Addr:
		v.Set(reflect.ValueOf(rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("192.0.2.1")}).Draw(t, "address")))
		return
	}
	few := func() int {
		if depth <= 0 {
			return 0
		}
		return rapid.IntRange(-1, 2).Draw(t, "length")
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.String:
		v.SetString(rapid.SampledFrom([]string{"", "x", "<é\u2028\xff\"", strings.Repeat("long", 9)}).Draw(t, "string"))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(rapid.SampledFrom([]float64{0, 1, -1.5, 1e30, 1e-9, math.MaxFloat32}).Draw(t, "float"))
	case reflect.Pointer:
		if few() >= 0 && depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), depth-1)
		}
	case reflect.Slice:
		if n := few(); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
		}
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), depth-1)
		}
	case reflect.Map:
		n := few()
		if n >= 0 {
			v.Set(reflect.MakeMap(v.Type()))
		}
		for range n {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(t, key, depth-1)
			fill(t, value, depth-1)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(t, v.Field(i), depth-1)
			}
		}
	case reflect.Interface:
		v.Set(reflect.ValueOf(rapid.SampledFrom([]any{1, "x", []any{nil, 2.5}, map[string]any{"a": true}}).Draw(t, "any")))
	default:
		switch {
		case v.CanInt():
			shift := 64 - v.Type().Bits()
			v.SetInt(rapid.Int64().Draw(t, "int") >> shift)
		case v.CanUint():
			v.SetUint(rapid.Uint64().Draw(t, "uint") >> (64 - v.Type().Bits()))
		}
	}
}

// schemaOf returns the schema of the output of a route, with its definitions.
func schemaOf(t require.TestingT, out reflect.Type) []byte {
	d := gatesock.Description{Routes: []gatesock.Route{{
		Key: "x", NeedsResponse: true, In: reflect.TypeFor[struct{}](), Out: out, JSON: true,
	}}}
	text, err := d.MarshalJSON()
	require.NoError(t, err)
	var document struct {
		Routes []struct{ Output json.RawMessage }
		Types  json.RawMessage `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(text, &document))
	if document.Types == nil {
		document.Types = []byte("{}")
	}
	return fmt.Appendf(nil, `{"$defs":%s,"allOf":[%s]}`, document.Types, document.Routes[0].Output)
}

// TestOutputsHaveTheirSchema draws types and values of them. What the codec of a route encodes must
// have the schema of the type.
func TestOutputsHaveTheirSchema(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		typ := drawType(t, 3)
		text := schemaOf(t, typ)
		schema := compile(t, text)
		for range 5 {
			v := reflect.New(typ).Elem()
			fill(t, v, 5)
			encoded, err := gatesock.JSON{}.Marshal(v.Interface())
			require.NoError(t, err)
			require.NoError(t, validate(t, schema, encoded), "%s of %v has the schema %s", encoded, typ, text)
		}
	})
}
