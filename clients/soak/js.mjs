// Clients in JavaScript for the soak: js.mjs URL NAME CLIENTS TOPICS. Node.js 20 has no WebSocket, so
// they use that of the package ws.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { connect } from "../js/dist/index.js";

const [url, name, clients, topics] = process.argv.slice(2);
// puppeteer-core has it.
const { WebSocket } = createRequire(new URL("../js/browser/package.json", import.meta.url))("ws");

const report = { clients: Number(clients), events: 0, lost: 0, doubled: 0, told: 0, calls: 0, answered: 0, wrong: 0, codes: {} };
const all = []; // {client, positions}
let isStopped = false;
let waiting = () => {};

function open(i) {
  const client = connect({ url: `${url}/local`, WebSocket });
  const got = new Map(); // topic: the last number
  const one = { client, got };
  all.push(one);
  const ready = [i, i + 7].map((n) => {
    const topic = `t${n % Number(topics)}`;
    const subscription = client.subscribe(topic);
    subscription.on("established", ({ recovered, position }) => {
      if (!got.has(topic)) got.set(topic, position.offset);
      else if (!recovered) report.told++;
    });
    subscription.on("event", ({ data }) => {
      const n = Number(data);
      const before = got.get(topic);
      report.events++;
      if (n <= before) report.doubled++;
      else {
        report.lost += n - before - 1;
        got.set(topic, n);
      }
      waiting();
    });
    return subscription.established;
  });
  return Promise.all(ready).then(() => call(one, i, 0));
}

// Calls now and then, until the end: with a key, and without.
function call({ client }, i, k) {
  setTimeout(async () => {
    if (isStopped) return;
    report.calls++;
    client
      .call("do", { text: `${name} ${i} ${k}` }, k % 2 ? { key: true } : {})
      .then(
        (times) => {
          report.answered++;
          if (times !== 1) report.wrong++;
        },
        ({ code }) => (report.codes[code] = (report.codes[code] ?? 0) + 1),
      )
      .finally(() => {
        waiting();
        call({ client }, i, k + 1);
      });
  }, 4_000 + Math.random() * 12_000).unref();
}

// Waits until it holds. It is asked whenever something has happened.
const until = (holds) =>
  new Promise((resolve) => {
    waiting = () => {
      if (!holds()) return;
      waiting = () => {};
      resolve();
    };
    waiting();
  });

const commands = {
  async start() {
    for (let i = 0; i < Number(clients); i += 20) {
      await Promise.all(Array.from({ length: Math.min(20, Number(clients) - i) }, (_, j) => open(i + j)));
    }
    return {};
  },
  async memory() {
    globalThis.gc();
    return { heap: process.memoryUsage().heapUsed, rss: rss() };
  },
  async stop() {
    isStopped = true;
    const ended = () => report.answered + Object.values(report.codes).reduce((a, b) => a + b, 0);
    await until(() => ended() === report.calls);
    return {};
  },
  async end({ last }) {
    const isAt = (topic, n) => n >= last[Number(topic.slice(1))];
    await until(() => all.every(({ got }) => [...got].every(([topic, n]) => isAt(topic, n))));
    for (const { client } of all) client.close();
    return report;
  },
};

function rss() {
  try {
    return 1024 * Number(/VmRSS:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
  } catch {
    return process.memoryUsage().rss;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  console.log(JSON.stringify(await commands[command.do](command)));
}
