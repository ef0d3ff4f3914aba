package describe_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/describe"
)

func TestParseReadsWhatItWrites(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/chat.json")
	require.NoError(t, err)
	app, err := describe.Parse(data)
	require.NoError(t, err)
	again, err := json.Marshal(app)
	require.NoError(t, err)
	require.JSONEq(t, string(data), string(again))
}
