// The adapters on the client itself, with a scripted server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { element } from "./adapters-dom.mjs";
import { act, createElement as h, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { connect } from "../dist/index.js";
import { useClientState, usePresence, useTopic } from "../dist/react.js";
import { presenceStore, stateStore, topicStore } from "../dist/svelte.js";
import { data } from "./adapters-client.mjs";
import { World, idle } from "./world.mjs";

globalThis.IS_REACT_ACT_ENVIRONMENT = true;

async function start() {
  const world = new World();
  const client = connect({ url: "wss://example.com/prod" }, world.env);
  await idle();
  await world.socket.open();
  return { world, client };
}

const snapshot = { count: 1, digest: "1-00000000", members: [{ ref: "r", user: "ann", version: 1 }] };
const result = (more) => ({ topic: "a", epoch: "1-x", offset: 0, events: [], recovered: true, ...more });
const push = (offset, data) => ({ event: "message", topic: "a", epoch: "1-x", offset, data });
const actions = (world) => world.sockets.flatMap((s) => s.messages.map((m) => m.action));

/** The world is as empty as it was. */
async function end({ world, client }) {
  client.close();
  await idle();
  assert.deepEqual(world.timers, []);
  assert.equal(world.listeners.size, 0);
  assert.deepEqual(world.reported, []);
}

test("a page in strict mode subscribes once, shows what comes, and unsubscribes", async () => {
  const { world, client } = await start();
  function Page() {
    const view = useTopic(client, "a", { last: 2 });
    return [useClientState(client).name, data(view).join(), view.established?.recovered, view.error?.code].join(" ");
  }
  const place = element();
  const root = createRoot(place);
  await act(async () => root.render(h(StrictMode, null, h(Page))));
  await idle();
  assert.equal(place.textContent, "online   ");
  assert.deepEqual(actions(world), ["subscribe"]);
  assert.equal(world.socket.last.last, 2);
  await act(() => world.socket.reply(result({ offset: 1, events: [{ offset: 1, event: "message", data: "one" }] })));
  await act(() => world.socket.say(push(2, "two")));
  assert.equal(place.textContent, "online one,two true ");
  await act(() => world.socket.end());
  assert.match(place.textContent, /^waiting one,two true /);
  await act(() => world.pass(1000));
  await act(() => world.socket.open());
  await act(() => world.socket.reply(result({ epoch: "2-x", offset: 7, recovered: false, reason: "epoch",
    events: [{ offset: 7, event: "message", data: "seven" }] })));
  assert.equal(place.textContent, "online seven false ", "after a loss the list begins anew");
  await act(async () => root.unmount());
  await idle();
  assert.deepEqual(actions(world), ["subscribe", "subscribe", "unsubscribe"]);
  await world.socket.reply(null);
  await end({ world, client });
});

test("a page that is left before the subscription is confirmed", async () => {
  const { world, client } = await start();
  const root = createRoot(element());
  const Page = () => useTopic(client, "a").events.length + usePresence(client, "a").count;
  await act(async () => root.render(h(StrictMode, null, h(Page))));
  await idle();
  await act(async () => root.unmount());
  await idle();
  for (let i = 0; i < 3 && world.socket.last.action === "subscribe"; i++) {
    await world.socket.reply(result({ presence: snapshot }));
  }
  assert.equal(world.socket.last.action, "unsubscribe");
  await world.socket.reply(null);
  await end({ world, client });
});

test("a store of a topic that is refused has the error", async () => {
  const { world, client } = await start();
  const store = topicStore(client, "a");
  const leave = store.subscribe(() => {});
  await idle();
  await world.socket.refuse("permission_denied");
  assert.equal(store.get().error.code, "permission_denied");
  leave();
  await end({ world, client });
});

test("a store of presence has the members", async () => {
  const { world, client } = await start();
  const store = presenceStore(client, "a", { as: "A" });
  const leave = store.subscribe(() => {});
  await idle();
  assert.equal(world.socket.last.as, "A");
  await world.socket.reply(result({ presence: snapshot }));
  assert.deepEqual([store.get().members.map((m) => m.user), store.get().count], [["ann"], 1]);
  const second = presenceStore(client, "a", { as: "A" });
  second.subscribe(() => {})();
  assert.equal(second.get().count, 1, "the members are known");
  leave();
  await end({ world, client });
});

test("a second store of a topic learns that the subscription is confirmed", async () => {
  const { world, client } = await start();
  const first = topicStore(client, "a");
  first.subscribe(() => {});
  await idle();
  await world.socket.reply(result());
  assert.equal(first.get().established.recovered, true);
  const second = topicStore(client, "a");
  second.subscribe(() => {});
  await idle();
  assert.equal(second.get().established.recovered, true);
  await world.socket.say(push(1, "one"));
  assert.deepEqual([data(first.get()), data(second.get())], [["one"], ["one"]]);
  assert.deepEqual(actions(world), ["subscribe"]);
  await end({ world, client });
});

test("a client that is closed takes nothing from the stores, and they can still begin and end", async () => {
  const { world, client } = await start();
  const [store, state, later] = [topicStore(client, "a"), stateStore(client), topicStore(client, "b")];
  const leave = store.subscribe(() => {});
  await idle();
  await world.socket.reply(result());
  await world.socket.say(push(1, "one"));
  await end({ world, client });
  assert.deepEqual([data(store.get()), store.get().error, state.get().name], [["one"], undefined, "closed"]);
  leave();
  later.subscribe(() => {})();
  await idle();
  assert.deepEqual(later.get().events, []);
  await end({ world, client });
});

test("the state is the same object until it changes", async () => {
  const { world, client } = await start();
  const store = stateStore(client);
  assert.equal(store.get(), store.get());
  const before = store.get();
  await world.socket.end();
  assert.notEqual(store.get(), before);
  assert.equal(store.get(), store.get());
  await end({ world, client });
});
