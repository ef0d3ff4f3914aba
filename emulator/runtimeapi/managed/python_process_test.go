//go:build unix && !race

package managed_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/runtimeapi/managed"
)

// pythonForms is a handler with all forms of results, by the event.
const pythonForms = `
import decimal, json, logging, os, sys
import layered, own

logger = logging.getLogger()
logger.setLevel(logging.INFO)

class Weird(Exception):
    pass

def outer(event):
    raise Weird("first\nsecond")

def handler(event, context):
    form = event["form"]
    if form == "value":
        return {"got": event["value"], "price": decimal.Decimal("1.5"), "text": "é"}
    if form == "nothing":
        return
    if form == "raises":
        outer(event)
    if form == "empty":
        raise ValueError
    if form == "unserializable":
        return {1, 2}
    if form == "prints":
        print("to stdout")
        print("to stderr", file=sys.stderr)
        logger.info("an info")
        logger.debug("not shown")
    if form == "context":
        return {
            "id": context.aws_request_id, "name": context.function_name, "version": context.function_version,
            "memory": context.memory_limit_in_mb, "group": context.log_group_name, "stream": context.log_stream_name,
            "arn": context.invoked_function_arn, "remaining": context.get_remaining_time_in_millis(),
            "custom": context.client_context and context.client_context.custom,
            "app": context.client_context and context.client_context.client.app_title,
            "identity": context.identity.cognito_identity_id, "trace": os.environ.get("_X_AMZN_TRACE_ID"),
            "repr": repr(context).startswith("LambdaContext([aws_request_id=id-1,"),
        }
    if form == "process":
        return {"cwd": os.getcwd(), "argv": len(sys.argv), "layered": layered.word, "own": own.word, "path": sys.path[0],
                "env": os.environ["AWS_EXECUTION_ENV"], "opt": os.environ["PATH"].split(":")[0]}
    if form == "exits":
        sys.exit(7)
`

func TestPythonForms(t *testing.T) {
	t.Parallel()
	layer := code(t, map[string]string{
		"python/lib/python3.12/site-packages/layered.py": `word = "of the version"`,
		"python/layered.py": `word = "of any version"`,
		"python/own.py":     `word = "of the layer"`,
		"bin/tool":          ``,
	})
	folder := code(t, map[string]string{"pkg/app.py": pythonForms, "own.py": `word = "of the project"`})
	o := managed.Options{Runtime: "python3.12", Handler: "pkg/app.handler", Folder: folder, Layers: []string{layer}}
	p := start(t, o)
	for _, c := range []struct{ form, want string }{
		{"value", `{"got": 1, "price": 1.5, "text": "é"}`},
		{"nothing", `null`},
		{"prints", `null`},
		{"raises", "Weird first\nsecond"},
		{"empty", "ValueError "},
		{"unserializable", "Runtime.MarshalError Unable to marshal response: Object of type set is not JSON serializable"},
	} {
		r := p.invoke(t, fmt.Sprintf(`{"form":%q,"value":1}`, c.form))
		if strings.HasSuffix(r.path, "/response") {
			require.Equal(t, c.want, r.body, c.form)
			require.Equal(t, "application/json", r.contentType)
			continue
		}
		shape := pythonShape(t, r)
		require.Equal(t, c.want, shape.ErrorType+" "+shape.ErrorMessage, c.form)
		require.Equal(t, "id-1", shape.RequestID)
		if c.form == "raises" {
			require.Len(t, shape.StackTrace, 2)
			require.Regexp(t, `^  File "\S+/pkg/app\.py", line 21, in handler\n    outer\(event\)\n$`, shape.StackTrace[0])
			require.Contains(t, shape.StackTrace[1], "in outer\n")
		}
	}
	p.output.await(t, "[ERROR] Runtime.MarshalError")
	output := p.output.String()
	require.Contains(t, output, "to stdout\n")
	require.Contains(t, output, "to stderr\n")
	require.Regexp(t, `(?m)^\[INFO\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\tid-1\tan info$`, output)
	require.NotContains(t, output, "not shown")
	require.Contains(t, output, "[ERROR] Weird: first\nsecond\nTraceback (most recent call last):\n  File ")

	require.Equal(t, "Runtime.UnmarshalError", p.invoke(t, `not JSON`).errorType)

	r := p.invoke(t, `{"form":"context"}`, "Lambda-Runtime-Trace-Id", "Root=1",
		"Lambda-Runtime-Client-Context", `{"custom":{"a":1},"client":{"app_title":"chat"}}`,
		"Lambda-Runtime-Cognito-Identity", `{"cognitoIdentityId":"me"}`)
	var context map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &context))
	require.Greater(t, context["remaining"], 59.0*60*1000)
	require.LessOrEqual(t, context["remaining"], 60.0*60*1000)
	delete(context, "remaining")
	require.Equal(t, map[string]any{
		"id": "id-1", "name": "chat", "version": "$LATEST", "memory": "128", "group": "/aws/lambda/chat", "stream": "stream",
		"arn": "arn:aws:lambda:us-east-1:123456789012:function:chat", "custom": map[string]any{"a": 1.0}, "app": "chat",
		"identity": "me", "trace": "Root=1", "repr": true,
	}, context)
	require.Contains(t, p.invoke(t, `{"form":"context"}`).body, `"trace": null`, "the trace of an earlier invocation")

	resolved, err := filepath.EvalSymlinks(folder)
	require.NoError(t, err)
	require.JSONEq(t, fmt.Sprintf(`{"cwd":%q,"argv":1,"layered":"of the version","own":"of the project","path":%q,
		"env":"AWS_Lambda_python3.12","opt":%q}`, resolved, folder, filepath.Join(layer, "bin")),
		p.invoke(t, `{"form":"process"}`).body)

	p.connections.mu.Lock()
	require.Equal(t, 1, p.connections.seen, "connections to the Runtime API")
	p.connections.mu.Unlock()
	p.send(t, "id-2", `{"form":"exits"}`)
	require.Equal(t, 7, p.exit(t))
	compiled, err := filepath.Glob(filepath.Join(folder, "*", "__pycache__"))
	require.NoError(t, err)
	require.Empty(t, compiled, "nothing is written into the project")
}

// pythonError is the shape of an error of Lambda's runtimes for Python.
type pythonError struct {
	ErrorType, ErrorMessage, RequestID string
	StackTrace                         []string
}

func pythonShape(t *testing.T, r result) pythonError {
	t.Helper()
	var shape pythonError
	require.NoError(t, json.Unmarshal([]byte(r.body), &shape), r.body)
	require.Equal(t, shape.ErrorType, r.errorType)
	require.NotNil(t, shape.StackTrace)
	require.NotContains(t, r.body, "bootstrap.py", "frames of ours")
	return shape
}

func TestPythonInitErrors(t *testing.T) {
	t.Parallel()
	folder := code(t, map[string]string{
		"app.py":           "def other(event, context): pass\ntext = 'text'\n",
		"syntax.py":        "a = 1\ndef handler(:\n",
		"missing.py":       "import nowhere_at_all.sub\n",
		"name.py":          "from app import nothing\n",
		"throws.py":        "def f():\n    raise KeyError('while loading')\nf()\n",
		"requirements.txt": "",
	})
	o := options(t, managed.Options{Runtime: "python3.9", Handler: "app.other", Folder: folder})
	program, err := managed.Prepare(t.Context(), o)
	require.NoError(t, err)
	for _, c := range []struct{ handler, errorType, message, trace string }{
		{"app.handler", "Runtime.HandlerNotFound", `^Handler 'handler' missing on module 'app' \(\S+app\.py\)\. It has other\.$`, ``},
		{"syntax.handler", "Runtime.UserCodeSyntaxError", `^Syntax error in module 'syntax': .*\(syntax\.py, line 2\)$`, `syntax\.py" Line 2`},
		{
			"missing.handler", "Runtime.ImportModuleError",
			`^Unable to import module 'missing': No module named 'nowhere_at_all'\. If requirements\.txt has it: "\S+ -m pip install -r \S+"`,
			`missing\.py", line 1`,
		},
		{"name.handler", "Runtime.ImportModuleError", `^Unable to import module 'name': cannot import name 'nothing' from 'app'`, `name\.py`},
		{"throws.handler", "KeyError", `^'while loading'$`, `(?s)^  File "\S+throws\.py", line 3.*in f`},
		{"none/at.handler", "Runtime.ImportModuleError", `Looked at none/at\.py and none/at/__init__\.py in \S+\.$`, ``},
		{"sys.exit", "Runtime.BuiltInModuleConflict", `^Cannot use built-in module sys as a handler module$`, ``},
		{"handler", "Runtime.MalformedHandlerName", `it needs a module and a function, such as app\.handler`, ``},
		{".app.handler", "Runtime.ImportModuleError", `^Unable to import module '\.app'`, ``},
	} {
		t.Run(c.handler, func(t *testing.T) {
			p := run(t, program.Command, program.Dir, append(o.Env, "_HANDLER="+c.handler))
			r := p.result(t)
			require.Equal(t, "init/error", r.path)
			shape := pythonShape(t, r)
			require.Equal(t, c.errorType, shape.ErrorType, r.body)
			require.Regexp(t, c.message, shape.ErrorMessage)
			require.Regexp(t, c.trace, strings.Join(shape.StackTrace, ""))
			require.Equal(t, 1, p.exit(t))
			require.Zero(t, p.asked.Load(), "it asks for an invocation after it has failed")
			require.Contains(t, p.output.String(), "[ERROR] "+shape.ErrorType+": "+shape.ErrorMessage)
		})
	}
}

func TestPythonEndsWithTheRuntimeAPI(t *testing.T) {
	t.Parallel()
	folder := code(t, map[string]string{"app.py": "def handler(event, context): return 'é'"})
	p := start(t, managed.Options{Runtime: "python3.11", Handler: "app.handler", Folder: folder})
	require.Equal(t, `"\u00e9"`, p.invoke(t, `{}`).body, "before Python 3.12")
	p.lose()
	require.Equal(t, 1, p.exit(t))
	require.Contains(t, p.output.String(), "the Runtime API is gone")
}

// TestPythonOfTheProject checks that the virtual environment of a project is preferred.
func TestPythonOfTheProject(t *testing.T) {
	t.Parallel()
	folder := code(t, map[string]string{"functions/chat/app.py": "def handler(event, context): pass", ".git/config": ""})
	environment := filepath.Join(folder, ".venv", "bin")
	require.NoError(t, os.MkdirAll(environment, 0o755))
	script := `echo '{"path": "/of/the/project", "version": "3.12.1", "modules": {}}'`
	program, err := filepath.Abs("testdata/program")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(program, filepath.Join(environment, "python")))
	require.NoError(t, os.WriteFile(filepath.Join(environment, "python.sh"), []byte(script), 0o644))
	o := options(t, managed.Options{Runtime: "python3.12", Handler: "app.handler", Folder: filepath.Join(folder, "functions", "chat")})
	prepared, err := managed.Prepare(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, "/of/the/project", prepared.Command[0])
}
