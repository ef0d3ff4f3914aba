// Calls and frames: section 12 of docs/protocol.md, rules 9, 10 and 16 to 29.

import assert from "node:assert/strict";
import { test } from "node:test";
import { GatesockError, idle, online, outcome, outcomes, settled, start, World } from "./core-start.mjs";

const MINUTE = 60_000;

/** Ends the connection, and opens the next one. */
async function reconnect({ world }) {
  await world.socket.end();
  const n = world.sockets.length;
  while (world.sockets.length == n) await world.pass(100);
  await world.socket.open();
}

const names = (socket) => socket.messages.map((m) => m.n ?? m.action);

// Frames.

test("rule 9: a push is passed to its listeners, in order", async () => {
  const { client, world } = await online();
  const told = [];
  client.onPush("message", (data, push) => told.push([1, data, push.topic]));
  const stop = client.onPush("message", (data) => told.push([2, data]));
  client.onPush("other", (data) => told.push([3, data]));
  await world.socket.say({ event: "message", topic: "room:1", data: "a" });
  stop();
  stop();
  await world.socket.say([{ event: "other", data: "b" }, { event: "message", data: "c" }, { event: "unknown", data: "d" }]);
  assert.deepEqual(told, [[1, "a", "room:1"], [2, "a"], [3, "b"], [1, "c", undefined]]);
});

test("rule 9: pushes of topics are ignored without topics", async () => {
  const { client, world, problems } = await online();
  const told = [];
  client.onPush("message", (data) => told.push(data));
  await world.socket.say({ event: "message", topic: "a", epoch: "1-x", offset: 1, data: 1 });
  await world.socket.say({ topic: "a", epoch: "1-x", offset: 2, events: [{ event: "message", data: 1 }] });
  await world.socket.say({ event: "message", topic: "a", key: "k", version: 1, counter: 1, data: 1 });
  assert.deepEqual(told, []);
  assert.deepEqual(problems, []);
});

test("the names of events may be any", async () => {
  const { client, world, problems } = await online();
  const told = [];
  for (const event of ["__proto__", "constructor", "state", "problem", "toString", " "]) {
    client.onPush(event, (data) => told.push([event, data]));
    await world.socket.say(`{"event":${JSON.stringify(event)},"data":1,"__proto__":{"id":"1"}}`);
  }
  assert.equal(told.length, 6);
  assert.deepEqual(problems, []);
  assert.equal({}.id, undefined);
});

test("a listener that throws is reported, and the others run", async () => {
  const { client, world } = await online();
  const told = [];
  const error = new Error("a mistake of the app");
  for (const f of ["state", "problem"]) client.on(f, () => { throw error; });
  client.onPush("a", () => { throw error; });
  client.onPush("a", (data) => told.push(data));
  client.on("state", (state) => told.push(state.name));
  await world.socket.say([{ event: "a", data: 1 }, { event: "a", data: 2 }]);
  await world.socket.say("nonsense");
  await world.socket.end();
  assert.deepEqual(told, [1, 2, "waiting"]);
  assert.deepEqual(world.reported, [error, error, error, error]);
});

test("a function may listen twice, and each one is ended alone", async () => {
  const { client, world } = await online();
  let n = 0;
  const f = () => n++;
  const stop = client.onPush("a", f);
  client.onPush("a", f);
  await world.socket.say({ event: "a", data: 1 });
  stop();
  await world.socket.say({ event: "a", data: 1 });
  assert.equal(n, 3);
});

test("after close no element of an array is passed on", async () => {
  const { client, world } = await online();
  let n = 0;
  client.onPush("a", () => {
    n++;
    client.close();
  });
  await world.socket.say([{ event: "a", data: 1 }, { event: "a", data: 2 }]);
  assert.equal(n, 1);
});

test("rule 10: what nobody waits for is ignored", async () => {
  const { client, world, problems } = await online();
  let n = 0;
  client.onPush("report", () => n++);
  for (const frame of [{ data: 1 }, { action: "a", data: null }, { id: "7", data: 1 }, { id: "7", error: { code: "internal", message: "no" } },
    { event: "report", id: "7", data: 1 }, { event: "report", id: "7", error: { code: "internal", message: "no" } }, { id: "__proto__", data: 1 },
    { id: 7, data: 1 }, { action: "keepalive", error: { code: "not_found", message: "no" } }]) {
    await world.socket.say(frame);
  }
  assert.deepEqual(problems, []);
  assert.equal(n, 0);
  assert.equal(client.state.name, "online");
});

test("rule 10: an error without an id is a problem", async () => {
  const { world, problems } = await online();
  await world.socket.say({ action: "typing", error: { code: "permission_denied", message: "no" } });
  await world.socket.say({ event: "report", error: { code: "internal", message: "no" } });
  assert.deepEqual(problems, ["permission_denied", "internal"]);
});

// Calls.

test("rule 16: the queue is bounded", async () => {
  const { client, world } = start({ maxQueue: 2 });
  const calls = [settled(client.call("a")), settled(client.call("b")), settled(client.call("c"))];
  assert.deepEqual(await outcomes(calls), ["pending", "pending", "queue_full"]);
  await world.socket.open();
  assert.equal(await outcome(settled(client.call("d"))), "queue_full");
  await world.socket.reply(1, world.socket.messages[0]);
  assert.equal(await outcome(settled(client.call("e"))), "pending");
});

test("rule 16: the default is 256", async () => {
  const { client } = start();
  const calls = [];
  for (let i = 0; i < 257; i++) calls.push(settled(client.call("a")));
  const all = await outcomes(calls);
  assert.deepEqual([all[255], all[256]], ["pending", "queue_full"]);
});

test("rule 16: a message above 32 KiB is refused, in bytes", async () => {
  const { client, world } = await online();
  assert.equal(await outcome(settled(client.call("a", { text: "x".repeat(32_700) }))), "pending");
  assert.equal(await outcome(settled(client.call("a", { text: "x".repeat(32_768) }))), "too_large");
  assert.equal(await outcome(settled(client.call("a", { text: "é".repeat(16_400) }))), "too_large");
  assert.throws(() => client.send("a", { text: "é".repeat(16_400) }), { code: "too_large" });
  assert.equal(world.socket.sent.length, 1);
});

test("input that is no message is refused", async () => {
  const { client, world } = await online();
  const circular = {};
  circular.self = circular;
  for (const input of [null, 7, "text", [], [1], true, () => {}, Symbol("a"), circular, { n: 1n }, { action: "b" }, { id: "1" }, { id: undefined, action: 1 },
    new Date(0), { toJSON: () => "text" }, { toJSON() { throw new Error("no"); } }]) {
    assert.equal(await outcome(settled(client.call("a", input))), "invalid_argument");
    assert.throws(() => client.send("a", input), { code: "invalid_argument" });
  }
  for (const action of ["", "$connect", undefined, 7, null, {}]) {
    assert.equal(await outcome(settled(client.call(action))), "invalid_argument");
    assert.throws(() => client.send(action), { code: "invalid_argument" });
  }
  assert.deepEqual(world.socket.sent, []);
});

test("input is copied when the call is made", async () => {
  const { client, world } = start();
  const input = JSON.parse('{"list":[1],"__proto__":{"a":1},"constructor":2}');
  client.call("__proto__", input);
  input.list.push(2);
  await world.socket.open();
  assert.equal(world.socket.sent[0], '{"action":"__proto__","id":"1","list":[1],"__proto__":{"a":1},"constructor":2}');
});

test("rule 16: a closed client refuses calls, and sends nothing", async () => {
  const { client } = await online();
  client.close();
  assert.equal(await outcome(settled(client.call("a"))), "closed");
  assert.equal(client.send("a"), false);
});

test("rule 17: calls are sent in order when the client is online, and not one by one", async () => {
  const { client, world } = start();
  const calls = [1, 2, 3].map((n) => client.call("a", { n }));
  await world.socket.open();
  calls.push(client.call("b", { n: 4 }));
  assert.deepEqual(names(world.socket), [1, 2, 3, 4]);
  const [a, b, c, d] = world.socket.messages;
  assert.equal(new Set([a.id, b.id, c.id, d.id]).size, 4);
  await world.socket.reply("C", c);
  await world.socket.reply("A", a);
  await world.socket.reply("D", d);
  await world.socket.reply("B", b);
  assert.deepEqual(await outcomes(calls), ["A", "B", "C", "D"]);
});

test("an answer may have no data", async () => {
  const { client, world } = await online();
  const calls = [client.call("a"), client.call("b"), client.call("c")];
  const [a, b, c] = world.socket.messages;
  await world.socket.reply(null, a);
  await world.socket.reply(0, b);
  await world.socket.reply(false, c);
  assert.deepEqual(await outcomes(calls), [null, 0, false]);
});

test("rule 18: the calls of a lane are made one after the other", async () => {
  const { client, world } = await online();
  const calls = [
    settled(client.call("a", { n: 1 }, { lane: "x" })),
    client.call("b", { n: 2 }, { lane: "x" }),
    client.call("a", { n: 3 }, { lane: "y" }),
    client.call("a", { n: 4 }),
    settled(client.call("a", { n: 5 }, { lane: "x" })),
  ];
  assert.deepEqual(names(world.socket), [1, 3, 4]);
  await world.socket.refuse("not_found", world.socket.messages[0]);
  assert.deepEqual(names(world.socket), [1, 3, 4, 2]);
  assert.equal(await outcome(settled(calls[0])), "not_found");
  await world.socket.reply("B");
  assert.deepEqual(names(world.socket), [1, 3, 4, 2, 5]);
});

test("rule 18: a lane goes on after a call without an answer", async () => {
  const { client, world } = await online();
  const call = settled(client.call("a", { n: 1 }, { lane: "x", timeout: 5_000 }));
  client.call("a", { n: 2 }, { lane: "x" }).catch(() => {});
  await world.pass(5_000);
  assert.equal(await outcome(call), "unknown_outcome");
  assert.deepEqual(names(world.socket), [1, 2]);
});

test("rule 18: a lane and an action may have the same name", async () => {
  const { client, world } = await online();
  for (const [action, lane] of [["a", "b"], ["b", "a"], ["c", "a "]]) settled(client.call(action, {}, { lane }));
  assert.deepEqual(names(world.socket), ["a", "b", "c"]);
});

test("rules 18 and 26: a call that was ended holds its lane until its answer", async () => {
  const { client, world } = await online();
  const abort = new AbortController();
  const call = settled(client.call("a", { n: 1 }, { lane: "x", signal: abort.signal }));
  client.call("a", { n: 2 }, { lane: "x" });
  abort.abort();
  assert.equal((await outcome(call)).name ?? (await outcome(call)), 20);
  assert.deepEqual(names(world.socket), [1]);
  await world.socket.reply(1);
  assert.deepEqual(names(world.socket), [1, 2]);
});

test("rules 18 and 26: or until its time is over", async () => {
  const { client, world } = await online();
  const abort = new AbortController();
  settled(client.call("a", { n: 1 }, { lane: "x", signal: abort.signal, idempotent: true }));
  settled(client.call("a", { n: 2 }, { lane: "x" }));
  abort.abort();
  await world.pass(29_000);
  await world.socket.say("");
  assert.deepEqual(names(world.socket), [1]);
  await world.pass(1_000);
  assert.deepEqual(names(world.socket), [1, 2]);
});

test("rule 19: a call that is not sent expires", async () => {
  const { client, world } = start();
  const calls = [settled(client.call("a", {}, { expires: 1_000 })), settled(client.call("a")), settled(client.call("a", {}, { expires: Infinity }))];
  await world.pass(999);
  assert.deepEqual(await outcomes(calls), ["pending", "pending", "pending"]);
  await world.pass(1);
  assert.deepEqual(await outcomes(calls), ["expired", "pending", "pending"]);
  await world.pass(5 * MINUTE - 1_001);
  assert.equal(await outcome(calls[1]), "pending");
  await world.pass(1);
  assert.equal(await outcome(calls[1]), "expired");
  await world.pass(60 * 24 * 60 * MINUTE);
  assert.equal(await outcome(calls[2]), "pending");
});

test("rule 19: a call that was sent does not expire while it waits for its answer", async () => {
  const { client, world } = await online();
  const call = settled(client.call("a", {}, { expires: 1_000 }));
  await world.pass(2_000);
  await world.socket.reply("A");
  assert.equal(await outcome(call), "A");
});

test("rule 19: a call that may have been carried out has an unknown outcome", async () => {
  const { client, world } = await online();
  const call = settled(client.call("a", {}, { expires: 10_000, idempotent: true }));
  await world.socket.end();
  await world.pass(9_999);
  assert.equal(await outcome(call), "pending");
  await world.pass(1);
  assert.equal(await outcome(call), "unknown_outcome");
});

test("rule 19: not if each sending was refused with rate_limited", async () => {
  const { client, world } = await online();
  const call = settled(client.call("a", {}, { expires: 10_000 }));
  await world.socket.refuse("rate_limited");
  await world.socket.end();
  await world.pass(10_000);
  assert.equal(await outcome(call), "expired");
});

test("rule 20: a call without an answer has an unknown outcome, and a late answer is ignored", async () => {
  const { client, world, problems } = await online();
  const call = settled(client.call("a", {}, { timeout: 5_000 }));
  await world.pass(4_999);
  assert.equal(await outcome(call), "pending");
  await world.pass(1);
  assert.equal(await outcome(call), "unknown_outcome");
  await world.socket.reply(1);
  assert.deepEqual(problems, []);
});

test("rule 20: the default is 30 seconds", async () => {
  const { client, world } = await online();
  const call = settled(client.call("a"));
  await world.pass(10_000);
  await world.socket.say(""); // the connection is alive
  await world.pass(19_999);
  assert.equal(await outcome(call), "pending");
  await world.pass(1);
  assert.equal(await outcome(call), "unknown_outcome");
});

test("rule 20: an idempotent call is sent again, later each time", async () => {
  const { client, world } = await online();
  const call = client.call("a", { n: 1 }, { timeout: 5_000, idempotent: true });
  let sent = 1;
  for (const ms of [250, 500, 1_000, 2_000]) {
    await world.pass(5_000);
    await world.socket.say("");
    await world.pass(ms - 1);
    assert.equal(world.socket.sent.length, sent);
    await world.pass(1);
    assert.equal(world.socket.sent.length, ++sent);
  }
  assert.equal(new Set(world.socket.messages.map((m) => m.id)).size, 5);
  await world.socket.reply("late", world.socket.messages[0]);
  assert.equal(await outcome(call), "pending");
  await world.socket.reply("A");
  assert.equal(await outcome(call), "A");
});

test("rule 21: what is idempotent, and what has a key", async () => {
  const all = await online({ idempotent: ["read"] });
  const { client, world } = all;
  const calls = [
    client.call("read", { n: 1 }),
    client.call("a", { n: 2 }, { idempotent: true }),
    client.call("a", { n: 3 }, { key: true }),
    client.call("a", { n: 4, key: "is replaced" }, { key: "mine" }),
    settled(client.call("a", { n: 5, key: "own" })),
    settled(client.call("reading", { n: 6 })),
  ];
  const keys = world.socket.messages.map((m) => m.key);
  assert.equal(keys[0], undefined);
  assert.ok(keys[2].length > 0);
  assert.deepEqual(keys.slice(3), ["mine", "own", undefined]);
  await reconnect(all);
  assert.deepEqual(names(world.socket), [1, 2, 3, 4]);
  assert.deepEqual(world.socket.messages.map((m) => m.key), keys.slice(0, 4));
  assert.deepEqual(await outcomes(calls), ["pending", "pending", "pending", "pending", "unknown_outcome", "unknown_outcome"]);
  for (const m of world.socket.messages) await world.socket.reply(m.n, m);
  assert.deepEqual((await outcomes(calls)).slice(0, 4), [1, 2, 3, 4]);
});

test("rule 21: keys of the system are long, and all differ", async () => {
  const { system } = await import("./build.mjs").then(({ load }) => load("env"));
  const { key } = system({ url: "", WebSocket: class {} });
  const keys = new Set(Array.from({ length: 1_000 }, key));
  assert.equal(keys.size, 1_000);
  for (const k of keys) assert.match(k, /^\d+(-\d+){3}$/);
});

test("rule 22: calls are repeated in their places", async () => {
  const all = await online();
  const { client, world } = all;
  client.call("a", { n: 1 }, { idempotent: true });
  settled(client.call("a", { n: 2 }));
  client.call("a", { n: 3 }, { idempotent: true, lane: "x" });
  client.call("a", { n: 4 }, { lane: "x" });
  await world.socket.end();
  client.call("a", { n: 5 });
  await world.happen("online");
  await world.socket.open();
  assert.deepEqual(names(world.socket), [1, 3, 5]);
  const ids = world.sockets.flatMap((s) => s.messages.map((m) => m.id));
  assert.equal(new Set(ids).size, ids.length, "no id twice, also on another connection");
});

test("rule 23: rate_limited waits its time, and up to a quarter more", async () => {
  for (const [retryAfterMs, random, ms] of [[4_000, 0, 4_000], [4_000, 1, 5_000], [undefined, 0, 1_000], [0, 0, 1_000], [-5, 0, 1_000], ["9", 0, 1_000]]) {
    const { client, world } = await online();
    const call = client.call("a", { n: 1 });
    world.randoms = Array(5).fill(random);
    await world.socket.refuse({ code: "rate_limited", message: "no", retryAfterMs });
    await world.pass(ms - 1);
    assert.equal(world.socket.sent.length, 1);
    await world.pass(1);
    assert.equal(world.socket.sent.length, 2);
    await world.socket.reply("A");
    assert.equal(await outcome(call), "A");
  }
});

test("rule 23: the action and the lane wait with it, and then go one by one, in order", async () => {
  const { client, world } = await online();
  const { socket } = world;
  const calls = [client.call("a", { n: 1 }), client.call("a", { n: 2 }, { lane: "x" }), client.call("a", { n: 3 })];
  await socket.refuse("rate_limited", socket.messages[1]);
  calls.push(client.call("a", { n: 4 }), client.call("b", { n: 5 }, { lane: "x" }), client.call("b", { n: 6 }));
  assert.deepEqual(names(socket), [1, 2, 3, 6]);
  await socket.refuse("rate_limited", socket.messages[2]);
  await socket.reply("one", socket.messages[0]);
  await world.pass(1_125);
  assert.deepEqual(names(socket).slice(4), [2]);
  await socket.reply("two");
  assert.deepEqual(names(socket).slice(4), [2, 3, 5]);
  await socket.reply("three", socket.messages[5]);
  assert.deepEqual(names(socket).slice(4), [2, 3, 5, 4]);
  client.call("a", { n: 7 });
  client.call("a", { n: 8 });
  assert.deepEqual(names(socket).slice(4), [2, 3, 5, 4, 7, 8], "none was unsent: no more one by one");
});

test("rule 23: it keeps its place over a reconnection", async () => {
  const all = await online();
  const { client, world } = all;
  client.call("a", { n: 1 }, { lane: "x" });
  await world.socket.refuse({ code: "rate_limited", message: "no", retryAfterMs: 20_000 });
  client.call("a", { n: 2 }, { lane: "x" });
  await reconnect(all);
  assert.deepEqual(names(world.socket), []);
  await world.pass(25_000);
  assert.deepEqual(names(world.socket), [1]);
});

test("rule 23: if it would expire before, it is settled at once", async () => {
  const { client, world } = await online();
  const call = settled(client.call("a", {}, { expires: 10_000 }));
  await world.socket.refuse({ code: "rate_limited", message: "no", retryAfterMs: 10_000 });
  assert.equal(await outcome(call), "rate_limited");
  const other = settled(client.call("a", { n: 2 }));
  assert.equal(world.socket.sent.length, 1, "the action waits nevertheless");
  await world.pass(11_250);
  assert.equal(world.socket.sent.length, 2);
  await world.socket.reply(2);
  assert.equal(await outcome(other), 2);
});

test("each refusal for the rate is told, and only those of requests", async () => {
  const { client, world, problems } = await online();
  const told = [];
  client.on("limited", (error) => told.push([error.code, error.retryAfterMs, error instanceof GatesockError]));
  client.call("a");
  await world.socket.refuse({ code: "rate_limited", message: "no", retryAfterMs: 2_000 });
  await world.pass(2_500);
  await world.socket.refuse("rate_limited");
  assert.deepEqual(told, [["rate_limited", 2_000, true], ["rate_limited", undefined, true]]);
  settled(client.call("b"));
  await world.socket.refuse("permission_denied");
  await world.socket.say({ action: "typing", error: { code: "rate_limited", message: "no", retryAfterMs: 5 } });
  assert.equal(told.length, 2);
  assert.deepEqual(problems, ["rate_limited"]);
});

test("rule 24: what is passing is repeated if the call is idempotent", async () => {
  for (const code of ["unavailable", "deadline_exceeded", "internal", "a code of the future", 7, undefined]) {
    const { client, world } = await online();
    const call = client.call("a", {}, { idempotent: true });
    await world.socket.refuse({ code, message: "no" });
    await world.pass(249);
    assert.equal(world.socket.sent.length, 1);
    await world.pass(1);
    assert.equal(world.socket.sent.length, 2);
    await world.socket.refuse({ code, message: "no", retryAfterMs: 8_000 });
    await world.pass(8_999);
    assert.equal(world.socket.sent.length, 2);
    await world.pass(1);
    assert.equal(world.socket.sent.length, 3);
    await world.socket.reply("A");
    assert.equal(await outcome(call), "A");
  }
});

test("rule 24: and else it settles the call", async () => {
  for (const code of ["unavailable", "deadline_exceeded", "internal", "a code of the future", "stale_connection"]) {
    const { client, world } = await online();
    const call = settled(client.call("a"));
    await world.socket.refuse(code);
    assert.equal(await outcome(call), code);
    await world.pass(60_000);
    assert.equal(world.sockets.flatMap((s) => s.sent).length, 1);
  }
});

test("rule 24: five faults are believed, but not those of unavailable", async () => {
  const { client, world } = await online();
  const call = settled(client.call("a", {}, { idempotent: true }));
  for (let i = 0; i < 3; i++) {
    await world.socket.refuse("unavailable");
    await world.pass(30_000);
  }
  for (let i = 0; i < 4; i++) {
    await world.socket.refuse(i % 2 ? "internal" : "deadline_exceeded");
    assert.equal(await outcome(call), "pending");
    await world.pass(30_000);
  }
  await world.socket.refuse("internal");
  assert.equal(await outcome(call), "internal");
});

test("rule 24: all other errors settle a call", async () => {
  for (const code of ["invalid_argument", "unauthenticated", "permission_denied", "not_found", "already_exists", "failed_precondition", "too_large"]) {
    const { client, world } = await online();
    const call = settled(client.call("a", {}, { idempotent: true }));
    await world.socket.refuse({ code, message: "because", retryAfterMs: 5, details: { a: 1 } });
    const error = await call.catch((e) => e);
    assert.ok(error instanceof GatesockError && error instanceof Error);
    assert.equal(error.name, `GatesockError ${code}`);
    assert.deepEqual([error.code, error.message, error.retryAfterMs, error.details], [code, "because", 5, { a: 1 }]);
  }
});

test("an error may have any form", async () => {
  for (const error of ["boom", 7, [], {}, true, { code: {}, message: 7 }, JSON.parse('{"__proto__":{"code":"x"}}')]) {
    const { client, world } = await online();
    const call = settled(client.call("a"));
    await world.socket.say({ id: world.socket.last.id, error });
    const e = await call.catch((e) => e);
    assert.equal(e.code, "internal");
    assert.ok(e.message);
  }
});

test("rule 24: stale_connection connects again, and repeats what is idempotent", async () => {
  const { client, world } = await online();
  const calls = [client.call("a", { n: 1 }, { idempotent: true, lane: "x" }), settled(client.call("b", { n: 2 })), client.call("a", { n: 3 }, { lane: "x" })];
  const { socket } = world;
  await socket.refuse("stale_connection", socket.messages[0]);
  assert.equal(socket.closed, 1000);
  assert.equal(await outcome(calls[1]), "unknown_outcome");
  await world.pass(500);
  await world.socket.open();
  assert.deepEqual(names(world.socket), [1]);
  await world.socket.reply("A");
  assert.equal(await outcome(calls[0]), "A");
  assert.deepEqual(names(world.socket), [1, 3]);
});

test("rule 24: nothing is sent on a connection that is stale", async () => {
  const { client, world } = await online();
  const { socket } = world;
  settled(client.call("a", { n: 1 }, { lane: "x" }));
  const next = settled(client.call("a", { n: 2 }, { lane: "x" }));
  await socket.refuse("stale_connection");
  assert.equal(socket.sent.length, 1);
  assert.equal(await outcome(next), "pending");
});

for (const [message, code] of Object.entries({
  Forbidden: "not_found",
  "Bad request body": "invalid_argument",
  "Internal server error": "internal",
  "Endpoint request timed out": "deadline_exceeded",
  "Too Many Requests": "unavailable",
  "something else": "internal",
  constructor: "internal",
})) {
  test(`rule 25: ${message} is for the only call that waits`, async () => {
    const { client, world, problems } = await online();
    const call = settled(client.call("a"));
    await world.socket.say({ message, connectionId: "c", requestId: "r" });
    assert.equal(await outcome(call), code);
    assert.deepEqual(problems, []);
  });
}

test("rule 25: an idempotent call is sent again after Too Many Requests", async () => {
  const { client, world } = await online();
  const call = client.call("a", {}, { idempotent: true });
  await world.socket.say({ message: "Too Many Requests", connectionId: "c", requestId: "r" });
  await world.pass(500);
  assert.equal(world.socket.sent.length, 2);
  await world.socket.reply("A");
  assert.equal(await outcome(call), "A");
});

const forbidden = { message: "Forbidden", connectionId: "c", requestId: "r" };

test("rule 25: it is a problem if several may be meant", async () => {
  const { client, world, problems } = await online();
  const calls = [client.call("a"), client.call("b")];
  await world.socket.say({ message: "Bad request body", connectionId: "c", messageId: "m" });
  assert.deepEqual(problems, ["gateway"]);
  assert.deepEqual(await outcomes(calls), ["pending", "pending"]);
});

test("rule 25: it is a problem if none is meant, or a message without an answer", async () => {
  const { client, world, problems } = await online();
  await world.socket.say(forbidden);
  assert.deepEqual(problems, ["gateway"]);
  client.send("typing");
  await world.socket.say(forbidden);
  assert.deepEqual(problems, ["gateway", "gateway"]);
});

test("rule 25: it may be for a message without an answer, for 30 seconds", async () => {
  const { client, world, problems } = await online();
  client.send("typing");
  const call = settled(client.call("a", {}, { timeout: 60_000 }));
  await world.pass(29_999);
  await world.socket.say(forbidden);
  assert.equal(await outcome(call), "pending");
  assert.deepEqual(problems, ["gateway"]);
  await world.pass(1);
  await world.socket.say(forbidden);
  assert.equal(await outcome(call), "not_found");
});

test("rule 25: it is ignored if it is for a keep-alive, and may be for that", async () => {
  const { client, world, problems } = await online();
  await world.happen("visible");
  await world.socket.say(forbidden);
  assert.deepEqual(problems, []);
  await world.happen("visible");
  const call = settled(client.call("a"));
  await world.socket.say(forbidden);
  assert.deepEqual(problems, ["gateway"]);
  await world.socket.say({ action: "keepalive", data: null });
  await world.socket.say(forbidden);
  assert.equal(await outcome(call), "not_found");
});

test("rules 25 and 26: it may be for a call that was ended, or had no answer in time", async () => {
  const { client, world, problems } = await online();
  const abort = new AbortController();
  settled(client.call("a", {}, { signal: abort.signal }));
  abort.abort();
  settled(client.call("a", {}, { timeout: 1_000 }));
  await world.pass(1_000);
  const call = settled(client.call("b", {}, { timeout: 60_000 }));
  await world.socket.say(forbidden);
  assert.deepEqual(problems, ["gateway"]);
  await world.pass(28_999);
  await world.socket.say(forbidden);
  assert.deepEqual(problems, ["gateway", "gateway"]);
  await world.pass(1);
  await world.socket.say(forbidden);
  assert.equal(await outcome(call), "not_found");
});

test("rule 25: it is not for a call that was acknowledged", async () => {
  const { client, world } = await online();
  const report = client.call("report", {}, { result: true });
  await world.socket.reply(null);
  const call = settled(client.call("a"));
  await world.socket.say(forbidden);
  assert.equal(await outcome(call), "not_found");
  assert.equal(await outcome(report), "pending");
});

test("rule 26: a call that was not sent is never sent", async () => {
  const { client, world } = start();
  const abort = new AbortController();
  const call = settled(client.call("a", {}, { signal: abort.signal }));
  client.call("b");
  abort.abort("enough");
  assert.equal(await outcome(call), "enough");
  await world.socket.open();
  assert.deepEqual(names(world.socket), ["b"]);
});

test("rule 26: one whose signal is aborted already is not made", async () => {
  const { client, world } = await online();
  assert.equal(await outcome(settled(client.call("a", {}, { signal: AbortSignal.abort("enough") }))), "enough");
  assert.deepEqual(world.socket.sent, []);
});

test("rule 26: a call that was sent is settled at once, and never sent again", async () => {
  for (const what of ["end", "rate_limited", "unavailable", "stale_connection"]) {
    const all = await online();
    const { client, world } = all;
    const abort = new AbortController();
    const call = settled(client.call("a", {}, { signal: abort.signal, idempotent: true }));
    abort.abort("enough");
    assert.equal(await outcome(call), "enough");
    if (what == "end") await reconnect(all);
    else await world.socket.refuse(what);
    await world.pass(60_000);
    assert.equal(world.sockets.flatMap((s) => s.messages).filter((m) => m.action == "a").length, 1);
  }
});

test("rule 26: a call that was ended counts in the queue", async () => {
  const { client, world } = await online({ maxQueue: 1 });
  const abort = new AbortController();
  settled(client.call("a", {}, { signal: abort.signal }));
  abort.abort("enough");
  assert.equal(await outcome(settled(client.call("b"))), "queue_full");
  await world.socket.reply(1);
  assert.equal(await outcome(settled(client.call("c"))), "pending");
});

test("no listener is left at a signal", async () => {
  const { client, world } = await online();
  const { signal } = new AbortController();
  const left = new Set();
  signal.addEventListener = (_, f) => left.add(f);
  signal.removeEventListener = (_, f) => left.delete(f);
  const call = client.call("a", {}, { signal });
  assert.equal(left.size, 1);
  await world.socket.reply(1);
  await call;
  assert.equal(left.size, 0);
  settled(client.call("a", {}, { signal }));
  client.close();
  assert.equal(left.size, 0);
});

test("rule 27: a result settles a call, after its acknowledgement or before", async () => {
  const { client, world } = await online();
  const { socket } = world;
  let pushed = 0;
  client.onPush("report", () => pushed++);
  const call = (n) => settled(client.call("report", { n }, { result: true }));
  const calls = [call(0), call(1), call(2), call(3), call(4)];
  const [a, b, c, d, e] = socket.messages;
  await socket.reply(null, a);
  assert.equal(await outcome(calls[0]), "pending");
  await socket.reply("a second answer is ignored", a);
  assert.equal(await outcome(calls[0]), "pending");
  await socket.say({ event: "report", id: a.id, data: "A" });
  await socket.say({ event: "report", id: a.id, data: "A" });
  await socket.say({ event: "report", id: b.id, data: "B" });
  await socket.reply(null, b);
  await socket.refuse("permission_denied", c);
  await socket.reply(null, d);
  await socket.say({ event: "report", id: d.id, error: { code: "not_found", message: "no" } });
  await socket.reply("at once", e);
  assert.deepEqual(await outcomes(calls), ["A", "B", "permission_denied", "not_found", "at once"]);
  assert.equal(pushed, 0);
});

test("rule 27: a result is not for a call that does not ask for it", async () => {
  const { client, world } = await online();
  const call = client.call("report");
  await world.socket.say({ event: "report", id: "1", data: "B" });
  assert.equal(await outcome(call), "pending");
  await world.socket.reply(null);
  assert.equal(await outcome(call), null);
});

test("rule 27: the time is that of the result, and the end of the connection is as without it", async () => {
  const { client, world } = await online();
  const calls = [1, 2].map((n) => settled(client.call("report", { n }, { result: true, timeout: n * 10_000 })));
  for (const m of world.socket.messages) await world.socket.reply(null, m);
  await world.pass(10_000);
  assert.deepEqual(await outcomes(calls), ["unknown_outcome", "pending"]);
  await world.socket.end();
  assert.deepEqual(await outcomes(calls), ["unknown_outcome", "unknown_outcome"]);
});

test("rule 28: send is for now or never", async () => {
  const { client, world } = start();
  assert.equal(client.send("typing", { n: 1 }), false);
  await world.socket.open();
  assert.equal(client.send("typing", { n: 2 }), true);
  assert.deepEqual(world.socket.messages, [{ action: "typing", n: 2 }]);
  await world.socket.end();
  assert.equal(client.send("typing"), false);
});

test("rule 29: close settles all calls", async () => {
  const { client, world } = await online();
  const limited = settled(client.call("b"));
  await world.socket.refuse("rate_limited");
  const lost = settled(client.call("c", {}, { idempotent: true }));
  await world.socket.refuse("unavailable");
  const sent = settled(client.call("a", {}, { lane: "x" }));
  const unsent = settled(client.call("a", {}, { lane: "x" }));
  client.close();
  assert.deepEqual(await outcomes([sent, unsent, limited, lost]), ["unknown_outcome", "closed", "closed", "unknown_outcome"]);
  assert.equal(world.timers.length, 0);
});

test("calls in listeners of the state are made", async () => {
  const { client, world } = start();
  let call;
  client.on("state", ({ name }) => {
    if (name == "online") call = client.call("hello");
    if (name == "closed") call = settled(client.call("late"));
  });
  await world.socket.open();
  await world.socket.reply("A");
  assert.equal(await outcome(call), "A");
  client.close();
  assert.equal(await outcome(call), "closed");
});

test("a sleep ends calls once", async () => {
  const { client, world } = await online();
  const calls = [settled(client.call("a")), settled(client.call("a", {}, { idempotent: true, expires: Infinity }))];
  await world.sleep(60 * MINUTE);
  assert.deepEqual(await outcomes(calls), ["unknown_outcome", "pending"]);
  assert.equal(world.sockets.length, 2, "the connection was silent for too long");
  await world.socket.open();
  await world.pass(1_000);
  await world.socket.reply("A");
  assert.equal(await outcome(calls[1]), "A");
});

// Extensions.

function recorder() {
  const told = [];
  const all = { told, isSettled: true };
  all.extend = (host) => {
    all.host = host;
    return {
      opened: () => told.push("opened"),
      closed: () => told.push("closed"),
      receive: (frame) => frame.topic == "mine" && told.push(frame.event) > 0,
      settled: () => all.isSettled,
      wake: () => told.push("wake"),
      end: (error) => told.push(error.code),
    };
  };
  return all;
}

test("an extension learns of connections, pushes, sleep and the end", async () => {
  const { told, extend } = recorder();
  const { client, world } = start({}, undefined, extend);
  assert.deepEqual(told, []);
  await world.socket.open();
  const pushed = [];
  client.onPush("a", (data) => pushed.push(data));
  await world.socket.say([{ event: "a", topic: "mine", data: 1 }, { event: "a", topic: "other", data: 2 }]);
  await world.happen("online");
  await world.happen("visible");
  assert.ok(!told.includes("wake"));
  await world.sleep(60 * MINUTE);
  await world.socket.end();
  client.close();
  assert.deepEqual(told.filter((t) => t != "wake"), ["opened", "a", "closed", "closed"]);
  assert.ok(told.includes("wake"));
  assert.deepEqual(pushed, [2]);
});

test("requests of an extension are answered, fail, or have no answer", async () => {
  const it = recorder();
  const { client, world } = await online({}, undefined, it.extend);
  const { host } = it;
  const got = [];
  const ask = (n) => host.request("subscribe", { n }, (data) => got.push([n, data]), (e) => got.push([n, e.code, e.retryAfterMs]));
  [1, 2, 3, 4].forEach(ask);
  const [a, b, c] = world.socket.messages;
  await world.socket.reply("A", a);
  await world.socket.reply("A", a);
  await world.socket.refuse({ code: "rate_limited", message: "no", retryAfterMs: 7 }, b);
  await world.pass(29_999);
  assert.deepEqual(got, [[1, "A"], [2, "rate_limited", 7]]);
  await world.pass(1);
  assert.deepEqual(got.slice(2), [[3, undefined, undefined], [4, undefined, undefined]]);
  await world.socket.reply("late", c);
  ask(5);
  await world.socket.say(forbidden);
  assert.deepEqual(got.slice(4), [[5, "not_found", undefined]]);
  ask(6);
  await world.socket.end();
  ask(7);
  await world.pass(60_000);
  assert.equal(got.length, 5);
});

test("an extension can start over, and tell of problems", async () => {
  const it = recorder();
  const { client, world, problems } = await online({}, undefined, it.extend);
  const { host, told } = it;
  host.problem(new GatesockError("internal", "no"));
  assert.deepEqual(problems, ["internal"]);
  host.run((a, b) => { throw a + b; }, 1, 2);
  assert.deepEqual(world.reported, [3]);
  host.restart();
  assert.equal(client.state.name, "waiting");
  assert.deepEqual(told, ["opened", "closed"]);
  host.restart();
});

test("after the end an extension learns of no sleep", async () => {
  const it = recorder();
  const { client, world } = await online({}, undefined, it.extend);
  it.host.after(1_000, () => client.close());
  await world.sleep(60 * MINUTE);
  assert.deepEqual(it.told, ["opened", "closed"]);
});

test("a long timer of an extension is made of several", async () => {
  const it = recorder();
  const { client, world } = await online({}, undefined, it.extend);
  const { host } = it;
  let n = 0;
  host.after(2 ** 33, () => n++);
  const stop = host.after(2 ** 33, () => n++);
  const isLong = (t) => t.at - world.time >= 2 ** 30;
  assert.equal(world.timers.filter(isLong).length, 2);
  await world.pass(2 ** 32);
  stop();
  await world.pass(2 ** 32 - 1);
  assert.equal(n, 0);
  await world.pass(1);
  assert.equal(n, 1);
  host.after(2 ** 33, () => n++);
  client.close();
  assert.equal(world.timers.length, 0);
});

test("rule 15: the old connection waits for what the extension wants", async () => {
  const world = new World();
  world.env.lifetime = 1_000;
  world.randoms = [0.5, 0];
  const it = recorder();
  start({}, world, it.extend);
  const { host, told } = it;
  await world.socket.open();
  await world.pass(1_000);
  const [first, second] = world.sockets;
  await second.open();
  let answers = 0;
  host.request("sync", {}, () => answers++, () => answers++);
  it.isSettled = false;
  await second.say("");
  assert.deepEqual(told, ["opened", "closed", "opened"]);
  await first.reply(1);
  assert.equal(answers, 0, "requests of the connection before are forgotten");
  await first.say({ event: "a", topic: "mine", data: 1 });
  assert.deepEqual(told.slice(3), ["a"]);
  assert.ok(!first.closed);
  it.isSettled = true;
  host.check();
  assert.equal(first.closed, 1000);
  assert.deepEqual(told.slice(4), []);
});

test("rule 20: a late result is ignored, too", async () => {
  const { client, world } = await online();
  const call = client.call("report", {}, { result: true, idempotent: true, timeout: 1_000 });
  const [first] = world.socket.messages;
  await world.pass(1_250);
  assert.equal(world.socket.sent.length, 2);
  await world.socket.say({ event: "report", id: first.id, data: "late" });
  assert.equal(await outcome(call), "pending");
  await world.socket.say({ event: "report", id: world.socket.last.id, data: "A" });
  assert.equal(await outcome(call), "A");
});

test("rule 25: it may be for a call that had no answer in time, and nothing else", async () => {
  const { client, world, problems } = await online();
  settled(client.call("a", {}, { timeout: 1_000 }));
  await world.pass(1_000);
  await world.socket.say(forbidden);
  assert.deepEqual(problems, []);
});

test("rule 27: a result that comes twice counts once", async () => {
  const { client, world } = await online();
  settled(client.call("report", {}, { result: true, idempotent: true }));
  const { id } = world.socket.last;
  await world.socket.reply(null);
  const error = { code: "unavailable", message: "no" };
  for (let i = 0; i < 2; i++) {
    await world.socket.say({ event: "report", id, error });
    await world.pass(2_000);
  }
  assert.equal(world.socket.sent.length, 2);
  await world.socket.say({ event: "report", id, data: "late" });
  await world.pass(0);
  assert.equal(world.socket.sent.length, 2);
});
