// How smooth the page is: a trace of Chromium while 1,000 devices send a reading a second, and how
// much memory the page has. What it prints depends on the machine and on what else runs, so it is
// for people and not for CI.
//
//   node examples/iot/browser/trace.mjs                 # a minute
//   SECONDS=600 node examples/iot/browser/trace.mjs     # also the memory over that time
//
// DEVICES, RATE, IOT and SIMULATE (programs) can be set as well.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { launch } from "../../chat/browser/browser.mjs";
import { Dashboard } from "./dashboard.mjs";
import { Server } from "./server.mjs";

const { SECONDS = "60", DEVICES = "1000", RATE = "1", SIMULATE } = process.env;
const TRACED = Math.min(60, Number(SECONDS)); // a longer trace is too large
const LONG = 50; // ms

const folder = await mkdtemp(join(tmpdir(), "gatesock-trace-"));
const simulate = SIMULATE || join(folder, "simulate");
if (!SIMULATE) {
  await promisify(execFile)("go", ["build", "-o", simulate, "./iot/simulate"], { cwd: new URL("../..", import.meta.url).pathname });
}
const server = await Server.create();
const { url, http, broker, tenant, key } = server;
const devices = spawn(simulate, ["-url", url, "-http", http, "-broker", broker, "-tenant", tenant, "-key", key,
  "-devices", DEVICES, "-rate", RATE, "-quiet"], { stdio: ["ignore", "ignore", "inherit"] });
const browser = await launch();
try {
  const window = await Dashboard.open(browser, server);
  await window.page.waitForFunction((n) => document.querySelectorAll("#grid .cell").length >= n, Number(DEVICES));
  await window.row("").first().click(); // with its charts
  await window.page.waitForFunction(() => document.querySelector("#count-rate").textContent !== "–");
  const session = await window.context.newCDPSession(window.page);
  await session.send("Performance.enable");
  await trace(window, session);
  if (Number(SECONDS) > TRACED) await memory(session, Number(SECONDS) - TRACED);
} finally {
  devices.kill();
  await browser.close();
  await server.destroy();
  await rm(folder, { recursive: true });
}

// Prints what has kept the main thread busy for long, and the time between the frames.
async function trace(window, session) {
  const path = join(folder, "trace.json");
  await browser.startTracing(window.page, { path, categories: ["devtools.timeline", "disabled-by-default-devtools.timeline"] });
  await window.page.evaluate((seconds) => new Promise((done) => {
    const frames = (globalThis.frames = []);
    const end = performance.now() + seconds * 1_000;
    let last = performance.now();
    requestAnimationFrame(function frame(at) {
      frames.push(at - last);
      last = at;
      if (at < end) requestAnimationFrame(frame);
      else done();
    });
  }), TRACED);
  const rate = await window.page.locator("#count-rate").textContent();
  const frames = await window.page.evaluate(() => globalThis.frames.sort((a, b) => a - b));
  await browser.stopTracing();
  const { traceEvents } = JSON.parse(await readFile(path, "utf8"));
  const main = mainThread(traceEvents);
  const own = traceEvents.filter((e) => e.pid === main.pid && e.tid === main.tid && e.ph === "X");
  const tasks = own.filter((e) => e.name === "RunTask" || e.name === "ThreadControllerImpl::RunTask");
  // tdur is the time on a processor: what others have taken in between is not the page's.
  const report = (name, values) => {
    values.sort((a, b) => a - b);
    const at = (q) => (values[Math.floor(q * (values.length - 1))] ?? 0).toFixed(1);
    console.log(`${name}: ${values.length}, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms, above ${LONG} ms: ${values.filter((v) => v > LONG).length}`);
  };
  console.log(`${DEVICES} devices, ${RATE}/s each, ${TRACED} s; the page shows ${rate} readings/s; load ${loadavg()[0].toFixed(1)} on ${cpus().length} processors`);
  report("between frames", frames);
  report("tasks, elapsed", tasks.map((e) => e.dur / 1_000));
  report("tasks, processor", tasks.map((e) => (e.tdur ?? 0) / 1_000));
  for (const name of ["FunctionCall", "FireAnimationFrame", "Layout", "UpdateLayoutTree", "Paint", "MajorGC", "MinorGC"]) {
    const some = own.filter((e) => e.name === name);
    if (some.length) report(`  ${name}, processor`, some.map((e) => (e.tdur ?? e.dur) / 1_000));
  }
  const busy = tasks.reduce((sum, e) => sum + (e.tdur ?? 0), 0) / 1e6;
  console.log(`main thread: ${((100 * busy) / TRACED).toFixed(1)} % of a processor`);
}

function mainThread(events) {
  const pids = new Map();
  for (const e of events) if (e.name === "FireAnimationFrame") pids.set(e.pid, (pids.get(e.pid) ?? 0) + 1);
  const [pid] = [...pids].sort(([, a], [, b]) => b - a)[0];
  return { pid, tid: events.find((e) => e.pid === pid && e.name === "FireAnimationFrame").tid };
}

// Prints the memory after a garbage collection, again and again.
async function memory(session, seconds) {
  const begun = Date.now();
  for (;;) {
    await session.send("HeapProfiler.collectGarbage");
    const { metrics } = await session.send("Performance.getMetrics");
    const of = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
    const at = Math.round((Date.now() - begun) / 1_000);
    console.log(`${String(at).padStart(4)} s: heap ${(of.JSHeapUsedSize / 2 ** 20).toFixed(2)} MiB, ${of.Nodes} nodes, ${of.JSEventListeners} listeners, load ${loadavg()[0].toFixed(1)}`);
    if (at >= seconds) return;
    await Promise.race([sleep(60_000), once(devices, "exit")]);
  }
}
