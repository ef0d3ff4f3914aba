// Tabs that share a connection, in Chromium: its locks, its channels and its crashes are real.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launchChromium, limit, numbers, Tab } from "./browser.mjs";
import { Server } from "./server.mjs";

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([launchChromium(), Server.create()]);
}, limit);
after(async () => {
  await browser?.close();
  await server?.destroy();
});

/** The tab that has the connection. */
async function leaderOf(tabs) {
  return new Promise((resolve, reject) => {
    // Whichever is, or becomes, the leader.
    for (const tab of tabs) tab.until("page.leads()").then(() => resolve(tab), reject);
  });
}

// A tab is gone as after a fault of its process, which says nothing to anybody.
async function crash(tab) {
  const gone = new Promise((resolve) => tab.page.once("error", resolve));
  const cdp = await tab.page.createCDPSession();
  cdp.send("Page.crash").catch(() => {}); // there is no answer
  await gone;
}

describe("Tabs in Chromium", { concurrency: true, ...limit }, () => {
  test("ten tabs have one connection, and miss nothing while one after the other is killed", limit, async () => {
    const context = await browser.createBrowserContext();
    try {
      let tabs = await Promise.all(numbers(1, 10).map(() => Tab.open(context, server, { shared: true, name: "ten" })));
      await Promise.all(tabs.map((tab) => tab.subscribe("ten")));
      let n = 0;
      let keyed = 0;
      let called = 0;
      for (let round = 0; tabs.length > 3; round++) {
        const leader = await leaderOf(tabs);
        const victim = round % 3 === 2 ? tabs[Math.floor(Math.random() * tabs.length)] : leader;
        const others = tabs.filter((tab) => tab !== victim);
        await server.publish("ten", n + 1, n + 5);
        // Calls are under way when the tab goes.
        await Promise.all([
          ...others.slice(0, 3).map((tab, i) => tab.call("do", [`keyed ${round} ${i}`], { key: true })),
          ...others.slice(0, 3).map((tab, i) => tab.call("do", [`called ${round} ${i}`])),
        ]);
        keyed += Math.min(others.length, 3);
        called += Math.min(others.length, 3);
        if (round % 2) await victim.page.close();
        else await crash(victim);
        tabs = others;
        await server.publish("ten", n + 6, n + 10);
        n += 10;
        for (const tab of tabs) assert.deepEqual(await tab.events(String(n)), numbers(1, n));
      }
      for (const tab of tabs) {
        await tab.state("online");
        for (const { recovered } of await tab.get("established")) assert.ok(recovered);
        assert.deepEqual(tab.errors, []);
        await tab.call("do", ["last"], { key: true });
      }
      await Promise.all(tabs.map((tab) => tab.until("page.client.state.name === 'online'")));
      const { done } = await server.state();
      for (const [text, times] of Object.entries(done)) if (/^(keyed|called)/.test(text)) assert.equal(times, 1, text);
      const leading = await Promise.all(tabs.map((tab) => tab.page.evaluate("page.leads()")));
      assert.equal(leading.filter(Boolean).length, 1);
      assert.ok(keyed > 9 && called > 9);
    } finally {
      await context.close();
    }
  });

  test("a leader that is frozen is replaced, and follows when it wakes up", limit, async () => {
    const context = await browser.createBrowserContext();
    try {
      const tabs = await Promise.all(numbers(1, 3).map(() => Tab.open(context, server, { shared: true, name: "frozen" })));
      await Promise.all(tabs.map((tab) => tab.subscribe("frozen")));
      const leader = await leaderOf(tabs);
      const others = tabs.filter((tab) => tab !== leader);
      const cdp = await leader.page.createCDPSession();
      await cdp.send("Page.setWebLifecycleState", { state: "frozen" });
      await server.publish("frozen", 1, 5);
      const next = await leaderOf(others);
      assert.notEqual(next, leader);
      for (const tab of others) assert.deepEqual(await tab.events("5"), numbers(1, 5));
      assert.deepEqual(await leader.get("events"), []);
      await cdp.send("Page.setWebLifecycleState", { state: "active" });
      assert.deepEqual(await leader.events("5"), numbers(1, 5));
      await server.publish("frozen", 6, 9);
      for (const tab of tabs) assert.deepEqual(await tab.events("9"), numbers(1, 9));
      await leader.until("!page.leads()");
      for (const tab of tabs) {
        await tab.call("do", ["frozen"]);
        await tab.until("page.calls.done === 1");
        assert.deepEqual(tab.errors, []);
      }
    } finally {
      await context.close();
    }
  });

  test("a page that is left hands over", limit, async () => {
    const context = await browser.createBrowserContext();
    try {
      const tabs = await Promise.all(numbers(1, 2).map(() => Tab.open(context, server, { shared: true, name: "back" })));
      await Promise.all(tabs.map((tab) => tab.subscribe("back")));
      const leader = await leaderOf(tabs);
      const other = tabs.find((tab) => tab !== leader);
      await leader.page.goto("about:blank");
      await other.until("page.leads()");
      await server.publish("back", 1, 5);
      assert.deepEqual(await other.events("5"), numbers(1, 5));
    } finally {
      await context.close();
    }
  });
});
