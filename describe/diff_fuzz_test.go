package describe_test

import (
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
		from, err := describe.Parse(a)
		if err != nil {
			return
		}
		to, err := describe.Parse(b)
		if err != nil {
			return
		}
		require.Empty(t, describe.Diff(from, from))
		for _, c := range describe.Diff(from, to) {
			require.NotEmpty(t, c.String())
		}
		describe.Diff(to, from)
	})
}
