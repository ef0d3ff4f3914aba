// The client as one file, as pages of the examples have it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bundle } from "../bundle.mjs";

for (const [file, ...entries] of [["chat/web/gatesock.js"], ["iot/web/gatesock.js", "index", "values"]]) {
  test(`examples/${file} is what the sources make`, async () => {
    const copy = readFileSync(new URL(`../../../examples/${file}`, import.meta.url), "utf8");
    const how = ["node bundle.mjs", `../../examples/${file}`, ...entries].join(" ");
    assert.ok(copy === (await bundle(...entries)), `in clients/js, run: ${how}`);
  });
}

test("the file is a module that needs no other one", async () => {
  const text = await bundle();
  assert.doesNotMatch(text, /^import|\bfrom "|\brequire\(|\bimport\(/m);
  const { connect, GatesockError } = await import(`data:text/javascript,${encodeURIComponent(text)}`);
  assert.throws(() => connect({ url: "ftp://example.com" }), GatesockError);
});

test("entries in one file share the client", async () => {
  const text = await bundle("index", "values");
  const { connect, values } = await import(`data:text/javascript,${encodeURIComponent(text)}`);
  const client = connect({ url: "ws://localhost", WebSocket: class { close() {} } });
  const topic = values(client, "prices"); // throws if it does not know the client
  assert.equal(topic.size, 0);
  topic.close();
  client.close();
});
