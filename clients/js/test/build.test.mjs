// The build renames internal members: never those that others know.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { internalNames } from "../internal-names.mjs";

const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");

test("no internal name is one of the protocol, of the API or of JavaScript", () => {
  const others = new Set();
  const protocol = read("../../../docs/protocol.md");
  for (const [, name] of protocol.matchAll(/"([A-Za-z]+)":/g)) others.add(name);
  for (const [row] of protocol.matchAll(/^ *\| `.*?\|/gm)) for (const [, name] of row.matchAll(/`([A-Za-z]+)`/g)) others.add(name);
  for (const file of ["types", "env", "error", "extension", "hub"]) {
    for (const [, name] of read(`../src/${file}.ts`).matchAll(/^ +(?:readonly )?(?:get )?(\w+)\??(?::|<|\(.*\): )/gm)) others.add(name);
  }
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    others.add(name);
    for (const object of [globalThis[name], globalThis[name]?.prototype]) {
      if (Object(object) === object) Object.getOwnPropertyNames(object).forEach((member) => others.add(member));
    }
  }
  for (const known of ["epoch", "graceMs", "retryAfterMs", "onPush", "dial", "wake", "push", "addEventListener"]) {
    assert.ok(others.has(known), `the test does not know ${known}`);
  }
  assert.ok(internalNames.length > 40);
  assert.equal(new Set(internalNames).size, internalNames.length);
  assert.deepEqual(internalNames.filter((name) => others.has(name)), []);
});

test("no internal name is in a string, as that of a member", () => {
  const folder = new URL("../src/", import.meta.url);
  for (const file of readdirSync(folder)) {
    const strings = [...readFileSync(new URL(file, folder), "utf8").matchAll(/"(\w+)"/g)].map(([, text]) => text);
    assert.deepEqual(strings.filter((text) => internalNames.includes(text)), [], file);
  }
});
