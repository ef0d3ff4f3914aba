// The readings of a device, with a client of the test's.

import assert from "node:assert/strict";
import { test } from "node:test";
import { History } from "../web/history.js";

// Opens the history of a topic that has n events, one a second; those in late were out of order.
function open(n, late = {}) {
  const topic = { opened: [], changes: 0 };
  const at = (offset) => new Date(1_000_000 + 1_000 * (late[offset] ?? offset)).toISOString();
  topic.event = (offset) => ({ event: "reading", data: { seq: late[offset] ?? offset, at: at(offset), values: { t: offset } }, position: { epoch: "e", offset } });
  const client = {
    subscribe(name, options) {
      const listeners = {};
      const subscription = {
        name, options, listeners,
        on: (type, listener) => (listeners[type] = listener),
        close: () => (subscription.isClosed = true),
        async history({ before, limit }) {
          const last = before.offset - 1;
          const first = Math.max(1, last - limit + 1);
          return { events: Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => topic.event(first + i)), more: first > 1 };
        },
      };
      topic.opened.push(subscription);
      return subscription;
    },
  };
  topic.history = new History(client, "history:acme/1", { changed: () => topic.changes++, failed: (error) => (topic.error = error) });
  topic.push = (offset) => topic.opened.at(-1).listeners.event(topic.event(offset));
  for (let offset = Math.max(1, n - 299); offset <= n; offset++) topic.push(offset);
  return topic;
}

const seqs = ({ history }) => history.readings.map(({ seq }) => seq);
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test("it begins with the newest readings, and goes back to the first", async () => {
  const topic = open(700);
  assert.equal(topic.opened[0].options.last, 300);
  assert.deepEqual(seqs(topic), range(401, 700));
  assert.equal(topic.history.hasMore, true);
  await topic.history.earlier();
  assert.deepEqual(seqs(topic), range(101, 700));
  assert.equal(topic.history.hasMore, true);
  await topic.history.earlier();
  assert.deepEqual(seqs(topic), range(1, 700));
  assert.equal(topic.history.hasMore, false);
});

test("with fewer readings there are no earlier ones", () => {
  assert.equal(open(20).history.hasMore, false);
});

test("a reading that was late is in its place, and none is there twice", async () => {
  const topic = open(310, { 305: 9, 9: 305 }); // the 305th to arrive is the 9th to be measured
  const all = range(11, 310).filter((seq) => seq !== 305);
  assert.deepEqual(seqs(topic), [9, ...all]);
  await topic.history.earlier();
  assert.deepEqual(seqs(topic), range(1, 310));
  topic.push(310);
  assert.deepEqual(seqs(topic), range(1, 310));
});

test("a page that stays open keeps what it has room for", async () => {
  const topic = open(300);
  for (const offset of range(301, 2_000)) topic.push(offset);
  assert.deepEqual(seqs(topic), range(801, 2_000));
  await topic.history.earlier();
  assert.deepEqual(seqs(topic), range(501, 2_000), "without a hole");
  for (const offset of range(2_001, 7_000)) topic.push(offset);
  assert.equal(topic.history.readings.length, 6_000);
  assert.equal(topic.history.hasMore, false);
});

test("it begins anew if readings were lost", () => {
  const topic = open(20);
  const [first] = topic.opened;
  first.listeners.established({ recovered: false }); // at first there is nothing to lose
  first.listeners.established({ recovered: true });
  assert.equal(topic.opened.length, 1);
  first.listeners.established({ recovered: false, reason: "history" });
  assert.equal(first.isClosed, true);
  assert.deepEqual(seqs(topic), []);
  for (const offset of range(15, 30)) topic.push(offset);
  assert.deepEqual(seqs(topic), range(15, 30));
});

test("what is no reading is left out", () => {
  const topic = open(1);
  topic.opened[0].listeners.event({ event: "other", data: { seq: 2, at: new Date().toISOString() }, position: {} });
  topic.opened[0].listeners.event({ event: "reading", data: { seq: 2, at: "never" }, position: {} });
  assert.deepEqual(seqs(topic), [1]);
});
