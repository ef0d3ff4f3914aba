// The dashboard in a real browser, against the program that "make iot" runs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, limit } from "../../chat/browser/browser.mjs";
import { Dashboard } from "./dashboard.mjs";
import { Device, register, report, reportRaw } from "./device.mjs";
import { Server } from "./server.mjs";

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([Server.create(), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.destroy();
});

// Runs a test with a function that opens the page in a new window. ignored are errors that it causes.
function page(name, run, { ignored } = {}) {
  test(name, limit, async () => {
    const windows = [];
    const open = async (options) => {
      const window = await Dashboard.open(browser, server, options);
      windows.push(window);
      return window;
    };
    try {
      await run(open);
      for (const window of windows) assert.deepEqual(window.problems.filter((text) => !ignored?.test(text)), []);
    } catch (error) {
      for (const [i, window] of windows.entries()) await window.screenshot(`failed-iot-${name.slice(0, 30)}-${i + 1}`).catch(() => {});
      throw error;
    } finally {
      await Promise.all(windows.map((window) => window.context.close()));
    }
  });
}

const thermometer = (id, region, name = "") => ({ id, name, type: "thermometer", region });

page("A tenant without devices says what to run, and a wrong key what to do", async (open) => {
  const window = await open({ address: server.page("globex") });
  await window.page.getByRole("heading", { name: "No devices yet" }).waitFor();
  await window.page.getByText("go run ./iot/simulate").waitFor();
  assert.equal(new URL(window.page.url()).hash, "", "the key does not stay in the address");
  await register(server, [thermometer("first", "north", "The first")], "globex");
  await window.shows("The first", "New");
  await window.page.reload();
  await window.shows("The first", "New");

  await window.page.getByRole("button", { name: "Sign out" }).click();
  await window.page.getByRole("heading", { name: "Devices", exact: true }).waitFor();
  await window.page.locator(".row").filter({ hasText: "The first" }).waitFor({ state: "detached" }); // nothing of the tenant stays
  await window.page.getByLabel("API key").fill("gs_wrong");
  await window.page.getByRole("button", { name: "Sign in" }).click();
  await window.page.getByText("The server does not know this key").waitFor();
  await window.page.getByLabel("API key").fill(server.persons.globex);
  await window.page.keyboard.press("Enter");
  await window.shows("The first", "New");
}, { ignored: /401/ });

page("Who comes late sees the last values, and then what changes", async (open) => {
  await register(server, [thermometer("late-1", "north", "Boiler"), thermometer("late-2", "south", "Cellar")]);
  await report(server, [["late-1", { temperature: 20 }], ["late-1", { temperature: 21.5, humidity: 40 }]]);
  const window = await open();
  await window.state("Live");
  await window.shows("Boiler", "21.5");
  await window.shows("Boiler", "OK");
  await window.shows("Cellar", "New");
  await window.page.locator("#tenant").getByText("acme").waitFor();
  assert.equal(await window.cell("late-1").getAttribute("data-status"), "ok");
  assert.equal(await window.cell("late-2").getAttribute("aria-label"), "Cellar, thermometer, New");
  await report(server, [["late-1", { temperature: 22.25 }]]);
  await window.shows("Boiler", "22.3");

  const { refused } = await reportRaw(server, [{ device: "late-1", seq: 99, at: new Date().toISOString(), values: { temperature: 999 } }]);
  assert.equal(refused[0].reason, "out_of_range");
  await window.figure("refused", "1");
  await window.page.getByRole("button", { name: "Refused readings" }).click();
  await window.page.getByRole("rowheader", { name: "out of range" }).waitFor();
  await window.page.keyboard.press("Escape");
  await window.page.locator("#refusals").waitFor({ state: "hidden" });
});

page("The server applies the filter", async (open) => {
  await register(server, [thermometer("f-1", "harbour", "Crane"), thermometer("f-2", "airport", "Tower"), { id: "f-3", name: "Pump house", type: "pump", region: "harbour" }]);
  await report(server, [["f-1", { temperature: 30 }], ["f-2", { temperature: 31 }], ["f-3", { pressure: 6 }]]);
  const window = await open();
  await window.find("f-"); // of this test
  await window.shows("Crane", "30.0");
  const { page } = window;
  await page.getByLabel("Region", { exact: true }).selectOption("harbour");
  await window.lacks("Tower");
  assert.deepEqual((await window.names()).sort(), ["Crane", "Pump house"]);
  await page.getByLabel("Type", { exact: true }).selectOption("thermometer");
  await window.lacks("Pump house");
  await report(server, [["f-2", { temperature: 32 }], ["f-1", { temperature: 33 }]]);
  await window.shows("Crane", "33.0");
  assert.deepEqual(await window.names(), ["Crane"]);

  await page.getByLabel("Value", { exact: true }).selectOption("above");
  await page.getByLabel("Limit of the value").fill("32.5");
  await page.keyboard.press("Enter");
  await report(server, [["f-1", { temperature: 12 }]]);
  await page.getByRole("heading", { name: "No device matches the filter" }).waitFor();
  await report(server, [["f-1", { temperature: 34 }]]);
  await window.shows("Crane", "34.0");
  await page.getByLabel("Which updates").selectOption("status,online");
  await report(server, [["f-1", { temperature: 35.5 }]]); // no change of the status
  await report(server, [["f-1", { temperature: 61 }]]);
  await window.shows("Crane", "Alarm");
  await window.shows("Crane", "61.0");
  await report(server, [["f-1", { temperature: 34 }]]);
  await window.shows("Crane", "34.0");
  await page.getByLabel("At most every").selectOption("500");
  await page.reload(); // the tab keeps the filter
  await window.shows("Crane", "34.0");
  assert.deepEqual(await window.names(), ["Crane"]);
  await page.getByRole("button", { name: "Clear filter" }).click();
  await window.find("f-");
  await window.shows("Tower", "32.0");
});

page("A device has its charts", async (open) => {
  await register(server, [thermometer("c-1", "north", "Kiln")]);
  const readings = (n) => Array.from({ length: n }, (_, i) => ["c-1", { temperature: 20 + (i % 7), humidity: 50 }]);
  await report(server, readings(80));
  const window = await open();
  await window.row("Kiln").click();
  const { detail, page } = window;
  await detail.getByRole("heading", { name: "Kiln" }).waitFor();
  await detail.getByText(/^80 readings since/).waitFor();
  assert.equal(await detail.locator("canvas").count(), 2, "a chart for each metric");
  await detail.locator(".chart", { hasText: "temperature" }).locator("b").getByText("22.0", { exact: true }).waitFor();
  await report(server, [["c-1", { temperature: 41.5 }]]);
  await detail.getByText(/^81 readings since/).waitFor();
  await detail.locator(".chart", { hasText: "temperature" }).locator("b").getByText("41.5", { exact: true }).waitFor();
  const ink = await detail.locator("canvas").first().evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  });
  assert.ok(ink > 10, "the chart is drawn");
  assert.equal(await detail.getByRole("button", { name: "Earlier readings" }).isVisible(), false, "there are none");
  assert.equal(new URL(page.url()).hash, "#device=c-1");
  await page.reload();
  await detail.getByText(/^81 readings since/).waitFor();
  await page.keyboard.press("Escape");
  await detail.waitFor({ state: "hidden" });
});

page("A command is acknowledged, and has a result", async (open) => {
  await register(server, [thermometer("cmd-1", "north", "Oven")]);
  const device = new Device(server, "cmd-1");
  try {
    await device.report({ temperature: 20 });
    const window = await open();
    const other = await open({ address: `${server.page()}` });
    await window.row("Oven").click();
    await other.row("Oven").click();
    const { detail } = window;
    // The next command of the device, or why the page could not send it.
    const refused = async () => {
      throw new Error(await detail.locator(".commands .problem:visible").textContent());
    };
    const order = () => Promise.race([device.order(), refused()]);
    await detail.getByLabel("Command", { exact: true }).selectOption("interval");
    await detail.getByLabel("Arguments, as JSON").fill("{seconds: 5}");
    await detail.getByRole("button", { name: "Send" }).click();
    await detail.getByText("The arguments are not JSON.").waitFor();
    await detail.getByLabel("Arguments, as JSON").fill('{"seconds": 5}');
    await detail.getByRole("button", { name: "Send" }).click();
    const first = await order();
    assert.deepEqual([first.name, first.args], ["interval", { seconds: 5 }]);
    await detail.getByText("Sent", { exact: true }).waitFor();
    await detail.getByText(/^\d+ s left$/).waitFor();
    await device.answer(first.id, "acknowledged");
    await detail.getByText("Acknowledged", { exact: true }).waitFor();
    const result = { note: "<img src=x onerror=\"document.title='broken'\">" };
    await device.answer(first.id, "done", { result });
    for (const { detail } of [window, other]) {
      await detail.getByText("Done", { exact: true }).waitFor();
      await detail.getByText(JSON.stringify(result), { exact: true }).waitFor();
      assert.equal(await detail.locator("img").count(), 0);
    }
    await detail.getByLabel("Command", { exact: true }).selectOption("blink");
    await detail.getByLabel("Arguments, as JSON").fill("");
    await detail.getByRole("button", { name: "Send" }).click();
    const second = await order();
    await device.answer(second.id, "failed", { message: "no lamp" });
    await detail.getByText("no lamp", { exact: true }).waitFor();
    assert.deepEqual(await detail.locator(".commands .state").allTextContents(), ["Failed", "Done"], "the newest first");
  } finally {
    device.close();
  }
});

page("An alert is raised, acknowledged and cleared", async (open) => {
  await register(server, [thermometer("a-1", "north", "Furnace")]);
  await report(server, [["a-1", { temperature: 20 }]]);
  const window = await open();
  const other = await open();
  await window.shows("Furnace", "20.0");
  await other.shows("Furnace", "20.0");
  await report(server, [["a-1", { temperature: 75 }]]);
  await window.shows("Furnace", "Alarm");
  await window.alertOf("Furnace").first().waitFor();
  assert.equal(await window.cell("a-1").getAttribute("data-status"), "alarm");
  assert.match(await window.cell("a-1").getAttribute("aria-label"), /Alarm/, "not by colour only");
  const alert = (one) => one.alertOf("Furnace").filter({ hasText: "Alarm" });
  await alert(other).getByRole("button", { name: /^Acknowledge/ }).click();
  await alert(window).getByText(/acknowledged by operator@acme/).waitFor();
  assert.equal(await alert(window).getByRole("button", { name: /^Acknowledge/ }).isVisible(), false);
  await report(server, [["a-1", { temperature: 21 }]]);
  await alert(window).getByText(/^cleared/).waitFor();
  await window.shows("Furnace", "OK");
});

page("Without a connection it says from when it is, and afterwards nothing is missing", async (open) => {
  await register(server, [thermometer("o-1", "north", "Freezer")]);
  await report(server, [["o-1", { temperature: -5 }]]);
  const window = await open();
  await window.row("Freezer").click();
  await window.detail.getByText(/^1 readings? since/).waitFor();
  await window.cut();
  await window.page.getByText(/What you see is from \d\d:\d\d:\d\d\./).waitFor();
  await window.shows("Freezer", "-5.0");
  await register(server, [thermometer("o-2", "north", "Fridge")]);
  for (const temperature of [-6, -7, -8]) await report(server, [["o-1", { temperature }]]);
  await report(server, [["o-2", { temperature: 70 }]]);
  assert.equal(await window.row("Fridge").count(), 0);
  await window.restore();
  await window.state("Live");
  await window.detail.getByText(/^4 readings since/).waitFor();
  await window.shows("Freezer", "-8.0");
  await window.shows("Fridge", "70.0");
  await window.alertOf("Fridge").first().waitFor();
  assert.equal(await window.page.locator("#stale").isVisible(), false);
}, { ignored: /fetch|network/i });

page("A tenant sees nothing of another one's", async (open) => {
  await register(server, [thermometer("t-1", "north", "Ours")]);
  await register(server, [thermometer("t-1", "north", "Theirs")], "globex");
  const ours = await open();
  const theirs = await open({ address: server.page("globex") });
  await ours.row("Ours").waitFor();
  await theirs.row("Theirs").waitFor();
  await report(server, [["t-1", { temperature: 44 }]]);
  await ours.shows("Ours", "44.0");
  await theirs.shows("Theirs", "New");
  assert.equal(await ours.row("Theirs").count() + (await theirs.row("Ours").count()), 0);
});

page("Names are never HTML", async (open) => {
  const name = "<img src=x onerror=\"document.title='broken'\">";
  await register(server, [thermometer("h-1", "north", name), thermometer("constructor", "north", "שלום 1")]);
  await report(server, [["h-1", { temperature: 70 }]]);
  const window = await open();
  await window.alertOf(name).first().waitFor();
  await window.cell("h-1").hover();
  await window.page.getByRole("tooltip").getByText(name, { exact: true }).waitFor();
  await window.row(name).click();
  await window.detail.getByRole("heading", { name }).waitFor();
  await window.row("שלום 1").waitFor();
  assert.equal(await window.page.locator("#app img").count(), 1, "only the page's own");
  assert.notEqual(await window.page.title(), "broken");
});

page("The keyboard is enough", async (open) => {
  await register(server, ["k-1", "k-2", "k-3"].map((id) => thermometer(id, "keys", `Key ${id}`)));
  const window = await open();
  const { page } = window;
  await window.row("Key k-3").waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("/");
  await page.keyboard.type("key k-");
  await page.locator("#found").getByText(/^3 of/).waitFor();
  await page.keyboard.press("Enter"); // into the table
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await window.detail.getByRole("heading", { name: "Key k-2" }).waitFor();
  await page.keyboard.press("Escape");
  await window.detail.waitFor({ state: "hidden" });
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("role")), "grid", "the focus is back");
  await page.keyboard.press("g");
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  await page.getByRole("tooltip").waitFor();
  const label = await page.evaluate(() => document.activeElement.ariaLabel);
  await page.keyboard.press("Enter");
  await window.detail.getByRole("heading", { name: label.split(",")[0], exact: true }).waitFor();
  await page.keyboard.press("Escape");
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
  await page.keyboard.press("t");
  assert.equal(await theme(), "light");
  await page.keyboard.press("t");
  assert.equal(await theme(), "dark");
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(13, 17, 22)");
});

page("A thousand devices: only the rows in view are in the document", async (open) => {
  const many = Array.from({ length: 1000 }, (_, i) => ({ id: `m-${i + 1}`, name: `Many ${i + 1}`, type: "meter", region: `hall-${i % 4}` }));
  await register(server, many);
  const window = await open();
  const { page } = window;
  await window.find("many");
  await page.locator("#found").getByText(/^1,000 of/).waitFor();
  await page.getByRole("columnheader", { name: "Device" }).getByRole("button").click();
  await window.row("Many 1").waitFor();
  assert.ok((await page.locator("#table .row").count()) < 60);
  await page.locator("#table .grid").focus();
  await page.keyboard.press("End");
  await window.row("Many 1000").waitFor();
  await window.lacks("Many 1");
  await page.getByRole("columnheader", { name: "Device" }).getByRole("button").click();
  await page.locator("#table .grid").focus();
  await page.keyboard.press("Home");
  await page.locator('.row[aria-rowindex="2"]').getByText("Many 1000", { exact: true }).waitFor();
  assert.equal(await page.locator("#grid .cell").count() >= 1000, true);
  await window.find("many 77");
  await page.locator("#found").getByText(/^19 of/).waitFor();
});

page("A phone shows one part at a time", async (open) => {
  await register(server, [thermometer("p-1", "north", "Pocket")]);
  await report(server, [["p-1", { temperature: 65 }]]);
  const window = await open({ viewport: { width: 360, height: 740 }, hasTouch: true });
  const { page } = window;
  await page.getByRole("heading", { name: "Regions" }).waitFor();
  const noOverflow = async () => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is wider than the phone");
  await noOverflow();
  await page.getByRole("button", { name: "Devices", exact: true }).tap();
  await window.find("pocket");
  await window.shows("Pocket", "65.0");
  await noOverflow();
  await window.row("Pocket").tap();
  await window.detail.getByRole("heading", { name: "Pocket" }).waitFor();
  await noOverflow();
  await window.detail.getByRole("button", { name: "Close device" }).tap();
  await window.detail.waitFor({ state: "hidden" });
  await page.getByRole("button", { name: /^Alerts/ }).tap();
  await window.alertOf("Pocket").first().waitFor();
  await noOverflow();
});
