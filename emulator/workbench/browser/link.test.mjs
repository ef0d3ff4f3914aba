// The page while the program stops, starts again, and loses entries.

import assert from "node:assert/strict";
import { bench, Bench, say } from "./bench.mjs";
import { newPage } from "../../../examples/chat/browser/browser.mjs";

bench("The program is started again, with the same token", {}, async (window, server) => {
  await window.connect("ann");
  await window.send(say("before"));
  await window.entry("received", "before").waitFor();
  await window.draft.fill("a draft");
  await server.stop();
  await window.link("Not connected");
  await window.page.getByRole("alert").getByText("Not connected, trying again.").waitFor();
  await window.screenshot("workbench-lost");
  await server.start();
  await window.link("Live");
  await window.page.getByText("The program was started again. What was shown before stays").waitFor();
  assert.equal(await window.page.getByRole("alert").getByText("Not connected").count(), 0);
  await window.page.getByRole("button", { name: "All connections" }).click();
  await window.entry("restarted").waitFor();
  await window.entry("received", "before").and(window.page.locator("[data-before]")).waitFor();
  await window.connection("ann").getByText("ended").waitFor();
  assert.equal(await window.draft.inputValue(), "a draft");
  await window.connect("bob");
  await window.send(say("after"));
  await window.entry("received", "after").and(window.page.locator(":not([data-before])")).waitFor();
  await window.screenshot("workbench-restarted");
  await window.page.reload();
  await window.link("Live");
  await window.connection("bob").waitFor();
});

bench("A draft stays when the page is loaded again", {}, async (window) => {
  await window.draft.pressSequentially("a thought");
  await window.page.waitForFunction(() => sessionStorage["gatesock-draft"] === "a thought");
  await window.page.reload();
  await window.link("Live");
  assert.equal(await window.draft.inputValue(), "a thought");
});

bench("The program is started again with another token", {}, async (window, server) => {
  await window.connect("ann");
  await window.draft.fill("a draft");
  await server.stop();
  await server.start("-token", "another-token-of-the-tests");
  await window.link("Locked out");
  await window.page.getByRole("alert").getByText("Open the address that it has printed").waitFor();
  await window.connection("ann").waitFor();
  const page = await newPage(window.context); // as somebody does with the new address
  await page.goto(server.url);
  await page.close();
  await window.link("Live");
  await window.page.getByText("The program was started again. What was shown before stays").waitFor();
  assert.equal(await window.draft.inputValue(), "a draft");
});

bench("A page without a token says where the address is", {}, async (window, server) => {
  await window.context.clearCookies();
  const response = await window.page.goto(new URL("/_gatesock/", server.url).href);
  assert.equal(response.status(), 401);
  await window.page.getByText(/address with the token is printed by the program/).waitFor();
});

bench("Entries that are missing are shown, and can be read again", {}, async (window, server) => {
  await window.connect("ann");
  const state = await server.api("GET", "state");
  const entry = (seq) => `event: entry\ndata: ${JSON.stringify({ seq, time: state.now, kind: "note", level: "test", text: `entry ${seq}` })}\n\n`;
  await window.page.route("**/api/stream*", (route) => route.fulfill({
    contentType: "text/event-stream", body: `event: hello\ndata: ${JSON.stringify({ ...state, instance: "other" })}\n\n${entry(1)}${entry(2)}${entry(9)}`,
  }), { times: 1 });
  await window.page.reload();
  await window.page.getByText("6 entries did not reach this page (3 to 8)").click();
  await window.detail.getByRole("button", { name: "Read all again from the server" }).click();
  await window.entry("connected").waitFor();
  await window.entry("missing").waitFor({ state: "detached" });
});

bench("Two windows see the same", {}, async (window, server) => {
  const other = await Bench.open(window.context.browser(), server.url);
  try {
    await other.link("Live");
    await window.connect("ann");
    await other.connection("ann").waitFor();
    await window.send(say("for both"));
    await other.entry("received", "for both").waitFor();
    await window.page.getByRole("button", { name: "Clear", exact: true }).click();
    await other.entry("received", "for both").waitFor({ state: "detached" });
    assert.deepEqual(other.unexpected, []);
  } finally {
    await other.context.close();
  }
});
