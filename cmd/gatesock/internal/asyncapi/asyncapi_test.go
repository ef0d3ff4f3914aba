package asyncapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/asyncapi"
	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/internal/npmtest"
)

var update = flag.Bool("update", false, "write the golden files") //nolint:gochecknoglobals // a flag

func readApp(t *testing.T, file string) *describe.App {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	app, err := describe.Parse(data)
	require.NoError(t, err)
	return app
}

func chat(t *testing.T) *describe.App {
	t.Helper()
	return readApp(t, "../../../../describe/testdata/chat.json")
}

// answered is the one finding of the parser that is right as it is: 3.1 adds nothing that these
// documents use, and fewer tools read it.
const answered = "asyncapi-latest-version"

// finding is what @asyncapi/parser finds in a document.
type finding struct {
	File, Code, Message string
	Path                []any
}

// findings returns what is not answered.
//
// A member of a message may be called __proto__, which routes and types may not. It gets another
// name here, because the parser, which is JavaScript, takes its schema for the prototype of the
// others.
func findings(t *testing.T, documents map[string][]byte) (all []finding) {
	t.Helper()
	folder := t.TempDir()
	files := make([]string, 0, len(documents))
	for name, document := range documents {
		file := filepath.Join(folder, name+".json")
		document = bytes.ReplaceAll(document, []byte(`"__proto__"`), []byte(`"__proto"`))
		require.NoError(t, os.WriteFile(file, document, 0o600))
		files = append(files, file)
	}
	for line := range strings.Lines(string(npmtest.Node(t, "asyncapi.cjs", files...))) {
		var f finding
		require.NoError(t, json.Unmarshal([]byte(line), &f))
		if f.Code != answered {
			all = append(all, f)
		}
	}
	return all
}

// validate fails the test for each finding.
func validate(t *testing.T, documents map[string][]byte) {
	t.Helper()
	for _, f := range findings(t, documents) {
		t.Errorf("%+v\n%s", f, documents[strings.TrimSuffix(filepath.Base(f.File), ".json")])
	}
}

func TestTheParserFindsMistakes(t *testing.T) {
	t.Parallel()
	right := string(document(t, parse(t, `{`+protocol+`,"routes":[{"key":"a","answer":"ack"}]}`)))
	found := findings(t, map[string][]byte{
		"wrong": []byte(strings.Replace(right, `"action": "receive"`, `"action": "receives"`, 1)),
		"lost":  []byte(strings.Replace(right, `#/components/schemas/gatesock.ErrorCode"`, `#/components/schemas/Code"`, 1)),
	})
	files := make(map[string]bool)
	for _, f := range found {
		files[filepath.Base(f.File)] = true
	}
	require.Len(t, files, 2, "%v", found)
}

func document(t *testing.T, app *describe.App) []byte {
	t.Helper()
	data, err := asyncapi.Document(app, asyncapi.Options{Title: "chat"})
	require.NoError(t, err)
	return data
}

func TestChat(t *testing.T) {
	t.Parallel()
	got := document(t, chat(t))
	if *update {
		require.NoError(t, os.WriteFile("testdata/chat.json", got, 0o600))
	}
	want, err := os.ReadFile("testdata/chat.json")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "if it is right: go test ./cmd/gatesock/internal/asyncapi -update")
}
