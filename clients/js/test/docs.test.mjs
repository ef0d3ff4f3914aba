// The pages about the client: their code compiles, their page of ten lines is the one that the tests
// in browsers open, and no option or code is missing.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("..", import.meta.url));
const read = (name) => readFileSync(join(folder, name), "utf8");
const guide = read("../../docs/client.md");
const readme = read("README.md");

/** Returns the code of a page in the languages. */
function blocks(page, ...languages) {
  const found = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, language]) => languages.includes(language));
  return found.map(([, language, code]) => ({ language, code }));
}

// What the code of the pages has around it.
const around = `
import type { Client } from "gatesock";

interface Around {
  routes: {
    say: { input: { room: string; text: string }; output: { id: number } };
    typing: { input: { room: string }; output: null };
    list: { input: { room?: string }; output: string[] };
  };
  pushes: { notice: { text: string } };
}

declare global {
  const client: Client<Around>;
  const url: string;
  const session: { user: string; accessToken(): Promise<string>; ticket(): Promise<string> };
  function show(...what: unknown[]): void;
  function reload(reason?: string): void;
}
`;

const project = mkdtempSync(join(tmpdir(), "gatesock-docs-"));
after(() => rmSync(project, { recursive: true, force: true }));

/** Compiles blocks of code; returns what the compiler finds, "" if nothing. */
function compile(all) {
  const at = mkdtempSync(join(project, "code-"));
  mkdirSync(join(at, "node_modules", "@types"), { recursive: true });
  symlinkSync(folder, join(at, "node_modules", "gatesock"));
  for (const name of ["react", "@types/react"]) {
    symlinkSync(join(folder, "node_modules", name), join(at, "node_modules", name));
  }
  writeFileSync(join(at, "package.json"), '{"type":"module"}');
  writeFileSync(join(at, "around.ts"), around);
  writeFileSync(join(at, "api.ts"), read("../../cmd/gatesock/internal/typescript/testdata/chat.ts"));
  const files = all.map(({ language, code }, i) => {
    const name = `block${i}.${language === "tsx" ? "tsx" : "ts"}`;
    writeFileSync(join(at, name), `${code}\nexport {};\n`);
    return name;
  });
  const tsc = join(folder, "node_modules", "typescript", "bin", "tsc");
  const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--lib", "es2022,dom,dom.iterable",
    "--module", "esnext", "--moduleResolution", "bundler", "--jsx", "react-jsx", "--types", "", "--skipLibCheck", "--pretty", "false"];
  const done = spawnSync(process.execPath, [tsc, ...options, "around.ts", ...files], { cwd: at, encoding: "utf8" });
  assert.ifError(done.error);
  assert.equal(done.status === 0, done.stdout === "", done.stdout + done.stderr);
  return done.stdout;
}

for (const name of ["../../docs/client.md", "../../README.md", "README.md"]) {
  test(`the code of ${name} compiles`, () => {
    const all = blocks(read(name), "js", "ts", "jsx", "tsx");
    assert.ok(all.length > 0);
    assert.equal(compile(all), "", all.map(({ code }, i) => `block${i}:\n${code}`).join("\n"));
  });
}

test("code that does not compile is found", () => {
  const [bad] = blocks('```ts\nclient.subscribe("a", { first: 1 });\n```\n', "ts");
  assert.match(compile([bad]), /^block0\.ts\(1,/);
});

test("the page of ten lines is the one that the tests in browsers open", () => {
  assert.deepEqual(blocks(guide, "html").map(({ code }) => code), [read("browser/pages/start.html")]);
});

/** Returns the members of an interface of a source, each with the default of its comment. */
function members(source, name) {
  const [, body] = new RegExp(`^export interface ${name} .*?\\{\n(.*?)^\\}`, "ms").exec(source) ?? [];
  assert.ok(body, `there is no interface ${name}`);
  const all = [...body.matchAll(/\/\*\*(.*?)\*\/\s+(?:readonly )?(\w+)\??: (.*?);\n/gs)];
  return all.filter(([, , , type]) => type !== "undefined").map(([, comment, member]) => {
    const text = comment.replaceAll(/\s*\n\s*\*?\s*/g, " ").trim();
    return { member, value: /Default: (.*?)\.(?: |$)/.exec(text)?.[1].replaceAll(",", "") };
  });
}

/** Returns the members that no row and no paragraph of a page has, with their defaults. */
function missing(page, all) {
  const parts = page.split("\n\n").flatMap((p) => (p.startsWith("|") ? p.split("\n") : [p.replaceAll(/\n */g, " ")]));
  const isDefault = (part, value) =>
    part.startsWith("|") ? part.split("|").at(-2).replaceAll("`", "").trim() === value : part.includes(`efault: ${value}`);
  return all
    .filter(({ member, value }) => !parts.some((p) => p.includes(`\`${member}\``) && (!value || isDefault(p, value))))
    .map(({ member, value }) => `${member}: ${value}`);
}

const sources = [
  ["types", "Options", "maxQueue", "256"],
  ["types", "CallOptions", "expires", "5 minutes"],
  ["types", "SubscribeOptions", "buffer", "1024"],
  ["tab", "TabsOptions", "name", "the URL"],
  ["values", "ValuesOptions", "filter", "all"],
  ["store", "TopicOptions", "keep", "1000"],
];
for (const [source, name, member, value] of sources) {
  test(`the pages have all of ${name}`, () => {
    const all = members(read(`src/${source}.ts`), name);
    assert.deepEqual(all.find((m) => m.member === member), { member, value });
    assert.deepEqual(missing(guide, all), [], "in docs/client.md");
    assert.deepEqual(missing(readme, all.map((m) => ({ member: m.member }))), [], "in README.md");
  });
}

test("an option that a page does not have is found", () => {
  const page = "# A\n\n| `a` | x | 1024 |\n| `b` | x | `2` |\n\nThe option `c`,\ndefault: 0.\n";
  assert.deepEqual(missing(page, [{ member: "a", value: "1024" }, { member: "b", value: "2" }, { member: "c", value: "0" }]), []);
  const others = [{ member: "a", value: "102" }, { member: "b" }, { member: "c", value: "1" }, { member: "d" }];
  assert.deepEqual(missing(page, others), ["a: 102", "c: 1", "d: undefined"]);
});

test("docs/client.md has each code", () => {
  const [, text] = /^export type Code =(.*?);/ms.exec(read("src/error.ts"));
  const all = [...text.matchAll(/"(\w+)"/g)].map(([, code]) => code);
  assert.ok(all.length > 15 && all.includes("unknown_outcome"));
  const rows = guide.split("\n").filter((line) => line.startsWith("| `"));
  assert.deepEqual(all.filter((code) => !rows.some((row) => row.split("|")[1].includes(`\`${code}\``))), []);
});
