// Presence and values over the connection that tabs share, and tabs in surroundings that are odd: a
// clock that was set, a browser without locks, messages of others.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./build.mjs";
import { World } from "./tabs-world.mjs";

const { connect } = await load("tabs");
const { values } = await load("values");

const SECOND = 1000;
const MINUTE = 60 * SECOND;

function outcome(promise) {
  const result = {};
  promise.then(
    (value) => Object.assign(result, { value }),
    (error) => Object.assign(result, { error }),
  );
  return result;
}

const isOnline = (world) => () => world.tabs.every((tab) => tab.dead || tab.client.state.name === "online");

async function start(seed, tabs, prepare = () => {}) {
  const world = new World(seed);
  prepare(world);
  for (let i = 0; i < tabs; i++) world.open(connect);
  assert.ok(await world.clock.advance(MINUTE, isOnline(world)), "online");
  return world;
}

// Closes all tabs, and checks that nothing is left.
async function finish(world) {
  for (const tab of world.tabs) if (!tab.dead) tab.client.close();
  await world.clock.advance(10 * MINUTE);
  assert.equal(world.server.connections.size, 0, "connections");
  assert.equal(world.locks.holders.size, 0, "locks");
  assert.equal(world.channels.size, 0, "channels");
  for (const tab of world.tabs) assert.deepEqual(tab.problems, []);
  assert.equal(world.clock.pending, 0, `timers: ${world.clock}`);
}

const prices = (world) => world.server.values.set("prices", new Map());
const all = (v) => Object.fromEntries(v.entries());

test("values: each tab has all of them, those that were set before and after it came", async () => {
  const world = await start(1, 3, prices);
  world.server.set("prices", "a", 1);
  const first = values(world.tabs[0].client, "prices");
  await world.clock.advance(SECOND);
  assert.deepEqual(all(first), { a: 1 });
  world.server.set("prices", "b", 2);
  await world.clock.advance(SECOND);
  const others = world.tabs.slice(1).map((tab) => values(tab.client, "prices"));
  await world.clock.advance(SECOND);
  world.server.set("prices", "b", 3);
  world.server.set("prices", "a", undefined);
  world.server.set("prices", "__proto__", 4);
  await world.clock.advance(SECOND);
  for (const v of [first, ...others]) assert.deepEqual([...v.entries()].sort(), [["__proto__", 4], ["b", 3]]);
  await finish(world);
});

test("values: what was set and deleted while no tab led is known after the leader has crashed", async () => {
  const world = await start(2, 3, prices);
  world.server.set("prices", "a", 1);
  world.server.set("prices", "b", 1);
  const views = world.tabs.map((tab) => values(tab.client, "prices"));
  const deleted = [];
  for (const v of views) v.on("delete", (key) => deleted.push(key));
  await world.clock.advance(SECOND);
  const { leader } = world;
  leader.crash();
  world.server.set("prices", "a", 2);
  world.server.set("prices", "b", undefined);
  assert.ok(await world.clock.advance(MINUTE, isOnline(world)), "online");
  await world.clock.advance(SECOND);
  for (const [i, v] of views.entries()) if (world.tabs[i] !== leader) assert.deepEqual(all(v), { a: 2 });
  assert.deepEqual(deleted, ["b", "b"]);
  await finish(world);
});

test("values: a tab that closes its own leaves those of the others", async () => {
  const world = await start(3, 2, prices);
  const [one, two] = world.tabs.map((tab) => values(tab.client, "prices"));
  await world.clock.advance(SECOND);
  one.close();
  await world.clock.advance(SECOND);
  world.server.set("prices", "a", 1);
  await world.clock.advance(SECOND);
  assert.deepEqual([all(one), all(two)], [{}, { a: 1 }]);
  two.close();
  await world.clock.advance(SECOND);
  assert.equal(world.server.members().size, 0);
  await finish(world);
});

const room = (world) => world.server.shown.set("room", new Map());
const names = (p) => p.members?.map(({ user, as }) => `${user} ${as}`);

test("presence: tabs are one member, as long as one of them wants it", async () => {
  const world = await start(4, 3, room);
  const views = [0, 1].map((i) => world.tabs[i].client.presence("room", { as: "here" }));
  await world.clock.advance(SECOND);
  for (const p of views) assert.deepEqual([names(p), p.count], [["ann here"], 1]);
  views[0].close();
  await world.clock.advance(SECOND);
  assert.deepEqual(names(views[1]), ["ann here"]);
  assert.equal(world.server.shown.get("room").size, 1);
  views[1].close();
  await world.clock.advance(SECOND);
  assert.equal(world.server.shown.get("room").size, 0);
  await finish(world);
});

test("presence: it is there again after the leader has closed, and others are seen", async () => {
  const world = await start(5, 2, room);
  const other = new World(6);
  other.clock = world.clock;
  other.server = world.server; // another browser
  other.open(connect);
  await world.clock.advance(MINUTE, isOnline(other));
  const theirs = other.tabs[0].client.presence("room", { as: "guest" });
  const views = world.tabs.map((tab) => tab.client.presence("room", { as: "host" }));
  await world.clock.advance(SECOND);
  for (const p of [theirs, ...views]) assert.deepEqual(names(p), ["ann host"], "one user, with what was shown last");
  const { leader } = world;
  leader.client.close();
  assert.ok(await world.clock.advance(MINUTE, () => world.tabs.every(({ client }) => client === leader.client || client.state.name === "online")));
  await world.clock.advance(SECOND);
  const rest = views[1 - world.tabs.indexOf(leader)];
  assert.equal(world.server.shown.get("room").size, 2);
  assert.deepEqual(names(rest), ["ann host"]);
  assert.equal(rest.count, 1);
  theirs.close();
  await world.clock.advance(SECOND);
  assert.equal(world.server.shown.get("room").size, 1);
  for (const tab of other.tabs) tab.client.close();
  await finish(world);
});

test("a call whose time is over ends, also if the clock was set back meanwhile", async () => {
  const world = await start(7, 2);
  const follower = world.tabs.find((tab) => tab !== world.leader);
  world.server.opens = false;
  for (const socket of [...world.server.connections]) socket.cut();
  await world.clock.advance(SECOND);
  const call = outcome(follower.client.call("do", { k: 1 }, { expires: 5 * SECOND }));
  world.clock.skew = -60 * MINUTE;
  await world.clock.advance(6 * SECOND);
  assert.equal(call.error?.code, "expired");
  world.server.opens = true;
  await world.clock.advance(MINUTE, isOnline(world));
  await finish(world);
});

test("a leader that hangs is replaced, also if the clock was set back before", async () => {
  const world = await start(8, 2);
  world.clock.skew = -60 * MINUTE;
  world.leader.freeze();
  const call = outcome(world.tabs.find((tab) => !tab.frozen).client.call("do", { k: 1 }, { key: true }));
  await world.clock.advance(2 * MINUTE);
  assert.deepEqual(call, { value: { k: 1 } });
  for (const tab of world.tabs) tab.thaw();
  await world.clock.advance(MINUTE);
  await finish(world);
});

test("without locks each tab has its own connection", async () => {
  const refuse = () => Promise.reject(new DOMException("no", "SecurityError"));
  const world = await start(9, 2, (world) => (world.locks.request = refuse));
  assert.equal(world.server.connections.size, 2);
  const calls = world.tabs.map((tab, k) => outcome(tab.client.call("do", { k })));
  const seen = world.tabs.map((tab) => {
    const events = [];
    tab.client.subscribe("a").on("event", ({ data }) => events.push(data));
    return events;
  });
  await world.clock.advance(SECOND);
  world.server.publish("a", "one");
  await world.clock.advance(SECOND);
  assert.deepEqual(calls, [{ value: { k: 0 } }, { value: { k: 1 } }]);
  assert.deepEqual(seen, [["one"], ["one"]]);
  for (const tab of world.tabs) tab.client.close();
  await world.clock.advance(MINUTE);
  assert.equal(world.server.connections.size, 0);
});

test("options that are none of a call do no harm, and do not travel", async () => {
  const world = await start(10, 2);
  for (const [k, tab] of world.tabs.entries()) {
    const call = outcome(tab.client.call("do", { k }, { timeout: 9_000, onclick() {} }));
    await world.clock.advance(SECOND);
    assert.deepEqual(call, { value: { k } });
  }
  await finish(world);
});

test("a listener that another one has taken away is not called", async () => {
  const world = await start(11, 1);
  const { client } = world.tabs[0];
  const heard = [];
  client.on("state", () => off());
  const off = client.on("state", () => heard.push("second"));
  client.close();
  assert.deepEqual(heard, []);
  await finish(world);
});

test("messages of strangers on the channel do no harm", async () => {
  const world = await start(12, 2);
  const [tab] = world.tabs;
  const stranger = world.open(connect, { name: "another" });
  const [{ name }] = [...world.channels];
  const channel = stranger.environment().channel(name);
  const { leader } = world;
  for (const m of [
    null, 7, "leader", [], {}, { t: "leader" }, { t: "frame" }, { t: "frame", frame: null, leader: "x" }, { t: "nothing", from: "x" },
    { t: "request", from: "x", n: 1 }, { t: "request", from: "x", n: 1, members: null, action: "subscribe" },
    { t: "call", from: "x" }, { t: "end", c: 1 }, { t: "state", leader: "x" }, { from: "x" }, { from: {}, t: "hello" },
    { from: "x", t: "bye" },
  ]) channel.postMessage(m);
  await world.clock.advance(MINUTE);
  assert.equal(world.leader, leader);
  const call = outcome(tab.client.call("do", { k: 1 }));
  await world.clock.advance(SECOND);
  assert.deepEqual(call, { value: { k: 1 } });
  channel.close();
  await finish(world);
});
