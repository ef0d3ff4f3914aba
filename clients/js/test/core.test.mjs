import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./build.mjs";
import { idle, World } from "./world.mjs";

const { connect } = await load("core");

test("a call is answered", async () => {
  const world = new World();
  const client = connect({ url: "https://example.com/prod" }, world.env);
  const promise = client.call("hello", { name: "Ann" });
  assert.equal(client.state.name, "connecting");
  await world.socket.open();
  assert.equal(world.socket.url, "wss://example.com/prod");
  assert.deepEqual(world.socket.messages, [{ action: "hello", id: "1", name: "Ann" }]);
  await world.socket.reply("Hello, Ann");
  assert.equal(await promise, "Hello, Ann");
  await world.socket.end();
  assert.equal(client.state.name, "waiting");
  await world.pass(500);
  assert.equal(world.sockets.length, 2);
  client.close();
  assert.deepEqual(world.timers, []);
  assert.equal(world.listeners.size, 0);
  await idle();
});
