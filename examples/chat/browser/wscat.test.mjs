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
    const asking = setInterval(() => wscat.type('{"action":"ping","id":"ready"}'), 100);
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
  ann.type('{"action":"join","id":"1","room":"lobby","name":"Ann"}');
  const { id, action, data } = await ann.prints();
  assert.deepEqual({ id, action }, { id: "1", action: "join" });
  assert.deepEqual([data.room, data.name, data.messages, data.online.names], ["lobby", "Ann", [], ["Ann"]]);

  const bob = await Wscat.start();
  bob.type('{"action":"join","room":"lobby","name":"Bob"}');
  assert.equal((await bob.prints()).data.name, "Bob");
  const joined = await ann.prints();
  assert.deepEqual([joined.event, joined.topic, joined.data.name], ["joined", "room:lobby", "Bob"]);
  assert.deepEqual(joined.data.online.names, ["Ann", "Bob"]);

  ann.type('{"action":"say","id":"2","room":"lobby","text":"Hello"}');
  const said = await ann.prints();
  assert.deepEqual([said.id, said.action, said.data.name, said.data.text], ["2", "say", "Ann", "Hello"]);
  assert.deepEqual(await bob.prints(), { event: "message", topic: "room:lobby", data: said.data });

  bob.type('{"action":"dance","id":"7"}');
  assert.deepEqual(await bob.prints(), {
    id: "7",
    action: "dance",
    error: { code: "not_found", message: 'there is no action "dance"; this chat knows join, leave, say, typing and ping' },
  });
  bob.type('{"action":');
  assert.deepEqual(await bob.prints(), {
    action: "$default",
    error: { code: "invalid_argument", message: "the message is not JSON" },
  });
  bob.type('{"action":"say","room":"attic","text":"Hello"}');
  assert.equal((await bob.prints()).error.code, "failed_precondition");

  bob.type('{"action":"say","room":"lobby","text":"Still here"}');
  assert.equal((await bob.prints()).data.text, "Still here");
  assert.equal((await ann.prints()).data.text, "Still here");

  assert.equal(await bob.quit(), 0);
  const left = await ann.prints();
  assert.deepEqual([left.event, left.data.name, left.data.online.names], ["left", "Bob", ["Ann"]]);
  assert.equal(await ann.quit(), 0);
});
