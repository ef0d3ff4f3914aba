package typescript_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/typescript"
	"github.com/gatesock/gatesock/describe"
)

func FuzzFile(f *testing.F) {
	chat, err := os.ReadFile("../../../../describe/testdata/chat.json")
	require.NoError(f, err)
	f.Add(chat)
	f.Add([]byte(`{"version":1,"routes":[{"key":"a","answer":"data","input":{"anyOf":[null,{"$ref":"#/$defs/A"}]},"output":{"anyOf":[{"$ref":"#/$defs/B"},null]}},
		{"key":"a","answer":"x"}],"pushes":[{"event":"e"}],"$defs":{"A":null,"B":{"enum":[1e999],"items":null},"C":{"anyOf":[null]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		app := new(describe.App) // without the checks of describe.Parse
		if json.Unmarshal(data, app) != nil {
			return
		}
		if text, err := typescript.File(app); err == nil {
			require.NotEmpty(t, text)
		}
	})
}
