// The client as one file, as the chat's page has it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bundle } from "../bundle.mjs";

test("the chat's copy of the client is what the sources make", async () => {
  const copy = readFileSync(new URL("../../../examples/chat/web/gatesock.js", import.meta.url), "utf8");
  assert.ok(copy === (await bundle()), "in clients/js, run: node bundle.mjs ../../examples/chat/web/gatesock.js");
});

test("the file is a module that needs no other one", async () => {
  const text = await bundle();
  assert.doesNotMatch(text, /^import|\bfrom "|\brequire\(|\bimport\(/m);
  const { connect, GatesockError } = await import(`data:text/javascript,${encodeURIComponent(text)}`);
  assert.throws(() => connect({ url: "ftp://example.com" }), GatesockError);
});
