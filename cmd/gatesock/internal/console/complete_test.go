package console_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/console"
	"github.com/gatesock/gatesock/describe"
)

func TestComplete(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line   string
		labels []string
		after  string
	}{
		{"/cl|", []string{"/close"}, "/close|"},
		{" /cl|", []string{"/close"}, " /close|"},
		{"/c|", []string{"/close", "/connect"}, ""},
		{"/close |", nil, ""},
		{"|", []string{"echo", "say", "typing"}, ""},
		{"e|", []string{"echo"}, `{"action":"echo","n":|}`},
		{"s|", []string{"say"}, `{"action":"say","room":"|","text":""}`},
		{"t|", []string{"typing"}, `{"action":"typing"|}`},
		{"x|", nil, ""},
		{"hello s|", nil, ""},
		{"{|", []string{"action", "id"}, ""},
		{"{a|", nil, ""},
		{`{"|`, []string{"action", "id"}, ""},
		{`{"a|`, []string{"action"}, `{"action":"|"`},
		{`{"a|"`, []string{"action"}, `{"action|"`},
		{`{"action":|`, []string{"echo", "say", "typing"}, ""},
		{`{"action":"|`, []string{"echo", "say", "typing"}, ""},
		{`{"action":"s|`, []string{"say"}, `{"action":"say"|`},
		{`{"action":"s|"}`, []string{"say"}, `{"action":"say|"}`},
		{`{"action": "say" , |`, []string{"id", "room", "text", "mood", "loud", "to"}, ""},
		{`{"action":"say","room":"a","|","text":"b"}`, []string{"id", "mood", "loud", "to"}, ""},
		{`{"action":"say","m|`, []string{"mood"}, `{"action":"say","mood":"|"`},
		{`{"m|","action":"say"}`, []string{"mood"}, `{"mood|","action":"say"}`},
		{`{"action":"say","mood":|`, []string{"happy", "sad"}, ""},
		{`{"action":"say","mood":"s|"`, []string{"sad"}, `{"action":"say","mood":"sad|"`},
		{`{"action":"say","loud":t|`, []string{"true"}, `{"action":"say","loud":true|`},
		{`{"action":"say","room":"|`, nil, ""},
		{`{"action":"say","to":[{"|`, []string{"name", "kind"}, ""},
		{`{"action":"say","to":[{"name":"a\"]"},{"name":"b","kind":"g|`, []string{"group"}, `{"action":"say","to":[{"name":"a\"]"},{"name":"b","kind":"group"|`},
		{`{"action":"say","to":[{"name":"b"}],"l|`, []string{"loud"}, `{"action":"say","to":[{"name":"b"}],"loud":|`},
		{`{"action":"none","|`, []string{"id"}, `{"action":"none","id":"|"`},
		{`{"other":{"action":"say"},"m|`, nil, ""},
		{`[{"|`, nil, ""},
		{`{"action":"say"|}`, []string{"id", "room", "text", "mood", "loud", "to"}, ""},
		{`{"action":"typing" |}`, []string{"id"}, `{"action":"typing" ,"id":"|"}`},
		{`{"action":"say","to":[{"name":"a"}|]}`, nil, ""},
		{`{"action":"say","to":[{"name":"a"|}]}`, []string{"kind"}, `{"action":"say","to":[{"name":"a","kind":"|"}]}`},
		{`{"action":"typing","loud":true |`, []string{"id"}, `{"action":"typing","loud":true ,"id":"|"`},
		{`{"action"|`, nil, ""},
		{`{"action":"say","to":["a"|`, nil, ""},
		{`}]|`, nil, ""},
		{`{"action":"say","to":[[[{"|`, nil, ""},
	} {
		labels, after := console.Complete(console.Options{App: described(t)}, c.line)
		require.Equal(t, c.labels, labels, c.line)
		require.Equal(t, c.after, after, c.line)
	}
	labels, _ := console.Complete(console.Options{}, "s|")
	require.Empty(t, labels, "no application is known")
	_, after := console.Complete(console.Options{}, "/he|")
	require.Equal(t, "/help|", after)
}

// Applications may name the members of frames, and keep the input apart.
func TestCompleteWithAnotherEnvelope(t *testing.T) {
	t.Parallel()
	app, err := describe.Parse([]byte(`{"version":1,
		"envelope":{"action":"do","id":"ref","data":"data","error":"error","event":"event","topic":"topic","input":"with"},
		"routes":[{"key":"$connect","answer":"none"},{"key":"move","answer":"data","codec":"json","input":{"$ref":"#/$defs/Move"}}],
		"$defs":{"Move":{"type":"object","x-go-type":"main.Move","required":["to"],"properties":{
			"to":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/Place"}]},"by":{"type":"array","items":{"const":"train"}}}},
			"Place":{"type":"object","x-go-type":"main.Place","properties":{"x":{"type":"number"}}}}}`))
	require.NoError(t, err)
	for line, want := range map[string]string{
		"m|":                               `{"do":"move","with":{"to":{|}}}`,
		`{"do":"move","w|`:                 `{"do":"move","with":{|}`,
		`{"do":"move","with":{"t|`:         `{"do":"move","with":{"to":{|}`,
		`{"do":"move","with":{"to":{"|`:    `{"do":"move","with":{"to":{"x":|`,
		`{"do":"move","with":{"by":["|`:    `{"do":"move","with":{"by":["train"|`,
		`{"do":"move","to":{"|`:            "",
		`{"ref":"1","do":"move","with":{|`: "",
	} {
		_, after := console.Complete(console.Options{App: app}, line)
		require.Equal(t, want, after, line)
	}
}

// FuzzComplete completes anything: what is offered fits to what is there.
func FuzzComplete(f *testing.F) {
	for _, line := range []string{"{", `{"a`, `{"action":"say","to":[{"`, "s", "/", `{"\u00`, `{"a":}}]],`, "{\"action\"\xff:", "tru", `["x":`} {
		f.Add(line, len(line))
	}
	f.Fuzz(func(t *testing.T, line string, pos int) {
		if pos < 0 || pos > len(line) || strings.Contains(line, "|") {
			t.Skip()
		}
		_, after := console.Complete(console.Options{App: described(t)}, line[:pos]+"|"+line[pos:])
		if after != "" {
			require.True(t, strings.HasSuffix(after, line[pos:]))
		}
	})
}

// FuzzPaint colors anything: without the colors it is the same.
func FuzzPaint(f *testing.F) {
	for _, text := range []string{`{"a":[1,-2.5e3,true,null,"b\"c"],"d":{}}`, `{"a`, `["\`, "hello", `"x" : 1`, "{é\n"} {
		f.Add(text)
	}
	colors := regexp.MustCompile("\x1b\\[[0-9]+m")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "\x1b") {
			t.Skip()
		}
		require.Equal(t, text, colors.ReplaceAllString(console.PaintJSON(text), ""))
	})
}

// FuzzRecording reads anything. What can be read has only messages that can be sent.
func FuzzRecording(f *testing.F) {
	f.Add(`{"time":"2026-11-28T08:10:49.123Z","direction":"out","text":"x"}` + "\n" + `{"direction":"in","base64":"AA=="}`)
	f.Add(`{"event":"closed","code":1000}` + "\r\n\n" + `{"direction":"out","text":"\ud800"}`)
	f.Add("\x00\n{")
	f.Fuzz(func(t *testing.T, text string) {
		recording, err := console.ReadRecording(strings.NewReader(text))
		if err != nil {
			require.NotContains(t, err.Error(), "EOF")
			return
		}
		out, in := recording.Counts()
		require.Positive(t, out)
		lines := 0
		for line := range strings.Lines(text) {
			var r struct{ Direction string }
			if json.Unmarshal([]byte(line), &r) == nil && r.Direction != "" {
				lines++
			}
		}
		require.Equal(t, lines, out+in, "none is left out")
	})
}

// FuzzLines reads anything as messages: each line is one, or has a problem, and nothing is lost.
func FuzzLines(f *testing.F) {
	f.Add("one\ntwo\r\n\n\xff\nlast", 5)
	f.Add("", 1)
	f.Add("\r\r\n\r", 3)
	f.Add(strings.Repeat("x", 40)+"\ny", 39)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 1 {
			t.Skip()
		}
		want := []string{}
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			if len(line) > limit {
				line = "too long"
			}
			want = append(want, line)
		}
		require.Equal(t, want, console.Lines(text, limit))
	})
}
