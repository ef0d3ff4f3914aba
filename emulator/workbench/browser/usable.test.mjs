// The page without a mouse, in the dark, on a phone, and with a screen reader.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { bench, say } from "./bench.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Fails for each violation that axe finds, contrast and names of controls among them.
async function accessible(window, what) {
  await window.page.evaluate(axe);
  const { violations } = await window.page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  assert.deepEqual(violations.map(({ id, nodes }) => `${what}: ${id}: ${nodes.slice(0, 4).map(({ html, failureSummary }) => `${html.slice(0, 120)} ${failureSummary}`).join("; ")}`), []);
}

async function traffic(window) {
  await window.connect("ann");
  await window.send(say("hello"));
  await window.send('{"action":"fail","text":"x"}');
  await window.entry("sent", "internal").waitFor();
}

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

for (const [name, options] of Object.entries({
  light: { colorScheme: "light" }, dark: { colorScheme: "dark" }, "phone-light": { colorScheme: "light", ...phone }, "phone-dark": { colorScheme: "dark", ...phone },
})) {
  bench(`Accessible: ${name}`, options, async (window, server) => {
    const isPhone = name.startsWith("phone");
    const pane = async (label) => isPhone && window.page.locator("#panes-nav").getByRole("button", { name: label }).click();
    await accessible(window, "empty");
    await window.screenshot(`workbench-${name}-empty`);
    await pane("Connections");
    if (isPhone) {
      await server.api("POST", "connections", { query: [["user", "ann"]] });
      await window.connection("ann").click();
      await window.send(say("hello"));
      await window.send('{"action":"fail","text":"x"}');
      await window.entry("sent", "internal").waitFor();
    } else await traffic(window);
    await server.api("POST", "faults", { fault: "slow", delay: "1ms" });
    await window.page.locator("#faults-button").waitFor();
    await accessible(window, "timeline");
    await window.screenshot(`workbench-${name}`);
    await window.entry("received", "say").click();
    await window.detail.getByText("This request").waitFor();
    await accessible(window, "an entry");
    await window.screenshot(`workbench-${name}-entry`);
    for (const panel of ["Faults", "Time", "Export"]) {
      await window.panel(panel);
      await accessible(window, panel);
      await window.screenshot(`workbench-${name}-${panel}`);
    }
    if (isPhone) {
      const [width, content] = await window.page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
      assert.equal(content, width, "nothing is wider than the window");
    }
    await window.page.getByRole("button", { name: "New client" }).first().click();
    await accessible(window, "the dialog of a client");
    await window.screenshot(`workbench-${name}-client`);
    await window.page.keyboard.press("Escape");
    await server.stop();
    await window.link("Not connected");
    await server.start();
    await window.page.getByText("The program was started again. What was shown before stays").waitFor();
    await pane("Timeline");
    await window.page.keyboard.press("Escape");
    await window.page.keyboard.press("Escape");
    await window.entry("restarted").waitFor();
    await accessible(window, "after a restart");
    await window.screenshot(`workbench-${name}-restarted`);
  });
}

bench("With the keyboard alone", {}, async (window, server) => {
  const { keyboard } = window.page;
  const press = async (...keys) => {
    for (const key of keys) await keyboard.press(key);
  };
  const focused = () => window.page.evaluate(() => document.activeElement.id);
  await press("?");
  await window.dialog.getByRole("heading", { name: "Keyboard" }).waitFor();
  await press("Escape", "n");
  await window.dialog.getByLabel("Query").waitFor();
  await press("Tab", "Tab"); // from the user, past the buttons, or to the fields: all can be reached
  for (let i = 0; i < 10 && (await focused()) !== "client-query"; i++) await press("Tab");
  assert.equal(await focused(), "client-query");
  await keyboard.type("user=ann");
  for (let i = 0; i < 10 && (await focused()) !== "client-connect"; i++) await press("Tab");
  await press("Enter");
  await window.connection("ann").waitFor();
  await window.page.waitForFunction(() => document.activeElement.id === "draft");
  await keyboard.type(say("by keys"));
  await press("Control+Enter");
  await window.entry("sent", "answer say").waitFor();
  await press("Escape"); // out of the box
  await press("k", "k", "k", "k");
  await window.entry("received", "by keys").and(window.page.locator("[aria-selected=true]")).waitFor();
  await window.detail.getByRole("heading", { name: /Frame of the client/ }).waitFor();
  await press("r");
  await window.notice("Replayed as #1.");
  await window.entry("received", "by keys").nth(1).waitFor();
  await press("e");
  assert.equal(await focused(), "draft");
  assert.equal(await window.draft.inputValue(), say("by keys"));
  await press("Escape", "/");
  await keyboard.type("kind:log");
  await window.entry("received").first().waitFor({ state: "detached" });
  await press("Control+a", "Delete");
  await window.entry("received").first().waitFor();
  await press("Escape", "Escape", "Escape"); // the field, the entry, the connection
  await window.page.getByRole("heading", { name: "All connections" }).waitFor();
  await press("]");
  await window.connection("ann").and(window.page.locator("[aria-selected=true]")).waitFor();
  await press("2");
  assert.equal(await focused(), "tab-faults");
  await press("ArrowRight");
  await window.page.getByRole("button", { name: "+9 min" }).waitFor();
  await press("x");
  await window.dialog.getByRole("heading", { name: "Disconnect #1 ann" }).waitFor();
  for (let i = 0; i < 10 && (await window.page.evaluate(() => document.activeElement.textContent)) !== "Disconnect"; i++) await press("Tab");
  await press("Enter");
  await window.entry("disconnected").waitFor();

  // The focus is seen on every control that Tab reaches.
  const seen = new Set();
  for (let i = 0; i < 80; i++) {
    await press("Tab");
    const at = await window.page.evaluate(() => {
      const e = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(e);
      return { name: e === document.body ? "" : `${e.tagName} ${e.id} ${e.textContent.slice(0, 30)}`, isSeen: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 };
    });
    if (at.name === "") continue;
    assert.ok(at.isSeen, `the focus on ${at.name} is seen`);
    seen.add(at.name);
  }
  for (const id of ["new-client", "theme", "all", "connections", "search", "route-filter", "timeline", "draft", "template", "pause", "clear"]) {
    assert.ok([...seen].some((name) => name.split(" ")[1] === id), `Tab reaches ${id}: ${[...seen].join(", ")}`);
  }
  assert.equal(typeof server.url, "string");
});

bench("Colours: as the system says, or as somebody chose", { colorScheme: "dark" }, async (window) => {
  const paper = () => window.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await paper();
  const theme = window.page.getByRole("button", { name: /^Colours/ });
  await theme.click();
  const light = await paper();
  assert.notEqual(light, dark);
  await window.page.reload();
  await window.link("Live");
  assert.equal(await paper(), light, "it is kept");
  await theme.click();
  assert.equal(await paper(), dark);
  await theme.click();
  await window.page.emulateMedia({ colorScheme: "light" });
  assert.equal(await paper(), light);
});
