// The chat through wscat, the command that AWS's guide uses to try WebSocket APIs.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { limit } from "./browser.mjs";
import { Server } from "./server.mjs";

const program = fileURLToPath(new URL("node_modules/wscat/bin/wscat", import.meta.url));

let server;
before(async () => (server = await Server.create("-open")));
after(() => server?.destroy());

class Wscat {
  // Starts it. Without a terminal it does not report when it is connected, and loses what is typed
  // before.
  static async start() {
    const wscat = new Wscat();
    wscat.process = spawn(process.execPath, [program, "-c", server.gateway], { stdio: ["pipe", "pipe", "inherit"] });
    wscat.lines = createInterface({ input: wscat.process.stdout })[Symbol.asyncIterator]();
    const asking = setInterval(() => wscat.type('{"action":"sync","id":"ready","topics":[]}'), 100);
    await wscat.lines.next();
    clearInterval(asking);
    return wscat;
  }

  type(line) {
    this.process.stdin.write(`${line}\n`);
  }

  // The next frame that it prints.
  async prints() {
    const { value } = await this.lines.next();
    const frame = JSON.parse(value.replace(/^(> )+/, ""));
    return frame.id === "ready" ? this.prints() : frame;
  }

  async quit() {
    const exit = once(this.process, "exit");
    this.process.stdin.end();
    const [code] = await exit;
    return code;
  }
}

test("wscat joins, talks, makes mistakes and goes on", limit, async () => {
  const ann = await Wscat.start();
  ann.type('{"action":"subscribe","id":"1","topic":"room:lobby","last":50,"presence":true,"as":{"name":"Ann"}}');
  const answers = [await ann.prints(), await ann.prints()];
  const { action, data } = answers.find(({ id }) => id === "1");
  assert.deepEqual([action, data.topic, data.events, names(data.presence.members)], ["subscribe", "room:lobby", [], ["Ann"]]);
  assert.deepEqual(names(answers.find(({ event }) => event === "presence").data.joined), ["Ann"]);

  const bob = await Wscat.start();
  bob.type('{"action":"subscribe","id":"1","topic":"room:lobby","presence":true,"as":{"name":"Bob"}}');
  for (const _ of [1, 2]) await bob.prints();
  const joined = await ann.prints();
  assert.deepEqual([joined.event, joined.topic], ["presence", "room:lobby"]);
  assert.ok(names(joined.data.joined).includes("Bob"));

  ann.type('{"action":"say","id":"2","room":"lobby","text":"Hello"}');
  const frames = [await ann.prints(), await ann.prints()];
  const said = frames.find(({ id }) => id === "2");
  const heard = frames.find(({ event }) => event === "message");
  assert.deepEqual(said, { id: "2", action: "say", data: { epoch: heard.epoch, offset: 1 } });
  assert.deepEqual([heard.topic, heard.offset, heard.data.name, heard.data.text], ["room:lobby", 1, "Ann", "Hello"]);
  assert.deepEqual(await bob.prints(), heard);

  bob.type('{"action":"dance","id":"7"}');
  assert.deepEqual(await bob.prints(), {
    id: "7",
    action: "dance",
    error: { code: "not_found", message: 'there is no action "dance"; this chat knows say and typing, and those of topics' },
  });
  bob.type('{"action":');
  assert.deepEqual(await bob.prints(), {
    action: "$default",
    error: { code: "invalid_argument", message: "the message is not JSON" },
  });
  bob.type('{"action":"say","room":"attic","text":"Hello"}');
  assert.equal((await bob.prints()).error.code, "failed_precondition");

  ann.type('{"action":"say","id":"3","room":"lobby","text":"Still here"}');
  assert.equal((await bob.prints()).data.text, "Still here");
  for (const _ of [1, 2]) await ann.prints();

  assert.equal(await bob.quit(), 0);
  const left = await ann.prints();
  assert.deepEqual([left.event, left.data.left.length], ["presence", 1]);
  assert.equal(await ann.quit(), 0);
});

function names(members) {
  return members.map(({ as }) => as.name).sort();
}
