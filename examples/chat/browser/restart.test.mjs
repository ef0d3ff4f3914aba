// The chat on DynamoDB, across restarts of the server: what "make chat STORE=dynamodb" runs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, limit, Window } from "./browser.mjs";
import { DynamoDB } from "./dynamodb.mjs";
import { Server } from "./server.mjs";

let db;
let server;
let browser;
before(async () => {
  [db, browser] = await Promise.all([DynamoDB.create(), launch()]);
  server = await Server.create("-open", "-table", "gatesock-chat", "-dynamodb", db.url);
});
after(async () => {
  await browser?.close();
  await server?.destroy();
  await db?.destroy();
});

for (const [room, how, signal] of [
  ["stopped", "is stopped", "SIGTERM"],
  ["killed", "is killed", "SIGKILL"],
]) {
  test(`Messages and presence are right after the server ${how}`, limit, async () => {
    const windows = [];
    const join = async (name) => {
      windows.push(await Window.join(browser, server.url, name, room));
      return windows.at(-1);
    };
    try {
      const ann = await join("Ann");
      const bob = await join("Bob");
      await ann.say("Who will remember this?");
      await bob.hears("Who will remember this?");
      await bob.say("The table will.");
      await ann.hears("The table will.");

      const code = await server.stop(signal);
      assert.equal(code, signal === "SIGTERM" ? 0 : null);
      await ann.page.locator("#link[data-state=waiting]").waitFor();
      await bob.context.close(); // without a notice
      await ann.say("Said while nobody listened.");
      await server.start();

      await ann.state("Online");
      await ann.online("Ann");
      await ann.hears("Said while nobody listened.");
      const all = ["Who will remember this?", "The table will.", "Said while nobody listened."];
      assert.deepEqual(await ann.texts(), all);

      const cy = await join("Cy");
      await cy.hears(all.at(-1));
      assert.deepEqual(await cy.texts(), all);
      for (const window of [ann, cy]) await window.online("Ann", "Cy");
      await cy.say("I have read it all.");
      await ann.hears("I have read it all.");
      await ann.screenshot(`restart-${room}-ann`);
      await cy.screenshot(`restart-${room}-cy`);
      for (const window of windows) assert.deepEqual(window.problems, []);
    } catch (error) {
      for (const [i, window] of windows.entries()) await window.screenshot(`failed-restart-${room}-${i + 1}`).catch(() => {});
      throw error;
    } finally {
      await Promise.all(windows.map((window) => window.context.close()));
    }
  });
}
