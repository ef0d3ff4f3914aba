// Messages in fragments: section 13 of docs/protocol.md.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./build.mjs";
import { idle, online, outcome, settled, start } from "./core-start.mjs";

const { fragments } = await load("fragments");
const bytes = (text) => Buffer.byteLength(text);

/** The message of the fragments in frames. */
const joined = (frames) => JSON.parse(frames.map((f) => f.piece).join(""));

/** Checks that the frames of a message are as section 13.1 says, and returns the message. */
function check(frames, id) {
  const all = frames.map((text) => JSON.parse(text));
  all.forEach((f, i) => {
    assert.ok(bytes(frames[i]) <= 32_768, `a frame of ${bytes(frames[i])} bytes`);
    assert.ok(f.piece.isWellFormed() && f.piece, "a character is cut");
    assert.deepEqual(Object.keys(f), ["action", "id", "index", "count", "piece"]);
    assert.deepEqual([f.action, f.id, f.index, f.count], ["fragment", id, i, frames.length]);
  });
  return joined(all);
}

test("rule 13.1: each fragment fits into a frame, whatever the text is", () => {
  for (const text of ["x", "é", "日", "🎉", '"', "\\", "\n", "\ud800", '"🎉', "x".repeat(50) + "🎉".repeat(9)]) {
    for (const size of [33_000, 65_537, 200_000]) {
      const message = { action: "save", id: "77", text: text.repeat(size / bytes(JSON.stringify(text).slice(1, -1)) + 1) };
      assert.deepEqual(check(fragments(JSON.stringify(message), "77"), "77"), message);
    }
  }
  for (let n = 0; n < 300; n++) { // cuts at each place of a character
    const message = { action: "save", id: "7", text: "x".repeat(n) + "🎉".repeat(20_000) };
    assert.deepEqual(check(fragments(JSON.stringify(message), "7"), "7"), message);
  }
});

test("a message that fits into a frame is sent as it is", () => {
  const message = JSON.stringify({ text: "é".repeat(16_378) });
  assert.equal(bytes(message), 32_767);
  assert.deepEqual(fragments(message, "7"), [message]);
  assert.deepEqual(fragments(`${message} `, "7"), [`${message} `]);
  assert.ok(fragments(`${message}  `, "7").length > 1);
});

test("rule 13.3.4: what is too large for fragments is refused", async () => {
  const text = (n, x = "x") => JSON.stringify({ text: x.repeat(n) });
  assert.equal(check(fragments(text(1_048_500), "7"), "7").text.length, 1_048_500);
  assert.throws(() => fragments(text(1_048_600), "7"), { code: "too_large" });
  assert.ok(fragments(text(520_000, '"'), "7").length <= 128);
  const { client, world } = await online({ fragments });
  assert.equal(await outcome(settled(client.call("a", { text: "x".repeat(1_048_600) }))), "too_large");
  assert.throws(() => client.send("a", { text: "x".repeat(40_000) }), { code: "too_large" });
  assert.equal(world.socket.sent.length, 0);
});

test("rule 13.3: a call in fragments is one request", async () => {
  const { client, world } = await online({ fragments });
  const before = settled(client.call("before"));
  const call = settled(client.call("save", { text: "x".repeat(100_000) }));
  const after = settled(client.call("after"));
  const frames = world.socket.messages;
  assert.deepEqual(frames.map((m) => m.action), ["before", "fragment", "fragment", "fragment", "fragment", "after"]);
  assert.deepEqual(joined(frames.slice(1, 5)), { action: "save", id: "2", text: "x".repeat(100_000) });
  assert.deepEqual(frames.map((m) => m.id), ["1", "2", "2", "2", "2", "3"]);
  await world.socket.say("");
  await world.socket.say({ id: "3", action: "after", data: 3 });
  assert.equal(await outcome(call), "pending");
  await world.socket.say({ id: "2", action: "save", data: 2 });
  await world.socket.say({ id: "2", action: "fragment", error: { code: "internal", message: "" } });
  await world.socket.say({ id: "1", action: "before", data: 1 });
  assert.deepEqual([await outcome(before), await outcome(call), await outcome(after)], [1, 2, 3]);
});

test("a call in fragments is repeated as another message", async () => {
  const { client, world } = await online({ fragments });
  const call = settled(client.call("save", { text: "x".repeat(40_000) }));
  assert.deepEqual(world.socket.messages.map((m) => m.id), ["1", "1"]);
  await world.socket.say({ id: "1", action: "fragment", error: { code: "rate_limited", message: "", retryAfterMs: 1_000 } });
  await world.pass(1_300);
  const again = world.socket.messages.slice(2);
  assert.deepEqual(again.map((m) => m.id), ["2", "2"]);
  assert.equal(joined(again).id, "2");
  await world.socket.say({ id: "2", action: "save", data: null });
  assert.equal(await outcome(call), null);
});

test("rule 13.3.3: a server that does not join fragments takes no large messages", async () => {
  const { client, world } = await online({ fragments });
  const call = settled(client.call("save", { text: "x".repeat(40_000) }));
  await world.socket.say({ id: "1", action: "fragment", error: { code: "not_found", message: 'there is no action "fragment"' } });
  assert.equal(await outcome(call), "too_large");
  await assert.rejects(call, /there is no action "fragment"/);
  const other = settled(client.call("save", { text: "x".repeat(40_000) }));
  await world.socket.say({ id: "2", action: "save", error: { code: "not_found", message: "no document" } });
  assert.equal(await outcome(other), "not_found");
});

test("without the option, messages are refused, and an action may have the name", async () => {
  const { client, world } = await online();
  assert.equal(await outcome(settled(client.call("save", { text: "x".repeat(40_000) }))), "too_large");
  const call = settled(client.call("fragment"));
  await world.socket.refuse({ code: "not_found", message: "no" });
  assert.equal(await outcome(call), "not_found");
});

test("a call in fragments waits for a connection", async () => {
  const { client, world } = start({ fragments });
  const call = settled(client.call("save", { text: "x".repeat(40_000) }));
  await idle();
  await world.socket.open();
  assert.equal(world.socket.messages.length, 2);
  await world.socket.say({ id: "1", action: "save", data: 1 });
  assert.equal(await outcome(call), 1);
  client.close();
});
