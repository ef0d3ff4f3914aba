// How smooth the page is while a client sends FRAMES messages a second, each of which makes four
// entries or more. What it prints depends on the machine and on what else runs, so it is for people
// and not for CI.
//
//   FRAMES=1000 SECONDS=10 node emulator/workbench/browser/trace.mjs

import { readFile, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { launch, newPage } from "../../../examples/chat/browser/browser.mjs";
import { Server } from "./server.mjs";

const { FRAMES = "1000", SECONDS = "10" } = process.env;
const path = join(tmpdir(), `gatesock-trace-${process.pid}.json`);
const server = await Server.create("-frames", FRAMES);
const browser = await launch();
try {
  const page = await newPage(await browser.newContext({ viewport: { width: 1440, height: 900 } }));
  await page.goto(server.url);
  await page.waitForFunction(() => Number(document.querySelector("#count").textContent.replace(/\D/g, "")) >= 10_000);
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  console.log(`load ${loadavg()[0].toFixed(1)} on ${cpus().length} processors`);
  await browser.startTracing(page, { path, categories: ["devtools.timeline", "disabled-by-default-devtools.timeline"] });
  await measure(page, session, "following the newest", false);
  await measure(page, session, "scrolling meanwhile", true);
  await browser.stopTracing();
  tasks(JSON.parse(await readFile(path, "utf8")).traceEvents);
} finally {
  await browser.close();
  await server.destroy();
  await rm(path, { force: true });
}

// Prints the times between frames, and the memory after a garbage collection.
async function measure(page, session, what, scrolls) {
  const frames = await page.evaluate(([ms, scrolls]) => new Promise((done) => {
    const box = document.querySelector("#timeline");
    const frames = [];
    let last = performance.now();
    const end = last + ms;
    let by = -130;
    requestAnimationFrame(function frame(at) {
      frames.push(at - last);
      last = at;
      if (scrolls) {
        box.scrollTop += by;
        if (box.scrollTop < 1_000 || box.scrollTop > box.scrollHeight - 2_000) by = box.scrollTop < 1_000 ? 130 : -130;
      }
      if (at < end) requestAnimationFrame(frame);
      else done(frames);
    });
  }), [Number(SECONDS) * 1_000, scrolls]);
  report(`${what}, between frames`, frames);
  await session.send("HeapProfiler.collectGarbage");
  const { metrics } = await session.send("Performance.getMetrics");
  const of = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  console.log(`  ${await page.locator("#count").textContent()}; ${await page.locator("#dropped").textContent()}; ${await page.locator("#timeline [role=option]").count()} rows, ${of.Nodes} nodes, heap ${(of.JSHeapUsedSize / 2 ** 20).toFixed(1)} MiB`);
}

function tasks(events) {
  const frame = events.filter((e) => e.name === "FireAnimationFrame");
  const own = events.filter((e) => e.ph === "X" && frame.length && e.pid === frame.at(-1).pid && e.tid === frame.at(-1).tid);
  for (const name of ["RunTask", "ThreadControllerImpl::RunTask", "FireAnimationFrame", "UpdateLayoutTree", "Layout", "Paint", "MinorGC", "MajorGC"]) {
    const some = own.filter((e) => e.name === name).map((e) => (e.tdur ?? e.dur ?? 0) / 1_000);
    if (some.length) report(`${name}, processor`, some);
  }
}

function report(name, values) {
  values.sort((a, b) => a - b);
  const at = (q) => values[Math.floor(q * (values.length - 1))].toFixed(1);
  console.log(`${name}: ${values.length}, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms, above 50 ms: ${values.filter((v) => v > 50).length}`);
}
