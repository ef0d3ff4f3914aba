package pattern

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern string
		matches []string
		not     []string
	}{
		{`{"a":["x","y"]}`, []string{`{"a":"x"}`, `{"a":["z","y"],"b":1}`}, []string{`{"a":"X"}`, `{}`, `{"a":null}`, `{"a":{"x":1}}`, `{"a":[]}`}},
		{`{"a":{"b":["x"],"c":[1]}}`, []string{`{"a":{"b":"x","c":1}}`, `{"a":[{"b":"q"},{"b":"x","c":1}]}`}, []string{`{"a":{"b":"x"}}`, `{"a":[{"b":"x"},{"c":1}]}`, `{"a":"x"}`}},
		{`{"a":[null,"",true]}`, []string{`{"a":null}`, `{"a":""}`, `{"a":true}`}, []string{`{}`, `{"a":false}`, `{"a":"true"}`}},
		{`{"a":[300]}`, []string{`{"a":300}`}, []string{`{"a":300.0}`, `{"a":"300"}`, `{"a":3e2}`}},
		{`{"a":[{"prefix":"ab"}]}`, []string{`{"a":"abc"}`, `{"a":"ab"}`}, []string{`{"a":"cab"}`, `{"a":1}`, `{"a":"AB"}`}},
		{`{"a":[{"prefix":{"equals-ignore-case":"AB"}}]}`, []string{`{"a":"aBc"}`}, []string{`{"a":"c"}`}},
		{`{"a":[{"suffix":".png"}]}`, []string{`{"a":"x.png"}`}, []string{`{"a":"x.PNG"}`, `{"a":".png.x"}`}},
		{`{"a":[{"suffix":{"equals-ignore-case":".png"}}]}`, []string{`{"a":"x.PNG"}`}, []string{`{"a":"x.gif"}`}},
		{`{"a":[{"equals-ignore-case":"Ab"}]}`, []string{`{"a":"aB"}`}, []string{`{"a":"abc"}`}},
		{`{"a":[{"anything-but":"x"}]}`, []string{`{"a":"y"}`, `{"a":1}`, `{"a":["x","y"]}`}, []string{`{"a":"x"}`, `{}`, `{"a":["x"]}`}},
		{`{"a":[{"anything-but":["x",1]}]}`, []string{`{"a":"1"}`, `{"a":2}`}, []string{`{"a":1}`, `{"a":"x"}`}},
		{`{"a":[{"anything-but":{"prefix":["x","y"]}}]}`, []string{`{"a":"z"}`}, []string{`{"a":"xa"}`, `{"a":"ya"}`}},
		{`{"a":[{"anything-but":{"suffix":"x"}}]}`, []string{`{"a":"xz"}`}, []string{`{"a":"ax"}`}},
		{`{"a":[{"anything-but":{"equals-ignore-case":["x"]}}]}`, []string{`{"a":"xx"}`}, []string{`{"a":"X"}`}},
		{`{"a":[{"anything-but":{"wildcard":"*x*"}}]}`, []string{`{"a":"y"}`}, []string{`{"a":"axb"}`}},
		{`{"a":[{"numeric":["=",1.5]}]}`, []string{`{"a":1.50}`}, []string{`{"a":"1.5"}`, `{"a":2}`}},
		{`{"a":[{"numeric":[">",0,"<=",5]}]}`, []string{`{"a":5}`, `{"a":0.1}`}, []string{`{"a":0}`, `{"a":5.1}`, `{"a":null}`}},
		{`{"a":[{"numeric":["<",0]},{"numeric":[">=",9]}]}`, []string{`{"a":-1}`, `{"a":9}`}, []string{`{"a":0}`}},
		{`{"a":[{"exists":true}]}`, []string{`{"a":null}`, `{"a":"x"}`, `{"a":[{"b":1},2]}`}, []string{`{}`, `{"b":1}`, `{"a":{"b":1}}`}},
		{`{"a":[{"exists":false}],"b":["x"]}`, []string{`{"b":"x"}`, `{"b":"x","a":{"c":1}}`}, []string{`{"a":null,"b":"x"}`, `{}`}},
		{`{"a":{"b":[{"exists":false}]}}`, []string{`{}`, `{"a":{}}`, `{"a":5}`}, []string{`{"a":{"b":1}}`}},
		{`{"a":[{"exists":false},"x"]}`, []string{`{}`, `{"a":"x"}`}, []string{`{"a":"y"}`}},
		{`{"a":[{"cidr":"10.1.0.0/16"}]}`, []string{`{"a":"10.1.2.3"}`}, []string{`{"a":"10.2.0.0"}`, `{"a":"x"}`, `{"a":1}`}},
		{`{"a":[{"cidr":"2001:db8::/32"}]}`, []string{`{"a":"2001:db8::1"}`}, []string{`{"a":"2001:db9::1"}`}},
		{`{"a":[{"wildcard":"a*b*c"}]}`, []string{`{"a":"abc"}`, `{"a":"axxbyyc"}`}, []string{`{"a":"ac"}`, `{"a":"abcd"}`, `{"a":1}`}},
		{`{"a":[{"wildcard":"a*a"}]}`, []string{`{"a":"aa"}`}, []string{`{"a":"a"}`}},
		{`{"a":[{"wildcard":"a\\*b\\\\"}]}`, []string{`{"a":"a*b\\"}`}, []string{`{"a":"axb\\"}`}},
		{`{"a":[{"wildcard":"*"}]}`, []string{`{"a":""}`, `{"a":"x"}`}, []string{`{"a":1}`}},
		{`{"$or":[{"a":["x"]},{"b":{"c":[1]}}],"d":[1]}`, []string{`{"a":"x","d":1}`, `{"b":{"c":1},"d":1}`}, []string{`{"a":"x"}`, `{"d":1}`}},
		{`{"a":{"$or":[{"b":[1]},{"c":[1]}]}}`, []string{`{"a":{"c":1}}`, `{"a":[{"x":1},{"b":1}]}`}, []string{`{"b":1}`}},
	} {
		p, err := Compile([]byte(test.pattern), Options{})
		require.NoError(t, err, test.pattern)
		for _, text := range test.matches {
			require.True(t, p.MatchJSON([]byte(text)), "%s must match %s", test.pattern, text)
		}
		for _, text := range test.not {
			require.False(t, p.MatchJSON([]byte(text)), "%s must not match %s", test.pattern, text)
		}
	}
}

func TestNumbersByValue(t *testing.T) {
	t.Parallel()
	p, err := Compile([]byte(`{"a":[300,{"anything-but":[1]}]}`), Options{NumbersByValue: true})
	require.NoError(t, err)
	require.True(t, p.MatchJSON([]byte(`{"a":3.0e2}`)))
	require.False(t, p.MatchJSON([]byte(`{"a":1.0}`)))
	require.False(t, p.MatchJSON([]byte(`{"a":300`)), "not JSON")
}

func TestCompileSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{`:                                      "the pattern is not JSON: unexpected EOF",
		`{} {}`:                                  "the pattern is not JSON: there is more after it",
		`[]`:                                     "the pattern is not a JSON object",
		`{}`:                                     "the pattern is an empty object, which matches nothing",
		`{"a":"x"}`:                              `"a" must be an object or a list`,
		`{"a":{"b":[]}}`:                         `"a.b" is an empty list, which matches nothing`,
		`{"a":[["x"]]}`:                          `"a" has a list in its list`,
		`{"a":[{"like":"x"}]}`:                   `"a": there is no operator "like"`,
		`{"a":[{"prefix":1}]}`:                   `"a": prefix must be a string`,
		`{"a":[{"suffix":{"x":"y"}}]}`:           `"a": suffix must be a string, or an object with equals-ignore-case`,
		`{"a":[{"prefix":"x","suffix":"y"}]}`:    `an object in the list of "a" must have one operator`,
		`{"a":[{"exists":"yes"}]}`:               `exists of "a" must be true or false`,
		`{"a":[{"numeric":["<"]}]}`:              `"a": numeric must be a list such as ["=", 5] or [">", 0, "<=", 5]`,
		`{"a":[{"numeric":["!",1]}]}`:            `"a": numeric has no comparison !`,
		`{"a":[{"numeric":["<","1"]}]}`:          `"a": numeric compares with numbers only`,
		`{"a":[{"cidr":"10"}]}`:                  `"a": cidr must be a network such as "10.0.0.0/24"`,
		`{"a":[{"wildcard":1}]}`:                 `"a": wildcard must be a string`,
		`{"a":[{"wildcard":"a**"}]}`:             `"a": wildcard must not have two * in a row`,
		`{"a":[{"wildcard":"\\n"}]}`:             `"a": a backslash in wildcard must stand before * or another backslash`,
		`{"a":[{"anything-but":[]}]}`:            `"a": anything-but has an empty list`,
		`{"a":[{"anything-but":[true]}]}`:        `"a": anything-but takes strings and numbers`,
		`{"a":[{"anything-but":{"numeric":1}}]}`: `"a": anything-but does not take numeric`,
		`{"$or":[{"a":["x"]}]}`:                  `"$or" needs two alternatives or more`,
		`{"$or":[1,2]}`:                          `an alternative of "$or" is not an object`,
	} {
		_, err := Compile([]byte(text), Options{})
		require.EqualError(t, err, want, text)
	}
}

// FuzzMatch: nothing panics, and a pattern made of an object's own leaves matches it.
func FuzzMatch(f *testing.F) {
	for _, pattern := range []string{`{"a":[{"wildcard":"a*\\*"},{"exists":false}]}`, `{"$or":[{"a":[1]},{"b":{"c":[null]}}]}`} {
		f.Add([]byte(pattern), []byte(`{"a":[1,{"b":"x"}],"b":{"c":null}}`))
	}
	f.Fuzz(func(t *testing.T, text, event []byte) {
		if p, err := Compile(text, Options{}); err == nil {
			p.MatchJSON(event)
		}
		v, err := Decode(event)
		if err != nil {
			return
		}
		own, ok := ownPattern(v)
		if !ok {
			return
		}
		p, err := Compile(mustJSON(t, own), Options{})
		require.NoError(t, err)
		require.True(t, p.Match(v), "%s", mustJSON(t, own))
	})
}

// ownPattern returns the pattern of the leaves of an object, if it has any.
func ownPattern(v any) (map[string]any, bool) {
	fields, _ := v.(map[string]any)
	pattern := make(map[string]any)
	for name, value := range fields {
		if name == "$or" {
			continue
		}
		switch value := value.(type) {
		case map[string]any:
			if sub, ok := ownPattern(value); ok {
				pattern[name] = sub
			}
		case []any:
		default:
			pattern[name] = []any{value}
		}
	}
	return pattern, len(pattern) > 0
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}
