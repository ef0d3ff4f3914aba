// Faults, the clock, schedules and queues, exports, pause and clear.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { bench, say } from "./bench.mjs";
import { Server } from "./server.mjs";

bench("A fault: added, seen to happen, removed", {}, async (window) => {
  await window.connect("ann");
  await window.page.keyboard.press("Escape");
  await window.page.keyboard.press("2");
  await window.page.locator("#fault-kind").selectOption("slow");
  await window.page.getByLabel("Delay").fill("soon");
  await window.page.getByRole("button", { name: "Add the fault" }).click();
  await window.page.locator("#fault-says").getByText(/delay/).waitFor();
  await window.page.locator("#fault-kind").selectOption("gone");
  await window.page.getByRole("button", { name: "Add the selected connection" }).click();
  await window.page.getByLabel("Times").fill("1");
  await window.page.getByRole("button", { name: "Add the fault" }).click();
  await window.page.locator("#faults li").waitFor();
  await window.page.locator("#faults-button").getByText("1 fault").waitFor();
  await window.send(say("into the void"));
  await window.entry("called", "410").waitFor();
  await window.page.locator("#faults li").getByText("happened once, and will not again").waitFor();
  await window.page.locator("#faults-button").waitFor({ state: "hidden" });
  await window.screenshot("workbench-faults");
  await window.page.locator("#faults").getByRole("button", { name: "Remove" }).click();
  await window.page.getByText("Nothing goes wrong on purpose.").waitFor();
  await window.entry("fault-removed").waitFor();
});

bench("The clock: ten minutes end an idle connection", {}, async (window) => {
  await window.connect("ann");
  await window.panel("Time");
  await window.page.getByRole("button", { name: "+9 min" }).click();
  await window.entry("clock", "+9 min").waitFor();
  await window.page.locator("#offset").getByText("+9 min").waitFor();
  await window.page.getByLabel("Move the clock by").fill("nine");
  await window.page.getByRole("button", { name: "Move", exact: true }).click();
  await window.notice(/nine/);
  await window.page.getByLabel("Move the clock by").fill("1m30s");
  await window.page.getByRole("button", { name: "Move", exact: true }).click();
  await window.entry("disconnected", "1001").waitFor();
  await window.page.locator("#clock-offset").getByText(/\+10 min/).waitFor();
});

bench("Schedules and queues", {}, async (window) => {
  await window.panel("Time");
  await window.page.getByRole("button", { name: "Fire tick" }).click();
  await window.entry("schedule").waitFor();
  await window.page.getByRole("textbox", { name: "Body" }).fill('{"job":1}');
  await window.page.getByRole("button", { name: "Send to the queue" }).click();
  await window.notice("Sent to jobs.");
  await window.entry("queue", "jobs").waitFor();
});

bench("Exports: HAR and a Go test, of chosen connections", {}, async (window) => {
  await window.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await window.connect("ann");
  await window.send(say("hello"));
  await window.connect("bob");
  await window.panel("Export");
  const download = window.page.waitForEvent("download");
  await window.page.locator("#download-har").click();
  const har = JSON.parse(await readFile(await (await download).path(), "utf8"));
  const messages = (har) => har.log.entries.map((entry) => entry._webSocketMessages?.length ?? 0);
  assert.equal(messages(har).length, 2);
  await window.page.getByLabel("Some of them").check();
  assert.equal(await window.page.locator("#copy-test").isDisabled(), true);
  await window.page.locator("#export-list").getByLabel(/ann/).check();
  await window.page.locator("#copy-har").click();
  await window.notice("Copied: the HAR.");
  const one = JSON.parse(await window.page.evaluate(() => navigator.clipboard.readText()));
  assert.equal(one.log.entries.length, 1);
  assert.ok(messages(one)[0] >= 2);
  await window.page.getByLabel("Package").fill("session_test");
  await window.page.getByLabel("Name of the test").fill("TestAnn");
  await window.page.getByLabel("Application").fill("own.New(rec)");
  await window.page.getByLabel("Imports").fill("example.com/own");
  await window.page.locator("#copy-test").click();
  await window.notice("Copied: the Go test.");
  assert.match(await window.page.evaluate(() => navigator.clipboard.readText()), /package session_test[^]*"example.com\/own"[^]*func TestAnn\([^]*own\.New\(rec\)/);
});

bench("Pause and clear: nothing is lost while it is paused", {}, async (window) => {
  await window.connect("ann");
  await window.page.keyboard.press("Escape");
  await window.page.keyboard.press("p");
  await window.send(say("meanwhile"));
  await window.page.getByRole("button", { name: "Resume (4 new)" }).waitFor();
  assert.equal(await window.entry("received").count(), 0);
  await window.page.getByRole("button", { name: "Resume (4 new)" }).click();
  await window.entry("received", "meanwhile").waitFor();
  await window.page.getByRole("button", { name: "Clear", exact: true }).click();
  await window.page.getByText("Nothing has happened yet.").waitFor();
  await window.send(say("after"));
  await window.entry("received", "after").waitFor();
  assert.equal(await window.entry("missing").count(), 0);
});

bench("The same seed: what was clicked and what a script does give the same entries", { args: ["-seed", "4711"] }, async (window, server) => {
  const texts = Array.from({ length: 12 }, (_, i) => say(`message ${i}`));
  // Waits for so many answers: messages that are handled at the same time draw in any order.
  const answers = async (server, count) => {
    let entries;
    do ({ entries } = await server.api("GET", "entries")); while (entries.filter(({ kind }) => kind === "sent").length < count);
    return entries;
  };
  // What differs from run to run is left out: times, ids, and who did it.
  const same = async (server) =>
    (await answers(server, texts.length))
      .map(({ kind, connection, route, status, body, fault, call, frame, code }) => ({ kind, connection, route, status, body, fault, call, frame, code }));
  await window.connect("ann");
  await window.page.keyboard.press("Escape");
  await window.page.keyboard.press("2");
  await window.page.locator("#fault-kind").selectOption("gone");
  await window.page.getByLabel("Chance").fill("0.5");
  await window.page.getByRole("button", { name: "Add the fault" }).click();
  await window.page.locator("#faults li").waitFor();
  for (const [i, text] of texts.entries()) {
    await window.send(text);
    await answers(server, i + 1);
  }
  const clicked = await same(server);

  const other = await Server.create("-seed", "4711");
  try {
    const { connectionId } = await other.api("POST", "connections", { query: [["user", "ann"]] });
    await other.api("POST", "faults", { fault: "gone", chance: 0.5 });
    for (const [i, text] of texts.entries()) {
      await other.api("POST", `connections/${encodeURIComponent(connectionId)}/messages`, { text });
      await answers(other, i + 1);
    }
    assert.deepEqual(await same(other), clicked);
    const happened = clicked.filter(({ kind }) => kind === "fault").length;
    assert.ok(happened > 0 && happened < texts.length, `the fault happened ${happened} times of ${texts.length}`);
  } finally {
    await other.destroy();
  }
});
