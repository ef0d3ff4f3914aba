// The main path in Firefox: the page of the documentation, calls, topics, a connection that is lost,
// and tabs that share one.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launchFirefox, limit, newPage, numbers, Tab } from "./browser.mjs";
import { Server } from "./server.mjs";

let browser;
let server;
before(async () => {
  [browser, server] = await Promise.all([launchFirefox(), Server.create()]);
}, limit);
after(async () => {
  await browser?.close();
  await server?.destroy();
});

describe("In Firefox", limit, () => {
  test("the page of ten lines that the documentation shows works", limit, async () => {
    const page = await newPage(browser);
    await page.goto(`${server.url}/pages/start.html`);
    await page.waitForFunction("document.title === 'online'");
    await page.type("#text", "Hello");
    await page.keyboard.press("Enter");
    await page.waitForFunction("document.querySelector('#log').textContent === 'Hello'");
    await page.close();
  });

  test("a page gets what it has missed while its connection was lost", limit, async () => {
    const tab = await Tab.open(browser, server, {});
    await tab.subscribe("a");
    for (let i = 0; i < 3; i++) {
      await server.publish("a", 20 * i + 1, 20 * i + 10);
      await server.ask("cut");
      await tab.call("do", [`keyed ${i}`], { key: true });
      await server.publish("a", 20 * i + 11, 20 * i + 20);
      assert.deepEqual(await tab.events(String(20 * i + 20)), numbers(1, 20 * i + 20));
    }
    await tab.until("page.calls.done === 3");
    const { done } = await server.state();
    for (let i = 0; i < 3; i++) assert.equal(done[`keyed ${i}`], 1);
    for (const { recovered } of await tab.get("established")) assert.ok(recovered);
    assert.deepEqual(tab.errors, []);
    await tab.page.close();
  });

  test("tabs share a connection, and miss nothing when the one that has it is closed", limit, async () => {
    const tabs = [];
    for (let i = 0; i < 3; i++) tabs.push(await Tab.open(browser, server, { shared: true }));
    for (const tab of tabs) await tab.subscribe("shared");
    let n = 0;
    while (tabs.length) {
      await server.publish("shared", n + 1, n + 5);
      n += 5;
      for (const tab of tabs) assert.deepEqual(await tab.events(String(n)), numbers(1, n));
      const leading = await Promise.all(tabs.map((tab) => tab.page.evaluate("page.leads()")));
      assert.equal(leading.filter(Boolean).length, 1);
      const [leader] = tabs.splice(leading.indexOf(true), 1);
      await leader.page.close();
    }
  });
});
