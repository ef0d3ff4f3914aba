// The client in Chromium, over real sockets.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DynamoDB } from "../../../examples/chat/browser/dynamodb.mjs";
import { launchChromium, limit, newPage, numbers, Tab } from "./browser.mjs";
import { Server } from "./server.mjs";

let browser;
before(async () => {
  browser = await launchChromium();
}, limit);
after(() => browser?.close());

// Runs f with a server and a new context, whose pages share nothing with those of other tests.
async function withServer(args, f) {
  const server = await Server.create(...args);
  try {
    const context = await browser.createBrowserContext();
    try {
      await f(server, context);
    } finally {
      await context.close();
    }
  } finally {
    await server.destroy();
  }
}

// At the end of a test: the page has thrown nothing.
const isWell = (tab) => assert.deepEqual(tab.errors, []);

describe("In Chromium", { concurrency: true, ...limit }, () => {
  test("the page of ten lines that the documentation shows works", limit, () =>
    withServer([], async (server, context) => {
      const pages = [];
      for (let i = 0; i < 2; i++) {
        const page = await newPage(context);
        await page.goto(`${server.url}/pages/start.html`);
        await page.waitForFunction("document.title === 'online'");
        pages.push(page);
      }
      await pages[0].type("#text", "Hello\n");
      for (const page of pages) await page.waitForFunction("document.querySelector('#log').textContent === 'Hello'");
    }));

  test("a page without a network gets what it has missed when the network is back", limit, () =>
    withServer([], async (server, context) => {
      const tab = await Tab.open(context, server, {});
      await tab.subscribe("a");
      await server.publish("a", 1, 10);
      await tab.events("10");
      const network = await tab.page.createCDPSession();
      const offline = (offline) =>
        network.send("Network.emulateNetworkConditions", { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
      await network.send("Network.enable");
      await offline(true);
      assert.equal(await tab.page.evaluate("navigator.onLine"), false);
      // On the connection, which seems open still.
      await tab.call("do", ["unkeyed"]);
      await tab.call("do", ["keyed"], { key: true });
      await server.publish("a", 11, 30);
      assert.equal((await tab.get("events")).length, 10);
      await server.ask("cut");
      await server.ask("wait", { open: 0 });
      await offline(false);
      assert.deepEqual(await tab.events("30"), numbers(1, 30));
      await tab.until("page.calls.done + page.calls.codes.length === 2");
      const { done } = await server.state();
      assert.equal(done.keyed, 1);
      const { codes } = await tab.get("calls");
      if (!done.unkeyed) assert.deepEqual(codes, ["unknown_outcome"]);
      else assert.equal(done.unkeyed, 1);
      for (const { recovered } of await tab.get("established")) assert.ok(recovered);
      isWell(tab);
    }));

  // The page is frozen as Chromium freezes pages: nothing runs in it. What the test adds is the hour:
  // it moves the page's clock. The network has forgotten the connection meanwhile, so that the page
  // has to find out that it is dead.
  test("a tab that was asleep for an hour gets what it has missed", limit, () =>
    withServer([], async (server, context) => {
      const tab = await Tab.open(context, server, {});
      await tab.subscribe("a");
      await server.publish("a", 1, 3);
      await tab.events("3");
      const cdp = await tab.page.createCDPSession();
      await cdp.send("Page.setWebLifecycleState", { state: "frozen" });
      await server.ask("mute");
      await server.publish("a", 4, 60);
      await tab.page.evaluate(() => {
        const { now } = Date;
        Date.now = () => now() + 60 * 60_000;
      });
      assert.deepEqual(await tab.get("events"), numbers(1, 3));
      await cdp.send("Page.setWebLifecycleState", { state: "active" });
      assert.deepEqual(await tab.events("60"), numbers(1, 60));
      await tab.call("do", ["awake"]);
      await tab.until("page.calls.done === 1");
      for (const { recovered } of await tab.get("established")) assert.ok(recovered);
      isWell(tab);
    }));

  test("nothing is lost or doubled when the server is killed and started again", limit, async () => {
    const db = await DynamoDB.create();
    try {
      await withServer(["-dynamodb", db.url], async (server, context) => {
        const tabs = await Promise.all([1, 2].map(() => Tab.open(context, server, {})));
        for (const tab of tabs) await tab.subscribe("a");
        for (let round = 0; round < 3; round++) {
          const texts = numbers(20 * round + 1, 20 * round + 20);
          await tabs[0].call("say", texts, { key: true, lane: "a" }, "a");
          await tabs[1].until(`page.events.length > ${20 * round + 3}`);
          await server.kill();
          for (const tab of tabs) await tab.until("page.client.state.name !== 'online'");
          await server.start();
          for (const tab of tabs) assert.deepEqual(await tab.events(texts.at(-1)), numbers(1, 20 * round + 20));
        }
        await tabs[0].until("page.calls.done === 60");
        for (const tab of tabs) {
          for (const { recovered } of await tab.get("established")) assert.ok(recovered);
          isWell(tab);
        }
      });
    } finally {
      await db.destroy();
    }
  });

  test("the connection is replaced under load, and the page notices nothing", limit, () =>
    withServer([], async (server, context) => {
      const tab = await Tab.open(context, server, { lifetime: 200 });
      await tab.subscribe("a");
      let n = 0;
      for (let round = 2; round <= 6; ) {
        // At least one message is under way all the time.
        await tab.call("do", numbers(n + 1, n + 5));
        await server.publish("a", n + 1, n + 5);
        n += 5;
        if ((await server.state()).all >= round) round++;
      }
      assert.deepEqual(await tab.events(String(n)), numbers(1, n));
      await tab.until(`page.calls.done + page.calls.codes.length === ${n}`);
      assert.deepEqual((await tab.get("calls")).codes, []);
      const { done } = await server.state();
      for (const text of numbers(1, n)) assert.equal(done[text], 1);
      assert.deepEqual(await tab.get("states"), ["online"]);
      assert.deepEqual(await tab.get("problems"), []);
      for (const { recovered } of await tab.get("established")) assert.ok(recovered);
      isWell(tab);
    }));

  test("a page whose token has expired fetches another one", limit, () =>
    withServer(["-tokens"], async (server, context) => {
      const tab = await Tab.open(context, server, { token: true, protocols: ["test"] });
      await tab.subscribe("a");
      await server.publish("a", 1, 3);
      await tab.events("3");
      assert.equal((await server.state()).issued, 1);
      await server.ask("clock", { by: "1h" });
      await server.publish("a", 4, 6);
      // The server refuses the call, and closes the connection, perhaps before the answer.
      await tab.call("do", ["late"]);
      await tab.until("page.calls.codes.length === 1");
      const { codes } = await tab.get("calls");
      assert.ok(["unauthenticated", "unknown_outcome"].includes(codes[0]), codes[0]);
      assert.deepEqual(await tab.events("6"), numbers(1, 6));
      assert.equal((await server.state()).issued, 2);
      await tab.call("do", ["again"]);
      await tab.until("page.calls.done === 1");
      assert.deepEqual((await server.state()).done, { again: 1 });
      isWell(tab);
    }));
});
