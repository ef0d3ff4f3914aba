// Browsers and their pages.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import puppeteer from "puppeteer-core";

// The time in ms after which a step has failed. It is more than a busy machine needs; a test that
// passes does not wait for it.
const patience = 5 * 60_000;

/** The time limit of a test, longer than the one of a step. */
export const limit = { timeout: 2 * patience };

/** Starts Chromium, driven over its own protocol. */
export function launchChromium() {
  return puppeteer.launch({
    headless: true,
    timeout: patience,
    protocolTimeout: patience,
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

/** Starts a distribution's Firefox, driven over WebDriver BiDi. */
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

/** Opens an empty page in a browser or in a browser context. Its steps have the patience of all tests. */
export async function newPage(context) {
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  // A page behind another one is not drawn, and puppeteer looks at a condition when a page is drawn.
  const wait = page.waitForFunction.bind(page);
  page.waitForFunction = (condition, options, ...args) => wait(condition, { polling: 50, ...options }, ...args);
  return page;
}

/** A tab with the test page. */
export class Tab {
  errors = []; // that the page has thrown

  /** Opens the page in a browser, or in a browser context: those of one context share what tabs share. */
  static async open(context, server, options) {
    const tab = new Tab();
    tab.page = await newPage(context);
    tab.page.on("pageerror", (error) => tab.errors.push(String(error)));
    await tab.page.goto(`${server.url}/pages/test.html`);
    await tab.page.waitForFunction("globalThis.isReady");
    await tab.page.evaluate((options) => globalThis.page.connect(options), options);
    return tab;
  }

  /** Waits until an expression in the page is true. `page` in it is what pages/test.html has. */
  until(expression) {
    return this.page.evaluate(`page.until(() => ${expression})`);
  }

  state(name) {
    return this.until(`page.client.state.name === "${name}"`);
  }

  subscribe(topic, options) {
    return this.page.evaluate((topic, options) => globalThis.page.subscribe(topic, options), topic, options);
  }

  /** Waits until the event has come, and returns all that have. */
  async events(last) {
    await this.until(`page.events.includes(${JSON.stringify(last)})`);
    return this.get("events");
  }

  call(action, texts, options, topic) {
    return this.page.evaluate((...args) => globalThis.page.call(...args), action, texts, options, topic);
  }

  get(name) {
    return this.page.evaluate((name) => globalThis.page[name], name);
  }
}

/** The numbers from..to, as texts. */
export const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));
