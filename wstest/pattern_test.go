package wstest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMatchNames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pattern, text string
		want          bool
		then          map[string]string // which values the names have then; a is 1 before
	}{
		"a new name":                               {`{"b":"${b}"}`, `{"b":"x-1_2="}`, true, map[string]string{"a": "1", "b": "x-1_2="}},
		"a number":                                 {`{"b":${b}}`, `{"b":-1.5e3}`, true, map[string]string{"a": "1", "b": "-1.5e3"}},
		"a known name":                             {`${a},${b}`, "1,2", true, map[string]string{"a": "1", "b": "2"}},
		"a known name with another text":           {`${a},${b}`, "2,2", false, nil},
		"twice the same":                           {`${b},${b}`, "2,2", true, map[string]string{"a": "1", "b": "2"}},
		"twice, not the same":                      {`${b},${b}`, "2,3", false, nil},
		"the first place decides":                  {`"${b}",…,${b}`, `"22",2,22`, true, map[string]string{"a": "1", "b": "22"}},
		"any value":                                {`${_},${_},${b}`, "2,3,4", true, map[string]string{"a": "1", "b": "4"}},
		"no value is empty":                        {`"${b}"`, `""`, false, nil},
		"no value has a quote":                     {`{"b":"${b}"}`, `{"b":"x","c":"y"}`, false, nil},
		"no value has a space":                     {`"${b}"`, `"x y"`, false, nil},
		"a gap has anything":                       {`{"b":"${b}",…}`, `{"b":"x","c":` + "\n" + `"y"}`, true, map[string]string{"a": "1", "b": "x"}},
		"nothing after the end":                    {`"${b}"`, `"x"` + "\n", false, nil},
		"not a name":                               {`${}${1}$b{b}`, `${}${1}$b{b}`, true, nil},
		"text that means something in expressions": {`(.*)\d[${b}]?`, `(.*)\d[x]?`, true, map[string]string{"a": "1", "b": "x"}},
		"such a value":                             {`"${b}" "${b}"`, `".*" ".*"`, true, map[string]string{"a": "1", "b": ".*"}},
		"not UTF-8":                                {"\xff${b}", "\xffx", true, map[string]string{"a": "1", "b": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := values{of: map[string]string{"a": "1"}}
			require.Equal(t, c.want, v.match(c.pattern, c.text))
			if c.then == nil {
				c.then = map[string]string{"a": "1"}
			}
			require.Equal(t, c.then, v.of)
		})
	}
}

// TestMatchWhatExpandMakes checks that a text with values in place of names matches its pattern,
// and that the names then have these values.
func TestMatchWhatExpandMakes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		given := values{of: rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "c2"}), rapid.StringMatching(`[a-z0-9.=+*$^|-]{1,6}`)).Draw(t, "values")}
		names := rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c2"})).Draw(t, "names")
		var pattern strings.Builder
		used := map[string]string{}
		for _, name := range names {
			if value, ok := given.of[name]; ok {
				pattern.WriteString(`,"${` + name + `}"`)
				used[name] = value
			}
		}
		text, err := given.expand(pattern.String())
		require.NoError(t, err)
		var found values
		require.True(t, found.match(pattern.String(), text))
		require.Equal(t, len(used), len(found.of))
		for name, value := range used {
			require.Equal(t, value, found.of[name])
		}
	})
}

func TestExpandNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	var v values
	_, err := v.expand("${a}")
	require.EqualError(t, err, "no frame has given ${a} a value yet; no name has one")
	require.True(t, v.match("${c} ${b}", "1 2"))
	_, err = v.expand("${_}${c}")
	require.EqualError(t, err, "no frame has given ${_} a value yet; names with one: b, c")
	text, err := v.expand("${c}$c${b}")
	require.NoError(t, err)
	require.Equal(t, "1$c2", text)
	require.Equal(t, `${c}${a}${b}${c} with b = "2", c = "1"`, v.describe("${c}${a}${b}${c}"))
}

// FuzzMatch checks that a pattern is either matched or not, whatever it is.
func FuzzMatch(f *testing.F) {
	f.Add(`{"a":"${a}",…,"b":"${a}"}`, `{"a":"1","x":2,"b":"1"}`)
	f.Add("${_}${_}\xff", "ab\xff")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		var v values
		if v.match(pattern, text) && !v.match(pattern, text) {
			t.Errorf("%q matches %q once, with %q", pattern, text, v.of)
		}
		_, _ = v.expand(pattern)
		v.describe(pattern)
	})
}
