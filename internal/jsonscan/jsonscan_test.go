package jsonscan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/jsonscan"
)

func FuzzSkip(f *testing.F) {
	for _, s := range []string{
		``, ` `, `{}`, `[]`, `null`, `nul`, `[1,2,]`, `{"a":1,}`, `{"a" 1}`, `-`, `01`, `1.`, `1e`, `-0.5e+7`,
		`"a`, `"\x"`, `"\u12"`, "\"\x1f\"", "\"\xff\"", `[[[`, `{"a":[{"b":null}]} `, `true false`, `"12345678"`,
		`"1234567\"`, `{"a":1 "b":2}`, `[1 2]`, `{1:2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := jsonscan.NewScanner(text, nil)
		s.Skip()
		require.Equal(t, json.Valid(text), s.End() == nil, "%q: %v", text, s.Err())
	})
}

func FuzzString(f *testing.F) {
	for _, s := range []string{
		"", "plain", "é\u2028", "\"\\\b\f\n\r\t\x00\x7f", "\xff\xc3(", "😀", "a long text without escapes",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want := strings.ToValidUTF8(text, "\ufffd")
		if strings.Count(want, "\ufffd") != strings.Count(text, "\ufffd") {
			want = string([]rune(text)) // one U+FFFD for each invalid byte
		}
		quoted := jsonscan.AppendString(nil, text)
		require.Equal(t, string(quoted), string(jsonscan.AppendString(nil, []byte(text))))
		var decoded string
		require.NoError(t, json.Unmarshal(quoted, &decoded), "%s", quoted)
		require.Equal(t, want, decoded)

		for _, spelling := range [][]byte{quoted, marshal(t, text)} {
			s := jsonscan.NewScanner(spelling, nil)
			var got string
			s.String(&got)
			require.NoError(t, s.End())
			require.Equal(t, want, got)
			s = jsonscan.NewScanner(spelling, nil)
			require.Equal(t, want, string(s.Bytes()))
			require.NoError(t, s.End())
		}
	})
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}

func TestScannerKeepsNoPartOfTheText(t *testing.T) {
	t.Parallel()
	text := []byte(`{"name":"value","raw":[1]}`)
	s := jsonscan.NewScanner(text, nil)
	require.True(t, s.Open('{'))
	require.True(t, s.More('}'))
	name := s.Name()
	var value string
	s.String(&value)
	require.True(t, s.More('}'))
	require.Equal(t, "raw", string(s.Key()))
	raw := s.Raw()
	require.False(t, s.More('}'))
	require.NoError(t, s.End())
	clear(text)
	require.Equal(t, []string{"name", "value", "[1]"}, []string{name, value, raw})
}

func TestIntegerAndText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		json    string
		integer int64 // -7 means unchanged
		text    string
	}{
		{`0`, 0, "0"},
		{`-9223372036854775808`, -9223372036854775808, "-9223372036854775808"},
		{`9223372036854775808`, -7, "9223372036854775808"},
		{`1.99`, 1, "1.99"},
		{`-1.5e2`, -150, "-1.5e2"},
		{`1e300`, -7, "1e300"},
		{`"12"`, 12, "12"},
		{`"12.5"`, 12, "12.5"},
		{`"\u0031"`, -7, "1"},
		{`"NaN"`, -7, "NaN"},
		{`"Inf"`, -7, "Inf"},
		{`""`, -7, ""},
		{`null`, -7, "as it was"},
		{`true`, -7, "true"},
		{`[1, {}]`, -7, "[1, {}]"},
		{`{"a":1}`, -7, `{"a":1}`},
	} {
		s := jsonscan.NewScanner([]byte(tt.json), nil)
		n := int64(-7)
		s.Integer(&n)
		require.NoError(t, s.End(), tt.json)
		require.Equal(t, tt.integer, n, tt.json)
		s = jsonscan.NewScanner([]byte(tt.json), nil)
		text := "as it was"
		s.Text(&text)
		require.NoError(t, s.End(), tt.json)
		require.Equal(t, tt.text, text, tt.json)
	}
	for _, broken := range []string{``, `-`, `1.`, `"1`, `nul`, `[`} {
		s := jsonscan.NewScanner([]byte(broken), nil)
		s.Integer(new(int64))
		require.Error(t, s.End(), broken)
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text, want string
		read       func(*jsonscan.Scanner)
	}{
		{`{"a":5}`, `unexpected '5', want a string at byte 5`, func(s *jsonscan.Scanner) {
			s.Open('{')
			s.More('}')
			s.Key()
			s.String(new(string))
		}},
		{` 5`, `unexpected '5', want '{' at byte 1`, func(s *jsonscan.Scanner) { s.Open('{') }},
		{`1.5`, `number is not a 64-bit integer at byte 0`, func(s *jsonscan.Scanner) { s.Int(new(int64)) }},
		{`5`, `unexpected '5', want a boolean at byte 0`, func(s *jsonscan.Scanner) { s.Bool(new(bool)) }},
		{`"a` + "\n" + `"`, `control character in a string at byte 2`, (*jsonscan.Scanner).Skip},
		{`"\q"`, `invalid escape in a string at byte 1`, func(s *jsonscan.Scanner) { s.Bytes() }},
		{`[1`, `unexpected end, want ',' or ']' at byte 2`, (*jsonscan.Scanner).Skip},
		{strings.Repeat("[", 10001), `nesting too deep at byte 10001`, (*jsonscan.Scanner).Skip},
	} {
		s := jsonscan.NewScanner([]byte(tt.text), nil)
		tt.read(&s)
		require.EqualError(t, s.End(), tt.want)
	}
}

// TestWords covers inputs that the fuzzer finds late: a control character within a word of eight
// bytes, many siblings, and text before an invalid byte.
func TestWords(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"\"abcdefg\x01hijklmnop\"", "[" + strings.Repeat("[],", 20000) + "[]]", "[" + strings.Repeat("{},", 20000) + "{}]",
	} {
		s := jsonscan.NewScanner([]byte(text), nil)
		s.Skip()
		require.Equal(t, json.Valid([]byte(text)), s.End() == nil, "%.40q: %v", text, s.Err())
	}
	require.Equal(t, `"abc\ufffddef"`, string(jsonscan.AppendString(nil, "abc\xffdef")))
}
