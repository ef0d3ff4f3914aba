// Amazon's DynamoDB Local as a process that keeps everything in memory.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

const script = new URL("../../../scripts/dynamodb-local", import.meta.url).pathname;

export class DynamoDB {
  #process;
  url = "";

  // Starts it on a free port, and downloads it first if necessary.
  static async create() {
    const db = new DynamoDB();
    const port = await freePort();
    db.url = `http://127.0.0.1:${port}`;
    db.#process = spawn(script, ["-inMemory", "-port", String(port)], { stdio: ["ignore", "ignore", "inherit"] });
    while (!(await answers(db.url))) {
      if (db.#ended) throw new Error("DynamoDB Local has ended before it answered");
      await wait(100);
    }
    return db;
  }

  get #ended() {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async destroy() {
    if (this.#ended) return;
    const exit = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exit;
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

// Any answer shows that it runs; this request is an error.
function answers(url) {
  return fetch(url).then(
    () => true,
    () => false,
  );
}
