// The page's link alone, without a browser, with sockets that the test controls.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const source = await readFile(new URL("../web/link.js", import.meta.url), "utf8");

async function newLink() {
  const sockets = [];
  Object.assign(globalThis, {
    document: new EventTarget(),
    addEventListener: () => {},
    setInterval: () => 0,
    WebSocket: class {
      sent = [];
      constructor() { sockets.push(this); }
      send(frame) { this.sent.push(JSON.parse(frame)); }
      close() { this.closed = true; }
    },
  });
  Object.defineProperty(globalThis, "navigator", { value: { onLine: true }, configurable: true });
  const { Link, LinkError } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  const link = new Link("ws://test");
  link.open();
  await new Promise(setImmediate);
  sockets[0].onopen();
  return { link, sockets, LinkError };
}

for (const [name, answers] of Object.entries({
  "a request": (id) => ({ id, action: "join", error: { code: "stale_connection", message: "connect again" } }),
  "a message that wants no reply": () => ({ action: "typing", error: { code: "stale_connection", message: "connect again" } }),
})) {
  test(`a link that the server has forgotten is opened anew, told so in the answer to ${name}`, async () => {
    const { link, sockets, LinkError } = await newLink();
    assert.equal(link.state, "online");
    const waits = link.request("join", { room: "lobby" });
    const frame = answers(sockets[0].sent[0].id);
    sockets[0].onmessage({ data: JSON.stringify(frame) });
    await assert.rejects(waits, LinkError, "it may be asked again on the new link");
    assert.equal(sockets[0].closed, true);
    assert.equal(link.state, "waiting");
    link.retry();
    await new Promise(setImmediate);
    assert.equal(sockets.length, 2);
    sockets[1].onopen();
    assert.equal(link.state, "online");
    link.close();
  });
}
