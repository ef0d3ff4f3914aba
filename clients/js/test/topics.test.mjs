// The machine of topics, rule by rule: docs/protocol.md, §9.

import assert from "node:assert/strict";
import { test } from "node:test";
import { entries, idle, push, result, Stage } from "./topics-stage.mjs";

const SECOND = 1_000;
const MINUTE = 60_000;
const nothing = { moved: [], lost: [], extra: [], presence: [] };

async function member(options) {
  const s = new Stage();
  s.a = await s.member(options);
  return s;
}

async function online() {
  const s = new Stage();
  s.online();
  await idle();
  return s;
}

/** Answers each request for a while, and returns how many there were of an action. */
async function serve(s, ms, action, answer) {
  let n = 0;
  for (const end = s.time + ms; s.time < end; ) {
    await s.await(end - s.time);
    while (s.waiting.length) {
      const r = s.waiting.shift();
      if (r.frame.action === action) n++;
      answer(r);
      await idle();
    }
  }
  return n;
}

const syncs = (s, ms) =>
  serve(s, ms, "sync", (r) => {
    assert.equal(r.frame.action, "sync");
    r.reply(nothing);
  });

// Subscriptions.

test("what is subscribed at once is in one request", async () => {
  const s = await online();
  s.listen("a", { last: 3 });
  s.listen("b", { since: { epoch: "1-x", offset: 4 } });
  s.present("b", { as: "me" });
  await idle();
  assert.deepEqual(s.take({ action: "subscribe" }).frame, {
    action: "subscribe",
    topics: [
      { topic: "a", last: 3 },
      { topic: "b", since: { epoch: "1-x", offset: 4 }, presence: true, as: "me" },
    ],
  });
  s.silent();
});

test("a subscribe to many topics is several requests that fit a frame", async () => {
  const s = new Stage();
  for (let i = 0; i < 150; i++) s.listen(`${i}-${"ü".repeat(200)}`);
  s.online();
  await idle();
  const sizes = s.waiting.map(({ frame }) => new TextEncoder().encode(JSON.stringify(frame)).length);
  assert.ok(sizes.every((n) => n < 32 * 1024), String(sizes));
  assert.equal(new Set(s.waiting.flatMap(({ frame }) => frame.topics.map(({ topic }) => topic))).size, 150);
});

test("an unsubscribe and a sync of many topics are several requests that fit a frame", async () => {
  const s = new Stage();
  const all = Array.from({ length: 150 }, (_, i) => s.listen(`${i}-${"x".repeat(200)}`));
  s.online();
  await idle();
  for (const { frame, reply } of s.waiting.splice(0))
    reply({ topics: frame.topics.map(({ topic }) => result({ topic })) });
  await idle();
  s.wake();
  await idle();
  assert.ok(s.waiting.length > 1);
  for (const r of s.waiting.splice(0)) {
    assert.ok(JSON.stringify(r.frame).length < 32 * 1024);
    r.reply({ ...nothing, extra: all.map(({ topic }) => topic) });
  }
  await idle();
  s.silent();
  for (const one of all) one.close();
  await idle();
  const names = s.waiting.flatMap(({ frame }) => (assert.equal(frame.action, "unsubscribe"), frame.topics));
  assert.equal(new Set(names).size, 150);
  assert.ok(s.waiting.every(({ frame }) => JSON.stringify(frame).length < 32 * 1024));
});

for (const code of ["unavailable", "deadline_exceeded", "internal", "rate_limited", "new", undefined]) {
  test(`a subscribe that fails with ${code} is repeated`, async () => {
    const s = await online();
    const a = s.listen("a");
    await idle();
    s.take({ action: "subscribe" }).refuse({ code });
    await s.pass(SECOND);
    s.take({ action: "subscribe", topic: "a" }).reply(result());
    s.tells(["subscribed 1-x:5"]);
    assert.deepEqual(await a.established, { position: { epoch: "1-x", offset: 5 }, recovered: true });
  });
}

for (const code of ["permission_denied", "invalid_argument", "not_found", "unauthenticated", "failed_precondition"]) {
  test(`a subscribe that fails with ${code} ends the subscription`, async () => {
    const s = await online();
    const a = s.listen("a");
    const next = a[Symbol.asyncIterator]().next();
    await idle();
    s.take({ action: "subscribe" }).refuse({ code, message: "not you" });
    s.tells([`failed ${code}`]);
    await assert.rejects(a.established, { code, message: "not you" });
    await assert.rejects(next, { code });
    await s.pass(10 * SECOND);
    s.silent();
    assert.equal(s.timers.size, 1, "only the sync is left");
  });
}

test("a subscribe is repeated later each time, and at once on another connection", async () => {
  const s = await online();
  s.random = () => 1;
  s.listen("a");
  const gaps = [];
  for (let i = 0, before = s.time; i < 8; i++, before = s.time) {
    await s.await(MINUTE);
    s.take({ action: "subscribe" }).refuse({ code: "unavailable" });
    gaps.push(s.time - before);
  }
  assert.deepEqual(gaps, [0, 500, 1000, 2000, 4000, 8000, 16000, 30000]);
  s.offline();
  s.online();
  await idle();
  s.take({ action: "subscribe" }).refuse({ code: "unavailable" });
  const before = s.time;
  await s.await(MINUTE);
  assert.equal(s.time - before, 500);
});

test("a subscribe that may have failed is ended if nobody wants it any more", async () => {
  const s = await online();
  const a = s.listen("a");
  await idle();
  s.take({ action: "subscribe" }).refuse({ code: "unavailable" });
  a.close();
  await idle();
  s.take({ action: "unsubscribe", topic: "a" }).reply(null);
  const b = s.listen("b");
  await idle();
  const join = s.take({ action: "subscribe", topic: "b" });
  b.close();
  await idle();
  s.silent(); // not both at once
  join.refuse({ code: "internal" });
  await idle();
  s.take({ action: "unsubscribe", topic: "b" }).reply(null);
  await syncs(s, 20 * MINUTE);
});

test("a subscribe that is certainly refused needs no end", async () => {
  const s = await online();
  const a = s.listen("a");
  await idle();
  const join = s.take({ action: "subscribe", topic: "a" });
  a.close();
  join.refuse({ code: "permission_denied" });
  await idle();
  s.silent();
});

test("another connection is opened if an unsubscribe may still be carried out", async () => {
  for (const code of [undefined, "deadline_exceeded"]) {
    const s = await member();
    s.listen("b");
    await idle();
    s.take({ action: "subscribe", topic: "b" }).reply(result({ topic: "b" }));
    s.tells(["subscribed 1-x:5"]);
    s.a.close();
    await idle();
    const leave = s.take({ action: "unsubscribe", topic: "a" });
    s.listen("a");
    await idle();
    s.silent();
    leave.refuse({ code });
    assert.equal(s.restarts, 1);
    s.online();
    await idle();
    assert.deepEqual(s.take({ action: "subscribe" }).frame.topics.map(({ topic }) => topic).sort(), ["a", "b"]);
  }
});

test("after another error of an unsubscribe the connection is of use", async () => {
  const s = await member();
  s.a.close();
  await idle();
  s.take({ action: "unsubscribe", topic: "a" }).refuse({ code: "internal" });
  s.listen("a");
  await idle();
  s.take({ action: "subscribe", topic: "a" });
  assert.equal(s.restarts, 0);
});

test("a sync begins when a subscription ends, however long it lasts", async () => {
  for (const [expiresInMs, from, to] of [[60_000, 59_999, 60_000], [1, 999, 1000]]) {
    const s = await online();
    s.listen("a");
    await idle();
    s.take({ action: "subscribe" }).reply(result({ expiresInMs }));
    await s.pass(from);
    s.silent();
    await s.pass(to - from);
    s.take({ action: "sync" }).reply({ ...nothing, lost: ["a"] });
    await idle();
    s.take({ action: "subscribe", since: { epoch: "1-x", offset: 5 } }).refuse({ code: "permission_denied" });
    s.tells(["subscribed 1-x:5", "failed permission_denied"]);
  }
  const s = await online();
  s.listen("a");
  await idle();
  s.take({ action: "subscribe" }).reply(result({ expiresInMs: 2 ** 40 }));
  assert.ok([...s.timers].some(({ at }) => at === s.time + 2 ** 40), "the host can wait for so long");
  await syncs(s, 6 * MINUTE);
});

for (const data of [7, {}, null, [], { topic: "b" }, { topic: "a", epoch: "x", offset: 1, events: [] },
  { topic: "a", epoch: "1-x", offset: -1, events: [] },
  { topic: "a", epoch: "1-x", offset: 2 ** 53, events: [] }, { topic: "a", epoch: "1-x", offset: 1 },
    { topic: "a", epoch: "1-x", offset: 1, events: {} },
  { topic: "a", epoch: ["1-x"], offset: 1, events: [] }, { topic: "a", epoch: "01-x", offset: 1, events: [] }]) {
  test(`a subscribe that is answered with ${JSON.stringify(data)} is repeated`, async () => {
    const s = await online();
    s.listen("a");
    await idle();
    s.take({ action: "subscribe" }).reply(data);
    s.tells([]);
    await s.pass(SECOND);
    s.take({ action: "subscribe", topic: "a" }).reply(result());
    s.tells(["subscribed 1-x:5"]);
  });
}

test("answers to several topics that lack one, or are in disorder, are errors of those", async () => {
  const s = await online();
  for (const name of ["a", "b", "c", "d"]) s.listen(name);
  await idle();
  s.take({ action: "subscribe" }).reply({ topics: [result({ topic: "a" }), result({ topic: "c" }), null] });
  await s.pass(SECOND);
  assert.deepEqual(s.waiting.map(({ frame }) => frame.topic), ["b", "c", "d"]);
  s.offline();
  s.online();
  await idle();
  s.take({ action: "subscribe" }).reply({ topics: { length: 4 } });
  await s.pass(SECOND);
  assert.deepEqual(s.waiting.map(({ frame }) => frame.topic), ["a", "b", "c", "d"]);
});

// Events.

test("a position does not move past a gap, and keeps epoch and offset together", async () => {
  const s = await member();
  s.push(push(9));
  s.push(push(3, { epoch: "2-y" }));
  s.offline();
  s.online();
  await idle();
  s.take({ action: "subscribe", since: { epoch: "1-x", offset: 5 } })
    .reply(result({ offset: 8, events: entries(6, 7, 8) }));
  s.tells(["subscribed 1-x:5", "e6 1-x:6", "e7 1-x:7", "e8 1-x:8", "e9 1-x:9"]);
});

test("a late answer says nothing to one that has moved, and is asked for again", async () => {
  const s = await member();
  s.push(push(7));
  await s.pass(SECOND);
  const asked = s.take({ action: "history" });
  s.push(push(6));
  s.tells(["e6 1-x:6", "e7 1-x:7"]);
  asked.reply(result({ offset: 9, recovered: false, reason: "history", events: [] }));
  s.tells([]);
  await idle();
  s.take({ action: "history", since: { epoch: "1-x", offset: 7 } });
});

test("what the log does not keep any more is not asked for again and again", async () => {
  const s = await member();
  for (let offset = 7; offset < 307; offset++) s.push(push(offset));
  await s.pass(SECOND);
  s.take({ action: "history" }).reply(result({ offset: 0, epoch: "1-x", recovered: false, reason: "history" }));
  assert.deepEqual(s.told.splice(0), ["lost history 1-x:0"]);
  await s.pass(MINUTE);
  s.silent();
});

test("what waits is bounded, by number and by bytes, and is got later", async () => {
  for (const [count, data] of [[300, 1], [40, "x".repeat(10_000)]]) {
    const s = await member();
    for (let offset = 7; offset < 7 + count; offset++) s.push(push(offset, { data }));
    s.push(push(6));
    const kept = s.told.length;
    assert.ok(kept > 20 && kept < 258 && kept < count, String(kept));
    await s.pass(SECOND);
    s.take({ action: "history", since: { epoch: "1-x", offset: 5 + kept } });
    s.last.reply(result({ offset: 6 + count,
      events: entries(...Array.from({ length: count - kept + 1 }, (_, i) => 6 + kept + i)) }));
    assert.equal(s.told.length, count + 1);
  }
});

test("an epoch goes on after another one if it says so, and is asked for if not", async () => {
  const s = await member();
  s.push(push(2, { epoch: "2-y" }));
  s.push(push(1, { epoch: "2-y", prev: { epoch: "1-x", offset: 5 } }));
  s.tells(["e1 2-y:1", "e2 2-y:2"]);
  s.push(push(6));
  s.push(push(3, { prev: { epoch: "2-y", offset: 2 } }));
  s.tells([]);
  s.push(push(1, { epoch: "3-z", prev: { epoch: "2-y", offset: 4 } }));
  await s.pass(2 * SECOND);
  s.take({ action: "history", since: { epoch: "2-y", offset: 2 } })
    .reply(result({ epoch: "2-y", offset: 4, more: true, events: entries(3, 4) }));
  s.tells(["e3 2-y:3", "e4 2-y:4", "e1 3-z:1"]);
  await idle();
  s.take({ action: "history" }).reply(result({ epoch: "3-z", offset: 1 }));
  s.push(push(2, { epoch: "3-other" }));
  await s.pass(2 * SECOND);
  s.take({ action: "history" });
});

test("an answer goes on in a new epoch", async () => {
  const s = await member();
  s.push(push(2, { epoch: "2-y" }));
  await s.pass(2 * SECOND);
  s.take({ action: "history" }).reply(result({ epoch: "2-y", offset: 2, events: entries(1, 2) }));
  s.tells(["e1 2-y:1", "e2 2-y:2"]);
});

test("one history request is under way, and the pause that the server asks for holds for all", async () => {
  const s = await member();
  s.listen("b");
  await idle();
  s.take({ action: "subscribe" }).reply(result({ topic: "b" }));
  s.push(push(7));
  s.push(push(9, { topic: "b" }));
  await s.pass(SECOND);
  const first = s.take({ action: "history" });
  s.silent();
  first.refuse({ code: "rate_limited", retryAfterMs: 8000 });
  await s.pass(7999);
  s.silent();
  await s.pass(3 * SECOND);
  const second = s.take({ action: "history" });
  assert.notEqual(second.frame.topic, first.frame.topic, "one that fails does not keep others from their turn");
  second.reply(result({ topic: second.frame.topic, offset: 9, events: entries(6, 7, 8, 9) }));
  await idle();
  s.take({ action: "history", topic: first.frame.topic });
});

test("pages without entries are asked for later each time", async () => {
  const s = await member();
  s.push(push(9));
  const n = await serve(s, MINUTE, "history", (r) => r.reply(result({ more: true })));
  assert.ok(n > 3 && n < 25, String(n));
});

test("a delayed page is not forgotten when a push comes", async () => {
  const s = await member();
  s.push(push(7));
  await s.pass(SECOND);
  s.take({ action: "history" }).reply(result({ more: true }));
  await idle();
  s.silent();
  s.push(push(6));
  s.tells(["e6 1-x:6", "e7 1-x:7"]);
  await s.pass(MINUTE);
  s.take({ action: "history" });
});

test("a server that refuses the pages after a subscribe does not get one after the other", async () => {
  const presence = { count: 2, members: [{ ref: "r", user: "u", version: 1 }], cursor: "p2" };
  for (const more of [{ offset: 7, more: true, events: entries(6, 7) }, { presence }]) {
    const s = await online();
    s.listen("a");
    s.present("a");
    let offset = 7;
    const n = await serve(s, 5 * MINUTE, "subscribe", (r) => {
      if (r.frame.action === "sync") return r.reply(nothing);
      if (r.frame.action !== "subscribe") return r.refuse({ code: "permission_denied" });
      r.reply(result({ ...more, offset: more.presence ? 5 : ++offset, events: more.presence ? [] : entries(offset) }));
    });
    assert.ok(n > 5 && n < 40, String(n));
  }
});

test("malformed pushes are ignored", async () => {
  for (const frame of [
    push(1, { topic: "other" }), push(6, { epoch: "1" }), push(6, { epoch: 1 }), push(6, { epoch: ["1-x"] }),
      push(6, { epoch: null }), push(6, { epoch: {} }),
    push(-6), push(2 ** 53), push("6"), push(6.5), push(6, { events: 7 }), push(6, { epoch: "" }),
      push(0, { epoch: "2-y" }), push(6, { epoch: `1-${"x".repeat(65)}` }),
    { event: "set", topic: "a", key: "k", version: 1 }, push(6, { topic: "__proto__" }),
  ]) {
    const s = await member();
    assert.equal(s.push(frame), true, JSON.stringify(frame));
    s.tells([]);
    await s.pass(MINUTE);
    s.silent();
  }
});

test("pushes that belong to no topic's log are the app's", async () => {
  for (const frame of [
    { event: "m", data: 1 }, { event: "m", topic: "a", data: 1 }, { event: "m", topic: "other", data: 1 },
      { event: "m", topic: ["a"], epoch: "1-x" },
    { event: "m", topic: "a", version: "1.2" }, { event: "presence", topic: "a", data: {} },
      { event: "m", topic: "__proto__" }, { event: "m", key: 7, version: 1, topic: "a" },
  ]) {
    const s = await member();
    assert.equal(s.push(frame), false, JSON.stringify(frame));
    s.tells([]);
  }
});

test("odd members of pushes and entries do no harm", async () => {
  const s = await member();
  s.push(push(6, { prev: 7, spreadMs: "long", data: JSON.parse('{"__proto__": {"x": 1}}') }));
  s.push(JSON.parse('{"topic": "a", "epoch": "1-x", "offset": 7, "events": [null, 7, {"event": "e"}], "__proto__": 1}'));
  s.push(push(9, { spreadMs: {} }));
  await s.pass(SECOND);
  s.take({ action: "history" })
    .reply(result({ offset: 9, more: "yes", quiet: 1,
    events: [null, 7, { offset: "8" }, { offset: -1 }, { offset: 2 ** 60 }, ...entries(8)] }));
  assert.equal(s.a.position.offset, 9);
  assert.equal({}.x, undefined);
});

test("a huge answer is taken", async () => {
  const s = await member();
  s.push(push(20_000));
  await s.pass(SECOND);
  s.take({ action: "history" })
    .reply(result({ offset: 19_999, events: entries(...Array.from({ length: 19_994 }, (_, i) => i + 6)) }));
  assert.equal(s.told.length, 19_995);
  const t = await member();
  t.push(push(20_005));
  await t.pass(SECOND);
  t.take({ action: "history" })
    .reply(result({ offset: 20_005, events: entries(...Array.from({ length: 20_000 }, (_, i) => 20_005 - i)) }));
  assert.ok(t.told.length < 300); // in the wrong order: only some fit what may wait
});

// Syncs.

test("a client that has never subscribed sends no sync, whatever happens", async () => {
  const s = await online();
  await s.await(60 * MINUTE);
  s.wake();
  s.offline();
  s.online();
  await s.await(60 * MINUTE);
  assert.equal(s.waiting.length, 0);
});

test("a sync comes within 4 to 6 minutes, also without topics", async () => {
  for (const random of [0, 0.5, 0.999]) {
    const s = await member();
    s.a.close();
    await idle();
    s.take({ action: "unsubscribe" }).reply(null);
    await idle();
    s.random = () => random;
    s.offline();
    s.online();
    for (let i = 0; i < 3; i++) {
      const before = s.time;
      await s.await(7 * MINUTE);
      const took = s.time - before;
      assert.ok(took >= 4 * MINUTE && took <= 6 * MINUTE, String(took));
      s.take({ action: "sync", topics: [] }).reply({ ...nothing, extra: i ? [] : ["b", "b", "", 7, null] });
      await idle();
      if (!i) s.take({ action: "unsubscribe", topic: "b" }).reply(null);
    }
  }
});

test("a sync says nothing of what was subscribed or unsubscribed since", async () => {
  const s = await member();
  s.wake();
  await idle();
  const sync = s.take({ action: "sync" });
  s.a.close();
  await idle();
  s.take({ action: "unsubscribe" }).reply(null);
  s.listen("a");
  await idle();
  const join = s.take({ action: "subscribe" });
  sync.reply({ moved: ["a"], lost: ["a"], extra: ["a"], presence: ["a"] });
  join.reply(result());
  await idle();
  s.silent();
});

test("a quiet topic is quiet until something comes", async () => {
  const s = await online();
  s.listen("a");
  await idle();
  s.take({ action: "subscribe" }).reply(result({ quiet: true }));
  for (const quiet of [true, undefined]) {
    s.wake();
    await idle();
    assert.equal(s.take({ action: "sync" }).frame.topics[0].quiet, quiet);
    s.last.reply(nothing);
    s.push(push(6));
  }
});

test("a sync that fails is repeated soon, and one that is refused at the usual time", async () => {
  const s = await member();
  const refused = await serve(s, 60 * MINUTE, "sync", (r) => r.refuse({ code: "not_found" }));
  assert.ok(refused < 20, String(refused));
  const failed = await serve(s, 60 * MINUTE, "sync", (r) => r.refuse({ code: "unavailable" }));
  assert.ok(failed > 60, String(failed));
});

test("odd answers to a sync do no harm", async () => {
  for (const answer of [null, 7, [], { moved: 7, lost: {}, extra: "a", presence: null },
    { lost: ["__proto__"], moved: [{}], presence: ["b"] }]) {
    const s = await member();
    s.wake();
    await idle();
    s.take({ action: "sync" }).reply(answer);
    await idle();
    s.silent();
  }
  const s = await member();
  s.wake();
  await idle();
  s.take({ action: "sync" }).reply({ extra: Array.from({ length: 5000 }, (_, i) => `x${i}`) });
  await idle();
  assert.ok(s.waiting.flatMap(({ frame }) => frame.topics).length < 1000,
    "what a server can make a client remember is bounded");
});

// Connections.

test("at a roll-over pushes of both connections count, and it is settled when all is subscribed", async () => {
  const s = await member();
  assert.equal(s.topics.settled(), true);
  s.push(push(8));
  s.rollOver();
  await idle();
  assert.equal(s.topics.settled(), false);
  const join = s.take({ action: "subscribe", since: { epoch: "1-x", offset: 5 } });
  s.push(push(6)); // on either connection
  s.push(push(7));
  s.tells(["e6 1-x:6", "e7 1-x:7", "e8 1-x:8"]);
  join.reply(result({ offset: 8, events: entries(6, 7, 8) }));
  s.tells(["subscribed 1-x:8"]);
  assert.equal(s.topics.settled(), true);
  await syncs(s, 20 * MINUTE);
});

test("a roll-over in the midst of anything asks again on the new connection", async () => {
  const s = await member();
  s.push(push(9));
  await s.pass(SECOND);
  const history = s.take({ action: "history" });
  const page = s.a.history({ limit: 2 });
  await idle();
  const mine = s.take({ action: "history", before: { epoch: "1-x", offset: 6 }, limit: 2 });
  s.rollOver();
  history.reply(result({ offset: 9, events: entries(6, 7, 8, 9) }));
  mine.reply(result());
  s.tells([]);
  await idle();
  s.take({ action: "subscribe" }).reply(result({ offset: 9, events: entries(6, 7, 8, 9) }));
  assert.equal(s.told.length, 5);
  await idle();
  s.take({ action: "history", before: { epoch: "1-x", offset: 6 }, limit: 2 })
    .reply(result({ offset: 4, more: true, events: entries(4, 5) }));
  assert.deepEqual((await page).events.map(({ event }) => event), ["e4", "e5"]);
});

// History of the app.

test("the app asks for what was before", async () => {
  const s = await member();
  const page = s.a.history();
  await idle();
  s.take({ action: "history", topic: "a", before: { epoch: "1-x", offset: 6 } });
  s.last.reply({ topic: "a", epoch: "1-x", offset: 3, more: true,
    events: [{ offset: 3, events: [{ event: "p", data: 1 }, { event: "q", data: 2 }] }, ...entries(4)] });
  const position = { epoch: "1-x", offset: 3 };
  assert.deepEqual(await page, {
    more: true,
    position,
    events: [
      { topic: "a", event: "p", data: 1, position },
      { topic: "a", event: "q", data: 2, position },
      { topic: "a", event: "e4", data: 4, position: { epoch: "1-x", offset: 4 } },
    ],
  });
  assert.deepEqual(s.a.position, { epoch: "1-x", offset: 5 }, "it has no influence on the position");
  s.tells([]);
  const before = s.a.history({ before: position, limit: 7 });
  await idle();
  s.take({ action: "history", before: position, limit: 7 }).refuse({ code: "permission_denied", message: "no" });
  await assert.rejects(before, { code: "permission_denied" });
  const malformed = s.a.history();
  await idle();
  s.take({ action: "history" }).reply({});
  await assert.rejects(malformed, { code: "internal" });
  const silent = s.a.history();
  await idle();
  s.take({ action: "history" }).refuse({});
  await assert.rejects(silent, { code: "deadline_exceeded" });
  const closed = s.a.history();
  await idle();
  s.a.close();
  await assert.rejects(closed, { code: "closed" });
  await assert.rejects(s.a.history(), { code: "closed" });
});

test("a subscription that is ended and begun at once gets no answer to the one before", async () => {
  const s = await member();
  s.push(push(7));
  await s.pass(SECOND);
  const history = s.take({ action: "history" });
  const p = s.present("a");
  await idle();
  s.take({ action: "subscribe" })
    .reply(result({ presence: { count: 1, members: [{ ref: "x", user: "x", version: 1 }], cursor: "p2" } }));
  await idle();
  const page = s.take({ action: "presence", cursor: "p2" });
  s.tells(["subscribed 1-x:5"]);
  s.a.close();
  p.close();
  s.a = s.listen("a");
  const q = s.present("a");
  history.reply(result({ offset: 7, events: entries(6, 7) }));
  page.reply({ count: 1, members: [] });
  s.tells([]);
  await idle();
  assert.equal(q.members, undefined);
  const join = s.take({ action: "subscribe", topic: "a", presence: true });
  assert.equal(join.frame.since, undefined);
  join.reply(result({ offset: 8, presence: { count: 0, members: [] } }));
  s.tells(["subscribed 1-x:8"]);
  await idle();
  s.silent();
  page.refuse({ code: "permission_denied" });
  await syncs(s, MINUTE);
});

test("a sync says nothing of a topic that was subscribed again with other members", async () => {
  const s = await member();
  s.wake();
  await idle();
  const sync = s.take({ action: "sync" });
  s.present("a");
  await idle();
  s.take({ action: "subscribe", presence: true }).reply(result());
  sync.reply({ moved: ["a"], lost: ["a"], presence: ["a"] });
  await idle();
  s.silent();
});

test("a topic that was refused while nobody wanted it is forgotten", async () => {
  const s = await online();
  const a = s.listen("a");
  await idle();
  const join = s.take({ action: "subscribe", topic: "a" });
  a.close();
  join.refuse({ code: "permission_denied" });
  await idle();
  s.wake();
  await idle();
  s.take({ action: "sync", topics: [] }).reply({ extra: ["a"] });
  await idle();
  s.take({ action: "unsubscribe", topic: "a" });
});

test("after a history that was answered, the next refusal is the first one", async () => {
  const s = await member();
  s.random = () => 1;
  const gaps = [];
  for (const refuse of [true, true, true, false, true]) {
    s.push(push(s.a.position.offset + 2));
    await s.await(MINUTE);
    s.take({ action: "history" });
    if (!refuse) {
      s.last.reply(result({ offset: 7, events: entries(6, 7) }));
      await idle();
      continue;
    }
    s.last.refuse({ code: "failed_precondition" });
    const before = s.time;
    await s.await(MINUTE);
    gaps.push(s.time - before);
    s.take({ action: "subscribe" }).reply(result({ offset: s.a.position.offset }));
    await idle();
  }
  assert.deepEqual(gaps, [500, 1000, 2000, 500]);
});

test("a gap that an answer leaves is asked for again, and history goes on after a reconnection", async () => {
  const s = await member();
  s.push(push(7));
  await s.pass(SECOND);
  const history = s.take({ action: "history" });
  s.push(push(9));
  history.reply(result({ offset: 7, events: entries(6, 7) }));
  s.tells(["e6 1-x:6", "e7 1-x:7"]);
  await s.pass(SECOND);
  s.take({ action: "history", since: { epoch: "1-x", offset: 7 } });
  s.offline();
  s.online();
  await idle();
  s.take({ action: "subscribe" }).reply(result({ offset: 7, more: true }));
  await s.pass(MINUTE);
  s.take({ action: "history", since: { epoch: "1-x", offset: 7 } });
});

test("gaps are asked for later each time, until there is progress", async () => {
  const s = await member();
  s.random = () => 0;
  const waits = [];
  s.push(push(20));
  for (let offset = 5, i = 0; i < 5; i++) {
    const before = s.time;
    await s.await(MINUTE);
    waits.push(s.time - before);
    if (i === 3) s.push(push(++offset));
    s.take({ action: "history" }).reply(result({ offset: 20, events: i === 3 ? entries(++offset) : [] }));
    s.push(push(20 + i));
    await idle();
  }
  assert.deepEqual(waits, [200, 400, 800, 1600, 200]);
});

test("after a sync that was answered, the next failure is the first one", async () => {
  const s = await member();
  s.random = () => 1;
  const gaps = [];
  s.wake();
  await idle();
  for (const fail of [true, true, false, true]) {
    if (fail) {
      s.take({ action: "sync" }).refuse({ code: "unavailable" });
      const before = s.time;
      await s.await(MINUTE);
      gaps.push(s.time - before);
    } else {
      s.take({ action: "sync" }).reply(nothing);
      await s.await(7 * MINUTE);
    }
  }
  assert.deepEqual(gaps, [2000, 3000, 2000]);
});

test("an empty topic has no entry with an offset, and an epoch begins with its first", async () => {
  const s = await online();
  s.listen("a");
  await idle();
  s.take({ action: "subscribe" }).reply(result({ epoch: "", offset: 0 }));
  s.push(push(1, { epoch: "" }));
  s.push(push(3, { epoch: "2-y", prev: { epoch: "", offset: 0 } }));
  s.tells(["subscribed :0"]);
  const t = await member();
  t.push(push(2, { epoch: "10-a" }));
  t.push(push(2, { epoch: "9-b" }));
  await t.pass(2 * SECOND);
  t.take({ action: "history" })
    .reply(result({ epoch: "9-b", offset: 1, recovered: false, reason: "epoch", more: true, events: entries(1) }));
  t.tells(["lost epoch 9-b:0", "e1 9-b:1", "e2 9-b:2"]);
});

test("what waits below a position that was set is dropped", async () => {
  const s = await member();
  s.push(push(7));
  await s.pass(SECOND);
  s.take({ action: "history" })
    .reply(result({ offset: 90, recovered: false, reason: "history", more: true, events: entries(90) }));
  await idle();
  s.take({ action: "history", since: { epoch: "1-x", offset: 90 } }).reply(result({ offset: 90, more: false }));
  await s.pass(MINUTE);
  s.silent();
});

test("one push that comes again and again is kept once", async () => {
  const s = await member();
  for (let i = 0; i < 300; i++) s.push(push(7));
  s.push(push(8));
  s.push(push(6));
  s.tells(["e6 1-x:6", "e7 1-x:7", "e8 1-x:8"]);
});

test("a gap is asked for once its time has passed, which begins again if the position has moved", async () => {
  const s = await member();
  s.push(push(8));
  await s.pass(150);
  s.push(push(10));
  await s.pass(99);
  s.silent();
  await s.pass(1);
  s.take({ action: "history" });

  const t = await member();
  t.push(push(7));
  t.push(push(10));
  await t.pass(150);
  t.push(push(6));
  await t.pass(249);
  t.silent();
  await t.pass(1);
  t.take({ action: "history", since: { epoch: "1-x", offset: 7 } });
});

test("the time of a gap has bounds, is that of the sender, and another one for another epoch", async () => {
  const s = await member();
  s.random = () => 1;
  s.push(push(7, { spreadMs: 9000 }));
  await s.pass(9999);
  s.silent();
  await s.pass(1);
  s.take({ action: "history" }).reply(result({ offset: 7, events: entries(6, 7) }));
  s.push(push(9));
  await s.pass(300);
  s.take({ action: "history" }).reply(result({ offset: 9, events: entries(8, 9) }));
  s.push(push(1, { epoch: "2-y" }));
  await s.pass(1999);
  s.silent();
  await s.pass(1);
  s.take({ action: "history" }).reply(result({ offset: 9 }));
  await idle();
  s.push(push(2, { epoch: "2-y" }));
  await s.pass(1999);
  s.silent();
});

test("a history that fails is asked for later each time", async () => {
  const s = await member();
  s.random = () => 1;
  s.push(push(7));
  await s.await(MINUTE);
  const waits = [];
  for (let i = 0; i < 4; i++) {
    const answer = [{ code: "unavailable" }, {}, { code: "internal" }][i];
    if (answer) s.take({ action: "history" }).refuse(answer);
    else s.take({ action: "history" }).reply(result({ topic: "b", offset: 7, events: entries(6, 7) }));
    const before = s.time;
    await s.await(MINUTE);
    waits.push(s.time - before);
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000]);
});

test("after a subscribe that was answered, the next failure is the first one", async () => {
  const s = await online();
  s.random = () => 1;
  s.listen("a");
  await idle();
  const waits = [];
  for (let i = 0; i < 4; i++) {
    if (i === 2) {
      s.take({ action: "subscribe" }).reply(result());
      s.wake();
      await idle();
      s.take({ action: "sync" }).reply({ lost: ["a"] });
      await idle();
    }
    s.take({ action: "subscribe" }).refuse({ code: "unavailable" });
    const before = s.time;
    await s.await(MINUTE);
    waits.push(s.time - before);
  }
  assert.deepEqual(waits, [500, 1000, 500, 1000]);
});

test("a subscription that does not end any more is not asked about", async () => {
  const s = await online();
  s.listen("a");
  await idle();
  s.take({ action: "subscribe" }).reply(result({ expiresInMs: 60_000 }));
  s.present("a");
  await idle();
  s.take({ action: "subscribe" }).reply(result());
  await s.pass(2 * MINUTE);
  s.silent();
});

test("the history of the app is asked for once, and when there is a subscription", async () => {
  const s = await member();
  s.offline();
  const page = s.a.history();
  s.online();
  await idle();
  const join = s.take({ action: "subscribe" });
  s.silent();
  const { checks } = s;
  join.reply(result());
  await idle();
  assert.ok(s.checks > checks, "the core learns that the topics are on the new connection");
  const history = s.take({ action: "history" });
  s.push(push(6));
  await idle();
  s.silent();
  history.reply(result({ offset: 4, events: entries(4) }));
  assert.equal((await page).events.length, 1);
});

test("the history of the app is asked for again on another connection if the server has lost this one", async () => {
  const s = await member();
  const page = s.a.history();
  await idle();
  s.take({ action: "history" }).refuse({ code: "stale_connection" });
  await idle();
  s.silent();
  s.offline();
  s.online();
  await idle();
  s.take({ action: "subscribe" }).reply(result());
  await idle();
  s.take({ action: "history" }).reply(result({ offset: 4, events: entries(4) }));
  assert.equal((await page).events.length, 1);
});

test("one sync is under way, of what is subscribed", async () => {
  const s = await member();
  s.present("b");
  await idle();
  s.take({ action: "subscribe", topic: "b" });
  s.wake();
  s.wake();
  await idle();
  assert.deepEqual(s.take({ action: "sync" }).frame.topics.map(({ topic }) => topic), ["a"]);
  await s.pass(10 * MINUTE);
  s.silent();
  s.offline();
  s.online();
  await idle();
  const presence = { count: 2, members: [], cursor: "p2" };
  s.take({ action: "subscribe" }).reply({ topics: [result(), result({ topic: "b", presence })] });
  await idle();
  s.take({ action: "presence", cursor: "p2" });
  s.wake();
  await idle();
  assert.equal(s.take({ action: "sync" }).frame.topics[1].digest, undefined, "the members are not known");
});

test("the longest time of the senders counts", async () => {
  const s = await member();
  s.push(push(8, { spreadMs: 3000 }));
  s.push(push(9, { spreadMs: 10 }));
  s.push(push(6));
  await s.pass(2999);
  s.silent();
});
