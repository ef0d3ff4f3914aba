// Who sends too much has to wait, and loses nothing.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, Window } from "./browser.mjs";
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

test("Messages above the limit wait, with a countdown, and go out in order", { timeout: 60_000 }, async () => {
  const ann = await Window.join(browser, server.url, "Ann", "lobby"); // two tokens
  const bob = await Window.join(browser, server.url, "Bob", "lobby");
  try {
    assert.equal(await ann.page.locator("#wait").isVisible(), false);
    for (const text of ["one", "two", "three", "four"]) await ann.say(text); // and two more; typing takes some
    const wait = ann.page.locator("#wait");
    await wait.getByText("You are sending too much. What is waiting goes out").waitFor();
    const seconds = async () => Number(/in (\d+) s\./.exec(await wait.textContent())?.[1]);
    const first = await seconds();
    assert.ok(first >= 1 && first <= 8, `in ${first} s`);
    await ann.screenshot("limit-wait");
    await ann.page.waitForFunction((first) => Number(/in (\d+) s\./.exec(document.querySelector("#wait").textContent)?.[1]) < first, first);
    await ann.composer.fill("five"); // one can go on writing
    assert.equal(await ann.page.getByRole("alert").textContent(), "", "and nothing is called an error");

    for (const text of ["one", "two", "three", "four"]) await bob.hears(text);
    assert.deepEqual(await bob.texts(), ["one", "two", "three", "four"]);
    assert.deepEqual(await ann.texts(), ["one", "two", "three", "four"]);
    await wait.waitFor({ state: "hidden" });
    for (const window of [ann, bob]) assert.deepEqual(window.problems, []);
  } catch (error) {
    await ann.screenshot("failed-limit");
    throw error;
  } finally {
    await Promise.all([ann, bob].map((window) => window.context.close()));
  }
});

test("Who joins too often waits too, and is let in then", { timeout: 60_000 }, async () => {
  const signed = await Server.create("-rate", "0.5", "-burst", "3");
  const ann = await Window.open(browser, `${signed.url}#attic`);
  try {
    await ann.signIn("Ann");
    await ann.online("Ann"); // two tokens, and another connection is no way around it
    await ann.page.getByRole("button", { name: "Leave" }).click();
    await ann.room("attic");
    await ann.page.locator("#wait").getByText("You are sending too much.").waitFor();
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
