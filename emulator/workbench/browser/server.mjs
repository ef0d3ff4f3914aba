// Runs the demo of the workbench: the program in the variable WORKBENCH, or else one that it builds.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const root = new URL("../../..", import.meta.url).pathname;
const token = "a-token-of-the-tests";

export class Server {
  #folder;
  #process;
  url = ""; // of the workbench, with its token
  gateway = ""; // for clients

  // Starts the program on a free port, with further arguments.
  static async create(...args) {
    const server = new Server();
    if (!process.env.WORKBENCH) {
      server.#folder = await mkdtemp(join(tmpdir(), "gatesock-workbench-"));
      await promisify(execFile)("go", ["build", "-o", server.#program, "./emulator/workbench/internal/demo"], { cwd: root });
    }
    await server.start(...args);
    return server;
  }

  get #program() {
    return process.env.WORKBENCH || join(this.#folder, "demo");
  }

  // Starts the program, after the first time on the same port. Arguments may name another token.
  async start(...args) {
    const addr = this.url ? new URL(this.url).host : "127.0.0.1:0";
    this.#process = spawn(this.#program, ["-addr", addr, "-token", token, "-seed", "7", ...args], { stdio: ["ignore", "pipe", "ignore"] });
    for await (const line of createInterface({ input: this.#process.stdout })) {
      const [, name, url] = /^(clients|workbench)\s+(\S+)$/.exec(line) ?? [];
      if (name === "clients") this.gateway = url;
      if (name === "workbench") {
        this.url = url;
        return;
      }
    }
    throw new Error("the program has ended without saying where it runs");
  }

  async stop() {
    const exit = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exit;
  }

  // Calls the HTTP API with the token, as a script does.
  async api(method, path, body) {
    const { origin, searchParams } = new URL(this.url);
    const response = await fetch(`${origin}/_gatesock/api/${path}`, {
      method, body: body && JSON.stringify(body), headers: { Authorization: `Bearer ${searchParams.get("token")}`, ...(body && { "Content-Type": "application/json" }) },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text && JSON.parse(text);
  }

  async destroy() {
    if (this.#process?.exitCode === null && this.#process.signalCode === null) await this.stop();
    if (this.#folder) await rm(this.#folder, { recursive: true });
  }
}
