// The page's client of topics, without a browser: the scenarios that internal/clientcore follows too.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Topics } from "../web/topics/topics.js";

const scenarios = JSON.parse(await readFile(new URL("../../../internal/clientcore/testdata/scenarios.json", import.meta.url)));

// What a scenario with "member" begins with.
const member = [
  { online: true },
  { subscribe: { topic: "a" } },
  { sent: { action: "subscribe" } },
  { reply: { topic: "a", epoch: "1-x", offset: 5, recovered: true, events: [] } },
  { told: ["subscribed 1-x:5"] },
];

class Clock {
  time = 0;
  timers = new Set();
  now = () => this.time;

  after(ms, run) {
    const timer = { at: this.time + ms, run };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  // Passes time, until something has happened if there is a function for it.
  async pass(ms, hasHappened = () => false) {
    const end = this.time + ms;
    for (let next; (next = [...this.timers].sort((a, b) => a.at - b.at)[0]) && next.at <= end; await settled()) {
      if (hasHappened()) return;
      this.timers.delete(next);
      this.time = next.at;
      next.run();
    }
    this.time = end;
  }
}

const settled = () => new Promise(setImmediate);

class Stage {
  clock = new Clock();
  sent = []; // requests that the scenario has not taken
  told = [];
  members = [];
  last; // the request that was taken last
  topics = new Topics((action, members) => this.#request(action, members), { clock: this.clock, random: () => 0.5 });

  #request(action, members) {
    return new Promise((resolve, reject) => this.sent.push({ frame: JSON.parse(JSON.stringify({ action, ...members })), resolve, reject }));
  }

  // Events of one entry come one by one, and are put together here.
  #event({ name, position: { epoch, offset } }) {
    const at = `${epoch}:${offset}`;
    const before = this.told.at(-1)?.split(" ");
    if (before?.length === 2 && before[1] === at && before[0] !== "subscribed") this.told[this.told.length - 1] = `${before[0]}${name} ${at}`;
    else this.told.push(`${name} ${at}`);
  }

  async run(step) {
    const [[kind, value]] = Object.entries(step);
    await this[kind](value);
    await settled();
  }

  online = () => this.topics.online();
  offline = () => this.topics.offline();
  wake = () => this.topics.wake();
  push = (frame) => this.topics.receive(frame);
  pass = (ms) => this.clock.pass(ms);
  await = (ms) => this.clock.pass(ms, () => this.sent.length > 0);
  unsubscribe = (name) => this.topics.unsubscribe(name);
  reply = (data) => this.last.resolve(data);
  refuse = (error) => this.last.reject(error);
  silent = () => assert.deepEqual(this.sent.map(({ frame }) => frame), []);

  subscribe({ topic, ...options }) {
    this.topics.subscribe(topic, options, {
      subscribed: ({ epoch, offset }) => this.told.push(`subscribed ${epoch}:${offset}`),
      event: (event) => this.#event(event),
      lost: ({ reason, position: { epoch, offset } }) => this.told.push(`lost ${reason} ${epoch}:${offset}`),
      failed: ({ code }) => this.told.push(`failed ${code}`),
      members: ({ users }) => (this.present = users.map(({ user }) => user).sort()),
    });
  }

  takes(wanted) {
    this.last = this.sent.shift();
    assert.ok(this.last, `no ${wanted.action} was sent`);
    assert.deepEqual(common(this.last.frame, wanted), wanted);
    if (!("since" in wanted) && wanted.topic && wanted.last) assert.equal(this.last.frame.since, undefined);
  }

  tells(wanted) {
    assert.deepEqual(this.told.splice(0), wanted);
  }
}

// The part of a value that another one has too.
function common(value, wanted) {
  if (wanted === null || typeof wanted !== "object" || value === null || typeof value !== "object") return value;
  if (Array.isArray(wanted)) return value.map((element, i) => common(element, wanted[i]));
  return Object.fromEntries(Object.keys(wanted).map((key) => [key, common(value[key], wanted[key])]));
}

const names = { sent: "takes", told: "tells", members: "shows" };

for (const { name, member: isMember, steps } of scenarios) {
  test(name, async () => {
    const stage = new Stage();
    stage.shows = (wanted) => assert.deepEqual(stage.present, wanted);
    for (const step of [...(isMember ? member : []), ...steps]) {
      const [[kind, value]] = Object.entries(step);
      await stage.run({ [names[kind] ?? kind]: value });
    }
  });
}
