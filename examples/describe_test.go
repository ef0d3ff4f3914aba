package examples

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/describe"
)

// compile returns a schema.
func compile(t require.TestingT, text []byte) *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	const name = "https://example.com/schema.json"
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.AssertContent()
	require.NoError(t, c.AddResource(name, doc))
	s, err := c.Compile(name)
	require.NoError(t, err, "%s", text)
	return s
}

// validate returns why a JSON text does not have a schema.
func validate(t require.TestingT, s *jsonschema.Schema, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err, "%s", text)
	return s.Validate(value)
}

// documentSchema returns the schema of descriptions.
func documentSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../describe/app.schema.json")
	require.NoError(t, err)
	return compile(t, text)
}

// TestProgramsDescribeThemselves runs programs as the command gatesock does, and checks what they
// print.
func TestProgramsDescribeThemselves(t *testing.T) {
	t.Parallel()
	document := documentSchema(t)
	for program, routes := range map[string][]string{
		"./hello":           {"greet"},
		"./quickstart":      {"join", "say"},
		"./iot/cmd/lambda":  {"report", "result", "command", "register", "subscribe", "sync"},
		"./chat/cmd/lambda": {"authenticate", "subscribe", "sync", "presence", "say", "typing"},
	} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "go", "run", program)
			cmd.Env = append(os.Environ(), "GATESOCK_DESCRIBE=1", "TABLE=example", "AWS_REGION=us-east-1",
				"GATEWAY_ENDPOINT=https://abc123.execute-api.us-east-1.amazonaws.com/prod",
				"IOT_ENDPOINT=https://abc-ats.iot.us-east-1.amazonaws.com",
				"ISSUER=https://issuer.example.com", "AUDIENCE=chat", "ORIGINS=https://chat.example.com")
			cmd.Stderr = new(bytes.Buffer)
			out, err := cmd.Output()
			require.NoError(t, err, "%s", cmd.Stderr)
			require.NoError(t, validate(t, document, out), "%s", out)
			app, err := describe.Parse(out)
			require.NoError(t, err, "%s", out)
			var keys []string
			for _, r := range app.Routes {
				keys = append(keys, r.Key)
			}
			require.Subset(t, keys, routes)
		})
	}
}

func TestTheSchemaOfDescriptions(t *testing.T) {
	t.Parallel()
	document := documentSchema(t)
	text, err := os.ReadFile("../describe/testdata/chat.json")
	require.NoError(t, err)
	require.NoError(t, validate(t, document, text))
	for _, change := range [][2]string{
		{`"version": 1`, `"version": 2`},
		{`"answer": "ack"`, `"answer": "maybe"`},
		{`"answer": "mock"`, `"answer": "any"`},
		{`"kind": "schedule"`, `"kind": "cron"`},
		{`"kind": "queue"`, `"kind": "table"`},
		{`"type": "string"`, `"type": "text"`},
		{`"burst": 20`, `"quota": 20`},
	} {
		require.Contains(t, string(text), change[0])
		require.Error(t, validate(t, document, bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1)), change[1])
	}
}
