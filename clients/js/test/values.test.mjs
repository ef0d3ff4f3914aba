// State topics: docs/protocol.md, §10.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./build.mjs";
import { idle, result, Stage } from "./topics-stage.mjs";
import { World } from "./world.mjs";

const { values } = await load("values");
const { addTopics } = await load("attach");
const { connect } = await load("index");
const core = await load("core");

const SECOND = 1_000;
const MINUTE = 60_000;

const set = (key, version, counter, data = version) => ({ event: "set", topic: "a", key, version, counter, data });
const unset = (event, key, version, counter) => ({ event, topic: "a", key, version, counter });
const value = (key, version, data = version) => ({ key, version, data });
const snapshot = (counter, list, cursor) => ({ topic: "a", state: true, counter, values: list, cursor });

/** A stage whose topics are those of a client. */
function start() {
  const s = new Stage();
  s.heard = [];
  s.client = addTopics((create) => {
    s.topics = create(s.host);
    return {};
  });
  s.online();
  return s;
}

function watch(s, options) {
  const v = values(s.client, "a", options);
  v.on("set", (key, data) => s.heard.push(`set ${key}=${data}`));
  v.on("delete", (key) => s.heard.push(`deleted ${key}`));
  v.on("ready", () => s.heard.push("ready"));
  v.on("error", ({ code }) => s.heard.push(`failed ${code}`));
  return v;
}

/** A topic with k=10 and counter 4. */
async function watcher(options) {
  const s = start();
  s.v = watch(s, options);
  await idle();
  s.take({ action: "subscribe", topic: "a" }).reply(snapshot(4, [value("k", 10)]));
  hears(s, "set k=10", "ready");
  await idle();
  return s;
}

function hears(s, ...wanted) {
  assert.deepEqual(s.heard.splice(0), wanted);
}

async function sync(s, answer) {
  s.wake();
  await idle();
  s.take({ action: "sync" });
  if (answer) s.last.reply(answer);
  await idle();
  return s.last;
}

async function reconnect(s) {
  s.offline();
  s.online();
  await idle();
  return s.take({ action: "subscribe" });
}

test("a page has the values", async () => {
  const s = await watcher();
  await s.v.established;
  s.push(set("j", 11, 5));
  assert.equal(s.v.get("j"), 11);
  assert.equal(s.v.get("none"), undefined);
  assert.equal(s.v.size, 2);
  s.push(unset("delete", "k", 12, 6));
  assert.deepEqual([...s.v.entries()], [["j", 11]]);
  assert.equal(s.v.get("k"), undefined);
  assert.equal(s.v.size, 1);
  s.v.close();
  s.push(set("j", 13, 7));
  await idle();
  s.take({ action: "unsubscribe", topic: "a" });
  assert.equal(s.v.get("j"), 11);
  assert.equal(s.timers.size, 1, "only the sync is left");
});

test("the version decides, not the order", async () => {
  const s = await watcher();
  for (const [version, counter] of [[12, 6], [11, 5], [12, 6]]) s.push(set("k", version, counter));
  hears(s, "set k=12");
  s.push(unset("delete", "k", 13, 7));
  s.push(set("k", 12, 6));
  hears(s, "deleted k");
  s.push(set("k", 14, 8));
  s.push(unset("drop", "k", 15, 9));
  s.push(unset("delete", "other", 15, 10));
  hears(s, "set k=14", "deleted k");
  await s.pass(20 * SECOND);
  s.silent();
});

test("a snapshot in pages takes away what no page and no push had", async () => {
  const s = await watcher();
  s.push(set("old", 11, 5));
  s.push(set("kept", 12, 6));
  const join = await reconnect(s);
  assert.equal(join.frame.since, undefined);
  s.push(set("fresh", 21, 8)); // before the answer
  join.reply(snapshot(7, [value("k", 10)], "p2"));
  await idle();
  const page = s.take({ action: "history", topic: "a", cursor: "p2" });
  s.push(unset("delete", "k", 22, 9));
  s.push(set("late", 23, 10));
  page.reply(snapshot(0, [value("kept", 20), value("late", 19), { key: "gone", version: 9, deleted: true }]));
  hears(s, "set old=11", "set kept=12", "set fresh=21", "deleted k", "set late=23", "set kept=20", "deleted old",
    "ready");
  assert.deepEqual((await sync(s)).frame.topics, [{ topic: "a", counter: 10 }]);
});

test("an old push does not bring a key back after the computer slept", async () => {
  const s = await watcher();
  s.push(set("k", 12, 6));
  s.push(unset("delete", "k", 14, 8));
  s.heard = [];
  s.time += 3 * 60 * MINUTE;
  s.wake();
  s.push(set("k", 13, 7));
  await idle();
  s.take({ action: "sync" });
  s.push(set("k", 13, 7));
  hears(s);
});

test("a missing number leads to a snapshot, and one that comes late does not", async () => {
  const s = await watcher();
  s.push(set("k", 12, 6));
  await s.pass(SECOND);
  s.push(set("j", 11, 5));
  await s.pass(MINUTE);
  s.silent();
  s.push(set("k", 14, 8));
  await s.pass(2 * SECOND);
  s.silent();
  await s.pass(8 * SECOND);
  const { frame, reply } = s.take({ action: "history", topic: "a" });
  assert.equal(frame.cursor, undefined);
  reply(snapshot(8, [value("k", 14), value("i", 13)]));
  hears(s, "set k=12", "set j=11", "set k=14", "set i=13", "deleted j", "ready");
  await s.pass(MINUTE);
  s.silent();
});

test("pushes that are never in order are not a gap", async () => {
  const s = await watcher();
  s.push(set("k", 106, 6));
  for (let n = 5; n < 605; n += 2) {
    s.push(set("k", 100 + n + 3, n + 3));
    s.push(set("k", 100 + n, n));
    await s.pass(100);
  }
  s.silent();
});

test("with a filter numbers say nothing, and the counter is that of the snapshot", async () => {
  const s = start();
  s.v = watch(s, { filter: { region: "eu" } });
  await idle();
  s.take({ action: "subscribe", filter: { region: "eu" } }).reply(snapshot(4, []));
  s.push(set("k", 12, 9));
  await s.pass(MINUTE);
  s.silent();
  await sync(s, { moved: ["a"] });
  assert.equal(s.last.frame.topics[0].counter, 4);
  s.take({ action: "history" }).reply(snapshot(9, [value("k", 12)]));
  hears(s, "ready", "set k=12", "ready");
});

test("a snapshot may take away the version that the client has, and bring it back", async () => {
  const s = await watcher();
  for (const [one, ...wanted] of [
    [{ key: "k", version: 10, deleted: true }, "deleted k", "ready"],
    [value("k", 10), "set k=10", "ready"],
    [value("k", 10), "ready"],
    [{ key: "k", version: 9, deleted: true }, "ready"],
  ]) {
    (await reconnect(s)).reply(snapshot(4, [one]));
    hears(s, ...wanted);
  }
});

test("the counter of a topic that was made again is taken over", async () => {
  const s = await watcher();
  await sync(s, { moved: ["a"] });
  s.take({ action: "history" }).reply(snapshot(2, [value("k", 10)]));
  assert.equal((await sync(s)).frame.topics[0].counter, 2);
});

test("a topic that changes all the time is not read at each sync", async () => {
  const s = await watcher();
  const first = await sync(s);
  s.push(set("k", 11, 5));
  first.reply({ moved: ["a"] });
  await idle();
  s.silent();
  await sync(s, { moved: ["a"] });
  s.take({ action: "history" });
});

test("a snapshot that is asked for while the pages of one are begins anew", async () => {
  const s = await watcher();
  await sync(s, { moved: ["a"] });
  s.take({ action: "history" }).reply(snapshot(6, [value("k", 10)], "p2"));
  await idle();
  const page = s.take({ action: "history", cursor: "p2" });
  await sync(s, { moved: ["a"] });
  s.silent();
  page.reply(snapshot(0, [value("l", 11)]));
  await idle();
  const first = s.take({ action: "history" });
  assert.equal(first.frame.cursor, undefined);
  s.push(set("m", 13, 8));
  first.refuse({ code: "unavailable" });
  await s.pass(SECOND);
  s.take({ action: "history" }).reply(snapshot(8, [value("l", 12)]));
  hears(s, "set m=13", "set l=12", "deleted k", "deleted m", "ready");
  assert.equal((await sync(s)).frame.topics[0].counter, 8);
});

test("a key that is gone is forgotten after 30 minutes", async () => {
  const s = await watcher();
  s.push(unset("delete", "k", 11, 5));
  s.heard = [];
  for (const [minutes, ...wanted] of [[29], [2, "set k=10"]]) {
    s.offline();
    await s.pass(minutes * MINUTE);
    s.online();
    await idle();
    s.take({ action: "subscribe" }).reply(snapshot(5, []));
    hears(s, "ready");
    s.push(set("k", 10, 5));
    hears(s, ...wanted);
  }
});

test("the same without a reconnection", async () => {
  const s = await watcher();
  s.push(unset("delete", "k", 11, 5));
  s.heard = [];
  for (let i = 0; i < 7; i++) {
    await s.await(7 * MINUTE);
    s.take({ action: "sync" }).reply({});
    await idle();
  }
  s.push(set("k", 10, 6));
  hears(s, "set k=10");
});

test("a gap of numbers does not begin a snapshot anew that is under way", async () => {
  const s = await watcher();
  s.push(set("k", 14, 8));
  await s.pass(SECOND);
  (await reconnect(s)).reply(snapshot(8, [value("k", 14)], "p2"));
  await s.pass(10 * SECOND);
  s.take({ action: "history", cursor: "p2" }).reply(snapshot(8, []));
  hears(s, "set k=14", "ready");
  await s.pass(10 * SECOND);
  s.silent();
});

test("a topic with too many keys ends, and keys that come and go are not too many", async () => {
  const s = await watcher();
  const many = (from, n) => Array.from({ length: n }, (_, i) => value(`x${from + i}`, 1, 0));
  (await reconnect(s)).reply(snapshot(4, many(0, 60_000), "p2"));
  await idle();
  s.take({ action: "history" }).reply(snapshot(4, many(60_000, 60_000)));
  assert.equal(s.heard.pop(), "failed too_large");
  await idle();
  s.take({ action: "unsubscribe", topic: "a" });
  assert.ok(s.v.size <= 100_000);

  const t = await watcher();
  for (let n = 0; n < 3; n++) {
    (await reconnect(t)).reply(snapshot(4, many(n * 40_000, 40_000)));
    assert.equal(t.heard.at(-1), "ready");
    t.offline();
    await t.pass(31 * MINUTE);
  }
  assert.equal(t.v.size, 40_000);
});

test("a second one shares the values, and cannot have another filter", async () => {
  const s = await watcher();
  const w = values(s.client, "a");
  await w.established;
  assert.equal(w.get("k"), 10);
  assert.throws(() => values(s.client, "a", { filter: 1 }), { code: "invalid_argument" });
  s.v.close();
  await idle();
  s.silent();
  s.push(set("k", 12, 5));
  assert.equal(w.get("k"), 12);
  w.close();
  await idle();
  s.take({ action: "unsubscribe" });
});

test("a topic with events has no values, and the other way round", async () => {
  const s = start();
  s.v = watch(s);
  await idle();
  s.take({ action: "subscribe" }).reply(result());
  hears(s, "failed failed_precondition");
  await assert.rejects(s.v.established, { code: "failed_precondition" });
  await idle();
  s.take({ action: "unsubscribe", topic: "a" }).reply(null);

  const t = start();
  const a = t.listen("a");
  await idle();
  t.take({ action: "subscribe" }).reply(snapshot(4, [value("k", 1)], "p2"));
  t.tells(["failed failed_precondition"]);
  await assert.rejects(a.established, { code: "failed_precondition", message: /values/ });
  await idle();
  t.take({ action: "unsubscribe", topic: "a" });
});

test("who is in a state topic is known, with and without the values", async () => {
  const s = start();
  const p = s.present("a");
  await idle();
  s.take({ action: "subscribe", presence: true })
    .reply({ ...snapshot(4, [value("k", 1)], "p2"),
    presence: { count: 1, members: [{ ref: "r", user: "ann", version: 1 }] } });
  assert.equal(p.count, 1);
  assert.equal(s.push(set("k", 12, 5)), true);
  await sync(s, { moved: ["a"] });
  assert.equal(s.last.frame.topics[0].epoch, undefined);
  s.silent();
  s.v = watch(s);
  await idle();
  s.take({ action: "subscribe", presence: true })
    .reply({ ...snapshot(4, [value("k", 1)]), presence: { count: 1, members: [] } });
  hears(s, "set k=1", "ready");
  const a = s.listen("a");
  await idle();
  s.take({ action: "subscribe" }).reply(snapshot(4, [value("k", 1)]));
  await assert.rejects(a.established, { code: "failed_precondition" });
  hears(s, "ready");
});

test("odd values and counters do no harm", async () => {
  const s = await watcher();
  for (const members of [{ version: -1 }, { version: "9" }, { version: 1.5 }, { version: 2 ** 53 }, { key: 7 },
    { key: null }, { counter: "x", version: 11 }, { counter: 2 ** 60, version: 12 }, { counter: -5, version: 13 }]) {
    s.push({ ...set("k", 1, 1), ...members });
  }
  assert.equal(s.v.get("k"), 1, "the number of a change is beside its value");
  s.push(JSON.parse('{"event": "set", "topic": "a", "key": "__proto__", "version": 1, "data": {"x": 1}}'));
  assert.deepEqual(s.v.get("__proto__"), { x: 1 });
  assert.equal({}.x, undefined);
  s.heard = [];
  (await reconnect(s))
    .reply({ topic: "a", state: true, counter: "x",
    values: [null, 7, {}, { key: 1, version: 1 }, { key: "j", version: "1" }, value("l", 1)], cursor: null });
  hears(s, "set l=1", "deleted k", "deleted __proto__", "ready");
  (await reconnect(s)).reply({ topic: "a", state: true, values: "all" });
  hears(s, "deleted l", "ready");
});

test("only a client with topics has values", () => {
  const world = new World();
  const client = core.connect({ url: "wss://example.com" }, world.env);
  assert.throws(() => values(client, "a"), { code: "invalid_argument" });
  client.close();
});

test("values on the real core", async () => {
  const world = new World();
  const client = connect({ url: "wss://example.com" }, world.env);
  const v = values(client, "a");
  await idle();
  await world.socket.open();
  await world.socket.reply(snapshot(4, [value("k", 10)]));
  await world.socket.say(set("k", 11, 5));
  await v.established;
  assert.equal(v.get("k"), 11);
  client.close();
  const w = values(client, "b");
  await assert.rejects(w.established, { code: "closed" });
  assert.deepEqual(world.timers, []);
});
