// What the app has in hand: subscriptions, iterators, presence.

import assert from "node:assert/strict";
import { test } from "node:test";
import { entries, idle, push, result, Stage } from "./topics-stage.mjs";
import { load } from "./build.mjs";

const { subscribe } = await load("subscription");
const { presence } = await load("presence");
const SECOND = 1_000;

/** Becomes a member of topic a without a listener. */
async function member(options) {
  const s = new Stage();
  s.online();
  s.a = subscribe(s.topics, "a", options);
  await idle();
  s.take({ action: "subscribe", topic: "a" }).reply(result());
  await idle();
  return s;
}

const names = (list) => list.map(({ event }) => event).join(" ");

/** What an iterator gives until it has to wait, or ends. */
async function taken(iterator) {
  const got = [];
  for (let end; !end; ) {
    end = "waits";
    iterator.next().then(
      ({ value, done }) => {
        if (done) end = "done";
        else {
          got.push(value.event);
          end = "";
        }
      },
      ({ code }) => (end = code),
    );
    await idle();
    if (end) got.push(end);
  }
  return got.join(" ");
}

test("an event has its name, its data and its position", async () => {
  const s = await member();
  const got = [];
  s.a.on("event", (e) => got.push(e));
  s.push(push(6));
  assert.deepEqual(got, [{ topic: "a", event: "e6", data: 6, position: { epoch: "1-x", offset: 6 } }]);
  assert.deepEqual(s.a.position, { epoch: "1-x", offset: 6 });
});

test("an iterator gives what came before it was made, and each its own", async () => {
  const s = new Stage();
  s.online();
  s.a = subscribe(s.topics, "a", { last: 2 });
  await idle();
  s.take({ action: "subscribe", last: 2 }).reply(result({ events: entries(4, 5) }));
  await s.a.established;
  s.push(push(6));
  const one = s.a[Symbol.asyncIterator]();
  assert.equal(await taken(one), "e4 e5 e6 waits");
  const two = s.a[Symbol.asyncIterator]();
  s.push(push(7));
  s.push(push(8));
  assert.equal(await taken(two), "e7 e8 waits");
  assert.equal(await taken(one), "e8 waits", "the one that waited has taken e7");
});

test("a listener gets what came before it, too", async () => {
  const s = new Stage();
  s.online();
  s.a = subscribe(s.topics, "a", { last: 2 });
  await idle();
  s.take({ action: "subscribe", last: 2 }).reply(result({ events: entries(4, 5) }));
  await s.a.established;
  const got = [];
  const late = [];
  s.a.on("event", (e) => got.push(e));
  s.a.on("event", (e) => late.push(e));
  s.push(push(6));
  assert.equal(names(got), "e4 e5 e6");
  assert.equal(names(late), "e6");
});

test("the end of the last iterator ends the subscription", async () => {
  const s = await member();
  const one = s.a[Symbol.asyncIterator]();
  const two = s.a[Symbol.asyncIterator]();
  const waiting = one.next();
  assert.deepEqual(await one.return(), { value: undefined, done: true });
  assert.deepEqual(await waiting, { value: undefined, done: true });
  s.push(push(6));
  assert.equal(await taken(two), "e6 waits");
  await idle();
  s.silent();
  await two.return();
  await idle();
  s.take({ action: "unsubscribe", topic: "a" });
});

test("a loop that is left ends the subscription, if nobody listens", async () => {
  for (const isHeard of [false, true]) {
    const s = await member();
    if (isHeard) s.a.on("event", () => {});
    s.push(push(6));
    s.push(push(7));
    const iterator = s.a[Symbol.asyncIterator]();
    s.push(push(8));
    for await (const _ of iterator) break;
    assert.equal(await taken(iterator), "done");
    await idle();
    if (isHeard) s.silent();
    else s.take({ action: "unsubscribe", topic: "a" });
  }
});

test("an iterator that is too slow ends with an error, after what it has", async () => {
  const s = await member({ buffer: 3 });
  const got = [];
  s.a.on("event", (e) => got.push(e));
  const slow = s.a[Symbol.asyncIterator]();
  for (let offset = 6; offset < 11; offset++) s.push(push(offset));
  assert.equal(names(got), "e6 e7 e8 e9 e10");
  assert.equal(await taken(slow), "e6 e7 e8 slow_consumer");
  assert.equal(await taken(slow), "done");
  assert.equal(await taken(s.a[Symbol.asyncIterator]()), "waits", "the listener goes on, so another one can begin");

  const alone = await member({ buffer: 2 });
  const iterator = alone.a[Symbol.asyncIterator]();
  for (let offset = 6; offset < 11; offset++) alone.push(push(offset));
  await idle();
  alone.take({ action: "unsubscribe" });
  assert.equal(await taken(iterator), "e6 e7 slow_consumer");

  const unheard = await member({ buffer: 2 });
  for (let offset = 6; offset < 11; offset++) unheard.push(push(offset));
  await idle();
  unheard.silent();
  assert.equal(await taken(unheard.a[Symbol.asyncIterator]()), "e6 e7 slow_consumer");
  await idle();
  unheard.take({ action: "unsubscribe" });
});

test("nothing is delivered after close", async () => {
  const s = await member();
  const got = [];
  s.a.on("event", (e) => {
    got.push(e);
    s.a.close();
  });
  s.a.on("event", (e) => got.push(e));
  const iterator = s.a[Symbol.asyncIterator]();
  s.push(push(7));
  s.push({ topic: "a", epoch: "1-x", offset: 6, events: [{ event: "p" }, { event: "q" }] });
  assert.equal(names(got), "p p");
  assert.equal(await taken(iterator), "done");
  await idle();
  s.take({ action: "unsubscribe" }).reply(null);
  s.a.close();
  await idle();
  s.silent();
  assert.equal(s.timers.size, 1, "only the sync is left");
});

test("close before the answer rejects established", async () => {
  const s = new Stage();
  const a = subscribe(s.topics, "a");
  a.close();
  await assert.rejects(a.established, { code: "closed" });
  s.online();
  await idle();
  s.silent();
});

test("a listener that throws does no harm", async () => {
  const s = await member();
  const got = [];
  s.a.on("event", () => {
    throw new Error("mine");
  });
  s.a.on("event", (e) => got.push(e));
  s.push(push(6));
  s.push(push(7));
  assert.equal(names(got), "e6 e7");
  assert.deepEqual(s.problems.map(({ message }) => message), ["mine", "mine"]);
});

test("a listener that has ended hears nothing, and one function may listen twice", async () => {
  const s = await member();
  const got = [];
  const f = (e) => got.push(e.event);
  const off = s.a.on("event", f);
  s.a.on("event", f);
  s.push(push(6));
  off();
  off();
  s.push(push(7));
  assert.deepEqual(got, ["e6", "e6", "e7"]);
});

test("a handler may end one subscription and begin another", async () => {
  const s = await member();
  const got = [];
  s.a.on("event", ({ position }) => {
    if (got.push(position.offset) > 1) return;
    s.a.close();
    s.b = subscribe(s.topics, "a", { since: s.a.position });
    s.b.on("event", ({ event }) => got.push(event));
  });
  s.push(push(7));
  s.push(push(6));
  await idle();
  assert.deepEqual(got, [6]);
  s.take({ action: "subscribe", since: { epoch: "1-x", offset: 6 } }).reply(result({ offset: 7, events: entries(7) }));
  assert.deepEqual(got, [6, "e7"]);
});

test("two subscriptions share a membership until the last one ends", async () => {
  const s = await member();
  const b = subscribe(s.topics, "a");
  assert.deepEqual(await b.established, { position: { epoch: "1-x", offset: 5 }, recovered: true });
  s.silent();
  const got = [];
  s.a.on("event", (e) => got.push(e));
  b.on("event", (e) => got.push(e));
  s.push(push(6));
  assert.equal(names(got), "e6 e6");
  s.a.close();
  await idle();
  s.silent();
  s.push(push(7));
  assert.equal(names(got), "e6 e6 e7");
  b.close();
  await idle();
  s.take({ action: "unsubscribe", topic: "a" });
});

test("two that begin at once with the same options need one request", async () => {
  const s = new Stage();
  s.online();
  const all = [1, 2].map(() => subscribe(s.topics, "a", { last: 2 }));
  const got = [];
  for (const one of all) one.on("event", (e) => got.push(e));
  await idle();
  s.take({ action: "subscribe", topic: "a", last: 2 }).reply(result({ events: entries(4, 5) }));
  assert.equal(names(got), "e4 e4 e5 e5");
  await idle();
  s.silent();
});

test("a second subscription gets what it asks for, without a gap or a repetition", async () => {
  for (const options of [{ last: 2 }, { since: { epoch: "1-x", offset: 3 } }]) {
    const s = await member();
    const b = subscribe(s.topics, "a", options);
    const got = [];
    b.on("event", (e) => got.push(e));
    await idle();
    const history = s.take({ action: "history", topic: "a", ...options });
    s.push(push(6));
    s.push(push(7));
    assert.equal(names(got), "");
    history.reply(result({ offset: 4, more: true, events: entries(4) }));
    await idle();
    assert.deepEqual(await b.established, { position: { epoch: "1-x", offset: 3 }, recovered: true });
    s.take({ action: "history", since: { epoch: "1-x", offset: 4 } })
      .reply(result({ offset: 6, events: [{ offset: 5, events: [{ event: "p" }, { event: "q" }] }, ...entries(6)] }));
    await idle();
    s.push(push(8));
    assert.equal(names(got), "e4 p q e6 e7 e8");
    s.silent();
  }
});

test("a second subscription learns what is lost, waits out errors, and ends with those that last", async () => {
  const s = await member();
  const b = s.listen("a", { since: { epoch: "1-x", offset: 1 } });
  await idle();
  s.take({ action: "history" }).refuse({ code: "unavailable" });
  await s.pass(SECOND);
  s.take({ action: "history" })
    .reply(result({ offset: 5, recovered: false, reason: "history", events: entries(4, 5) }));
  await idle();
  s.tells(["lost history 1-x:3", "e4 1-x:4", "e5 1-x:5"]);
  assert.deepEqual(await b.established, { position: { epoch: "1-x", offset: 3 }, recovered: false, reason: "history" });
  const c = s.listen("a", { last: 1 });
  await idle();
  s.take({ action: "history" }).refuse({ code: "permission_denied" });
  await idle();
  s.tells(["failed permission_denied"]);
  await assert.rejects(c.established, { code: "permission_denied" });
  const d = s.listen("a", { last: 1 });
  await idle();
  s.take({ action: "history" }).refuse({ code: "unavailable" });
  await idle();
  d.close();
  await s.pass(30 * SECOND);
  s.silent();
  assert.equal(s.timers.size, 1, "only the sync is left");
});

test("a second subscription does not keep more than its buffer while it waits", async () => {
  const s = await member();
  const b = s.listen("a", { last: 1, buffer: 2 });
  await idle();
  for (let offset = 6; offset < 10; offset++) s.push(push(offset));
  s.tells(["failed slow_consumer"]);
  await assert.rejects(b.established, { code: "slow_consumer" });
  assert.equal(s.a.position.offset, 9, "the first one goes on");
});

test("a subscription that cannot be made throws", () => {
  const s = new Stage();
  for (const name of [undefined, "", 7, {}, "x".repeat(10_000)])
    assert.throws(() => subscribe(s.topics, name), { code: "invalid_argument" });
  for (const since of [{}, 7, { epoch: "x", offset: 1 }, { epoch: "1-x", offset: 1.5 }, { epoch: "1-x" }]) {
    assert.throws(() => subscribe(s.topics, "a", { since }), { code: "invalid_argument" });
  }
  const loop = {};
  loop.loop = loop;
  assert.throws(() => presence(s.topics, "a", { as: loop }), TypeError);
  assert.throws(() => presence(s.topics, "a", { as: "x".repeat(10_000) }), { code: "invalid_argument" });
  s.online();
  s.silent();
});

test("a position of the app is not changed, and may change", async () => {
  const s = new Stage();
  const since = { epoch: "1-x", offset: 5 };
  subscribe(s.topics, "a", { since });
  since.offset = 99;
  s.online();
  await idle();
  s.take({ action: "subscribe", since: { epoch: "1-x", offset: 5 } }).reply(result({ offset: 6, events: entries(6) }));
  assert.equal(since.offset, 99);
});

// Presence.

const who = (ref, user, version, as) => ({ ref, user, version, as });
const diff = (data) => ({ event: "presence", topic: "a", data });

async function audience() {
  const s = new Stage();
  s.online();
  s.p = presence(s.topics, "a", { as: { n: 1 } });
  s.changes = [];
  s.p.on("change",
    (members, count) => s.changes.push(members ? members.map(({ user }) => user ?? "?").sort().join(" ") : count));
  await idle();
  s.take({ action: "subscribe", topic: "a", presence: true, as: { n: 1 } });
  assert.equal(s.p.members, undefined);
  s.push(diff({ joined: [who("b1", "bob", 3)] }));
  s.last.reply(result({ presence: { count: 2, members: [who("a1", "ann", 1, "x"), who("a2", "ann", 2, "y")] } }));
  assert.deepEqual(s.changes.splice(0), ["ann bob"]);
  await idle();
  return s;
}

const there = (s) => s.p.members?.map(({ user }) => user ?? "?").sort().join(" ") ?? s.p.count;

test("a user is there until the last connection has left", async () => {
  const s = await audience();
  assert.deepEqual(s.p.members, [{ user: "bob", as: undefined }, { user: "ann", as: "y" }]);
  assert.equal(s.p.count, 2);
  s.push(diff({ left: [{ ref: "a1", version: 1 }] }));
  assert.equal(there(s), "ann bob");
  s.push(diff({ left: [{ ref: "a2", version: 2 }] }));
  s.push(diff({ joined: [who("a1", "ann", 1)] }));
  assert.equal(there(s), "bob", "a late join of a membership that has ended does not count");
  s.push(diff({ joined: [who("a1", "ann", 4)] }));
  s.push(diff({ joined: [who("a1", "ann", 5)] }));
  s.push(diff({ left: [{ ref: "a1", version: 4 }] }));
  assert.equal(there(s), "ann bob", "a late end of an earlier membership does not count");
  s.push(diff({ joined: [who("x1", "", 1, "?"), who("x2", undefined, 1)] }));
  assert.equal(there(s), "? ? ann bob", "without a user, each stands for itself");
  s.push(diff({ joined: [who("x1", "eve", 2)] }));
  assert.equal(there(s), "? ann bob eve", "a connection may be that of another user");
});

test("a user is shown for the grace time, and a join ends it", async () => {
  const s = await audience();
  s.push(diff({ left: [{ ref: "b1", version: 3, graceMs: 5000 }] }));
  await s.pass(4999);
  assert.equal(there(s), "ann bob");
  s.push(diff({ joined: [who("b2", "bob", 9)] }));
  await s.pass(60 * SECOND);
  assert.equal(there(s), "ann bob");
  s.push(diff({ left: [{ ref: "b2", version: 9, graceMs: 5000 }] }));
  await s.pass(5 * SECOND);
  assert.equal(there(s), "ann");
  s.push(diff({ left: [{ ref: "a1", version: 1, graceMs: 1e300 }, { ref: "a2", version: 2, graceMs: "x" }] }));
  assert.equal(there(s), "");
});

test("what a diff says while a snapshot is under way counts", async () => {
  const s = await audience();
  s.wake();
  await idle();
  s.take({ action: "sync" });
  assert.match(s.last.frame.topics[0].digest, /^3-[0-9a-f]{8}$/);
  s.last.reply({ presence: ["a"] });
  await idle();
  const first = s.take({ action: "presence", topic: "a" });
  s.push(diff({ joined: [who("c1", "cem", 7)], left: [{ ref: "d1", version: 8 }] }));
  first.reply({ count: 2, members: [who("a1", "ann", 1)], cursor: "p2" });
  await idle();
  assert.equal(there(s), "ann bob cem");
  const second = s.take({ action: "presence", topic: "a", cursor: "p2" });
  s.push(diff({ left: [{ ref: "e1", version: 9 }] }));
  second.reply({ count: 2, members: [who("d1", "dan", 8), who("e1", "eve", 9), who("f1", "flo", 1)] });
  assert.equal(there(s), "ann cem flo");
  await idle();
  s.silent();
});

test("a snapshot brings back one that has left by mistake", async () => {
  const s = await audience();
  s.push(diff({ left: [{ ref: "b1", version: 3 }] }));
  s.wake();
  await idle();
  s.take({ action: "sync" }).reply({ presence: ["a"] });
  await idle();
  s.take({ action: "presence" }).reply({ count: 1, members: [who("b1", "bob", 3)] });
  assert.equal(there(s), "bob");
});

test("a digest that differs leads to a snapshot, one at a time", async () => {
  const s = await audience();
  for (let version = 7; version < 9; version++)
    s.push(diff({ joined: [who("c1", "cem", version)], digest: "9-00000000" }));
  await s.pass(4 * SECOND);
  s.silent();
  await s.pass(6 * SECOND);
  s.take({ action: "presence" });
  s.silent();
  s.last.refuse({ code: "unavailable" });
  await s.pass(3 * SECOND);
  s.take({ action: "presence" }).refuse({ code: "failed_precondition" });
  await s.pass(SECOND);
  s.take({ action: "subscribe", topic: "a", presence: true });
});

test("too many members are a number, until they are few again", async () => {
  const s = await audience();
  s.push(diff({ count: 1204 }));
  assert.equal(there(s), 1204);
  assert.equal(s.p.members, undefined);
  s.wake();
  await idle();
  s.take({ action: "sync", topics: [{ digest: "1204" }] }).reply({ presence: ["a"] });
  await idle();
  s.take({ action: "presence" }).reply({ count: 1300, members: null });
  assert.equal(s.p.count, 1300);
  s.push(diff({ joined: [who("c1", "cem", 7)] }));
  await s.pass(10 * SECOND);
  s.take({ action: "presence" }).reply({ count: 1, members: [who("c1", "cem", 7)] });
  assert.equal(there(s), "cem");
});

test("nobody leaves because of a reconnection", async () => {
  const s = await audience();
  s.offline();
  s.online();
  await idle();
  s.take({ action: "subscribe", presence: true })
    .reply(result({ presence: { count: 2, members: [who("a9", "ann", 5), who("b1", "bob", 3)] } }));
  assert.deepEqual(new Set(s.changes), new Set(["ann bob"]));
});

test("what a member shows is that of its newest membership", async () => {
  const s = await audience();
  for (const [as, version] of [["away", 8], ["here", 7], ["away", 9]])
    s.push(diff({ joined: [who("b1", "bob", version, as)] }));
  assert.deepEqual(s.p.members[0], { user: "bob", as: "away" });
});

test("the version of one that has left is kept for a minute, and while a snapshot is under way", async () => {
  const s = await audience();
  const late = () => {
    s.push(diff({ joined: [who("o1", "other", 1)] }));
    s.push(diff({ joined: [who("b1", "bob", 3), who("u1", "unknown", 5)] }));
    return there(s);
  };
  s.push(diff({ left: [{ ref: "b1", version: 3 }, { ref: "u1", version: 5 }] }));
  await s.pass(59 * SECOND);
  assert.equal(late(), "ann other");
  s.wake();
  await idle();
  s.take({ action: "sync" }).reply({ presence: ["a"] });
  await s.pass(5 * SECOND);
  assert.equal(late(), "ann other");
  s.take({ action: "presence" }).reply({ count: 1, members: [who("a1", "ann", 1), who("o1", "other", 1)] });
  assert.equal(late(), "ann bob other unknown");
});

test("a digest has eight digits, and that of nobody is known", async () => {
  const s = new Stage();
  s.online();
  presence(s.topics, "a");
  await idle();
  s.take({ action: "subscribe" }).reply(result({ presence: { count: 0, members: [] } }));
  s.wake();
  await idle();
  s.take({ action: "sync", topics: [{ digest: "0-00000000" }] });
});

test("a page that fails is asked for from the first one on", async () => {
  const s = await audience();
  s.wake();
  await idle();
  s.take({ action: "sync" }).reply({ presence: ["a"] });
  await idle();
  s.take({ action: "presence" }).reply({ count: 1, members: [], cursor: "p2" });
  await idle();
  s.take({ action: "presence", cursor: "p2" }).refuse({ code: "unavailable" });
  await s.pass(3 * SECOND);
  assert.equal(s.take({ action: "presence" }).frame.cursor, undefined);
});

test("a count is known from a diff on, and before a snapshot", async () => {
  const s = new Stage();
  s.online();
  const p = presence(s.topics, "a");
  await idle();
  s.take({ action: "subscribe" });
  s.push(diff({ count: 7 }));
  assert.equal(p.count, 7);
});

test("a second subscription that is closed while it waits for its history leaves nothing", async () => {
  const s = await member();
  const b = s.listen("a", { last: 1 });
  await idle();
  s.take({ action: "history" });
  b.close();
  await idle();
  s.tells([]);
  assert.equal(s.timers.size, 1, "only the sync is left");
});

test("a user becomes visible, and invisible again, while the events go on", async () => {
  const s = await member();
  const p = presence(s.topics, "a", { as: 1 });
  await idle();
  s.take({ action: "subscribe", since: { epoch: "1-x", offset: 5 }, presence: true, as: 1 });
  s.last.reply(result({ presence: { count: 1, members: [who("a1", "ann", 1)] } }));
  await idle();
  const q = presence(s.topics, "a");
  assert.deepEqual(q.members, [{ user: "ann", as: undefined }], "they are known at once");
  await idle();
  s.silent();
  const r = presence(s.topics, "a", { as: 2 });
  await idle();
  s.take({ action: "subscribe", presence: true, as: 2 }).reply(result({ presence: { count: 1, members: [who("a1", "ann", 1)] } }));
  await idle();
  r.close();
  await idle();
  s.take({ action: "subscribe", presence: true, as: 1 }).reply(result({ presence: { count: 1, members: [who("a1", "ann", 1)] } }));
  await idle();
  q.close();
  p.close();
  await idle();
  s.take({ action: "unsubscribe", topic: "a" }).reply(null);
  await idle();
  const { frame } = s.take({ action: "subscribe", since: { epoch: "1-x", offset: 5 } });
  assert.equal(frame.presence, undefined);
  s.last.reply(result());
  await idle();
  s.silent();
  assert.equal(s.push(diff({ joined: [who("c", "cem", 1)] })), false, "nobody asks who is there");
});

test("a presence that is refused tells so, and one that is closed tells nothing", async () => {
  const s = new Stage();
  s.online();
  const errors = [];
  const [p, q] = ["a", "b"].map((name) => presence(s.topics, name));
  for (const one of [p, q]) one.on("error", ({ code }) => errors.push(code));
  await idle();
  s.take({ action: "subscribe" })
    .reply({ topics: [{ topic: "a", error: { code: "permission_denied" } },
    result({ topic: "b", presence: { count: 0, members: [] } })] });
  assert.deepEqual(errors, ["permission_denied"]);
  await idle();
  q.on("change", () => errors.push("change"));
  q.close();
  q.close();
  s.push({ event: "presence", topic: "b", data: { joined: [who("c", "cem", 1)] } });
  await idle();
  s.take({ action: "unsubscribe", topic: "b" }).reply(null);
  assert.deepEqual(errors, ["permission_denied"]);
});

test("odd snapshots and diffs do no harm", async () => {
  const s = await audience();
  for (const data of [null, 7, [], "x", { joined: 7, left: {} },
    { joined: [null, 7, {}, { ref: 7, version: 1 }, { ref: "z", version: -1 }, { ref: "z" }],
    left: [null, { ref: "b1" }] },
    { count: -1 }, { count: "x" },
      JSON.parse('{"joined": [{"ref": "__proto__", "user": "__proto__", "version": 1}], "__proto__": {"count": 7}}')]) {
    s.push(diff(data));
  }
  assert.equal(there(s), "__proto__ ann bob");
  s.wake();
  await idle();
  s.take({ action: "sync" }).reply({ presence: ["a"] });
  await idle();
  s.take({ action: "presence" }).reply({ members: "all", cursor: null });
  assert.equal(there(s), "");
  assert.deepEqual(s.problems, []);
});

test("many members are no burden", async () => {
  const s = await audience();
  s.push(diff({ joined: Array.from({ length: 150_000 }, (_, i) => who(`r${i}`, "crowd", 1)) }));
  assert.equal(there(s), "ann bob crowd");
  s.push(diff({ joined: [who("late", "late", 1)] }));
  assert.equal(there(s), "ann bob crowd", "what is kept is bounded");
});

test("one that is not there any more after a reconnection has left", async () => {
  const s = await audience();
  s.offline();
  s.online();
  await idle();
  s.take({ action: "subscribe", presence: true })
    .reply(result({ presence: { count: 1, members: [who("a1", "ann", 1)] } }));
  assert.equal(there(s), "ann");
});

test("a grace time is an hour at most", async () => {
  const s = await audience();
  s.push(diff({ left: [{ ref: "b1", version: 3, graceMs: 1e300 }] }));
  await s.pass(3_599_999);
  assert.equal(there(s), "ann bob");
  await s.pass(1);
  assert.equal(there(s), "ann");
});

test("a user leaves with the last connection only, whatever the grace time of another one", async () => {
  const s = await audience();
  s.push(diff({ left: [{ ref: "a1", version: 1, graceMs: 5000 }] }));
  s.push(diff({ left: [{ ref: "a2", version: 2 }] }));
  assert.equal(there(s), "bob");
});

test("a snapshot that fails is asked for after a second, and one that is under way is enough", async () => {
  const s = await audience();
  s.random = () => 0;
  const odd = (version) => s.push(diff({ joined: [who("c1", "cem", version)], digest: "9-00000000" }));
  odd(7);
  await s.pass(0);
  s.take({ action: "presence" });
  odd(8);
  await s.pass(9 * SECOND);
  s.silent();
  s.last.refuse({ code: "unavailable" });
  odd(9);
  await s.pass(999);
  s.silent();
  await s.pass(1);
  s.take({ action: "presence" });
});

test("a listener that comes when too much has come gets what was kept, and the error", async () => {
  const s = await member({ buffer: 2 });
  const late = subscribe(s.topics, "a", { buffer: 2 });
  for (const offset of [6, 7, 8]) s.push(push(offset));
  const got = [];
  late.on("event", ({ event }) => got.push(event));
  late.on("error", ({ code }) => got.push(code));
  s.push(push(9));
  await idle();
  s.push(push(10));
  assert.deepEqual(got, ["e6", "e7", "slow_consumer"]);
});

test("a topic without presence is an error for who wants it, and no one else", async () => {
  const s = await member();
  const got = [];
  const events = [];
  s.a.on("event", ({ event }) => events.push(event));
  const p = s.present("a");
  p.on("change", () => got.push("change"));
  p.on("error", ({ code, message }) => got.push(code, message));
  await idle();
  s.take({ action: "subscribe", presence: true }).reply(result());
  await idle();
  assert.deepEqual(got, ["failed_precondition", "The topic a has no presence."]);
  s.silent();
  s.push(push(6));
  assert.deepEqual(events, ["e6"]);
});

test("an event that is nested very deeply does no harm if it is too early", async () => {
  const s = await member();
  const events = [];
  s.a.on("event", ({ event }) => events.push(event));
  const deep = JSON.parse(`${"[".repeat(9_990)}${"]".repeat(9_990)}`);
  s.push(push(7, { data: deep }));
  s.push(push(6));
  await s.pass(10_000);
  s.take({ action: "history" }).reply(result({ offset: 7, events: [{ offset: 7, event: "e7", data: deep }] }));
  s.push(push(8));
  assert.deepEqual(events, ["e6", "e7", "e8"]);
});
