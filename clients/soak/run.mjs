// The soak: many clients of both kinds, whose connections are cut and forgotten at random, while
// events are published and calls are made. It fails if an event is lost or comes twice, if a call is
// carried out twice or has no outcome, or if the memory of the clients grows.
//
//   CLIENT_SERVER=server GO_CLIENTS=program node clients/soak/run.mjs
//
// "make client-soak" builds the programs and runs it. SECONDS_LONG is for how long, CLIENTS how many
// there are, a fifth of them in Go. It prints a report in JSON.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Server } from "../js/browser/server.mjs";

const seconds = Number(process.env.SECONDS_LONG || 600);
const clients = Number(process.env.CLIENTS || 500);
const TOPICS = 20;

/** A process with clients: it takes commands and answers each with a line of JSON. */
class Worker {
  constructor(kind, command, args) {
    this.kind = kind;
    this.process = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async ask(command) {
    this.process.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`a process of clients in ${this.kind} has ended`);
    return JSON.parse(value);
  }
}

const server = await Server.create();
const workers = [];
try {
  const soak = fileURLToPath(new URL("js.mjs", import.meta.url));
  const inGo = Math.floor(clients / 5);
  const processes = 4;
  const inJs = Math.floor((clients - inGo) / processes);
  for (let i = 0; i < processes; i++) {
    workers.push(new Worker("JavaScript", process.execPath, ["--expose-gc", soak, server.url, `js${i}`, inJs, TOPICS]));
  }
  workers.push(new Worker("Go", process.env.GO_CLIENTS, [server.url, "go", String(clients - processes * inJs), String(TOPICS)]));
  const all = (command) => Promise.all(workers.map((worker) => worker.ask(command)));

  console.error("soak: connecting");
  await all({ do: "start" });
  const last = Array(TOPICS).fill(0);
  const publish = async () => {
    const topic = Math.floor(Math.random() * TOPICS);
    await server.publish(`t${topic}`, last[topic] + 1, last[topic] + 1);
    last[topic]++;
  };
  const memories = [];
  const measure = async (what) => {
    memories.push({ what, server: Number(await server.ask("memory")), clients: await all({ do: "memory" }) });
    console.error(`soak: ${what}: ${JSON.stringify(memories.at(-1))}`);
  };

  console.error("soak: running");
  const begin = Date.now();
  const passed = () => (Date.now() - begin) / 1000;
  const marks = [["start", 0.1], ["middle", 0.5], ["end", 1]];
  let cuts = 0;
  let mutes = 0;
  for (let turn = 1; marks.length; turn++) {
    await wait(200);
    await publish();
    if (turn % 10 === 0) cuts += Number(await server.ask("cut", { nth: 20 + Math.floor(Math.random() * 100) }));
    // Not in the last minute: with no more calls, it takes the client minutes to find out.
    if (turn % 100 === 0 && passed() < seconds - 60) mutes += Number(await server.ask("mute", { nth: 20 }));
    if (turn % 500 === 250) cuts += Number(await server.ask("cut"));
    if (passed() >= marks[0][1] * seconds) await measure(marks.shift()[0]);
  }
  console.error("soak: ending");
  await all({ do: "stop" }); // no more calls; those under way end
  for (let topic = 0; topic < TOPICS; topic++) {
    await server.publish(`t${topic}`, last[topic] + 1, last[topic] + 1);
    last[topic]++;
  }
  const reports = await all({ do: "end", last });
  const { done, all: connections } = await server.state();
  const times = Object.values(done);

  const sum = (of) => reports.reduce((n, report) => n + of(report), 0);
  const codes = {};
  for (const report of reports) for (const [code, n] of Object.entries(report.codes)) codes[code] = (codes[code] ?? 0) + n;
  const report = {
    seconds: Math.round(passed()),
    clients: sum((r) => r.clients),
    published: last.reduce((a, b) => a + b, 0),
    connections,
    cuts,
    mutes,
    events: sum((r) => r.events),
    lost: sum((r) => r.lost),
    doubled: sum((r) => r.doubled),
    told: sum((r) => r.told),
    calls: sum((r) => r.calls),
    answered: sum((r) => r.answered),
    codes,
    unsettled: sum((r) => r.calls - r.answered - Object.values(r.codes).reduce((a, b) => a + b, 0)),
    carriedOut: times.length,
    carriedOutTwice: times.filter((n) => n > 1).length,
    wrongAnswers: sum((r) => r.wrong),
    memory: memories,
  };
  console.log(JSON.stringify(report, undefined, 2));

  const problems = [];
  for (const name of ["lost", "doubled", "told", "unsettled", "carriedOutTwice", "wrongAnswers"]) {
    if (report[name]) problems.push(`${name}: ${report[name]}`);
  }
  if (Object.keys(codes).some((code) => code !== "unknown_outcome")) problems.push(`codes: ${JSON.stringify(codes)}`);
  if (report.answered > report.carriedOut) problems.push("calls were answered and not carried out");
  if (!report.events || !report.answered || !cuts || !mutes) problems.push("nothing has happened");
  // Flat: from the middle to the end, the heap of the clients grows by less than a fifth and 2 MB.
  const heap = (i) => memories[i].clients.map((m) => m.heap);
  for (const [i, end] of heap(2).entries()) {
    const middle = heap(1)[i];
    if (end > middle * 1.2 + 2e6) problems.push(`the heap of ${workers[i].kind} has grown from ${middle} to ${end}`);
  }
  for (const problem of problems) console.error(`soak: ${problem}`);
  if (problems.length) process.exitCode = 1;
} finally {
  for (const { process } of workers) {
    process.stdin.end();
    if (process.exitCode === null) await once(process, "exit");
  }
  await server.destroy();
}
