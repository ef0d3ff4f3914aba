package jsontype

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

type inner struct {
	A int `json:"a"`
	B int
	C int `json:"C"`
}

type Other struct {
	A int
	B int `json:"B"`
	D int
}

type twice struct{ inner }

type again struct{ inner }

type word string

// TestFieldsAreThoseOfEncodingJSON checks that Fields finds the fields that encoding/json
// encodes.
func TestFieldsAreThoseOfEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		struct{}{},
		inner{},
		struct {
			inner
			Other
		}{},
		struct { // the outer one hides
			inner
			A string `json:"a"`
			B []int
		}{},
		struct { // equal, and so hidden
			twice
			again
		}{},
		struct { // of two at one depth, the tagged one counts
			X struct{} `json:"y"`
			Y struct{}
		}{},
		struct { // a tag makes the embedded struct a member
			inner `json:"in"`
			*Other
			Word word
			word
		}{Other: new(Other)},
		struct {
			Skipped int `json:"-"`
			Dash    int `json:"-,"`   //nolint:staticcheck // a member of the name "-"
			Bad     int `json:"a\"b"` //nolint:staticcheck // the invalid name is under test
			Odd     int `json:"ö/$"`
			Option  int `json:",string"`
			hidden  int
		}{},
	} {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(b, &members))
		want := slices.Collect(maps.Keys(members))
		var got []string
		for _, f := range Fields(reflect.TypeOf(v)) {
			got = append(got, f.Name)
		}
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(t, want, got, "%T", v)
	}
}

// TestFoldedNamesAreFoundInOrder has fields whose names differ only in case, and a member that
// matches none of them exactly: encoding/json takes the first declared field, not the least deep.
func TestFoldedNamesAreFoundInOrder(t *testing.T) {
	t.Parallel()
	type deeper struct {
		Foo bool `json:"foo"`
	}
	type folded struct {
		deeper
		Foo int `json:"fOO"`
	}
	require.NoError(t, json.Unmarshal([]byte(`{"FOO":true,"fOO":1}`), new(folded)))
	fields := Fields(reflect.TypeFor[folded]())
	require.Equal(t, "foo", Named(fields, "FOO").Name)
	require.Equal(t, "fOO", Named(fields, "fOO").Name)
}
