// The stores, with Svelte's own functions for stores.
import assert from "node:assert/strict";
import { test } from "node:test";
import { derived, fromStore, get } from "svelte/store";
import { presenceStore, stateStore, topicStore } from "../dist/svelte.js";
import { Client, confirmed, data, lost } from "./adapters-client.mjs";

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a topic: the first listener subscribes, and the last one that leaves ends it", async () => {
  const client = new Client();
  const store = topicStore(client, "a", { last: 10, since: { epoch: "1-x", offset: 3 }, buffer: 5 });
  assert.deepEqual(client.log, [], "nothing is subscribed without a listener");
  const seen = [];
  const one = store.subscribe((view) => seen.push(data(view)));
  const two = store.subscribe((view) => seen.push(data(view)));
  assert.deepEqual(client.log, ["open a"]);
  assert.deepEqual(client.last.options, { last: 10, since: { epoch: "1-x", offset: 3 }, buffer: 5 });
  client.last.emit("established", confirmed);
  client.last.event(1, "hello");
  assert.deepEqual(seen, [[], [], [], [], ["hello"], ["hello"]]);
  assert.equal(store.get().established, confirmed);
  one();
  one();
  await settled();
  assert.deepEqual(client.log, ["open a"]);
  client.last.event(2, "you");
  assert.deepEqual(seen.slice(6), [["hello", "you"]]);
  two();
  await settled();
  assert.deepEqual(client.log, ["open a", "close a"]);
  assert.deepEqual(data(store.get()), ["hello", "you"]);

  const third = store.subscribe((view) => seen.push(data(view)));
  assert.deepEqual(client.log, ["open a", "close a", "open a"]);
  assert.deepEqual(seen.at(-1), [], "a new subscription begins with nothing");
  third();
});

test("a topic: a listener in place of the last one continues the subscription", async () => {
  const client = new Client();
  const store = topicStore(client, "a");
  store.subscribe(() => {})();
  const end = store.subscribe(() => {});
  await settled();
  end();
  const again = store.subscribe(() => {});
  await settled();
  assert.deepEqual(client.log, ["open a"]);
  again();
  await settled();
  assert.deepEqual(client.log, ["open a", "close a"]);
});

test("a topic: one function may listen twice", async () => {
  const client = new Client();
  const store = topicStore(client, "a");
  let calls = 0;
  const run = () => calls++;
  const one = store.subscribe(run);
  const two = store.subscribe(run);
  client.last.event(1, "x");
  assert.equal(calls, 4);
  one();
  client.last.event(2, "y");
  assert.equal(calls, 5);
  two();
});

test("a topic: the list has no holes, and keeps the newest events", () => {
  const client = new Client();
  const store = topicStore(client, "a", { keep: 3 });
  store.subscribe(() => {});
  assert.equal(client.last.options.keep, undefined, "the client does not know this option");
  client.last.emit("established", confirmed);
  for (const i of [1, 2, 3, 4]) {
    client.last.event(i, i);
  }
  assert.deepEqual(data(store.get()), [2, 3, 4]);
  client.last.emit("established", confirmed);
  assert.deepEqual(data(store.get()), [2, 3, 4]);
  const before = store.get();
  client.last.emit("established", lost);
  assert.deepEqual(data(store.get()), []);
  assert.equal(store.get().established.reason, "epoch");
  client.last.event(1, "new");
  assert.deepEqual(data(store.get()), ["new"]);
  assert.deepEqual(data(before), [2, 3, 4], "what was told does not change");
});

test("a topic: keeps 1000 events by default, and an error with what was there", () => {
  const client = new Client();
  const store = topicStore(client, "a");
  store.subscribe(() => {});
  for (let i = 1; i <= 1001; i++) {
    client.last.event(i, i);
  }
  assert.deepEqual([data(store.get()).length, data(store.get())[0]], [1000, 2]);
  const error = new Error("permission_denied");
  client.last.emit("error", error);
  assert.equal(store.get().error, error);
  assert.equal(store.get().events.length, 1000);
});

test("without a topic nothing is subscribed", async () => {
  const client = new Client();
  for (const store of [topicStore(client, null), topicStore(client, undefined), presenceStore(client, null)]) {
    let calls = 0;
    store.subscribe(() => calls++)();
    assert.equal(calls, 1);
  }
  await settled();
  assert.deepEqual(client.log, []);
});

test("presence: who is there, and what others see of the client", async () => {
  const client = new Client();
  const store = presenceStore(client, "a", { as: { typing: true } });
  const seen = [];
  const end = store.subscribe(({ members, count }) => seen.push([members?.map((m) => m.user), count]));
  assert.deepEqual(client.last.options, { as: { typing: true } });
  client.last.change(["ann"]);
  client.last.emit("change", undefined, 1204);
  assert.deepEqual(seen, [[undefined, 0], [["ann"], 1], [undefined, 1204]]);
  const error = new Error("failed_precondition");
  client.last.emit("error", error);
  assert.equal(store.get().error, error);
  end();
  await settled();
  assert.deepEqual(client.log, ["open presence a", "close presence a"]);
});

test("presence: members that are known already are there at once", () => {
  const client = new Client();
  const presence = client.presence;
  client.presence = (topic) => {
    const p = presence.call(client, topic);
    p.change(["ann", "bob"]);
    return p;
  };
  const seen = [];
  presenceStore(client, "a").subscribe(({ count }) => seen.push(count));
  assert.deepEqual(seen, [2]);
});

test("the state, with get, derived and fromStore of Svelte", () => {
  const client = new Client();
  const store = stateStore(client);
  assert.equal(get(store).name, "connecting");
  assert.equal(client.listeners.length, 0, "get leaves no listener");
  const names = [];
  const end = derived(store, (state) => state.name).subscribe((name) => names.push(name));
  client.become({ name: "online" });
  client.become({ name: "waiting", retryAt: 7 });
  assert.deepEqual(names, ["connecting", "online", "waiting"]);
  assert.equal(store.get(), client.state);
  assert.equal(fromStore(store).current.retryAt, 7);
  end();
  assert.equal(client.listeners.length, 0);
});
