// Topics on the real core, with a scripted server: what a page imports from gatesock.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./build.mjs";
import { World, idle } from "./world.mjs";
import { entries, push, result } from "./topics-stage.mjs";

const { connect } = await load("index");

const HOUR = 3_600_000;

async function start() {
  const world = new World();
  const client = connect({ url: "wss://example.com/prod" }, world.env);
  await idle();
  await world.socket.open();
  return { world, client };
}

test("a page subscribes, and goes on after a reconnection", async () => {
  const { world, client } = await start();
  const got = [];
  const s = client.subscribe("a", { last: 1 });
  const loop = (async () => {
    for await (const { event, data, position } of s) got.push(`${event} ${data} ${position.epoch}:${position.offset}`);
  })();
  await idle();
  assert.equal(world.socket.last.action, "subscribe");
  assert.equal(world.socket.last.last, 1);
  await world.socket.reply(result({ events: entries(5) }));
  assert.deepEqual(await s.established, { position: { epoch: "1-x", offset: 4 }, recovered: true });
  await world.socket.say(push(6));
  await world.socket.end();
  await world.pass(1000);
  await world.socket.open();
  assert.deepEqual(world.socket.last.since, { epoch: "1-x", offset: 6 });
  await world.socket.reply(result({ offset: 7, events: entries(7) }));
  assert.deepEqual(got, ["e5 5 1-x:5", "e6 6 1-x:6", "e7 7 1-x:7"]);
  client.close();
  await loop;
  assert.deepEqual(world.timers, []);
  assert.deepEqual(world.reported, []);
});

test("a roll-over has no gap: pushes of both connections count", async () => {
  const { world, client } = await start();
  const got = [];
  client.subscribe("a").on("event", ({ event }) => got.push(event));
  await idle();
  await world.socket.reply(result());
  const [old] = world.sockets;
  for (let ms = 0; ms < 3 * HOUR && world.sockets.length === 1; ms += 10_000) {
    await world.pass(10_000);
    const { id, action } = old.last;
    if (action === "sync" && old.answered !== id) {
      old.answered = id;
      await old.reply({ moved: [], lost: [], extra: [], presence: [] });
    } else if (action === "keepalive") await old.say({ action: "keepalive", data: null });
  }
  assert.equal(world.sockets.length, 2);
  await world.socket.open();
  assert.equal(old.closed, undefined);
  const joins = () => world.socket.messages.filter(({ action }) => action === "subscribe");
  if (!joins().length) await world.socket.say({ action: "keepalive", data: null });
  await old.say(push(6));
  await world.socket.say(push(7));
  assert.deepEqual(joins().map(({ since }) => since), [{ epoch: "1-x", offset: 5 }]);
  assert.equal(old.closed, undefined, "the old connection is open until the topics are on the new one");
  await old.say(push(8));
  await world.socket.reply(result({ offset: 7, events: entries(6, 7) }), joins()[0]);
  assert.deepEqual(got, ["e6", "e7", "e8"]);
  await world.pass(10);
  assert.equal(old.closed, 1000);
  assert.equal(client.state.name, "online");
});

test("a client that was closed subscribes to nothing", async () => {
  const { world, client } = await start();
  const before = client.subscribe("a");
  client.close();
  const after = client.subscribe("a");
  for (const s of [before, after]) {
    await assert.rejects(s.established, { code: "closed" });
    await assert.rejects(s.history(), { code: "closed" });
    assert.deepEqual(await s[Symbol.asyncIterator]().next(), { value: undefined, done: true });
  }
  assert.deepEqual(world.timers, []);
});
