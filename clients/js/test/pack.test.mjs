// The package as npm has it: packed, installed into another project, imported, compiled and bundled.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = fileURLToPath(new URL("..", import.meta.url));
const modules = join(folder, "node_modules");
const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

// What each entry exports, apart from types.
const values = {
  ".": ["GatesockError", "connect"],
  "./core": ["GatesockError", "connect"],
  "./values": ["values"],
  "./fragments": ["fragments"],
  "./tabs": ["GatesockError", "connect"],
  "./react": ["useClientState", "usePresence", "useTopic"],
  "./svelte": ["presenceStore", "stateStore", "topicStore"],
  "./vue": ["useClientState", "usePresence", "useTopic"],
};

/** Runs a program and returns what it prints. A status other than 0 fails the test. */
function run(program, args, cwd) {
  const done = spawnSync(program, args, { cwd, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
  assert.ifError(done.error);
  assert.equal(done.status, 0, `${program} ${args.join(" ")}\n${done.stdout}${done.stderr}`);
  return done.stdout;
}

const tool = (name, args, cwd) => run(join(modules, ".bin", name), args, cwd);

// The project that has the package is outside this folder, so that nothing of it is found by accident.
const project = mkdtempSync(join(tmpdir(), "gatesock-pack-"));
after(() => rmSync(project, { recursive: true, force: true }));
const write = (name, text) => writeFileSync(join(project, name), text);

const [packed] = JSON.parse(run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", project], folder));
const archive = join(project, packed.filename);
write("package.json", JSON.stringify({ name: "project", private: true, type: "module" }));
run("npm", ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", join(project, "cache"), archive], project);
// The frameworks are the project's own.
mkdirSync(join(project, "node_modules", "@types"), { recursive: true });
for (const name of ["react", "vue", "@types/react"]) {
  symlinkSync(join(modules, name), join(project, "node_modules", name));
}

test("the archive has the modules, their types, and what a package needs, and nothing else", () => {
  const names = packed.files.map((f) => f.path);
  const others = names.filter((name) => !/^dist\/[a-z]+\.(js|d\.ts)$/.test(name));
  assert.deepEqual(others.sort(), ["LICENSE", "README.md", "package.json"]);
  for (const [entry, target] of Object.entries(manifest.exports)) {
    for (const file of typeof target === "string" ? [target] : Object.values(target)) {
      assert.ok(names.includes(file.slice(2)), `${entry} is ${file}, which the archive does not have`);
    }
  }
  const license = (at) => readFileSync(join(folder, at, "LICENSE"), "utf8");
  assert.equal(license("."), license("../.."), "the licence is that of the repository");
  assert.equal(manifest.dependencies, undefined, "nothing is needed at run time");
});

test("publint has no finding", () => {
  assert.match(tool("publint", ["--strict", archive], project), /All good!/);
});

test("the types are right for each way of resolving modules that knows ESM", () => {
  const report = JSON.parse(tool("attw", ["--profile", "esm-only", "--format", "json", archive], project));
  const found = report.analysis.entrypoints;
  assert.deepEqual(Object.keys(found), Object.keys(manifest.exports));
  for (const [entry, { resolutions }] of Object.entries(found)) {
    for (const kind of ["node16-esm", "bundler"]) {
      assert.ok(resolutions[kind].resolution, `${entry} is not found by ${kind}`);
      assert.deepEqual(resolutions[kind].visibleProblems ?? [], [], `${entry} by ${kind}`);
    }
  }
});

test("Node.js imports each entry, and ends: an import does nothing", () => {
  write("imports.mjs", `
    const found = {};
    for (const entry of ${JSON.stringify(Object.keys(values))}) {
      found[entry] = Object.keys(await import("gatesock" + entry.slice(1))).sort();
    }
    console.log(JSON.stringify(found));
  `);
  assert.deepEqual(JSON.parse(run(process.execPath, ["imports.mjs"], project)), values);
});

test("TypeScript compiles a program that uses the package", () => {
  write("consumer.ts", readFileSync(join(folder, "test/pack-consumer.ts"), "utf8"));
  write("frameworks.ts", readFileSync(join(folder, "test/pack-frameworks.ts"), "utf8"));
  const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--target", "es2022",
    "--lib", "es2022,dom", "--types", "", "--pretty", "false"];
  for (const resolution of [["--module", "nodenext"], ["--module", "esnext", "--moduleResolution", "bundler"]]) {
    tool("tsc", [...strict, ...resolution, "consumer.ts"], project);
    // The types of the frameworks have findings of their own.
    tool("tsc", [...strict, ...resolution, "--skipLibCheck", "frameworks.ts"], project);
  }
});

test("esbuild bundles each entry for browsers, without anything of Node.js", async () => {
  for (const entry of Object.keys(values)) {
    const { outputFiles, warnings } = await build({
      stdin: { contents: `export * from "gatesock${entry.slice(1)}";`, resolveDir: project },
      bundle: true, write: false, format: "esm", platform: "browser", target: "es2022",
      external: ["react", "vue"], logLevel: "silent",
    });
    assert.deepEqual(warnings, []);
    assert.doesNotMatch(outputFiles[0].text, /\brequire\(|from "node:|\bprocess\./);
  }
});

test("a bundle of an import that is not used is empty", async () => {
  for (const entry of Object.keys(values)) {
    const { outputFiles } = await build({
      stdin: { contents: `import * as unused from "gatesock${entry.slice(1)}";`, resolveDir: project },
      bundle: true, write: false, format: "esm", external: ["react", "vue"], logLevel: "silent",
    });
    assert.equal(outputFiles[0].text.replaceAll(/^\/\/.*\n|\(\(\) => \{\s*\}\)\(\);\s*/gm, "").trim(), "", entry);
  }
});
