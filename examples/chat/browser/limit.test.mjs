// A person that sends too much has to wait, and loses no message.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, limit, Window } from "./browser.mjs";
import { Server } from "./server.mjs";

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([Server.create("-open", "-rate", "0.25", "-burst", "4"), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.destroy();
});

// ends returns true if the first promise is fulfilled before the second. Both wait for something on
// the page.
async function ends(first, second) {
  const promises = [first.then(() => true), second.then(() => false)];
  for (const promise of promises) promise.catch(() => {}); // the later one may find the page closed
  return Promise.race(promises);
}

// How much is too much depends on the speed of the test: while it writes, the server accepts more
// again. So it writes more and more, until the page has had to wait for longer than a second.
test("Messages above the limit wait, with a countdown, and go out in order", limit, async () => {
  const ann = await Window.join(browser, server.url, "Ann", "lobby");
  const bob = await Window.join(browser, server.url, "Bob", "lobby");
  try {
    const wait = ann.page.locator("#wait");
    assert.equal(await wait.isVisible(), false);
    await ann.page.evaluate(keepCountdown);
    const texts = [];
    do {
      const batch = Array.from({ length: texts.length + 4 }, (_, i) => `message ${texts.length + i + 1}`);
      texts.push(...batch);
      await ann.page.evaluate(sayAll, batch);
      await ann.composer.fill("another"); // writing is still possible
      await ann.screenshot("limit-wait");
      await ann.hears(texts.at(-1));
    } while (!(await ann.page.evaluate(countsDown)));
    assert.equal(await ann.page.getByRole("alert").textContent(), "", "and nothing is called an error");

    await bob.hears(texts.at(-1));
    assert.deepEqual(await bob.texts(), texts);
    assert.deepEqual(await ann.texts(), texts);
    await wait.waitFor({ state: "hidden" });
    const countdown = await ann.page.evaluate(() => globalThis.countdown);
    for (const seconds of countdown) assert.ok(seconds >= 1 && seconds <= 8, `in ${seconds} s`);
    for (const window of [ann, bob]) assert.deepEqual(window.problems, []);
  } catch (error) {
    await ann.screenshot("failed-limit");
    throw error;
  } finally {
    await Promise.all([ann, bob].map((window) => window.context.close()));
  }
});

// Runs in the page: keeps the seconds of waiting that the page shows.
function keepCountdown() {
  globalThis.countdown = [];
  const line = document.querySelector("#wait");
  new MutationObserver(() => {
    const seconds = Number(/in (\d+) s\./.exec(line.textContent)?.[1]);
    if (!line.hidden && seconds !== globalThis.countdown.at(-1)) globalThis.countdown.push(seconds);
  }).observe(line, { subtree: true, childList: true, characterData: true, attributes: true });
}

// Runs in the page: whether it has counted down.
function countsDown() {
  return globalThis.countdown.some((seconds, i, all) => i > 0 && seconds < all[i - 1]);
}

// Runs in the page: writes several messages without a pause.
function sayAll(texts) {
  const field = document.querySelector("#text");
  for (field.value of texts) field.form.requestSubmit();
}

test("Who joins too often waits too, and is let in then", limit, async () => {
  const signed = await Server.create("-rate", "0.25", "-burst", "3");
  const ann = await Window.open(browser, `${signed.url}#attic`);
  try {
    await ann.signIn("Ann");
    await ann.online("Ann"); // two tokens, and another connection has the same limit
    do {
      await ann.page.getByRole("button", { name: "Leave" }).click();
      await ann.room("attic", { wait: false });
    } while (!(await ends(ann.page.locator("#wait").getByText("You are sending too much.").waitFor(), ann.online("Ann"))));
    await ann.say("Here I am again");
    await ann.online("Ann");
    await ann.hears("Here I am again");
    assert.deepEqual(ann.problems, []);
  } catch (error) {
    await ann.screenshot("failed-limit-join");
    throw error;
  } finally {
    await ann.context.close();
    await signed.destroy();
  }
});
