// Runs the server of these tests as a process: the program in the variable CLIENT_SERVER, or else one
// that it builds.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../../..", import.meta.url));

export class Server {
  #args;
  #folder;
  #process;
  url = "";

  constructor(args) {
    this.#args = args;
  }

  /** Starts the server on a free port, with further arguments. */
  static async create(...args) {
    const server = new Server(args);
    if (!process.env.CLIENT_SERVER) {
      server.#folder = await mkdtemp(join(tmpdir(), "gatesock-client-"));
      await promisify(execFile)("go", ["build", "-o", server.#program, "./clients/js/browser/server"], { cwd: root });
    }
    await server.start();
    return server;
  }

  get #program() {
    return process.env.CLIENT_SERVER || join(this.#folder, "server");
  }

  /** Starts the program, after the first time on the same port. */
  async start() {
    const addr = this.url ? new URL(this.url).host : "127.0.0.1:0";
    const args = ["-addr", addr, "-files", join(root, "clients/js"), ...this.#args];
    this.#process = spawn(this.#program, args, { stdio: ["pipe", "pipe", "inherit"] });
    for await (const line of createInterface({ input: this.#process.stdout })) {
      this.url = line;
      return;
    }
    throw new Error("the server has ended without saying where it runs");
  }

  /** Kills the program. */
  async kill() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exit;
  }

  async destroy() {
    if (this.#process) await this.kill();
    if (this.#folder) await rm(this.#folder, { recursive: true });
  }

  /** What the server knows: {open, all, done, issued}. */
  async state() {
    return (await fetch(`${this.url}/test/state`)).json();
  }

  /** Asks the server for something: publish, clock, cut. */
  async ask(what, values) {
    const answer = await fetch(`${this.url}/test/${what}?${new URLSearchParams(values)}`);
    if (!answer.ok) throw new Error(`${what}: ${await answer.text()}`);
    return answer.text();
  }

  /** Publishes the numbers from..to in a topic. */
  publish(topic, from, to) {
    return this.ask("publish", { topic, from, to });
  }
}
