package asyncapi_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/asyncapi"
	"github.com/gatesock/gatesock/describe"
)

func FuzzDocument(f *testing.F) {
	chat, err := os.ReadFile("../../../../describe/testdata/chat.json")
	require.NoError(f, err)
	f.Add(chat)
	f.Add([]byte(`{"version":1,"routes":[{"key":"a","answer":"data","input":{"anyOf":[null,{"$ref":"#/$defs/A"}]},"output":{"anyOf":[{"$ref":"#/$defs/B"},null]}},
		{"key":"a","answer":"x"}],"pushes":[{"event":"e"}],"$defs":{"A":null,"B":{"enum":[1e999],"items":null,"propertyNames":null}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		app := new(describe.App) // without the checks of describe.Parse
		if json.Unmarshal(data, app) != nil {
			return
		}
		if document, err := asyncapi.Document(app, asyncapi.Options{}); err == nil {
			require.True(t, json.Valid(document))
		}
	})
}
