package typescript_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/randomapp"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/typescript"
	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/internal/npmtest"
)

var update = flag.Bool("update", false, "write the golden files") //nolint:gochecknoglobals // a flag

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return data
}

// parse reads a description without the checks of describe.Parse: a program can make any App.
func parse(t *testing.T, document string) *describe.App {
	t.Helper()
	var app describe.App
	require.NoError(t, json.Unmarshal([]byte(document), &app), document)
	return &app
}

// compile fails the test for each finding of the TypeScript compiler in files with these names.
func compile(t *testing.T, files map[string][]byte) {
	t.Helper()
	folder := t.TempDir()
	args := []string{
		"--strict", "--noEmit", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler", "--types", "",
		"--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--noUnusedLocals", "--isolatedModules", "--pretty", "false",
	}
	for name, text := range files {
		file := filepath.Join(folder, name+".ts")
		require.NoError(t, os.WriteFile(file, text, 0o600))
		args = append(args, file)
	}
	found := string(npmtest.Node(t, "typescript.cjs", args...))
	if found == "" {
		return
	}
	name, _, _ := strings.Cut(found, ".ts(")
	t.Errorf("%s\n%s", found, files[filepath.Base(name)])
}

func TestChat(t *testing.T) {
	t.Parallel()
	got, err := typescript.File(parse(t, string(readFile(t, "../../../../describe/testdata/chat.json"))))
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("testdata/chat.ts", got, 0o600))
	}
	require.Equal(t, string(readFile(t, "testdata/chat.ts")), string(got),
		"if it is right: go test ./cmd/gatesock/internal/typescript -update")
	compile(t, map[string][]byte{
		"chat": got, "usage": readFile(t, "testdata/usage.ts"), "client": readFile(t, clientTypes),
	})
}

const protocol = `"version":1,"envelope":{"action":"action","id":"id","data":"data","error":"error","event":"event","topic":"topic"}`

// described returns a description with these types and one push of each.
func described(t *testing.T, types string) *describe.App {
	t.Helper()
	return parse(t, `{`+protocol+`,"routes":[],"$defs":{`+types+`}}`)
}

func TestTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ types, want string }{
		{`"A":{"type":"string"}`, "export type A = string;"},
		{`"A":{"type":["boolean","null"]}`, "export type A = boolean | null;"},
		{`"A":{}`, "export type A = unknown;"},
		{`"A":{"type":"string","enum":["a","it's \"b\"",null,1.5]}`, `export type A = "a" | "it's \"b\"" | null | 1.5;`},
		{`"A":{"const":{"a b":[1,{}]}}`, `export type A = { "a b": [1, { [key: string]: never }] };`},
		{`"A":{"enum":[1e999]}`, "export type A = number;"},
		{`"A":{"type":"array","items":{"type":["string","null"]}}`, "export type A = (string | null)[];"},
		{`"A":{"type":"array"}`, "export type A = unknown[];"},
		{`"A":{"type":"array","items":{"type":"number"},"minItems":2,"maxItems":2}`, "/** Exactly 2 elements. */\nexport type A = [number, number];"},
		{`"A":{"type":"object"}`, "export type A = { [key: string]: unknown };"},
		{`"A":{"type":"object","additionalProperties":false}`, "export type A = { [key: string]: never };"},
		{`"A":{"type":"object","additionalProperties":{"type":"number"}}`, "export type A = { [key: string]: number };"},
		{
			`"A":{"type":"object","properties":{"a":{"type":"string"},"b c":{"type":"number"},"new":{}},"required":["a"]}`,
			"export interface A {\n  a: string;\n  \"b c\"?: number;\n  new?: unknown;\n}",
		},
		{`"A":{"type":["object","null"],"properties":{"a":{}}}`, "export type A = {\n  a?: unknown;\n} | null;"},
		{
			`"A":{"type":"object","properties":{"a":{"type":"object","properties":{"b":{}}}},"additionalProperties":{"type":"null"}}`,
			"export interface A {\n  a?: {\n    b?: unknown;\n  };\n  [key: string]: unknown;\n}",
		},
		{`"A":{"type":"object","properties":{"a":{"anyOf":[{"$ref":"#/$defs/A"},{"type":"null"}]}}}`, "export interface A {\n  a?: A | null;\n}"},
		{`"A":{"type":"array","items":{"$ref":"#/$defs/A"}}`, "export type A = A[];"},
		{`"A":{"anyOf":[{"$ref":"#/$defs/A"},{"type":"null"}]}`, "export type A = unknown;"},
		{`"class":{"type":"string"}`, "export type class_ = string;"},
		{`"Routes":{"type":"string"}`, "export type Routes_ = string;"},
		{`"Error":{"type":"string"}`, "export type Error = string;"},
		{`"1 b":{"type":"string"}`, "export type _1_b = string;"},
		{`"Page[a/b.C]":{"type":"string"}`, "export type Page_a_b_C = string;"},
		{`"a b":{"type":"string"},"a-b":{"type":"null"},"a_b":{"type":"number"}`, "export type a_b_2 = string;\n\nexport type a_b_3 = null;\n\nexport type a_b = number;"},
		{`"Größe":{"type":"string"}`, "export type Größe = string;"},
		{`"A":{"type":"string","description":"ends */ here\nnot there","deprecated":true}`, "/**\n * ends *\\/ here\n * not there\n *\n * @deprecated\n */\nexport type A = string;"},
		{
			`"A":{"type":"object","properties":{"n":{"type":"integer","minimum":0,"description":"N counts."},"s":{"type":"string","minLength":1,"maxLength":9}}}`,
			"export interface A {\n  /**\n   * N counts.\n   *\n   * At least 0. An integer; JavaScript rounds those beyond 2^53.\n   */\n  n?: number;\n" +
				"  /** 1 to 9 characters. */\n  s?: string;\n}",
		},
	} {
		got, err := typescript.File(described(t, c.types))
		require.NoError(t, err)
		require.Contains(t, string(got), "\n"+c.want+"\n", c.types)
	}
}

func TestEnvelopeAndRawRoutes(t *testing.T) {
	t.Parallel()
	got, err := typescript.File(parse(t, `{"version":1,"envelope":{"action":"type","id":"requestId","data":"payload","error":"fault",
		"event":"type","topic":"the channel","input":"payload"},"routes":[{"key":"$default","answer":"data","raw":true,"input":{"type":"array"},
		"output":{"type":"string"}},{"key":"say","answer":"any","guards":[{"name":"scope chat"}]},{"key":"log","answer":"ack","raw":true}]}`))
	require.NoError(t, err)
	for _, want := range []string{
		"  /** Requires: scope chat. */\n  \"say\": {\n    input: unknown;\n    output: unknown;\n  };\n}",
		"  \"$default\": {\n    input: unknown[];\n    output: string;\n  };\n  \"log\": {\n    input: unknown;\n    output: void;\n  };\n}",
		`[R in K]: { type: R; requestId?: string; payload: Routes[R]["input"] };`,
		`[R in K]: { requestId?: string; type: R; payload: Routes[R]["output"] };`,
		`[E in K]: { type: E; "the channel"?: string; payload: Pushes[E] };`,
		`export interface ErrorFrame { requestId?: string | number; type: string; fault: ApiError }`,
		"export const keepAlive = undefined;",
	} {
		require.Contains(t, string(got), want)
	}
}

// TestResults: a route of package async is one without an output, and a push of the same name.
func TestResults(t *testing.T) {
	t.Parallel()
	app := parse(t, `{`+protocol+`,"routes":[{"key":"$default","answer":"any"},{"key":"import","answer":"ack"},
		{"key":"report","answer":"ack"},{"key":"say","answer":"data","output":{"type":"number"}}],"pushes":[
		{"event":"import","data":{"type":"null"}},{"event":"report","data":{"type":"number"}},{"event":"say","data":{"type":"string"}}]}`)
	got, err := typescript.File(app)
	require.NoError(t, err)
	compile(t, map[string][]byte{"app": got, "usage": []byte(`import type { ApiError, Frame, ResultFrame } from "./app";

export function total(frame: ResultFrame<"report">): number | ApiError {
  return "error" in frame ? frame.error : frame.data;
}
const failed: Frame = { event: "report", id: "1", error: { code: "internal", message: "internal error" } };
const done: Frame = { event: "import", id: "1", data: null };
// @ts-expect-error: say answers at once
const other: ResultFrame = { event: "say", id: "1", data: "x" };
// @ts-expect-error: data of another type
const wrong: ResultFrame = { event: "report", id: "1", data: "x" };
export const all = [failed, done, other, wrong];
`)})
	require.NotContains(t, string(readFile(t, "testdata/chat.ts")), "ResultFrame")
}

// TestClient: what the npm package gatesock has to know is declared at the routes.
func TestClient(t *testing.T) {
	t.Parallel()
	got, err := typescript.File(parse(t, `{`+protocol+`,"routes":[{"key":"$default","answer":"any","idempotent":true},
		{"key":"get","answer":"data","idempotent":true},{"key":"it's","answer":"ack","idempotent":true},{"key":"ping","answer":"mock","mock":"x"},
		{"key":"pong","answer":"mock","mock":"y"},{"key":"raw","answer":"data","raw":true,"idempotent":true},{"key":"say","answer":"ack"}]}`))
	require.NoError(t, err)
	require.Contains(t, string(got), "export const api = {\n  idempotent: [\"get\", \"it's\"],\n  keepAliveAction: \"ping\",\n} as const;\n")
	compile(t, map[string][]byte{"app": got, "client": readFile(t, clientTypes), "usage": []byte(connectFunction + `
import { api, type Api } from "./app";

const client = connect<Api>({ url: "wss://example.com", ...api });
export const got: Promise<unknown> = client.call("get");
// @ts-expect-error: raw routes are outside the wire format
export const raw: Promise<unknown> = client.call("raw");
`)})

	// The client does not know other names.
	got, err = typescript.File(parse(t, `{"version":1,"envelope":{"action":"type","id":"id","data":"data","error":"error",
		"event":"event","topic":"topic"},"routes":[]}`))
	require.NoError(t, err)
	require.Contains(t, string(got), "export const api = {\n  idempotent: [],\n  envelope,\n} as const;\n")
	compile(t, map[string][]byte{"app": got, "client": readFile(t, clientTypes), "usage": []byte(connectFunction + `
import { api, type Api } from "./app";

// @ts-expect-error: the envelope
export const client = connect<Api>({ url: "wss://example.com", ...api });
`)})
}

// clientTypes are the types of the npm package. Its tests compile what uses the package itself.
const (
	clientTypes     = "../../../../clients/js/src/types.ts"
	connectFunction = `import type { Api as AnyApi, Client, Options } from "./client";

declare function connect<A extends AnyApi>(options: Options): Client<A>;
`
)

func TestMistakesOfDescriptions(t *testing.T) {
	t.Parallel()
	_, err := typescript.File(described(t, `"A":{"$ref":"#/$defs/Lost"},"B":{"type":"text"}`))
	require.EqualError(t, err, "typescript: the description refers to a type \"Lost\", but has none of that name\n"+
		"the description has a type \"text\", which JSON has not")
}

func TestRandomAppsCompile(t *testing.T) {
	t.Parallel()
	files := make(map[string][]byte)
	rapid.Check(t, func(rt *rapid.T) {
		app := randomapp.Draw(rt)
		got, err := typescript.File(app)
		require.NoError(rt, err)
		again, err := typescript.File(app)
		require.NoError(rt, err)
		require.Equal(rt, string(got), string(again))
		files[fmt.Sprintf("app%d", len(files))] = got
	})
	compile(t, files)
}
