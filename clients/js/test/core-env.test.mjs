// The surroundings of a page, with a window and a document that are only event targets.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./build.mjs";

const { system } = await load("env");

/** Runs f with global names of a page. */
function asPage({ onLine = true, hidden = false }, f) {
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { hidden });
  const globals = {
    document,
    navigator: { onLine },
    addEventListener: window.addEventListener.bind(window),
    removeEventListener: window.removeEventListener.bind(window),
  };
  const before = Object.fromEntries(Object.keys(globals).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]));
  for (const [name, value] of Object.entries(globals)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  try {
    f(window, document);
  } finally {
    for (const [name, descriptor] of Object.entries(before)) {
      if (descriptor) Object.defineProperty(globalThis, name, descriptor);
      else delete globalThis[name];
    }
  }
}

class Socket {
  constructor(...args) {
    this.args = args;
  }
}

test("a page tells of its network and of being visible, until it is not asked any more", () => {
  asPage({}, (window, document) => {
    const told = [];
    const stop = system({ url: "", WebSocket: Socket }).listen((what) => told.push(what));
    assert.deepEqual(told, []);
    window.dispatchEvent(new Event("offline"));
    window.dispatchEvent(new Event("online"));
    document.hidden = true;
    document.dispatchEvent(new Event("visibilitychange"));
    assert.deepEqual(told, ["offline", "online"]);
    document.hidden = false;
    document.dispatchEvent(new Event("visibilitychange"));
    assert.deepEqual(told, ["offline", "online", "visible"]);
    stop();
    window.dispatchEvent(new Event("offline"));
    window.dispatchEvent(new Event("online"));
    document.dispatchEvent(new Event("visibilitychange"));
    assert.equal(told.length, 3);
  });
});

test("a page without a network says so at once", () => {
  asPage({ onLine: false }, () => {
    const told = [];
    system({ url: "", WebSocket: Socket }).listen((what) => told.push(what))();
    assert.deepEqual(told, ["offline"]);
  });
});

test("Node.js has neither, and is online", () => {
  const told = [];
  system({ url: "", WebSocket: Socket }).listen((what) => told.push(what))();
  assert.deepEqual(told, []);
});

test("sockets are those of the option, or of the platform", () => {
  const { args } = system({ url: "", WebSocket: Socket }).dial("wss://example.com", ["a"]);
  assert.deepEqual(args, ["wss://example.com", ["a"]]);
  const before = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  Object.defineProperty(globalThis, "WebSocket", { value: Socket, configurable: true });
  try {
    assert.ok(system({ url: "" }).dial("wss://example.com", []) instanceof Socket);
  } finally {
    if (before) Object.defineProperty(globalThis, "WebSocket", before);
    else delete globalThis.WebSocket;
  }
});

test("clock, timers and random numbers are those of the platform", async () => {
  const { now, after, random } = system({ url: "", WebSocket: Socket });
  assert.ok(Math.abs(now() - Date.now()) < 60_000);
  assert.ok(random() >= 0 && random() < 1 && random() != random());
  let n = 0;
  after(0, () => n++)();
  await new Promise((resolve) => after(1, resolve));
  assert.equal(n, 0);
});

test("the exception of a listener reaches the platform", async () => {
  const error = new Error("a mistake of the app");
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  try {
    const caught = new Promise((resolve) => process.once("uncaughtException", resolve));
    system({ url: "", WebSocket: Socket }).report(error);
    assert.equal(await caught, error);
  } finally {
    for (const f of listeners) process.on("uncaughtException", f);
  }
});
