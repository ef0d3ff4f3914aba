package chat_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/wstest"
)

// What the schema of a route accepts, the route accepts, and the other way around, as far as a
// schema can say it: not that a text has a visible character, or that a key has 64 bytes.
func TestSchemasAgreeWithValidate(t *testing.T) {
	t.Parallel()
	app := described(t)
	compile := compilerOf(t, app)
	valid := map[string]map[string]any{
		"say":    {"room": "lobby", "text": "x", "key": "k"},
		"typing": {"room": "lobby"},
	}
	checked := 0
	for _, r := range app.Routes {
		if valid[r.Key] == nil {
			continue
		}
		schema := compile(r)
		h := newChat(t)
		ann := enter(t, h, "Ann")
		object := app.Types[r.Input.Name()]
		require.Len(t, object.Properties, len(valid[r.Key]), "properties of %s", r.Key)
		for _, p := range object.Properties {
			for _, sample := range append(samples(p), nil) {
				input := maps.Clone(valid[r.Key])
				if input[p.Name] = sample; sample == nil {
					delete(input, p.Name)
				}
				require.Equal(t, schema(input), accepts(t, ann, r.Key, input), "%s with %s %.80q", r.Key, p.Name, sample)
				checked++
			}
		}
	}
	require.Greater(t, checked, 50)
}

// samples returns values around the limits of a property.
func samples(p describe.Property) []any {
	values := []any{7, true, []string{"a"}, "", "a", "ABC", "a b", "a-b0"}
	letter := "a"
	if p.Name == "text" {
		letter = "ä"
	}
	for _, limit := range []*int{p.Schema.MinLength, p.Schema.MaxLength} {
		if limit == nil {
			continue
		}
		for n := max(*limit-1, 0); n <= *limit+1; n++ {
			values = append(values, strings.Repeat("a", n), strings.Repeat(letter, n))
		}
	}
	return values
}

// accepts reports whether a route does not refuse a message as invalid.
func accepts(t *testing.T, c *wstest.Client, action string, input map[string]any) bool {
	t.Helper()
	before := len(c.Frames())
	c.Request(action, input)
	frames := c.Frames()[before:]
	require.NotEmpty(t, frames)
	var answer struct {
		Error *struct{ Code gatesock.Code }
	}
	require.NoError(t, json.Unmarshal([]byte(frames[len(frames)-1].Text), &answer))
	return answer.Error == nil || answer.Error.Code != gatesock.CodeInvalidArgument
}

// compilerOf returns a function that returns the validator of a route's input.
func compilerOf(t *testing.T, app *describe.App) func(describe.Route) func(map[string]any) bool {
	t.Helper()
	return func(r describe.Route) func(map[string]any) bool {
		document := map[string]any{"input": r.Input, "$defs": app.Types}
		data, err := json.Marshal(document)
		require.NoError(t, err)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
		require.NoError(t, err)
		c := jsonschema.NewCompiler()
		require.NoError(t, c.AddResource("app.json", value))
		schema, err := c.Compile("app.json#/input")
		require.NoError(t, err)
		return func(input map[string]any) bool {
			data, err := json.Marshal(input)
			require.NoError(t, err)
			instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
			require.NoError(t, err)
			return schema.Validate(instance) == nil
		}
	}
}
