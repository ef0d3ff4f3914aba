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
  server = await Server.create("-open", "-rate", "0", "-table", "gatesock-chat", "-dynamodb", db.url);
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

// While three people talk, the server is killed again and again. Each of them says numbered
// messages without a pause, and in the end everybody has all of them, once, in the same order.
test("Nobody misses a message and nobody sees one twice when the server is killed while three people talk", limit, async () => {
  const names = ["Ann", "Bob", "Cy"];
  const windows = await Promise.all(names.map((name) => Window.join(browser, server.url, name, "busy")));
  try {
    for (const [i, window] of windows.entries()) await window.page.evaluate(talk, names[i]);
    for (let kills = 0; kills < 3; kills++) {
      await windows[kills].page.waitForFunction((least) => globalThis.said >= least, 5 * (kills + 1));
      await server.stop("SIGKILL");
      await server.start();
    }
    const said = [];
    for (const [i, window] of windows.entries()) {
      const n = await window.page.evaluate(() => (clearInterval(globalThis.talking), globalThis.said));
      for (let k = 1; k <= n; k++) said.push(`${names[i]} ${k}`);
    }
    for (const window of windows) {
      await window.page.waitForFunction((n) => document.querySelectorAll("li.message:not([data-state])").length >= n, said.length);
    }
    const [first, ...others] = await Promise.all(windows.map((window) => window.texts()));
    assert.deepEqual([...first].sort(), [...said].sort());
    for (const texts of others) assert.deepEqual(texts, first);
    for (const name of names) {
      const mine = first.filter((text) => text.startsWith(`${name} `));
      assert.deepEqual(mine, mine.map((_, k) => `${name} ${k + 1}`), "in the order in which they were said");
    }
    await windows[0].screenshot("busy");
    for (const window of windows) assert.deepEqual(window.problems, []);
  } catch (error) {
    for (const [i, window] of windows.entries()) await window.screenshot(`failed-busy-${i + 1}`).catch(() => {});
    throw error;
  } finally {
    await Promise.all(windows.map((window) => window.context.close()));
  }
});

// Runs in the page: says something every now and then, until it is stopped.
function talk(name) {
  globalThis.said = 0;
  const field = document.querySelector("#text");
  globalThis.talking = setInterval(() => {
    if (globalThis.said === 100) return; // the page shows up to 500
    field.value = `${name} ${++globalThis.said}`;
    field.form.requestSubmit();
  }, 200);
}

test("A tab that was asleep has what was said meanwhile, in order and once", limit, async () => {
  const ann = await Window.join(browser, server.url, "Ann", "asleep", { clock: true });
  const bob = await Window.join(browser, server.url, "Bob", "asleep");
  try {
    await ann.say("Good night");
    await bob.hears("Good night");
    await ann.page.evaluate(() => {
      // The pushes of a computer that sleeps are lost, and the connection seems open.
      globalThis.sockets.at(-1).onmessage = null;
    });
    const texts = Array.from({ length: 60 }, (_, i) => `Dream ${i + 1}`);
    for (const text of texts) await bob.say(text);
    await bob.hears(texts.at(-1));
    assert.deepEqual(await ann.texts(), ["Good night"]);
    await ann.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange"))); // it wakes up
    await ann.page.clock.fastForward("00:11"); // the connection is dead
    await ann.hears(texts.at(-1));
    assert.deepEqual(await ann.texts(), ["Good night", ...texts]);
    await ann.say("Good morning");
    await bob.hears("Good morning");
    await ann.hears("Good morning");
    assert.deepEqual(await ann.texts(), await bob.texts());
    for (const window of [ann, bob]) assert.deepEqual(window.problems, []);
  } finally {
    await Promise.all([ann, bob].map((window) => window.context.close()));
  }
});

test("A push that is lost without a trace is found when the tab wakes up", limit, async () => {
  const ann = await Window.join(browser, server.url, "Ann", "lost", { clock: true });
  const bob = await Window.join(browser, server.url, "Bob", "lost");
  try {
    await ann.page.evaluate(() => {
      const socket = globalThis.sockets.at(-1);
      const { onmessage } = socket;
      socket.onmessage = (event) => event.data.includes('"message"') || onmessage(event);
      globalThis.mend = () => (socket.onmessage = onmessage);
    });
    await bob.say("The last word");
    await bob.hears("The last word");
    await ann.page.evaluate(() => globalThis.mend());
    assert.deepEqual(await ann.texts(), []);
    await ann.page.clock.fastForward("07:00"); // its timers are late
    await ann.hears("The last word");
    assert.equal(await ann.page.evaluate(() => globalThis.sockets.length), 1, "over the same connection");
  } finally {
    await Promise.all([ann, bob].map((window) => window.context.close()));
  }
});
