// The composables, with Vue itself: in a component, in a scope, and on a server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { element } from "./adapters-dom.mjs";
import { createApp, createSSRApp, effectScope, h, nextTick, ref } from "vue";
import { renderToString } from "vue/server-renderer";
import { useClientState, usePresence, useTopic } from "../dist/vue.js";
import { Client, confirmed, data, lost } from "./adapters-client.mjs";

const component = (setup) => ({ setup });

test("useTopic in a component: events, losses, errors, another topic, and the end", async () => {
  const client = new Client();
  const topic = ref("a");
  const place = element();
  const app = createApp(component(() => {
    const view = useTopic(client, topic, { last: 2 });
    return () => h("p", [view.value.established ? "+" : "-", data(view.value).join(), view.value.error?.message].join(" "));
  }));
  app.mount(place);
  assert.equal(place.textContent, "-  ");
  await nextTick();
  assert.deepEqual(client.log, ["open a"]);
  assert.deepEqual(client.last.options, { last: 2 });
  client.last.emit("established", confirmed);
  client.last.event(1, "one");
  client.last.event(2, "two");
  await nextTick();
  assert.equal(place.textContent, "+ one,two ");
  client.last.emit("established", lost);
  client.last.emit("error", new Error("refused"));
  await nextTick();
  assert.equal(place.textContent, "+  refused");
  topic.value = "b";
  await nextTick();
  assert.equal(place.textContent, "-  ");
  client.last.event(1, "other");
  await nextTick();
  assert.equal(place.textContent, "- other ");
  topic.value = undefined;
  await nextTick();
  assert.deepEqual(client.log, ["open a", "open b", "close a", "close b"]);
  topic.value = "c";
  await nextTick();
  app.unmount();
  await nextTick();
  assert.deepEqual(client.log.slice(4), ["open c", "close c"]);
});

test("useTopic in a scope that ends before it is established", async () => {
  const client = new Client();
  const scope = effectScope();
  scope.run(() => useTopic(client, () => "a"));
  await nextTick();
  scope.stop();
  await nextTick();
  assert.deepEqual(client.log, ["open a", "close a"]);
  client.last.emit("established", confirmed);
});

test("usePresence and useClientState", async () => {
  const client = new Client();
  const scope = effectScope();
  const [who, state] = scope.run(() => [usePresence(client, "a", { as: "A" }), useClientState(client)]);
  assert.deepEqual([who.value.count, state.value.name], [0, "connecting"]);
  await nextTick();
  assert.deepEqual(client.last.options, { as: "A" });
  client.last.change(["ann"]);
  client.become({ name: "online" });
  assert.deepEqual([who.value.members, state.value.name], [[{ user: "ann" }], "online"]);
  scope.stop();
  await nextTick();
  assert.deepEqual(client.log, ["open presence a", "close presence a"]);
  assert.equal(client.listeners.length, 0);
});

test("on a server nothing is subscribed", async () => {
  const client = new Client();
  const html = await renderToString(createSSRApp(component(() => {
    const [view, who, state] = [useTopic(client, "a"), usePresence(client, "a"), useClientState(client)];
    return () => h("p", [data(view.value).length, who.value.count, state.value.name].join(" "));
  })));
  assert.equal(html, "<p>0 0 connecting</p>");
  await nextTick();
  assert.deepEqual(client.log, []);
  assert.equal(client.listeners.length, 0);
});
