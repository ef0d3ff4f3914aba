package workbench_test

import (
	"encoding/json"
	"go/parser"
	gotoken "go/token"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/workbench"
)

// TestExports checks that what is exported has what was recorded. Package export has the rest.
func TestExports(t *testing.T) {
	t.Parallel()
	f := newFixture(t, workbench.Config{Seed: 11, Test: workbench.TestTemplate{Package: "dev_test", New: "newApp(rec)"}})
	status, answer := call(t, f.bench, "GET", "export/test", "")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, answer, "nothing to export")
	a, b := f.connect(`{}`), f.connect(`{}`)
	f.send(a, `{"action":"echo","text":"of a"}`)
	f.send(b, `{"action":"echo","text":"of b"}`)

	w := serve(f.bench, request(t, "GET", "/_gatesock/api/export/test", ""))
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "text/x-go; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, `attachment; filename="session_test.go"`, w.Header().Get("Content-Disposition"))
	_, err := parser.ParseFile(gotoken.NewFileSet(), "session_test.go", w.Body, parser.AllErrors)
	require.NoError(t, err)
	_, source := call(t, f.bench, "GET", "export/test?connection=%232&package=own_test&new=own(rec)&imports=example.com/own,o+example.com/other", "")
	require.Contains(t, source, "package own_test")
	require.Contains(t, source, "own(rec)")
	require.Contains(t, source, "\t\"example.com/own\"\n")
	require.Contains(t, source, "\to \"example.com/other\"\n")
	require.Contains(t, source, "of b")
	require.NotContains(t, source, "of a")
	require.NotContains(t, source, b)
	_, source = call(t, f.bench, "GET", "export/test?name=TestOther", "")
	require.Contains(t, source, "func TestOther(")
	status, answer = call(t, f.bench, "GET", "export/test?name=other", "")
	require.Equal(t, http.StatusBadRequest, status, answer)
	require.Contains(t, answer, "want Test and then a capital letter")
	status, answer = call(t, f.bench, "GET", "export/test?new=}", "")
	require.Equal(t, http.StatusBadRequest, status, answer)
	status, answer = call(t, f.bench, "GET", "export/test?connection=%239", "")
	require.Equal(t, http.StatusNotFound, status, answer)

	w = serve(f.bench, request(t, "GET", "/_gatesock/api/export/har?connection="+a, ""))
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.True(t, json.Valid(w.Body.Bytes()))
	require.Contains(t, w.Body.String(), "ws://localhost:3001/dev")
	require.Contains(t, w.Body.String(), "of a")
	require.NotContains(t, w.Body.String(), "of b")
	status, answer = call(t, f.bench, "GET", "export/har?connection=%239", "")
	require.Equal(t, http.StatusNotFound, status, answer)
}
