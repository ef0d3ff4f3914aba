// Runs the local program: the one in the variable IOT, or else one that it builds.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, watch } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const examples = new URL("../..", import.meta.url).pathname;

export class Server {
  #folder;
  #process;

  // Starts the program on free ports, without devices of its own, and with further arguments.
  static async create(...args) {
    const server = new Server();
    server.#folder = await mkdtemp(join(tmpdir(), "gatesock-iot-"));
    const program = process.env.IOT || join(server.#folder, "iot");
    if (!process.env.IOT) await promisify(execFile)("go", ["build", "-o", program, "./iot/cmd/local"], { cwd: examples });
    await server.#start(program, ["-addr", "127.0.0.1:0", "-mqtt", "127.0.0.1:0", "-devices", "0", ...args]);
    return server;
  }

  // It has written where it is, and the keys, when all is served.
  async #start(program, args) {
    const ready = join(this.#folder, "ready.json");
    const watcher = watch(this.#folder);
    this.#process = spawn(program, [...args, "-ready", ready], { stdio: ["ignore", "ignore", "inherit"] });
    const ended = once(this.#process, "exit").then(([code]) => {
      throw new Error(`the program has ended with ${code} before it was ready`);
    });
    ended.catch(() => {});
    try {
      while (!existsSync(ready)) await Promise.race([once(watcher, "change"), ended]);
    } finally {
      watcher.close();
    }
    Object.assign(this, JSON.parse(await readFile(ready, "utf8"))); // url, http, broker, tenant, key, persons
  }

  // The address of the page with the key of a person of a tenant.
  page(tenant = this.tenant) {
    return `${this.http}/#key=${this.persons[tenant]}`;
  }

  async destroy() {
    if (this.#process?.exitCode === null && this.#process.signalCode === null) {
      const exit = once(this.#process, "exit");
      this.#process.kill("SIGKILL");
      await exit;
    }
    if (this.#folder) await rm(this.#folder, { recursive: true });
  }
}
