// A browser and its windows, in which the chat is open.

import { existsSync, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";

// The time in ms after which a step has failed. It is more than a busy machine needs; a test that
// passes does not wait for it.
const patience = 5 * 60_000;

// The time limit of a test, longer than the one of a step.
export const limit = { timeout: 3 * patience };

const screenshots = new URL("../../../.cache/screenshots/", import.meta.url).pathname;

export function launch() {
  return chromium.launch({
    timeout: patience,
    executablePath: process.env.CHROMIUM || findInPath("Chromium", "chromium", "chromium-browser", "google-chrome"),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

// Starts a distribution's Firefox over WebDriver BiDi; Playwright only drives its own build.
export function launchFirefox() {
  return puppeteer.launch({
    browser: "firefox",
    headless: true,
    timeout: patience,
    protocolTimeout: patience,
    executablePath: process.env.FIREFOX || findInPath("Firefox", "firefox-esr", "firefox"),
  });
}

function findInPath(browser, ...names) {
  for (const name of names) {
    for (const folder of process.env.PATH.split(delimiter)) {
      if (existsSync(join(folder, name))) return join(folder, name);
    }
  }
  throw new Error(`there is no ${browser}: set ${browser.toUpperCase()} to its path`);
}

// newPage opens an empty page in a browser or in a browser context. Its steps have the patience of all tests.
export async function newPage(context) {
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  return page;
}

// Window is a page in its own browser context, like another person at another machine.
export class Window {
  problems = []; // errors that the page has thrown or logged

  // With clock, the test moves the page's time (page.clock).
  static async open(browser, url, { clock, ...options } = {}) {
    const window = new Window();
    window.context = await browser.newContext({ viewport: { width: 900, height: 640 }, locale: "en-GB", ...options });
    window.context.setDefaultTimeout(patience);
    window.page = await newPage(window.context);
    window.page.on("pageerror", (error) => window.problems.push(String(error)));
    window.page.on("console", (message) => {
      // The browser logs every failed connection, which some tests provoke.
      if (message.type() === "error" && !/WebSocket|ERR_/.test(message.text())) window.problems.push(message.text());
    });
    await window.page.addInitScript(keepSockets);
    if (clock) await window.page.clock.install();
    await window.page.goto(url);
    return window;
  }

  // Opens a window and joins a room.
  static async join(browser, url, name, room, options) {
    const window = await Window.open(browser, url, options);
    await window.enter(name, room);
    return window;
  }

  async enter(name, room) {
    await this.page.getByLabel("Your name").fill(name);
    await this.page.getByLabel("Room").fill(room);
    await this.page.getByRole("button", { name: "Join" }).click();
    await this.state("Online");
    await this.page.locator("#online bdi").getByText(name, { exact: true }).first().waitFor();
  }

  // Signs in at the provider for development.
  async signIn(name, { staff } = {}) {
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.page.getByLabel("Your name").fill(name);
    await this.page.getByLabel("I am staff").setChecked(Boolean(staff));
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.page.locator("#who").getByText(name, { exact: true }).waitFor({ state: "attached" });
  }

  // Joins a room after sign-in.
  async room(room, { wait = true } = {}) {
    await this.page.getByLabel("Room").fill(room);
    await this.page.getByRole("button", { name: "Join" }).click();
    if (wait) await this.state("Online");
  }

  // The session that the tab keeps.
  session() {
    return this.page.evaluate(() => JSON.parse(sessionStorage.session ?? "{}"));
  }

  get composer() {
    return this.page.getByLabel("Message", { exact: true });
  }

  async say(text) {
    await this.composer.fill(text);
    await this.composer.press("Enter");
  }

  // Waits until a message is on the page and sent.
  async hears(text) {
    await this.message(text).and(this.page.locator(":not([data-state])")).waitFor();
  }

  message(text) {
    return this.page.locator("li.message").filter({ has: this.page.getByText(text, { exact: true }) });
  }

  notice(text) {
    return this.page.locator("li.notice").getByText(text, { exact: true }).last().waitFor();
  }

  // Waits until exactly these people are online.
  online(...names) {
    return this.#until((wanted) => {
      const items = [...document.querySelectorAll("#online bdi")];
      return items.map((item) => item.textContent).join() === wanted;
    }, [...names].sort().join());
  }

  state(text) {
    return this.#until((wanted) => document.querySelector("#link-text").textContent === wanted, text);
  }

  alert(text) {
    return this.page.getByRole("alert").getByText(text).waitFor();
  }

  // Waits until the newest message is in view.
  atNewest() {
    return this.#until(() => {
      const log = document.querySelector("#log");
      return log.scrollHeight - log.scrollTop - log.clientHeight < 2;
    });
  }

  // The texts of all messages, in the order on the page.
  texts() {
    return this.page.locator("li.message .text").allTextContents();
  }

  // Sends a frame through the page's own socket.
  sendRaw(frame) {
    return this.page.evaluate((text) => globalThis.sockets.at(-1).send(text), frame);
  }

  // Lets the page's own socket receive a frame, as if the server had sent it.
  receiveRaw(frame) {
    return this.page.evaluate((data) => globalThis.sockets.at(-1).dispatchEvent(new MessageEvent("message", { data })), frame);
  }

  async screenshot(name) {
    mkdirSync(screenshots, { recursive: true });
    await this.page.screenshot({ path: join(screenshots, `${name}.png`), animations: "disabled" });
  }

  #until(condition, argument) {
    return this.page.waitForFunction(condition, argument);
  }
}

// Runs in the page: keeps its sockets for the tests, and the positions of the messages that they got.
function keepSockets() {
  globalThis.sockets = [];
  globalThis.positions = [];
  globalThis.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      globalThis.sockets.push(this);
      this.addEventListener("message", ({ data }) => {
        const { epoch, offset } = data && JSON.parse(data);
        if (epoch) globalThis.positions.push({ epoch, offset });
      });
    }
  };
}
