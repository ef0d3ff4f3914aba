//go:build unix && !race

package managed_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/emulator/runtimeapi/managed"
	"github.com/gatesock/gatesock/internal/sdktest"
)

// nodeForms is a handler in CommonJS that has all forms of a handler, by the event.
const nodeForms = `
const forms = {
  promise: async (event) => ({ got: event.value }),
  nothing: async () => {},
  callback: (event, context, callback) => { callback(null, { got: event.value }); },
  callbackError: (event, context, callback) => callback(new TypeError('by callback')),
  callbackText: (event, context, callback) => callback('only text'),
  succeed: (event, context) => context.succeed('done'),
  fail: (event, context) => context.fail(new RangeError('by fail')),
  failNothing: (event, context) => context.fail(),
  done: (event, context) => context.done(null, 'done'),
  neither: () => 'a result that no promise has',
  waits: (event, context, callback) => { callback(null, 'early'); setTimeout(() => console.log('late work'), 1); },
  lastCallback: (event, context, callback) => { callback(null, 'first'); callback(null, 'second'); },
  hurries: (event, context, callback) => {
    context.callbackWaitsForEmptyEventLoop = false;
    const timer = setInterval(() => {}, 1000 * 60 * 60);
    forms.clean = async () => { clearInterval(timer); };
    callback(null, 'at once');
  },
  throws: () => { throw new SyntaxError('at run time'); },
  throwsText: async () => { throw 'text'; },
  throwsNumber: async () => { throw 42; },
  throwsObject: async () => { throw { name: 'Custom', message: 'looks like one', stack: 'Custom: looks like one' }; },
  throwsNothing: async () => { throw undefined; },
  throwsWeird: async () => { throw Object.create(null); },
  circular: async () => { const a = {}; a.a = a; return a; },
  bigint: async () => 1n,
  thenable: () => ({ then: (resolve) => resolve('thenable') }),
  context: async (event, context) => ({
    ...context, remaining: context.getRemainingTimeInMillis(), trace: process.env._X_AMZN_TRACE_ID,
    functions: Object.keys(context).filter((key) => typeof context[key] === 'function').sort(),
  }),
  process: async () => ({
    cwd: process.cwd(), argv: process.argv.length, layer: require('layered'), env: process.env.AWS_EXECUTION_ENV,
  }),
};
exports.handler = (event, context, callback) => forms[event.form](event, context, callback);
exports.nested = { deep: { handler: async () => 'nested' } };
`

func TestNodeForms(t *testing.T) {
	t.Parallel()
	layer := code(t, map[string]string{"nodejs/node_modules/layered/index.js": `module.exports = 'by a layer';`})
	folder := code(t, map[string]string{"src/app.js": nodeForms})
	p := start(t, managed.Options{Runtime: "nodejs20.x", Handler: "src/app.handler", Folder: folder, Layers: []string{layer}})
	for _, c := range []struct{ form, want string }{
		{"promise", `{"got":1}`},
		{"nothing", `null`},
		{"callback", `{"got":1}`},
		{"succeed", `"done"`},
		{"done", `"done"`},
		{"neither", `null`},
		{"waits", `"early"`},
		{"lastCallback", `"second"`},
		{"hurries", `"at once"`},
		{"clean", `null`},
		{"thenable", `"thenable"`},
		{"callbackError", `TypeError by callback`},
		{"callbackText", `string only text`},
		{"fail", `RangeError by fail`},
		{"failNothing", `string handled`},
		{"throws", `SyntaxError at run time`},
		{"throwsText", `string text`},
		{"throwsNumber", `number 42`},
		{"throwsObject", `Custom looks like one`},
		{"throwsNothing", `string handled`},
		{"throwsWeird", `handled the handler failed with a value that is not an error and has no text, such as undefined`},
		{"circular", `Error Unable to stringify response body as json: Converting circular structure to JSON`},
		{"bigint", `Error Unable to stringify response body as json: Do not know how to serialize a BigInt`},
	} {
		r := p.invoke(t, fmt.Sprintf(`{"form":%q,"value":1}`, c.form))
		if strings.HasSuffix(r.path, "/response") {
			require.Equal(t, c.want, r.body, c.form)
			require.Equal(t, "application/json", r.contentType)
			continue
		}
		var shape struct {
			ErrorType, ErrorMessage string
			Trace                   []string
		}
		require.NoError(t, json.Unmarshal([]byte(r.body), &shape), r.body)
		first, _, _ := strings.Cut(shape.ErrorMessage, "\n")
		require.Equal(t, c.want, shape.ErrorType+" "+first, c.form)
		require.Equal(t, shape.ErrorType, r.errorType, c.form)
		require.NotNil(t, shape.Trace, c.form)
		require.NotContains(t, r.body, "bootstrap", "frames of ours")
		if c.form == "throws" {
			require.Contains(t, shape.Trace[1], "src/app.js:")
		}
	}
	p.output.await(t, "late work")

	r := p.invoke(t, `not JSON`)
	require.Equal(t, "SyntaxError", r.errorType)

	r = p.invoke(t, `{"form":"context"}`, "Lambda-Runtime-Trace-Id", "Root=1", "Lambda-Runtime-Client-Context", `{"custom":{"a":1}}`)
	var context map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &context))
	require.Greater(t, context["remaining"], 59.0*60*1000)
	require.LessOrEqual(t, context["remaining"], 60.0*60*1000)
	delete(context, "remaining")
	require.Equal(t, map[string]any{
		"callbackWaitsForEmptyEventLoop": true, "awsRequestId": "id-1", "functionName": "chat", "functionVersion": "$LATEST",
		"memoryLimitInMB": "128", "logGroupName": "/aws/lambda/chat", "logStreamName": "stream", "trace": "Root=1",
		"invokedFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:chat", "clientContext": map[string]any{"custom": map[string]any{"a": 1.0}},
		"functions": []any{"done", "fail", "getRemainingTimeInMillis", "succeed"},
	}, context)
	r = p.invoke(t, `{"form":"context"}`)
	require.NotContains(t, r.body, "Root=1", "the trace of an earlier invocation")

	r = p.invoke(t, `{"form":"process"}`)
	resolved, err := filepath.EvalSymlinks(folder)
	require.NoError(t, err)
	require.JSONEq(t, fmt.Sprintf(`{"cwd":%q,"argv":2,"layer":"by a layer","env":"AWS_Lambda_nodejs20.x"}`, resolved), r.body)

	p.connections.mu.Lock()
	defer p.connections.mu.Unlock()
	require.Equal(t, 1, p.connections.seen, "connections to the Runtime API")
}

// nodeModule is a handler that is an ES module, in a package that says so.
const nodeModule = `
import { word } from 'layered';
import { own } from 'own';
import { createRequire } from 'node:module';
import { extra } from './lib.js';
export const handler = async (event) => {
  if (event.never) await new Promise(() => {});
  const later = await import('layered/sub.js');
  return [word, own, extra, later.default, createRequire(import.meta.url)('layered').word];
};
export default async () => 'the default';
export const nested = { deep: { handler: async () => 'nested' } };
export const stream = awslambda.streamifyResponse(async (event, to, context) => {
  if (event.fails === 'early') throw new TypeError('before the response');
  if (event.http) to = awslambda.HttpResponseStream.from(to, { statusCode: 201 });
  else to.setContentType('text/plain');
  to.write('one ');
  if (event.fails === 'late') throw new TypeError('within the response');
  to.write(context.awsRequestId);
  if (event.fails !== 'open') to.end();
});
`

func TestNodeModules(t *testing.T) {
	t.Parallel()
	layer := code(t, map[string]string{
		"nodejs/node_modules/layered/package.json":      `{"exports":{".":{"import":"./index.mjs","require":"./index.cjs"},"./sub.js":"./sub.mjs"}}`,
		"nodejs/node_modules/layered/index.mjs":         `export const word = 'layered as a module';`,
		"nodejs/node_modules/layered/index.cjs":         `exports.word = 'layered as CommonJS';`,
		"nodejs/node_modules/layered/sub.mjs":           `export default 'sub';`,
		"nodejs/node_modules/own/index.js":              `exports.own = 'of the layer';`,
		"nodejs/node20/node_modules/layered2/index.mjs": ``,
	})
	folder := code(t, map[string]string{
		"package.json":              `{"type":"module"}`,
		"app.js":                    nodeModule,
		"lib.js":                    `export const extra = 'lib';`,
		"node_modules/own/index.js": `exports.own = 'of the project';`,
	})
	o := options(t, managed.Options{Runtime: "nodejs20.x", Handler: "app.handler", Folder: folder, Layers: []string{layer}})
	program, err := managed.Prepare(t.Context(), o)
	require.NoError(t, err)
	for _, c := range []struct{ handler, want string }{
		{"app.handler", `["layered as a module","of the project","lib","sub","layered as CommonJS"]`},
		{"app.default", `"the default"`},
		{"app.nested.deep.handler", `"nested"`},
	} {
		p := run(t, program.Command, program.Dir, append(o.Env, "_HANDLER="+c.handler))
		require.Equal(t, c.want, p.invoke(t, `{}`).body, p.output)
		if c.handler == "app.handler" {
			// The loop has nothing left to do, and nobody will settle the promise.
			r := p.invoke(t, `{"never":true}`)
			require.Equal(t, "Runtime.NodeJsExit", r.errorType)
			require.Equal(t, c.want, p.invoke(t, `{}`).body, "the process lives on")
		}
		p.stop()
	}

	p := run(t, program.Command, program.Dir, append(o.Env, "_HANDLER=app.stream"))
	r := p.invoke(t, `{}`)
	require.Equal(t, result{path: "invocation/id-1/response", body: "one id-1", contentType: "text/plain", mode: "streaming", trailers: r.trailers}, r)
	r = p.invoke(t, `{"http":true}`)
	require.Equal(t, `{"statusCode":201}`+strings.Repeat("\x00", 8)+"one id-1", r.body)
	require.Equal(t, "application/vnd.awslambda.http-integration-response", r.contentType)
	r = p.invoke(t, `{"fails":"early"}`)
	require.Equal(t, "invocation/id-1/error", r.path)
	require.Equal(t, "TypeError", r.errorType)
	for fails, message := range map[string]string{"late": "within the response", "open": "The response stream was not ended."} {
		r = p.invoke(t, fmt.Sprintf(`{"fails":%q}`, fails))
		require.Equal(t, "invocation/id-1/response", r.path)
		require.Contains(t, decoded(t, r.trailers.Get("Lambda-Runtime-Function-Error-Body")), message)
		require.NotEmpty(t, r.trailers.Get("Lambda-Runtime-Function-Error-Type"))
	}
	require.Equal(t, "one id-1", p.invoke(t, `{}`).body, "the process lives on")
}

func TestNodeCrashes(t *testing.T) {
	t.Parallel()
	folder := code(t, map[string]string{"app.cjs": `
exports.rejects = async () => {
  Promise.reject(new RangeError('nobody waits'));
  await new Promise((resolve) => setTimeout(resolve, 60_000));
};
exports.throws = (event, context, callback) => {
  setImmediate(() => { throw new RangeError('out of nowhere'); });
  setTimeout(callback, 60_000);
};
exports.exits = async () => process.exit(7);
`})
	o := options(t, managed.Options{Runtime: "nodejs20.x", Handler: "app.exits", Folder: folder})
	program, err := managed.Prepare(t.Context(), o)
	require.NoError(t, err)
	for _, c := range []struct {
		handler, errorType, message string
		code                        int
	}{
		{"app.rejects", "Runtime.UnhandledPromiseRejection", "RangeError: nobody waits", 128},
		{"app.throws", "RangeError", "out of nowhere", 129},
		{"app.exits", "", "", 7},
	} {
		p := run(t, program.Command, program.Dir, append(o.Env, "_HANDLER="+c.handler))
		p.send(t, "id-2", `{}`)
		if c.errorType != "" {
			r := p.result(t)
			require.Equal(t, "invocation/id-2/error", r.path)
			require.Equal(t, c.errorType, r.errorType)
			require.Contains(t, r.body, `"errorMessage":"`+c.message+`"`)
			require.Contains(t, r.body, "app.cjs:")
		}
		require.Equal(t, c.code, p.exit(t), c.handler)
		require.Contains(t, p.output.String(), c.message)
	}
}

func TestNodeInitErrors(t *testing.T) {
	t.Parallel()
	folder := code(t, map[string]string{
		"app.js":              `exports.other = async () => {}; exports.text = 'text';`,
		"syntax.mjs":          "export const a = 1;\nexport const b = ;\n",
		"importer.mjs":        "import { b } from './syntax.mjs';\nexport const handler = b;\n",
		"syntax.js":           "exports.a = 1;\nexports.b = ;\n",
		"mixed.cjs":           "import fs from 'fs';\nexports.handler = fs;\n",
		"plain.js":            "export const handler = async () => {};\n",
		"missing.js":          "require('somewhere/else');",
		"missing.mjs":         "import 'declared';",
		"missingModule.mjs":   "import 'declared/sub';",
		"relative.js":         "require('./nowhere');",
		"sdk.js":              "const name = 'aws-sdk'; require(name);",
		"throws.js":           "throw new TypeError('while loading');",
		"rejects.js":          "Promise.reject(new TypeError('unwatched')); setTimeout(() => {}, 60_000); exports.handler = async () => {};",
		"package.json":        `{"dependencies":{"declared":"1"}}`,
		"broken/package.json": `{`,
		"broken/app.js":       `exports.handler = null;`,
	})
	o := options(t, managed.Options{Runtime: "nodejs22.x", Handler: "app.handler", Folder: folder})
	program, err := managed.Prepare(t.Context(), o)
	require.NoError(t, err)
	for _, c := range []struct{ handler, errorType, message, trace string }{
		{"app.handler", "Runtime.HandlerNotFound", `app\.handler is undefined or not exported in \S+app\.js\. It exports other, text\.`, ""},
		{"app.text", "Runtime.HandlerNotFound", `app\.text is not a function in`, ""},
		{"app.text.deep", "Runtime.HandlerNotFound", `app\.text\.deep is undefined`, ""},
		{"broken/app.handler", "Runtime.UserCodeSyntaxError", `Error parsing \S+/broken/package\.json`, ""},
		{"syntax.handler", "Runtime.UserCodeSyntaxError", `^SyntaxError: Unexpected token ';'$`, `syntax\.js:2`},
		{"importer.handler", "Runtime.UserCodeSyntaxError", `^SyntaxError: Unexpected token ';'$`, `syntax\.mjs:2`},
		{"mixed.handler", "Runtime.UserCodeSyntaxError", `rename it to \.mjs, or write "type": "module" into package\.json`, `mixed\.cjs:1`},
		{"plain.handler", "Runtime.UserCodeSyntaxError", `rename it to \.mjs`, `plain\.js:1`},
		{"missing.handler", "Runtime.ImportModuleError", `Cannot find module 'somewhere/else'[^"]*Add somewhere to the dependencies in package\.json`, `missing\.js`},
		{"missingModule.handler", "Runtime.ImportModuleError", `Cannot find package 'declared'[^"]*package\.json has it: run "npm install" in`, ``},
		{"relative.handler", "Runtime.ImportModuleError", `Cannot find module './nowhere'`, `relative\.js`},
		{"sdk.handler", "Runtime.ImportModuleError", `nodejs22\.x carries @aws-sdk/\* only: add aws-sdk to package\.json and install it\.$`, ``},
		{"throws.handler", "TypeError", `^while loading$`, `throws\.js:1`},
		{"rejects.handler", "Runtime.UnhandledPromiseRejection", `^TypeError: unwatched$`, `rejects\.js:1`},
	} {
		t.Run(c.handler, func(t *testing.T) {
			p := run(t, program.Command, program.Dir, append(o.Env, "_HANDLER="+c.handler))
			r := p.result(t)
			require.Equal(t, "init/error", r.path)
			require.Equal(t, c.errorType, r.errorType, r.body)
			var shape struct {
				ErrorType, ErrorMessage string
				Trace                   []string
			}
			require.NoError(t, json.Unmarshal([]byte(r.body), &shape))
			require.Equal(t, c.errorType, shape.ErrorType)
			require.Regexp(t, c.message, shape.ErrorMessage)
			require.Regexp(t, c.trace, strings.Join(shape.Trace, "\n"))
			require.NotContains(t, strings.Join(shape.Trace, "\n"), "bootstrap", "frames of ours")
			require.NotZero(t, p.exit(t))
			require.Zero(t, p.asked.Load(), "it asks for an invocation after it has failed")
			require.Contains(t, p.output.String(), strings.TrimPrefix(shape.ErrorMessage, "Error: "))
		})
	}
}

// TestNodeLooksAgain starts a handler whose file is removed after Prepare has seen it.
func TestNodeLooksAgain(t *testing.T) {
	t.Parallel()
	folder := code(t, map[string]string{"dist/app.js": ``})
	o := options(t, managed.Options{Runtime: "nodejs20.x", Handler: "dist/app.handler", Folder: folder})
	program, err := managed.Prepare(t.Context(), o)
	require.NoError(t, err)
	for handler, message := range map[string]string{
		"dist/none.handler": "Cannot find module 'none' of the handler in " + folder +
			". Looked at dist/none, dist/none.js, dist/none.mjs, dist/none.cjs.",
		"../app.handler": `must not contain \"..\"`,
		"dist/app":       "it needs a file and a function, such as app.handler",
	} {
		p := run(t, program.Command, program.Dir, append(o.Env, "_HANDLER="+handler))
		require.Contains(t, p.result(t).body, message)
	}
}

// TestNodeWarnsOfCallbacks checks that what newer runtimes lack works, and is named once.
func TestNodeWarnsOfCallbacks(t *testing.T) {
	t.Parallel()
	folder := code(t, map[string]string{"app.js": `exports.handler = (event, context, callback) => event.done ? context.done(null, 2) : callback(null, 1);`})
	p := start(t, managed.Options{Runtime: "nodejs24.x", Handler: "app.handler", Folder: folder})
	for range 2 {
		require.Equal(t, "1", p.invoke(t, `{}`).body)
		require.Equal(t, "2", p.invoke(t, `{"done":true}`).body)
	}
	p.stop()
	for _, name := range []string{"callbacks", "context.done"} {
		require.Equal(t, 1, strings.Count(p.output.String(), "warning: nodejs24.x has no "+name+":"), p.output)
	}
}

// TestNodeHooks calls the hooks by themselves: which of them a version of Node.js has, and whether
// it runs TypeScript, differs.
func TestNodeHooks(t *testing.T) {
	t.Parallel()
	hooks, err := filepath.Abs("bootstrap/node/hooks.mjs")
	require.NoError(t, err)
	script := `
const { initialize, resolve, resolveSync } = await import(process.argv[1]);
const results = [];
for (const [specifier, typescript, there] of JSON.parse(process.argv[2])) {
  initialize({ folders: ['file:///a/index.mjs', 'file:///b/index.mjs'], typescript });
  const asked = [];
  const next = (name, { parentURL, conditions }) => {
    if (conditions !== 'kept') throw new Error('the context is lost');
    asked.push(name + ' from ' + parentURL);
    if (there === name + ' from ' + parentURL) return 'found';
    if (there === 'broken') throw Object.assign(new Error('broken'), { code: 'ERR_INVALID_PACKAGE_CONFIG' });
    throw Object.assign(new Error(name + ' from ' + parentURL), { code: 'ERR_MODULE_NOT_FOUND' });
  };
  const context = { parentURL: 'app', conditions: 'kept' };
  const inThread = await resolve(specifier, context, async (...args) => next(...args)).catch((error) => error.message);
  const once = asked.splice(0);
  let sync;
  try { sync = resolveSync(specifier, context, next); } catch (error) { sync = error.message; }
  if (sync !== inThread || asked.join() !== once.join()) throw new Error('the hooks differ: ' + sync + ', ' + inThread);
  results.push([sync, ...once]);
}
console.log(JSON.stringify(results));
`
	a, b := " from file:///a/index.mjs", " from file:///b/index.mjs"
	cases := [][]any{
		{"uuid", false, "uuid from app"},
		{"uuid", false, "uuid" + b},
		{"@aws-sdk/x", true, "none"},
		{"uuid", false, "broken"},
		{"./lib", false, "none"},
		{"./lib", true, "./lib.ts from app"},
		{"../lib.js", true, "../lib.ts from app"},
		{"./lib.mjs", true, "none"},
		{"./dir", true, "./dir/index.ts from app"},
		{"node:none", false, "none"},
	}
	given, err := json.Marshal(cases)
	require.NoError(t, err)
	output, err := exec.CommandContext(t.Context(), sdktest.Node(t), "--input-type=module", "-e", script, hooks, string(given)).Output()
	require.NoError(t, err)
	var got [][]string
	require.NoError(t, json.Unmarshal(output, &got))
	require.Equal(t, [][]string{
		{"found", "uuid from app"},
		{"found", "uuid from app", "uuid" + a, "uuid" + b},
		{"@aws-sdk/x from app", "@aws-sdk/x from app", "@aws-sdk/x" + a, "@aws-sdk/x" + b},
		{"broken", "uuid from app"},
		{"./lib from app", "./lib from app"},
		{"found", "./lib from app", "./lib.ts from app"},
		{"found", "../lib.js from app", "../lib.ts from app"},
		{"./lib.mjs from app", "./lib.mjs from app", "./lib.mts from app"},
		{"found", "./dir from app", "./dir.ts from app", "./dir.js from app", "./dir/index.ts from app"},
		{"node:none from app", "node:none from app"},
	}, got)
}

// TestNodeEndsWithTheRuntimeAPI checks that no process remains if the emulator is killed.
func TestNodeEndsWithTheRuntimeAPI(t *testing.T) {
	t.Parallel()
	folder := code(t, map[string]string{"app.js": `exports.handler = async () => {};`})
	o := options(t, managed.Options{Runtime: "nodejs20.x", Handler: "app.handler", Folder: folder})
	program, err := managed.Prepare(t.Context(), o)
	require.NoError(t, err)
	p := run(t, program.Command, program.Dir, append(o.Env, "_HANDLER="+o.Handler))
	p.invoke(t, `{}`)
	p.lose()
	require.Equal(t, 1, p.exit(t))
	require.Contains(t, p.output.String(), "the Runtime API is gone")
}
