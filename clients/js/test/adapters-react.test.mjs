// The hooks, with React itself: in a document, twice in strict mode, and on a server.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { element } from "./adapters-dom.mjs";
import { act, createElement as h, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { useClientState, usePresence, useTopic } from "../dist/react.js";
import { Client, confirmed, data, lost } from "./adapters-client.mjs";

globalThis.IS_REACT_ACT_ENVIRONMENT = true;

let complaints = [];
console.error = (...args) => complaints.push(args.join(" "));
afterEach(() => {
  assert.deepEqual(complaints, [], "React has nothing to complain about");
  complaints = [];
});

/** Renders into a new root; returns what renders again, what unmounts, and the text. */
async function render(tree) {
  const place = element();
  const root = createRoot(place);
  const again = (tree) => act(async () => root.render(tree));
  await again(tree);
  return { again, unmount: () => act(async () => root.unmount()), text: () => place.textContent };
}

let renders = 0;
function Topic({ client, topic, options }) {
  renders++;
  const view = useTopic(client, topic, options);
  return [view.established ? "+" : "-", data(view).join(), view.error?.message ?? ""].join(" ");
}

test("useTopic: events, losses and errors are rendered, and unmounting ends the subscription", async () => {
  const client = new Client();
  const page = await render(h(Topic, { client, topic: "a", options: { last: 2 } }));
  assert.equal(page.text(), "-  ");
  assert.deepEqual(client.last.options, { last: 2 });
  await act(async () => {
    client.last.emit("established", confirmed);
    client.last.event(1, "one");
    client.last.event(2, "two");
  });
  assert.equal(page.text(), "+ one,two ");
  await act(async () => client.last.emit("established", lost));
  assert.equal(page.text(), "+  ");
  await act(async () => client.last.emit("error", new Error("refused")));
  assert.equal(page.text(), "+  refused");
  await page.unmount();
  assert.deepEqual(client.log, ["open a", "close a"]);
});

test("useTopic: unmounted before it is established, also by what establishes it", async () => {
  const client = new Client();
  const page = await render(h(Topic, { client, topic: "a" }));
  await page.unmount();
  assert.deepEqual(client.log, ["open a", "close a"]);
  client.last.emit("established", confirmed);

  function Once({ client }) {
    const [done, finish] = useState(false);
    return done ? "done" : h(Child, { client, finish });
  }
  function Child({ client, finish }) {
    if (useTopic(client, "b").established) {
      queueMicrotask(() => act(() => finish(true)));
    }
    return "waits";
  }
  const other = await render(h(Once, { client }));
  await act(async () => client.last.emit("established", confirmed));
  assert.equal(other.text(), "done");
  assert.deepEqual(client.log.slice(2), ["open b", "close b"]);
  await other.unmount();
});

test("useTopic: strict mode mounts twice, and subscribes once", async () => {
  const client = new Client();
  renders = 0;
  const page = await render(h(StrictMode, null, h(Topic, { client, topic: "a" })));
  assert.ok(renders >= 2, "strict mode renders twice");
  assert.deepEqual(client.log, ["open a"]);
  await act(async () => client.last.event(1, "one"));
  assert.equal(page.text(), "- one ");
  await page.unmount();
  assert.deepEqual(client.log, ["open a", "close a"]);
});

test("useTopic: equal options are the same, others begin anew, and so does another topic", async () => {
  const client = new Client();
  const page = await render(h(Topic, { client, topic: "a", options: { last: 2 } }));
  await act(async () => client.last.event(1, "one"));
  await page.again(h(Topic, { client, topic: "a", options: { last: 2 } }));
  assert.equal(page.text(), "- one ");
  assert.deepEqual(client.log, ["open a"]);
  await page.again(h(Topic, { client, topic: "a", options: { last: 3 } }));
  assert.equal(page.text(), "-  ");
  await page.again(h(Topic, { client, topic: "b", options: { last: 3 } }));
  await page.again(h(Topic, { client, topic: null, options: { last: 3 } }));
  // A topic is left a moment after the next one is joined.
  assert.deepEqual(client.log, ["open a", "open a", "close a", "open b", "close a", "close b"]);
  const another = new Client();
  await page.again(h(Topic, { client: another, topic: "a" }));
  await page.unmount();
  assert.deepEqual(another.log, ["open a", "close a"]);
});

test("usePresence: who is there", async () => {
  const client = new Client();
  function Who({ as }) {
    const { members, count, error } = usePresence(client, "a", { as });
    return [count, members?.map((m) => m.user).join(), error?.message].join(" ");
  }
  const page = await render(h(StrictMode, null, h(Who, { as: { typing: false } })));
  assert.equal(page.text(), "0  ");
  assert.deepEqual(client.last.options, { as: { typing: false } });
  await act(async () => client.last.change(["ann", "bob"]));
  assert.equal(page.text(), "2 ann,bob ");
  await act(async () => client.last.emit("change", undefined, 1204));
  assert.equal(page.text(), "1204  ");
  await page.again(h(StrictMode, null, h(Who, { as: { typing: true } })));
  assert.deepEqual(client.last.options, { as: { typing: true } });
  await act(async () => client.last.emit("error", new Error("refused")));
  assert.equal(page.text(), "0  refused");
  await page.unmount();
  assert.deepEqual(client.log, ["open presence a", "open presence a", "close presence a", "close presence a"]);
});

test("useClientState: the state is rendered, and no listener is left", async () => {
  const client = new Client();
  const Connection = () => useClientState(client).name;
  const page = await render(h(StrictMode, null, h(Connection)));
  assert.equal(page.text(), "connecting");
  await act(async () => client.become({ name: "online" }));
  assert.equal(page.text(), "online");
  await page.unmount();
  assert.equal(client.listeners.length, 0);
});

test("on a server nothing is subscribed", () => {
  const client = new Client();
  const Who = () => `${usePresence(client, "a").count} ${useClientState(client).name}`;
  assert.equal(renderToString(h("p", null, h(Topic, { client, topic: "a" }), h(Who))), "<p>-  <!-- -->0 connecting</p>");
  assert.deepEqual(client.log, []);
  assert.equal(client.listeners.length, 0);
});
