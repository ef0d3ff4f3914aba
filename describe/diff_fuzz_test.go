package describe_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/describe"
)

func FuzzDiff(f *testing.F) {
	chat, err := os.ReadFile("testdata/chat.json")
	require.NoError(f, err)
	odd := []byte(`{"version":1,"routes":[{"key":"a","answer":"data","input":{"anyOf":[null,{"$ref":"#/$defs/A"}]},"output":{"anyOf":[{"$ref":"#/$defs/B"},null]}}],
		"pushes":[{"event":"e"}],"$defs":{"A":null,"B":{"enum":[1e999],"minimum":1e999999999999,"items":null}}}`)
	f.Add(chat, chat)
	f.Add(chat, odd)
	f.Add(odd, odd)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		from, to := new(describe.App), new(describe.App) // without the checks of Parse
		if json.Unmarshal(a, from) != nil || json.Unmarshal(b, to) != nil {
			return
		}
		require.Empty(t, describe.Diff(from, from))
		for _, c := range describe.Diff(from, to) {
			require.NotEmpty(t, c.String())
		}
		describe.Diff(to, from)
	})
}
