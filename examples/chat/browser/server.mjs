// Runs the chat as a process: the program in the variable CHAT, or else one that it builds.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const examples = new URL("../..", import.meta.url).pathname;

export class Server {
  #args;
  #folder;
  #process;
  url = "";

  constructor(args) {
    this.#args = args;
  }

  // Starts the program on a free port, with further arguments. It builds it first if necessary.
  static async create(...args) {
    const server = new Server(args);
    if (!process.env.CHAT) {
      server.#folder = await mkdtemp(join(tmpdir(), "gatesock-chat-"));
      await promisify(execFile)("go", ["build", "-o", server.#program, "./chat/cmd/local"], { cwd: examples });
    }
    await server.start();
    return server;
  }

  get #program() {
    return process.env.CHAT || join(this.#folder, "chat");
  }

  get gateway() {
    return this.url.replace("http", "ws") + "local";
  }

  // Starts the program, after the first time on the same port.
  async start() {
    const addr = this.url ? new URL(this.url).host : "127.0.0.1:0";
    this.#process = spawn(this.#program, ["-addr", addr, ...this.#args], { stdio: ["ignore", "pipe", "inherit"] });
    for await (const line of createInterface({ input: this.#process.stdout })) {
      const match = /^Chat is running at (http:\S+)$/.exec(line);
      if (match) {
        this.url = match[1];
        return;
      }
    }
    throw new Error("the chat has ended without saying where it runs");
  }

  // Ends the program and returns its exit code, or null if the signal killed it.
  async stop(signal = "SIGTERM") {
    const exit = once(this.#process, "exit");
    this.#process.kill(signal);
    const [code] = await exit;
    return code;
  }

  async destroy() {
    if (this.#process?.exitCode === null && this.#process.signalCode === null) await this.stop("SIGKILL");
    if (this.#folder) await rm(this.#folder, { recursive: true });
  }
}
