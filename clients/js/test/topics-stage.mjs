// A machine of topics without a core: a host with a virtual clock, whose requests the test answers.

import assert from "node:assert/strict";
import { load } from "./build.mjs";

const { newTopics } = await load("topics");
const { subscribe } = await load("subscription");
const { presence } = await load("presence");

/** Everything that has been promised has run. */
export const idle = () => new Promise((resolve) => setImmediate(resolve));

/** The host: a clock, and what the machine has sent. */
export class Stage {
  time = 1_000_000;
  timers = new Set();
  waiting = []; // requests that the test has not taken
  last; // the request that was taken last
  connection = 0;
  isOnline = false;
  restarts = 0;
  checks = 0;
  problems = [];
  random = () => 0.5;
  told = []; // as in scenarios.json
  subscriptions = new Map();
  presences = new Map();

  constructor() {
    const stage = this;
    this.host = {
      now: () => stage.time,
      random: () => stage.random(),
      after(ms, run) {
        assert.ok(ms >= 0, `a timer of ${ms} ms`);
        const timer = { at: stage.time + ms, run };
        stage.timers.add(timer);
        return () => stage.timers.delete(timer);
      },
      request(action, members, then, otherwise) {
        assert.ok(stage.isOnline, "a request without a connection");
        const { connection } = stage;
        const once = (f) => (x) => {
          if (request.isDone) return;
          request.isDone = true;
          if (stage.isOnline && connection === stage.connection) f(x);
        };
        const frame = JSON.parse(JSON.stringify({ action, ...members }));
        const request = { frame, at: stage.time, reply: once(then), refuse: once(otherwise) };
        stage.waiting.push(request);
      },
      problem: (error) => stage.problems.push(error),
      run(f, ...args) {
        try {
          f(...args);
        } catch (error) {
          stage.problems.push(error);
        }
      },
      restart() {
        stage.restarts++;
        stage.offline();
      },
      check: () => stage.checks++,
    };
    this.topics = newTopics(this.host);
  }

  online() {
    this.isOnline = true;
    this.connection++;
    this.topics.opened();
  }

  offline() {
    if (!this.isOnline) return;
    this.isOnline = false;
    this.waiting = [];
    this.topics.closed();
  }

  /** Another connection takes over. */
  rollOver() {
    this.waiting = [];
    this.connection++;
    this.topics.closed();
    this.topics.opened();
  }

  wake() {
    this.topics.wake();
  }

  push(frame) {
    return this.topics.receive(frame);
  }

  /** Passes time, until something has been sent if that is asked for. */
  async pass(ms, isEnough = () => false) {
    await idle();
    const end = this.time + ms;
    for (let next; (next = [...this.timers].sort((a, b) => a.at - b.at)[0]) && next.at <= end; await idle()) {
      if (isEnough()) return;
      this.timers.delete(next);
      this.time = Math.max(this.time, next.at);
      next.run();
    }
    if (!isEnough()) this.time = end;
  }

  await(ms) {
    return this.pass(ms, () => this.waiting.length > 0);
  }

  /** Subscribes, and writes down what the app is told. */
  listen(topic, options) {
    const s = subscribe(this.topics, topic, options);
    const at = ({ epoch, offset }) => `${epoch}:${offset}`;
    s.on("established", ({ recovered, reason, position }) => {
      if (recovered || this.last.frame.action === "subscribe") this.told.push(`subscribed ${at(position)}`);
      if (!recovered) this.told.push(`lost ${reason} ${at(position)}`);
    });
    s.on("event", ({ event, position }) => {
      // Events of one entry come one by one, and are put together here.
      const before = this.told.at(-1)?.split(" ");
      if (before?.length === 2 && before[1] === at(position) && before[0] !== "subscribed")
        this.told[this.told.length - 1] = `${before[0]}${event} ${at(position)}`;
      else this.told.push(`${event} ${at(position)}`);
    });
    s.on("error", ({ code }) => this.told.push(`failed ${code}`));
    return s;
  }

  present(topic, options) {
    return presence(this.topics, topic, options);
  }

  /** Takes the oldest request, which must have the members that are given. */
  take(wanted) {
    this.last = this.waiting.shift();
    assert.ok(this.last, `no ${wanted.action} was sent`);
    assert.deepEqual(common(this.last.frame, wanted), wanted);
    return this.last;
  }

  silent() {
    assert.deepEqual(this.waiting.map(({ frame }) => frame), []);
  }

  tells(wanted) {
    assert.deepEqual(this.told.splice(0), wanted);
  }

  /** Becomes a member of topic a, at offset 5 of epoch 1-x. */
  async member(options) {
    this.online();
    const s = this.listen("a", options);
    await idle();
    this.take({ action: "subscribe", topic: "a" }).reply(result());
    this.tells(["subscribed 1-x:5"]);
    await idle();
    return s;
  }
}

/** The answer to a subscribe of topic a. */
export const result = (members) => ({ topic: "a", epoch: "1-x", offset: 5, recovered: true, events: [], ...members });

/** A push of topic a. */
export const push = (offset, members) =>
  ({ event: `e${offset}`, topic: "a", epoch: "1-x", offset, data: offset, ...members });

/** Entries of a result. */
export const entries = (...offsets) => offsets.map((offset) => ({ offset, event: `e${offset}`, data: offset }));

// The part of a value that another one has too.
function common(value, wanted) {
  if (wanted === null || typeof wanted !== "object" || value === null || typeof value !== "object") return value;
  if (Array.isArray(wanted)) return value.map((element, i) => common(element, wanted[i]));
  return Object.fromEntries(Object.keys(wanted).map((key) => [key, common(value[key], wanted[key])]));
}
