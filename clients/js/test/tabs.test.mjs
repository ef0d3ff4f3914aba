// The tabs of a browser share a connection: tests on a virtual clock, with locks and channels that
// are not real. clients/js/browser has those in browsers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./build.mjs";
import { World } from "./tabs-world.mjs";

const { connect } = await load("tabs");

const MINUTE = 60_000;

// What became of a promise: {value} or {error}, once it is settled.
function outcome(promise) {
  const result = {};
  promise.then(
    (value) => Object.assign(result, { value }),
    (error) => Object.assign(result, { error }),
  );
  return result;
}

async function start(seed, tabs, options) {
  const world = new World(seed);
  for (let i = 0; i < tabs; i++) world.open(connect, options);
  assert.ok(await world.clock.advance(MINUTE, () => world.tabs.every((tab) => tab.client.state.name === "online")), "online");
  return world;
}

// Closes all tabs, and checks that nothing is left.
async function finish(world) {
  for (const tab of world.tabs) if (!tab.dead) tab.client.close();
  await world.clock.advance(10 * MINUTE);
  assert.equal(world.server.connections.size, 0, "connections");
  assert.equal(world.locks.holders.size, 0, "locks");
  assert.equal(world.channels.size, 0, "channels");
  for (const tab of world.tabs) {
    assert.deepEqual(tab.problems, []);
    if (!tab.dead) assert.equal(tab.listeners.size, 0, "listeners");
  }
  assert.equal(world.clock.pending, 0, "timers");
}

test("All tabs share one connection", async () => {
  const world = await start(1, 5);
  assert.equal(world.server.opened, 1);
  const calls = world.tabs.map((tab, k) => outcome(tab.client.call("do", { k })));
  await world.clock.advance(1000);
  assert.deepEqual(calls, world.tabs.map((_, k) => ({ value: { k } })));
  assert.equal(world.server.opened, 1);
  await finish(world);
});

test("An error of the server reaches the tab that called", async () => {
  const world = await start(2, 2);
  for (const tab of world.tabs) {
    const call = outcome(tab.client.call("refuse"));
    await world.clock.advance(1000);
    const { name, code, message, details } = call.error;
    assert.deepEqual({ name, code, message, details }, { name: "GatesockError permission_denied", code: "permission_denied", message: "No.", details: [1] });
  }
  await finish(world);
});

test("A push reaches the listeners of all tabs", async () => {
  const world = await start(3, 3);
  const got = [];
  for (const [i, tab] of world.tabs.entries()) tab.client.onPush("hint", (data, push) => got.push([i, data, push.event]));
  for (const socket of world.server.connections) socket.push({ event: "hint", data: 5 });
  await world.clock.advance(1000);
  assert.deepEqual(got.sort(), [0, 1, 2].map((i) => [i, 5, "hint"]));
  await finish(world);
});

test("When the leader crashes, another tab leads", async () => {
  const world = await start(4, 3);
  const { leader } = world;
  leader.crash();
  const rest = world.tabs.filter((tab) => tab !== leader);
  await world.clock.advance(MINUTE, () => world.server.connections.size === 1 && rest.every((tab) => tab.client.state.name === "online"));
  assert.equal(world.server.opened, 2);
  const calls = rest.map((tab, k) => outcome(tab.client.call("do", { k })));
  await world.clock.advance(1000);
  assert.deepEqual(calls, rest.map((_, k) => ({ value: { k } })));
  await finish(world);
});

test("A call that was passed to a leader that crashed has an unknown outcome, or is made again if it is idempotent", async () => {
  for (const [how, options, action] of [
    ["by its key", { key: true }, "do"],
    ["by the option of the call", { idempotent: true }, "do"],
    ["by the option of the client", {}, "again"],
    ["not at all", {}, "do"],
  ]) {
    const world = await start(5, 2, { idempotent: ["again"] });
    const { leader } = world;
    const other = world.tabs.find((tab) => tab !== leader);
    world.server.answers = false;
    const call = outcome(other.client.call(action, { k: 1 }, options));
    await world.clock.advance(1000);
    assert.deepEqual(call, {});
    world.server.answers = true;
    leader.crash();
    await world.clock.advance(MINUTE);
    if (how === "not at all") assert.equal(call.error?.code, "unknown_outcome", how);
    else if (action === "again") assert.equal(call.error?.code, "not_found", how);
    else assert.deepEqual(call, { value: { k: 1 } }, how);
    await finish(world);
  }
});

test("The key of a call is the same when another leader makes it again", async () => {
  const world = await start(6, 2);
  world.server.log = true;
  const { leader } = world;
  const other = world.tabs.find((tab) => tab !== leader);
  world.server.answers = false;
  const call = outcome(other.client.call("do", { k: 1 }, { key: true }));
  await world.clock.advance(1000);
  world.server.answers = true;
  leader.crash();
  await world.clock.advance(MINUTE);
  assert.deepEqual(call, { value: { k: 1 } });
  const [first, second, ...more] = world.server.frames.filter((frame) => frame.action === "do");
  assert.ok(first.key);
  assert.equal(first.key, second.key);
  assert.deepEqual(more, []);
  await finish(world);
});

test("What is called while no leader is online waits, and nothing is unknown about it if the leader crashes", async () => {
  const world = await start(7, 2);
  const { leader } = world;
  const other = world.tabs.find((tab) => tab !== leader);
  world.server.opens = false;
  for (const socket of [...world.server.connections]) socket.cut();
  await world.clock.advance(1000);
  assert.notEqual(other.client.state.name, "online");
  const call = outcome(other.client.call("do", { k: 1 }));
  await world.clock.advance(1000);
  leader.crash();
  await world.clock.advance(1000);
  world.server.opens = true;
  await world.clock.advance(MINUTE);
  assert.deepEqual(call, { value: { k: 1 } });
  assert.equal(world.server.done.length, 1);
  await finish(world);
});

test("A call that waits too long for a leader that is online expires", async () => {
  const world = new World(8);
  world.server.opens = false;
  for (let i = 0; i < 2; i++) world.open(connect);
  const calls = world.tabs.map((tab) => outcome(tab.client.call("do", { k: 1 }, { expires: 5000 })));
  await world.clock.advance(4999);
  assert.deepEqual(calls, [{}, {}]);
  await world.clock.advance(1);
  for (const call of calls) assert.equal(call.error?.code, "expired");
  await finish(world);
});

test("Closing the leader lets what it has sent end, and another tab goes on", async () => {
  const world = await start(9, 3);
  const { leader } = world;
  const others = world.tabs.filter((tab) => tab !== leader);
  world.server.answers = false;
  const sent = outcome(others[0].client.call("do", { k: 1 }));
  const keyed = outcome(others[1].client.call("do", { k: 2 }, { key: true }));
  const own = outcome(leader.client.call("do", { k: 3 }));
  await world.clock.advance(1000);
  world.server.answers = true;
  leader.client.close();
  await world.clock.advance(MINUTE);
  assert.equal(leader.client.state.name, "closed");
  assert.equal(own.error?.code, "unknown_outcome");
  assert.equal(sent.error?.code, "unknown_outcome");
  assert.deepEqual(keyed, { value: { k: 2 } });
  assert.equal(world.server.connections.size, 1);
  await finish(world);
});

test("A leader that closes gives back what the server has refused for now", async () => {
  const world = await start(10, 2);
  const { leader } = world;
  const other = world.tabs.find((tab) => tab !== leader);
  world.server.busy = true;
  const call = outcome(other.client.call("do", { k: 1 }));
  await world.clock.advance(1000);
  world.server.busy = false;
  leader.client.close();
  assert.ok(await world.clock.advance(10_000, () => call.value || call.error), "it does not wait for the time of the old leader");
  assert.deepEqual(call, { value: { k: 1 } });
  assert.equal(world.server.done.length, 1);
  await finish(world);
});

test("A frozen leader is replaced, and follows when it wakes up", async () => {
  const world = await start(11, 3);
  const { leader } = world;
  const others = world.tabs.filter((tab) => tab !== leader);
  const before = world.clock.time;
  leader.freeze();
  const call = outcome(others[0].client.call("do", { k: 1 }, { key: true }));
  assert.ok(await world.clock.advance(10 * MINUTE, () => call.value), "the call is answered");
  assert.ok(world.clock.time - before < 40_000, `after ${world.clock.time - before} ms`);
  leader.thaw();
  await world.clock.advance(MINUTE);
  assert.equal(world.server.connections.size, 1, "connections");
  for (const tab of world.tabs) assert.equal(tab.client.state.name, "online");
  const again = outcome(leader.client.call("do", { k: 2 }));
  await world.clock.advance(1000);
  assert.deepEqual(again, { value: { k: 2 } });
  await finish(world);
});

test("A follower that was asleep does not take a leader that is well for dead", async () => {
  const world = await start(12, 3);
  const { leader } = world;
  const follower = world.tabs.find((tab) => tab !== leader);
  for (const minutes of [1, 5, 60]) {
    follower.freeze();
    await world.clock.advance(minutes * MINUTE);
    follower.thaw();
    await world.clock.advance(MINUTE);
    assert.equal(world.leader, leader);
  }
  assert.equal(world.server.opened, 1);
  await finish(world);
});

test("A page that is left ends its part, and one that comes back joins again", async () => {
  const world = await start(13, 3);
  for (let i = 0; i < 4; i++) {
    const { leader } = world;
    leader.hide();
    await world.clock.advance(MINUTE);
    assert.notEqual(world.leader, leader);
    assert.equal(leader.client.state.name, "connecting");
    leader.show();
    await world.clock.advance(MINUTE);
    assert.equal(leader.client.state.name, "online");
    assert.equal(world.server.connections.size, 1);
  }
  await finish(world);
});

test("Calls of a lane are made one after the other, over a change of leader too", async () => {
  const world = await start(14, 3);
  const { leader } = world;
  const follower = world.tabs.find((tab) => tab !== leader);
  const calls = Array.from({ length: 20 }, (_, k) => outcome(follower.client.call("do", { k }, { lane: "a", key: true })));
  assert.ok(await world.clock.advance(MINUTE, () => calls[5].value));
  leader.crash();
  await world.clock.advance(MINUTE);
  assert.deepEqual(calls, calls.map((_, k) => ({ value: { k } })));
  assert.deepEqual(world.server.done.map(({ k }) => k), calls.map((_, k) => k));
  await finish(world);
});

test("A call ends with its signal, wherever it is", async () => {
  const world = await start(15, 2);
  for (const tab of world.tabs) {
    const sent = new AbortController();
    world.server.answers = false;
    const call = outcome(tab.client.call("do", { k: 1 }, { signal: sent.signal }));
    await world.clock.advance(1000);
    sent.abort(new Error("not any more"));
    await world.clock.advance(0);
    assert.equal(call.error?.message, "not any more");
    const before = outcome(tab.client.call("do", { k: 1 }, { signal: AbortSignal.abort(new Error("never")) }));
    await world.clock.advance(0);
    assert.equal(before.error?.message, "never");
    world.server.answers = true;
  }
  await world.clock.advance(MINUTE);
  await finish(world);
});

test("The queue of a tab is bounded, and other tabs have their own", async () => {
  const world = new World(16);
  world.server.opens = false;
  for (let i = 0; i < 2; i++) world.open(connect, { maxQueue: 3 });
  await world.clock.advance(1000);
  for (const tab of world.tabs) {
    const calls = Array.from({ length: 4 }, (_, k) => outcome(tab.client.call("do", { k })));
    await world.clock.advance(0);
    assert.deepEqual(calls.map((call) => call.error?.code), [undefined, undefined, undefined, "queue_full"]);
  }
  world.server.opens = true;
  await world.clock.advance(MINUTE);
  assert.equal(world.server.done.length, 6);
  await finish(world);
});

test("Bad input is refused as by a client alone", async () => {
  const world = await start(17, 2);
  const circular = {};
  circular.self = circular;
  for (const tab of world.tabs) {
    for (const input of [5, [], { id: "1" }, { n: 1n }, circular, null]) {
      const call = outcome(tab.client.call("do", input));
      await world.clock.advance(0);
      assert.equal(call.error?.code, "invalid_argument");
    }
    const large = outcome(tab.client.call("do", { text: "x".repeat(40_000) }));
    await world.clock.advance(1000);
    assert.equal(large.error?.code, "too_large");
  }
  assert.throws(() => world.open(connect, { url: "ftp://x" }), { code: "invalid_argument" });
  world.tabs.pop();
  await finish(world);
});

test("Tabs of another name have another connection", async () => {
  const world = new World(18);
  for (const name of ["ann", "bob", "ann", "bob"]) world.open(connect, { name });
  await world.clock.advance(MINUTE);
  assert.equal(world.server.opened, 2);
  await finish(world);
});

test("The token is fetched by the tab that leads only", async () => {
  const world = new World(19);
  let n = 0;
  const options = { token: async () => `t${++n}` };
  for (let i = 0; i < 3; i++) world.open(connect, options);
  await world.clock.advance(MINUTE);
  assert.equal(n, 1);
  assert.deepEqual([...world.server.connections].map((socket) => socket.protocols), [["bearer.t1"]]);
  world.leader.crash();
  await world.clock.advance(MINUTE);
  assert.equal(n, 2);
  await finish(world);
});

test("A problem is told in all tabs", async () => {
  const world = new World(20);
  const told = [];
  world.server.opens = false;
  for (let i = 0; i < 3; i++) world.open(connect).client.on("problem", (error) => told.push([i, error.name]));
  await world.clock.advance(2 * MINUTE);
  assert.deepEqual(told.sort(), [0, 1, 2].map((i) => [i, "GatesockError refused"]));
  for (const tab of world.tabs) assert.equal(tab.client.state.name, "refused");
  await finish(world);
});

test("A tab in front keeps the time for a leader whose timers are late", async () => {
  const world = await start(21, 2);
  const { leader } = world;
  const follower = world.tabs.find((tab) => tab !== leader);
  world.server.opens = false;
  for (const socket of [...world.server.connections]) socket.cut();
  assert.ok(await world.clock.advance(MINUTE, () => follower.client.state.retryAt > world.clock.time + 100));
  const { retryAt } = follower.client.state;
  leader.slow = true; // its timers do not fire
  world.server.opens = true;
  await world.clock.advance(retryAt - world.clock.time + 1000);
  assert.equal(follower.client.state.name, "online");
  leader.slow = false;
  await finish(world);
});
