// The page of the workbench in a window of a browser, and the tests that use one.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, limit, newPage, Window } from "../../../examples/chat/browser/browser.mjs";
import { Server } from "./server.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

// bench runs a test with a server and a window of its own. options are those of a window, and args
// for the server.
export function bench(name, { args = [], ...options }, run) {
  test(name, limit, async () => {
    const server = await Server.create(...args);
    let window;
    try {
      window = await Bench.open(browser, server.url, { viewport: { width: 1440, height: 900 }, ...options });
      await window.link("Live");
      await run(window, server);
      assert.deepEqual(window.unexpected, []);
    } catch (error) {
      await window?.screenshot(`failed-workbench-${name.replace(/\W+/g, "-")}`).catch(() => {});
      throw error;
    } finally {
      await window?.context.close();
      await server.destroy();
    }
  });
}

export class Bench extends Window {
  static async open(...args) {
    return Object.setPrototypeOf(await Window.open(...args), Bench.prototype);
  }

  // Errors of the page. The browser logs each answer with an error status, which tests provoke.
  get unexpected() {
    return this.problems.filter((text) => !/Failed to load resource/.test(text));
  }

  link(text) {
    return this.page.locator("#link-text").getByText(text, { exact: true }).waitFor();
  }

  // Opens a client by the dialog. It is selected then.
  async connect(user) {
    await this.page.getByRole("button", { name: "New client" }).first().click();
    await this.dialog.getByLabel("Query").fill(`user=${user}`);
    await this.dialog.getByRole("button", { name: "Connect" }).click();
    await this.connection(user).and(this.page.locator("[aria-selected=true]")).waitFor();
    await this.dialog.waitFor({ state: "hidden" });
  }

  // Opens a client that is another program: a socket of another window, since a page behind another
  // one draws seldom. It stays open until the browser is closed.
  async foreign(server, user) {
    const page = await newPage(await browser.newContext());
    await page.goto(server.gateway.replace("ws", "http")); // an error, but of an origin on this machine
    await page.evaluate((url) => new Promise((done, failed) => {
      const socket = (globalThis.socket = new WebSocket(url));
      globalThis.frames = [];
      socket.onopen = done;
      socket.onerror = failed;
      socket.onmessage = ({ data }) => globalThis.frames.push(data);
      socket.onclose = ({ code, reason }) => (globalThis.ending = `${code} ${reason}`);
    }), `${server.gateway}?user=${user}`);
    await this.connection(user).waitFor();
    return page;
  }

  async send(text) {
    await this.draft.fill(text);
    await this.draft.press("Control+Enter");
  }

  get draft() {
    return this.page.getByLabel("Frame to send");
  }

  get dialog() {
    return this.page.locator("dialog[open]");
  }

  get detail() {
    return this.page.locator("#detail");
  }

  connection(text) {
    return this.page.locator("#connections [role=option]").filter({ has: this.page.getByText(text, { exact: true }) });
  }

  // The rows of the timeline of a kind, with a text.
  entry(kind, text = "") {
    return this.page.locator(`#timeline [data-kind="${kind}"]`).filter({ hasText: text });
  }

  // Waits until the page says how many entries it shows, such as "3 of 10".
  shows(text) {
    return this.page.locator("#count").getByText(text, { exact: true }).waitFor();
  }

  notice(text) {
    return this.page.locator("#notices").getByText(text).first().waitFor();
  }

  panel(name) {
    return this.page.getByRole("tab", { name }).click();
  }

  // The kinds of the rows in view, from top to bottom.
  kinds() {
    return this.page.evaluate(() => [...document.querySelectorAll("#timeline [role=option]")].sort((a, b) => a.dataset.index - b.dataset.index).map((row) => row.dataset.kind));
  }
}

export const say = (text) => JSON.stringify({ action: "say", text });
