package topic

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func declared() []string { return []string{"room", "kind", "value", "on"} }

func TestFilterHasOneCanonicalForm(t *testing.T) {
	t.Parallel()
	for canonical, inputs := range map[string][]string{
		`{}`: {``, `null`, ` {} `, `{"where":{}}`},
		`{"where":{"room":"a"}}`: {
			`{"where":{"room":"a"}}`, `{ "where" : { "room" : [ "a" ] } }`, `{"where":{"room":["a","\u0061"]}}`,
		},
		`{"where":{"kind":["a","b"],"room":"x"},"everyMs":1000}`: {
			`{"everyMs":1000,"where":{"room":"x","kind":["b","a","b"]}}`,
		},
		`{"where":{"value":[true,1,"1"]}}`:               {`{"where":{"value":["1",1.0,true,1e0]}}`},
		`{"where":{"value":0}}`:                          {`{"where":{"value":-0}}`, `{"where":{"value":0e7}}`},
		`{"where":{"value":{"above":1,"atMost":20}}}`:    {`{"where":{"value":{"atMost":2e1,"above":1.0}}}`},
		`{"where":{"value":{"atLeast":1,"below":1}}}`:    {`{"where":{"value":{"below":1,"atLeast":1}}}`},
		`{"where":{"room":"q","value":{"above":1e+25}}}`: {`{"where":{"value":{"above":1e25},"room":"q"}}`},
		`{"everyMs":100}`:                                {`{"everyMs":100}`},
		`{"changes":["on"]}`:                             {`{"changes":["on","on","o\u006e"],"where":{}}`},
		`{"where":{"room":1},"changes":["kind","on"],"everyMs":100}`: {
			`{"changes":["on","kind"],"everyMs":100,"where":{"room":[1]}}`,
		},
	} {
		for _, input := range inputs {
			f, err := parseFilter(json.RawMessage(input), declared())
			require.NoError(t, err, input)
			require.Equal(t, canonical, f.canonical(), input)
			require.Equal(t, canonical == "{}", f.none())
		}
	}
}

func TestFilterIsRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	for _, c := range [][2]string{
		{`7`, "the filter: must be a JSON object"},
		{`{`, "the filter: is not JSON"},
		{`{"were":{}}`, `the filter has the member "were"; it may have where, changes and everyMs`},
		{`{"changes":"on"}`, "changes must be an array of 1 to 16 names of attributes"},
		{`{"changes":[]}`, "changes must be an array of 1 to 16 names of attributes"},
		{`{"changes":null}`, "changes must be an array of 1 to 16 names of attributes"},
		{`{"changes":["on",1]}`, "changes must be an array of 1 to 16 names of attributes"},
		{`{"changes":["on"` + strings.Repeat(`,"on"`, 16) + `]}`, "changes must be an array of 1 to 16 names of attributes"},
		{`{"changes":["on",null]}`, `the topic has no attribute ""; it has room, kind, value, on`},
		{`{"changes":["on","off"]}`, `the topic has no attribute "off"; it has room, kind, value, on`},
		{`{"changes":["on"],"changes":["on"]}`, `has the member "changes" twice`},

		{`{"where":[]}`, "where: must be a JSON object"},
		{`{"where":{},"where":{}}`, `has the member "where" twice`},
		{`{"where":{"room":1,"room":2}}`, `has the member "room" twice`},
		{`{"where":{"rom":1}}`, `the topic has no attribute "rom"; it has room, kind, value, on`},
		{`{"where":{"room":null}}`, `"room": must be a string, a number`},
		{`{"where":{"room":1e400}}`, `"room": must be a string, a number`},
		{`{"where":{"room":[]}}`, "the set has 0 members; it must have 1 to 32"},
		{`{"where":{"room":[[1]]}}`, "member 0 of the set must be a string, a number, true or false"},
		{`{"where":{"value":{}}}`, "thresholds are one of above and atLeast"},
		{`{"where":{"value":{"over":1}}}`, `"over" is not a threshold; there are above, atLeast, below and atMost`},
		{`{"where":{"value":{"":1}}}`, "empty name"},
		{`{"where":{"value":{"above":"1"}}}`, `"above" must be a number`},
		{`{"where":{"value":{"above":1,"atLeast":1}}}`, "thresholds are one of above and atLeast"},
		{`{"everyMs":99}`, "everyMs must be a whole number from 100 to 60000"},
		{`{"everyMs":60001}`, "everyMs must be a whole number from 100 to 60000"},
		{`{"everyMs":100.5}`, "everyMs must be a whole number from 100 to 60000"},
		{`{"where":{"room":[` + strings.Repeat("1,", 32) + `1]}}`, "the set has 33 members"},
		{`{"where":{"room":["` + strings.Join([]string{long, "a" + long, "b" + long, "c" + long}, `","`) + `"]}}`, "bytes without spaces, the limit is 1024"},
		{`"` + strings.Repeat("x", 4096) + `"`, "the filter has 4098 bytes, the limit is 4096"},
		{strings.Repeat("[", 4000), "is not JSON"},
	} {
		_, err := parseFilter(json.RawMessage(c[0]), declared())
		require.ErrorContains(t, err, c[1], c[0])
	}
	for _, filter := range []string{`{"where":{"room":1}}`, `{"changes":["room"]}`} {
		_, err := parseFilter(json.RawMessage(filter), nil)
		require.ErrorContains(t, err, `the topic declares no attributes, so a filter cannot name "room"`)
	}
}

func TestFilterHasAtMostSixteenConditions(t *testing.T) {
	t.Parallel()
	filterOf := func(n int) (json.RawMessage, []string) {
		var names []string
		where := map[string]any{}
		for i := range n {
			names = append(names, fmt.Sprint(i))
			where[names[i]] = true
		}
		raw, err := json.Marshal(map[string]any{"where": where})
		require.NoError(t, err)
		return raw, names
	}
	_, err := parseFilter(filterOf(16))
	require.NoError(t, err)
	_, err = parseFilter(filterOf(17))
	require.ErrorContains(t, err, "17 conditions, the limit is 16")
}

func TestFilterMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		filter, value string
		want          bool
	}{
		{`{}`, `7`, true},
		{`{"everyMs":100}`, `null`, true},
		{`{"where":{"room":"a"}}`, `{"room":"a"}`, true},
		{`{"where":{"room":"a"}}`, `{"room":"A"}`, false},
		{`{"where":{"room":"a"}}`, `{}`, false},
		{`{"where":{"room":"a"}}`, `["room","a"]`, false},
		{`{"where":{"room":"a"}}`, `"a"`, false},
		{`{"where":{"room":"a"}}`, `{"room":["a"]}`, false},
		{`{"where":{"room":"a","on":true}}`, `{"room":"a","on":true}`, true},
		{`{"where":{"room":"a","on":true}}`, `{"room":"a","on":"true"}`, false},
		{`{"where":{"on":false}}`, `{"on":null}`, false},
		{`{"where":{"kind":["a",1]}}`, `{"kind":1.0}`, true},
		{`{"where":{"kind":["a",1]}}`, `{"kind":"1"}`, false},
		{`{"where":{"kind":0}}`, `{"kind":-0.0}`, true},
		{`{"where":{"value":{"above":1}}}`, `{"value":1}`, false},
		{`{"where":{"value":{"atLeast":1}}}`, `{"value":1}`, true},
		{`{"where":{"value":{"below":1}}}`, `{"value":1}`, false},
		{`{"where":{"value":{"atMost":1}}}`, `{"value":1}`, true},
		{`{"where":{"value":{"above":1,"below":3}}}`, `{"value":2}`, true},
		{`{"where":{"value":{"above":1,"below":3}}}`, `{"value":3}`, false},
		{`{"where":{"value":{"above":1}}}`, `{"value":"2"}`, false},
		{`{"where":{"value":{"above":1}}}`, `{"value":1e999}`, false},
	} {
		f, err := parseFilter(json.RawMessage(c.filter), declared())
		require.NoError(t, err)
		require.Equal(t, c.want, f.matches(attributesOf(json.RawMessage(c.value), declared())), "%s of %s", c.filter, c.value)
		require.False(t, f.matches(attributesOf(nil, declared())), "a mark")
	}
}

func TestFilteredGroup(t *testing.T) {
	t.Parallel()
	id := filterID(`{"everyMs":100}`)
	require.Len(t, id, filterIDBytes)
	for _, topic := range []string{"a", ":", "a:b", "filtered:x", "é"} {
		gotID, gotTopic, ok := parseFilteredGroup(filteredGroup(id, topic))
		require.True(t, ok)
		require.Equal(t, []string{id, topic}, []string{gotID, gotTopic})
	}
	for _, group := range []string{"", "filtered:", "topic:a", filteredGroup(id, ""), "filtered:" + id, "filtered:a:b"} {
		_, _, ok := parseFilteredGroup(group)
		require.False(t, ok, group)
	}
}

// The canonical form is a filter, and its own canonical form; whatever matches the one matches the
// other.
func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{
		`{"where":{"room":"kitchen","kind":["b","a",1,true],"value":{"above":30,"atMost":1e3}},"everyMs":1000}`,
		`{"where":{"room":"\u0000\ud800"}}`, `null`, `{"changes":["on","kind"],"where":{"room":"kitchen"}}`, `{"everyMs":1e2}`, `{"where":{"value":-0}}`, `[[[`,
	} {
		f.Add(seed, `{"room":"kitchen","value":31}`, `{"room":"kitchen","on":-0}`)
	}
	f.Fuzz(func(t *testing.T, input, value, other string) {
		parsed, err := parseFilter(json.RawMessage(input), declared())
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		canonical := parsed.canonical()
		require.True(t, json.Valid([]byte(canonical)), canonical)
		require.LessOrEqual(t, len(canonical), maxFilter)
		again, err := parseFilter(json.RawMessage(canonical), declared())
		require.NoError(t, err, canonical)
		require.Equal(t, canonical, again.canonical())
		a := attributesOf(json.RawMessage(value), declared())
		require.Equal(t, parsed.matches(a), again.matches(a))
		b := attributesOf(json.RawMessage(other), declared())
		requireAttributes(t, value, a)
		requireAttributes(t, other, b)
		require.Equal(t, eventFor(parsed, a, b, false), eventFor(again, a, b, false))
		require.Equal(t, parsed.changed(a, b), parsed.changed(b, a))
		require.Equal(t, len(parsed.changes) == 0, parsed.changed(a, a))
	})
}

// A filter decides as a plain evaluation of its conditions does.
func TestFilterMatchesAsItsConditions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		low, high := rapid.Float64Range(-3, 3).Draw(t, "low"), rapid.Float64Range(-3, 3).Draw(t, "high")
		rooms := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3).Draw(t, "rooms")
		room, value := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "room"), rapid.Float64Range(-3, 3).Draw(t, "value")
		input, err := json.Marshal(map[string]any{"where": map[string]any{
			"room": rooms, "value": map[string]any{"atLeast": low, "below": high},
		}})
		require.NoError(t, err)
		f, err := parseFilter(input, declared())
		require.NoError(t, err)
		data, err := json.Marshal(map[string]any{"room": room, "value": value})
		require.NoError(t, err)
		want := strings.Contains(strings.Join(rooms, ""), room) && value >= low && value < high
		require.Equal(t, want, f.matches(attributesOf(data, declared())))
	})
}

func TestEveryIsInMilliseconds(t *testing.T) {
	t.Parallel()
	f, err := parseFilter(json.RawMessage(`{"everyMs":60000}`), nil)
	require.NoError(t, err)
	require.Equal(t, time.Minute, f.every)
}

// A cursor that is accepted is one that a page has returned.
func FuzzParseCursor(f *testing.F) {
	for _, p := range []place{{}, {after: "a"}, {filterID("{}"), time.Unix(1e9, 0), "a:b\x00"}} {
		f.Add(p.cursor())
	}
	f.Add("OmE")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parseCursor(s)
		if err != nil {
			return
		}
		again, err := parseCursor(p.cursor())
		require.NoError(t, err)
		require.Equal(t, p, again)
		if p.after != "" {
			require.NoError(t, ValidateKey(p.after))
		}
	})
}

func TestFilterOfChanges(t *testing.T) {
	t.Parallel()
	const on, kitchen = `{"changes":["on","value"]}`, `{"where":{"room":"k"},"changes":["on"]}`
	for _, c := range []struct{ filter, before, now, want string }{
		{on, ``, `{"on":true}`, eventSet},
		{on, ``, `7`, eventSet},
		{on, `{"on":true}`, ``, eventDelete},
		{on, ``, ``, ""},
		{on, `{"on":true,"room":"a"}`, `{"room":"b","on":true}`, ""},
		{on, `{"on":true}`, `{"on":false}`, eventSet},
		{on, `{"on":true}`, `{"on":"true"}`, eventSet},
		{on, `{"on":true}`, `{}`, eventSet},
		{on, `{}`, `{"on":false}`, eventSet},
		{on, `{"on":null}`, `{}`, ""},
		{on, `{"on":[1]}`, `{"on":{"a":2}}`, ""},
		{on, `{"on":[1]}`, `{"on":1}`, eventSet},
		{on, `7`, `8`, ""},
		{on, `7`, `{"on":1}`, eventSet},
		{on, `{"on":true,"value":1}`, `{"on":true,"value":2}`, eventSet},
		{on, `{"value":1}`, `{"value":1.0}`, ""},
		{on, `{"value":0}`, `{"value":-0.0}`, ""},
		{on, `{"value":9007199254740992}`, `{"value":9007199254740993}`, ""},
		{on, `{"value":1e400}`, `{"value":1e500}`, ""},
		{kitchen, `{"room":"k","on":1}`, `{"room":"k","on":1}`, ""},
		{kitchen, `{"room":"k","on":1}`, `{"room":"k","on":2}`, eventSet},
		{kitchen, `{"room":"x","on":1}`, `{"room":"k","on":1}`, eventSet},
		{kitchen, `{"room":"k","on":1}`, `{"room":"x","on":1}`, eventDrop},
		{kitchen, `{"room":"x","on":1}`, `{"room":"x","on":2}`, ""},
		{kitchen, `{"room":"k","on":1}`, ``, eventDelete},
		{`{"where":{"room":"k"}}`, `{"room":"k"}`, `{"room":"k"}`, eventSet},
	} {
		f, err := parseFilter(json.RawMessage(c.filter), declared())
		require.NoError(t, err)
		require.ElementsMatch(t, f.attributes(), slices.Compact(slices.Sorted(slices.Values(f.attributes()))))
		of := func(data string) attributes {
			if data == "" {
				return attributesOf(nil, f.attributes())
			}
			return attributesOf(json.RawMessage(data), f.attributes())
		}
		require.Equal(t, c.want, eventFor(f, of(c.now), of(c.before), false), "%s: %s to %s", c.filter, c.before, c.now)
		unknown := map[bool]string{true: eventSet, false: eventDrop}[f.matches(of(c.now))]
		if c.now == "" {
			unknown = eventDelete
		}
		require.Equal(t, unknown, eventFor(f, of(c.now), of(""), true), "%s: %s", c.filter, c.now)
	}
}

// requireAttributes checks what attributesOf returns by encoding/json.
func requireAttributes(t require.TestingT, value string, got attributes) {
	var members map[string]any
	want := map[string]scalar{}
	dec := json.NewDecoder(strings.NewReader(value))
	if !json.Valid([]byte(value)) || dec.Decode(&members) != nil {
		var raw map[string]json.RawMessage // a number may be too large
		if json.Unmarshal([]byte(value), &raw) != nil {
			require.Empty(t, got.members, value)
			return
		}
		members = map[string]any{}
		for name, part := range raw {
			var v any
			if json.Unmarshal(part, &v) == nil {
				members[name] = v
			}
		}
	}
	for _, name := range declared() {
		switch v := members[name].(type) {
		case string:
			want[name] = scalar{kind: 's', text: v}
		case bool:
			want[name] = scalar{kind: 'b', truth: v}
		case float64:
			want[name] = scalar{kind: 'n', number: v + 0}
		}
	}
	require.Equal(t, len(want), len(got.members), value)
	for name, s := range want {
		require.Equal(t, s, got.members[name], value)
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		``, `null`, `7`, `[]`, `{`, `{}`, ` { "room" : "a" , "on" : true } `, `{"room":"a","room":"b"}`, `{"room":"a","room":[1]}`,
		`{"room":["a"],"room":"b"}`, `{"Room":"a"}`, `{"ro\u006fm":"\u00e9\ud800"}`, `{"room":"é\u0000"}`, "{\"room\":\"\xff\"}",
		`{"value":-0}`, `{"value":0.5}`, `{"value":1e400}`, `{"value":-1.5e-3}`, `{"value":12345678901234567890}`, `{"on":null}`,
		`{"on":true} x`, `{"room":{"room":"a"},"on":false}`, `{"kind":"","value":1}`, `{"kind":"a\"b\\c"}`,
	} {
		requireAttributes(t, value, attributesOf(json.RawMessage(value), declared()))
	}
}

func TestParsedFiltersAreRemembered(t *testing.T) {
	t.Parallel()
	var p parsedFilters
	for i := range 2*maxParsed + 1 {
		f, err := p.get(fmt.Sprintf(`{"everyMs":%d}`, 100+i))
		require.NoError(t, err)
		require.Equal(t, time.Duration(100+i)*time.Millisecond, f.every)
		again, err := p.get(fmt.Sprintf(`{"everyMs":%d}`, 100+i))
		require.NoError(t, err)
		require.Equal(t, f, again)
		require.LessOrEqual(t, len(p.parsed), maxParsed)
	}
	_, err := p.get(`{`)
	require.Error(t, err)
}
