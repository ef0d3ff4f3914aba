// The page in a window of a browser.

import { Window } from "../../chat/browser/browser.mjs";

export class Dashboard extends Window {
  // Opens the page of a server, signed in unless another address is given.
  static async open(browser, server, { address = server.page(), ...options } = {}) {
    const window = Object.setPrototypeOf(await Window.open(browser, address, { viewport: { width: 1280, height: 800 }, ...options }), Dashboard.prototype);
    return window;
  }

  find(text) {
    return this.page.getByLabel("Search devices").fill(text);
  }

  row(name) {
    return this.page.locator("#table .row:visible").filter({ has: this.page.getByText(name, { exact: true }) });
  }

  // Waits until a row has a text.
  shows(name, text) {
    return this.row(name).getByText(text, { exact: true }).first().waitFor();
  }

  // Waits until a device is not in the table any more.
  lacks(name) {
    return this.row(name).waitFor({ state: "detached" });
  }

  // The names of the rows in view, from top to bottom.
  names() {
    return this.page.evaluate(() => [...document.querySelectorAll("#table .row:not([hidden])")]
      .sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map((row) => row.querySelector("bdi").textContent));
  }

  cell(id) {
    return this.page.locator(`#grid .cell[data-id="${id}"]`);
  }

  get detail() {
    return this.page.locator("#detail");
  }

  alertOf(name) {
    return this.page.locator("#alert-list li[data-state]").filter({ has: this.page.getByRole("button", { name, exact: true }) });
  }

  figure(id, text) {
    return this.page.locator(`#count-${id}`).getByText(text, { exact: true }).waitFor();
  }

  // Cuts the network off, and the connection with it.
  async cut() {
    await this.context.setOffline(true);
    await this.page.evaluate(() => globalThis.sockets.at(-1).close());
  }

  restore() {
    return this.context.setOffline(false);
  }
}
