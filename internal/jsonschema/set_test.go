package jsonschema_test

import (
	"encoding/json"
	"maps"
	"net/mail"
	"net/url"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/jsonschema"
)

type (
	page[T any] struct {
		Items []T `json:"items,omitempty"`
	}
	pair[A, B any] struct {
		A A
		B B
	}
	// leaf is the same for all uses, branch is not.
	leaf   struct{ A int }
	branch struct {
		Leaf   leaf
		Leaves []leaf
		Next   *branch `json:",omitempty"`
	}
	// above differs by what it refers to only.
	above struct{ Branch branch }
	// branchInput has a name that the input of branch would have.
	branchInput struct{}
	// URL has the name of a type of another package.
	URL struct{ A int }
)

func makeOf(t *testing.T, roots ...typeUse) ([]string, map[string]json.RawMessage) {
	t.Helper()
	schemas, text, err := makeAll(roots)
	require.NoError(t, err)
	var defs map[string]json.RawMessage
	if text != nil {
		require.NoError(t, json.Unmarshal(text, &defs))
	}
	var texts []string
	for _, s := range schemas {
		texts = append(texts, string(s))
	}
	return texts, defs
}

func root[T any](use jsonschema.Use) typeUse {
	return typeUse{of: "the test", typ: reflect.TypeFor[T](), use: use}
}

func TestNames(t *testing.T) {
	t.Parallel()
	type Tree struct{ A int }
	for _, tt := range []struct {
		roots []typeUse
		want  []string
	}{
		{[]typeUse{root[page[tree]](jsonschema.Input)}, []string{"PageOfTree", "Tree"}},
		{[]typeUse{root[page[int]](jsonschema.Input)}, []string{"PageOfInt"}},
		{[]typeUse{root[page[page[[]*tree]]](jsonschema.Input)}, []string{"PageOfListOfTree", "PageOfPageOfListOfTree", "Tree"}},
		{[]typeUse{root[pair[string, map[string]mail.Address]](jsonschema.Input)}, []string{"Address", "PairOfStringAndMapOfStringAddress"}},
		{[]typeUse{root[pair[struct{ A, B int }, any]](jsonschema.Input)}, []string{"PairOfStructAIntBIntAndInterface"}},
		{[]typeUse{root[URL](jsonschema.Input), root[url.URL](jsonschema.Input)}, []string{"Jsonschema_testURL", "UrlURL", "Userinfo"}},
		{[]typeUse{root[Tree](jsonschema.Input), root[tree](jsonschema.Input)}, []string{"Jsonschema_testTree", "Jsonschema_testTree2"}},
		{[]typeUse{root[leaf](jsonschema.Input), root[leaf](jsonschema.Output)}, []string{"Leaf"}},
		{[]typeUse{root[leaf](jsonschema.Input), root[leaf](jsonschema.StrictInput)}, []string{"Leaf", "LeafInput"}},
		{[]typeUse{root[branch](jsonschema.StrictInput)}, []string{"Branch", "Leaf"}},
		{[]typeUse{root[branch](jsonschema.Input), root[branch](jsonschema.Output)}, []string{"Branch", "BranchInput", "Leaf"}},
		{[]typeUse{root[above](jsonschema.Input), root[above](jsonschema.Output)}, []string{"Above", "AboveInput", "Branch", "BranchInput", "Leaf"}},
		{
			[]typeUse{
				root[branch](jsonschema.StrictInput), root[branch](jsonschema.Output), root[branch](jsonschema.Input),
			},
			[]string{"Branch", "BranchInput", "BranchStrictInput", "Leaf", "LeafInput"},
		},
		{
			[]typeUse{
				root[branch](jsonschema.Input), root[branch](jsonschema.Output), root[branchInput](jsonschema.Output),
			},
			[]string{"Branch", "BranchInput", "BranchInput2", "Leaf"},
		},
	} {
		_, defs := makeOf(t, tt.roots...)
		require.Equal(t, tt.want, slices.Sorted(maps.Keys(defs)))
		_, again := makeOf(t, tt.roots...)
		require.Equal(t, defs, again)
		slices.Reverse(tt.roots)
		_, reversed := makeOf(t, tt.roots...)
		require.Equal(t, slices.Sorted(maps.Keys(defs)), slices.Sorted(maps.Keys(reversed)))
	}
}

// TestUses has a type whose schema depends on its use only because of a type that it refers to.
func TestUses(t *testing.T) {
	t.Parallel()
	schemas, defs := makeOf(t, root[above](jsonschema.Input), root[*above](jsonschema.Output))
	require.Equal(t, []string{`{"$ref":"#/$defs/AboveInput"}`, `{"anyOf":[{"$ref":"#/$defs/Above"},{"type":"null"}]}`}, schemas)
	const goType = `"x-go-type":"github.com/gatesock/gatesock/internal/jsonschema_test.`
	require.Equal(t, `{`+goType+`above","type":"object","properties":{"Branch":{"$ref":"#/$defs/BranchInput"}},"required":["Branch"]}`, string(defs["AboveInput"]))
	require.Equal(t, `{`+goType+`branch","type":"object","properties":{"Leaf":{"$ref":"#/$defs/Leaf"},"Leaves":{"type":"array","items":{"$ref":"#/$defs/Leaf"}},"Next":{"$ref":"#/$defs/BranchInput"}},"required":["Leaf","Leaves"]}`,
		string(defs["BranchInput"]))
}

func TestRecursiveTypesThatAreNoStructs(t *testing.T) {
	t.Parallel()
	schemas, defs := makeOf(t, root[forest](jsonschema.Output))
	require.Equal(t, []string{`{"$ref":"#/$defs/Forest"}`}, schemas)
	require.Equal(t, `{"x-go-type":"github.com/gatesock/gatesock/internal/jsonschema_test.forest","type":["object","null"],"additionalProperties":{"anyOf":[{"$ref":"#/$defs/Forest"},{"type":"null"}]}}`,
		string(defs["Forest"]))
	type loop *loop
	schemas, _ = makeOf(t, root[loop](jsonschema.Output))
	require.Len(t, schemas, 1)
}
