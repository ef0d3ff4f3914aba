// What an author does with the page: clients, frames, the timeline, details.

import assert from "node:assert/strict";
import { bench, say } from "./bench.mjs";

bench("An empty page says what to do", {}, async (window, server) => {
  await window.page.getByRole("button", { name: "Clear", exact: true }).click();
  await window.page.getByText("Nothing has happened yet.").waitFor();
  await window.page.locator("#nothing-addresses").getByText(server.gateway).waitFor();
  await window.page.getByText("No client has connected yet. Connect one to the address above").waitFor();
  await window.screenshot("workbench-empty");
});

bench("A session: two clients, frames, invocations, logs, posts, answers", {}, async (window) => {
  await window.connect("ann");
  await window.connect("bob");
  await window.send(say("hello"));
  await window.entry("received", "say").waitFor();
  await window.entry("called", '"from":"bob","text":"hello"').waitFor();
  await window.send('{"action":"echo","text":"again"}');
  await window.entry("log", "echo length=5").waitFor();
  await window.entry("sent", '"text":"again"').waitFor();
  await window.connection("bob").getByText("echo 1 say 1").waitFor();
  await window.connection("bob").getByText("lobby · users/bob").waitFor();
  await window.entry("log", "joins user=bob").waitFor(); // although nobody knew the connection then

  // What belongs to a request is marked, in the timeline and in the details.
  await window.page.getByRole("button", { name: "All connections" }).click();
  await window.entry("received", "say").click();
  await window.page.locator("#timeline [data-mate]").nth(3).waitFor();
  const chain = window.detail.locator(".chain .what");
  const names = await chain.allInnerTexts();
  assert.deepEqual(names.map((text) => text.split("\n").at(-1).trim()), ["say", "say", "post", "post", "answer say"]);
  assert.equal(await window.page.locator("#timeline [data-mate]").count(), 4);
  await window.screenshot("workbench-light");
  await chain.nth(1).click();
  await window.detail.getByRole("heading", { name: "Invocation say" }).waitFor();
  await window.detail.locator("pre").getByText('"requestContext"').waitFor();
});

bench("JSON is shown indented with its own numbers, and raw, and copied", {}, async (window) => {
  await window.context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await window.connect("ann");
  const frame = '{"action":"echo","n":12345678901234567890,"n":1.0,"e":[],"text":"a \\"b\\""}';
  await window.send(frame);
  await window.entry("received", "echo").click();
  const code = window.detail.locator("pre").first();
  assert.equal(await code.textContent(), '{\n  "action": "echo",\n  "n": 12345678901234567890,\n  "n": 1.0,\n  "e": [],\n  "text": "a \\"b\\""\n}');
  await window.detail.getByRole("button", { name: "Raw: Frame" }).click();
  assert.equal(await code.textContent(), frame);
  await window.detail.getByRole("button", { name: "Copy frame" }).click();
  await window.notice("Copied: frame.");
  assert.equal(await window.page.evaluate(() => navigator.clipboard.readText()), frame);
  await window.entry("connected").click();
  await window.detail.getByText("Query (1)").waitFor();
});

bench("The filter: kinds, route, status, text", {}, async (window) => {
  await window.connect("ann");
  await window.send(say("one"));
  await window.send('{"action":"fail","text":"two"}');
  await window.entry("sent", "internal").waitFor();
  await window.page.getByRole("button", { name: "Frames", exact: true }).click();
  await window.entry("log").first().waitFor({ state: "detached" });
  assert.deepEqual(await window.kinds(), ["received", "sent", "received", "sent"]);
  await window.page.getByLabel("Route").selectOption("fail");
  await window.entry("received", "say").waitFor({ state: "detached" });
  assert.deepEqual(await window.kinds(), ["received", "sent"]);
  await window.page.getByRole("button", { name: "Clear the filter" }).click();
  await window.entry("log").first().waitFor();
  await window.page.getByLabel("Status").selectOption("Failures");
  await window.entry("connected").waitFor({ state: "detached" });
  assert.equal(await window.page.locator("#timeline [role=option]:not([data-failed])").count(), 0);
  assert.notEqual(await window.entry("log", "ERROR").count(), 0);
  await window.page.getByRole("button", { name: "Clear the filter" }).click();
  await window.page.getByLabel("Search the timeline").fill('route:say -kind:invoked "text":"one"');
  await window.entry("connected").waitFor({ state: "detached" });
  assert.deepEqual(await window.kinds(), ["received"]);
  await window.page.getByLabel("Search the timeline").fill("nothing like this");
  await window.page.getByText("No entry passes the filter.").waitFor();
  await window.page.getByRole("button", { name: "Clear the filter" }).click();
  await window.entry("connected").waitFor();
});

bench("The box says what the gateway will do, and sends what is not JSON", {}, async (window) => {
  const says = window.page.locator("#draft-says");
  await window.connect("ann");
  for (const [draft, text] of [
    [say("x"), "JSON, for the route say."],
    ['{"action":"nothing"}', "JSON, but there is no route “nothing”: it goes to $default."],
    ['{"a":1}', "JSON, but $request.body.action selects nothing: it goes to $default."],
    ["{not", "Not JSON: Expected property name or '}' at column 2. It can be sent, and goes to $default."],
    [JSON.stringify("x".repeat(140_000)), "136.7 KiB. Above 128 KiB: the gateway closes the connection with 1009."],
  ]) {
    await window.draft.fill(draft);
    await says.getByText(text, { exact: true }).waitFor();
  }
  await window.send("{not");
  await window.entry("received", "{not").waitFor();
  await window.entry("sent", "answer $default").waitFor();
  await window.send(`{"action":"echo","text":"${"y".repeat(40_000)}"}`); // in several frames
  await window.entry("sent", "yyyy").waitFor();
  await window.page.getByLabel("Template").selectOption("say");
  assert.equal(await window.draft.inputValue(), '{"action":"say"}');
  await window.draft.fill('{"action":"say","text":"typed"}');
  await window.page.getByRole("button", { name: "Format" }).click();
  assert.equal(await window.draft.inputValue(), '{\n  "action": "say",\n  "text": "typed"\n}');
});

bench("A refused handshake, with what was logged", {}, async (window) => {
  await window.page.keyboard.press("n");
  await window.dialog.getByLabel("Query").fill("user mallory");
  await window.dialog.getByRole("button", { name: "Connect" }).click();
  await window.dialog.getByText("Query: “user mallory” has no “=” after a name.").waitFor();
  await window.dialog.getByLabel("Query").fill("user=mallory");
  await window.dialog.getByRole("button", { name: "Connect" }).click();
  await window.dialog.getByText(/^Refused with \d+\./).waitFor();
  await window.dialog.getByText("WARN mallory may not connect").waitFor();
  await window.screenshot("workbench-refused");
  await window.dialog.getByRole("button", { name: "Show it in the timeline" }).click();
  await window.entry("refused").and(window.page.locator("[aria-selected=true]")).waitFor();
  await window.detail.getByRole("button", { name: "Connect like this" }).click();
  assert.equal(await window.dialog.getByLabel("Query").inputValue(), "user=mallory");
});

bench("Headers and subprotocols of a new client reach the handshake", {}, async (window) => {
  await window.page.keyboard.press("n");
  await window.dialog.getByLabel("Headers").fill("Authorization: Bearer x\nX-Tenant: a: b");
  await window.dialog.getByLabel("Query").fill("?user=ann&room=1&room=a%26b");
  await window.dialog.getByLabel("Subprotocols").fill("one, two");
  await window.dialog.getByLabel("As the user").fill("somebody");
  await window.dialog.getByRole("button", { name: "Connect" }).click();
  await window.connection("ann").waitFor();
  await window.detail.getByText('"somebody"').waitFor();
  const facts = await window.detail.locator(".facts > div").allInnerTexts();
  for (const fact of ["Authorization\nBearer x", "X-Tenant\na: b", "room\n1", "room\na&b", "Subprotocols\none, two"]) assert.ok(facts.includes(fact), `${fact} in ${JSON.stringify(facts)}`);
});

bench("A post, a replay, edit and resend", {}, async (window, server) => {
  const other = await window.foreign(server, "ann");
  await window.connection("ann").click();
  await window.page.getByLabel("What to send").selectOption("Post to the client");
  await window.send("for ann");
  await other.waitForFunction(() => globalThis.frames.includes("for ann"));
  await window.page.locator("#sent-says").getByText("Posted to #1: 200").waitFor();
  await window.page.getByLabel("What to send").selectOption("Send as the client");
  await window.send('{"action":"echo","text":"first"}');
  await other.waitForFunction(() => globalThis.frames.some((frame) => frame.includes("first")));
  await window.entry("received", "first").click();
  await window.detail.getByRole("button", { name: "Replay" }).click();
  await window.notice("Replayed as #1.");
  await window.entry("received", "first").nth(1).waitFor();
  await window.draft.fill("half a thought");
  await window.detail.getByRole("button", { name: "Edit and resend" }).click();
  assert.equal(await window.draft.inputValue(), '{"action":"echo","text":"first"}');
  await window.send('{"action":"echo","text":"second"}');
  await window.entry("sent", "second").waitFor();
  await window.page.getByLabel("Template").selectOption("half a thought"); // it was not lost
  assert.equal(await window.draft.inputValue(), "half a thought");
});

bench("Disconnect with a code: own clients as client, others by the gateway", {}, async (window, server) => {
  const other = await window.foreign(server, "ann");
  await window.connection("ann").click();
  await window.detail.getByRole("button", { name: "Disconnect" }).click();
  assert.equal(await window.dialog.getByLabel("The client").isDisabled(), true);
  await window.dialog.getByText("The fault half-open does what a pulled cable does.").waitFor();
  await window.dialog.getByLabel("Code").fill("4001");
  await window.dialog.getByLabel("Reason").fill("try again");
  await window.dialog.getByRole("button", { name: "Disconnect" }).click();
  await other.waitForFunction(() => globalThis.ending === "4001 try again");
  await window.entry("disconnected", "by the gateway: try again").waitFor();
  await window.connection("ann").getByText("ended 4001").waitFor();
  await window.connect("bob");
  await window.page.keyboard.press("Escape");
  await window.page.keyboard.press("x");
  await window.dialog.getByLabel("The client").check();
  await window.dialog.getByLabel("Code").fill("3000");
  await window.dialog.getByRole("button", { name: "Disconnect" }).click();
  await window.entry("disconnected", "by the client").waitFor();
  await window.connection("bob").getByText("ended 3000").waitFor();
});

bench("What others write is never HTML", {}, async (window) => {
  const evil = "<img src=x onerror=\"document.title='broken'\"><script>alert(1)</script>";
  await window.connect(evil);
  await window.send(evil);
  await window.entry("received").click();
  await window.detail.locator("pre").getByText(evil, { exact: true }).first().waitFor();
  assert.equal(await window.page.locator("#panes :is(img, script, b)").count(), 0);
  assert.notEqual(await window.page.title(), "broken");
});

bench("A stage with an authorizer has fields for its identity sources", {}, async (window, server) => {
  const state = await server.api("GET", "state");
  const [stage] = state.stages;
  const stages = [stage, { ...stage, name: "live", authorizer: true, identity: ["route.request.querystring.token", "route.request.header.X-Tenant"] }];
  await window.page.route("**/api/stream*", (route) => route.fulfill({ contentType: "text/event-stream", body: `event: hello\ndata: ${JSON.stringify({ ...state, stages })}\n\n` }));
  await window.page.reload();
  const sent = new Promise((done) => window.page.route("**/api/connections", (route) => {
    if (route.request().method() !== "POST") return route.continue();
    done(route.request().postDataJSON());
    return route.fulfill({ status: 401, json: { error: "The authorizer refused.", status: 401 } });
  }));
  await window.page.locator("#addresses").getByText("live").waitFor();
  await window.page.keyboard.press("n");
  await window.page.locator("#client-stage").selectOption("live");
  await window.dialog.getByLabel("token").fill("secret");
  await window.dialog.getByLabel("X-Tenant").fill("acme");
  await window.dialog.getByLabel("As the user").fill("ann");
  await window.dialog.getByLabel("Scopes").fill("read write");
  await window.dialog.getByRole("button", { name: "Connect" }).click();
  assert.deepEqual(await sent, { stage: "live", headers: [["X-Tenant", "acme"]], query: [["token", "secret"]], subprotocols: [], user: "ann", scopes: ["read", "write"] });
  await window.dialog.getByText("Refused with 401. The authorizer refused.").waitFor();
});
