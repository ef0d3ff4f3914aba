// The scenarios that internal/clientcore follows too.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { idle, Stage } from "./topics-stage.mjs";

const file = new URL("../../../internal/clientcore/testdata/scenarios.json", import.meta.url);
const scenarios = JSON.parse(await readFile(file));

// What a scenario with "member" begins with.
const member = [
  { online: true },
  { subscribe: { topic: "a" } },
  { sent: { action: "subscribe" } },
  { reply: { topic: "a", epoch: "1-x", offset: 5, recovered: true, events: [] } },
  { told: ["subscribed 1-x:5"] },
];

class Player extends Stage {
  handles = new Map();

  subscribe({ topic, presence, as, ...options }) {
    const all = [this.listen(topic, options)];
    if (presence) all.push((this.presence = this.present(topic, { as })));
    this.handles.set(topic, all);
  }

  unsubscribe(topic) {
    for (const handle of this.handles.get(topic)) handle.close();
  }

  sent(wanted) {
    this.take(wanted);
    if (!("since" in wanted) && wanted.topic && wanted.last) assert.equal(this.last.frame.since, undefined);
  }

  reply(data) {
    this.last.reply(data);
  }

  refuse(error) {
    this.last.refuse(error);
  }

  members(wanted) {
    assert.deepEqual(this.presence.members.map(({ user }) => user).sort(), wanted);
  }
}

test("there are scenarios", () => assert.ok(scenarios.length >= 20, String(scenarios.length)));

for (const { name, member: isMember, steps } of scenarios) {
  test(name, async () => {
    const player = new Player();
    for (const step of [...(isMember ? member : []), ...steps]) {
      for (const [kind, value] of Object.entries(step))
        await (kind === "told" ? player.tells(value) : player[kind](value));
      await idle();
    }
    assert.deepEqual(player.problems, []);
  });
}
