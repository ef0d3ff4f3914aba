// Tickets over two origins, in Chromium and in Firefox: a page fetches a ticket from an API on
// another origin, with its session cookie there, and connects with it. A page of an unknown origin
// gets none.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { launch, launchFirefox, limit, newPage } from "./browser.mjs";

const examples = new URL("../..", import.meta.url).pathname;

let server;
let where; // {page, other, api}
before(async () => {
  server = process.env.ORIGINS
    ? spawn(process.env.ORIGINS, { stdio: ["pipe", "pipe", "inherit"] })
    : spawn("go", ["run", "./chat/browser/origins"], { cwd: examples, stdio: ["pipe", "pipe", "inherit"] });
  for await (const line of createInterface({ input: server.stdout })) {
    where = JSON.parse(line);
    return;
  }
  throw new Error("the server has ended without saying where it runs");
});
after(async () => {
  const exit = once(server, "exit");
  server.stdin.end();
  await exit;
});

// Runs in a page: fetches a ticket. The custom header makes the browser send a preflight request.
async function fetchTicket([api, credentials]) {
  try {
    const answer = await fetch(`${api}/ticket`, { method: "POST", credentials, headers: { "X-Csrf-Token": "x" } });
    return { status: answer.status, ...(answer.ok && (await answer.json())) };
  } catch (error) {
    return { error: error.name };
  }
}

// Runs in a page: connects with a ticket, and asks for the name that it was issued to.
function whoami([api, ticket]) {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${api.replace("http", "ws")}/local?ticket=${ticket}`);
    socket.onopen = () => socket.send('{"action":"whoami","id":"1"}');
    socket.onmessage = ({ data }) => resolve(JSON.parse(data).data);
    socket.onerror = () => resolve("refused");
  });
}

const asked = async () => Number(await (await fetch(`${where.api}/asked`)).text());

for (const [name, launchBrowser] of Object.entries({ Chromium: launch, Firefox: launchFirefox })) {
  test(`A ticket from another origin, in ${name}`, limit, async () => {
    const browser = await launchBrowser();
    try {
      const page = await newPage(browser);
      await page.goto(where.page);
      assert.deepEqual(await page.evaluate(fetchTicket, [where.api, "include"]), { status: 401 }, "nobody is signed in, and the page may know");
      await page.goto(`${where.api}/sign-in?name=ann`);

      await page.goto(where.page);
      assert.deepEqual(await page.evaluate(fetchTicket, [where.api, "omit"]), { status: 401 }, "without the cookie");
      const { status, ticket } = await page.evaluate(fetchTicket, [where.api, "include"]);
      assert.equal(status, 200);
      assert.equal(await page.evaluate(whoami, [where.api, ticket]), "ann");
      assert.equal(await page.evaluate(whoami, [where.api, ticket]), "refused", "a second time");

      const another = await page.evaluate(fetchTicket, [where.api, "include"]);
      const before = await asked();
      await page.goto(where.other); // of the same site, so that the browser sends the cookie
      assert.deepEqual(await page.evaluate(fetchTicket, [where.api, "include"]), { error: "TypeError" });
      const simple = async (api) => {
        // Without a custom header the browser sends no preflight request.
        const answer = await fetch(`${api}/ticket`, { method: "POST", credentials: "include", mode: "no-cors" });
        return [answer.type, answer.status, await answer.text()];
      };
      assert.deepEqual(await page.evaluate(simple, where.api), ["opaque", 0, ""]);
      assert.equal(await asked(), before, "a page of another origin had a ticket issued");
      assert.equal(await page.evaluate(whoami, [where.api, another.ticket]), "refused", "with a ticket of the page's");
    } finally {
      await browser.close();
    }
  });
}
