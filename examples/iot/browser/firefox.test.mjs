// The main path in Firefox: sign-in, the table, a device with its chart, an alert.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchFirefox, limit, newPage } from "../../chat/browser/browser.mjs";
import { register, report } from "./device.mjs";
import { Server } from "./server.mjs";

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([Server.create(), launchFirefox()]);
});
after(async () => {
  await browser?.close();
  await server?.destroy();
});

test("The dashboard, in Firefox", limit, async () => {
  await register(server, [{ id: "x-1", name: "Boiler", type: "thermometer", region: "north" }]);
  await report(server, [["x-1", { temperature: 21.5 }]]);
  const page = await newPage(browser);
  await page.setViewport({ width: 1280, height: 800 });
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  const text = (selector, wanted) => page.waitForFunction(
    (selector, wanted) => [...document.querySelectorAll(selector)].some((e) => e.textContent.includes(wanted)), {}, selector, wanted);

  await page.goto(server.page());
  await text("#link-text", "Live");
  await text("#table .row", "21.5");
  await page.click("#table .row");
  await text("#detail", "1 reading since");
  await page.waitForSelector("#detail canvas");
  await report(server, [["x-1", { temperature: 75 }]]);
  await text("#alert-list li", "Alarm");
  await text("#table .row", "75.0");
  await page.click("#alert-list .act");
  await text("#alert-list li", "acknowledged by");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.querySelector("#detail").hidden);
  const { background, ok } = await page.evaluate(() => ({
    background: getComputedStyle(document.body).backgroundColor,
    ok: getComputedStyle(document.querySelector(".cell"), "::before").backgroundColor,
  }));
  assert.ok(["rgb(238, 241, 244)", "rgb(13, 17, 22)"].includes(background), `the colours of the theme: ${background}`);
  assert.notEqual(ok, "rgba(0, 0, 0, 0)");
  assert.deepEqual(problems, []);
});
