// The alerts: those that are raised first, the worst and the newest first among them, then those that
// somebody has acknowledged, then those that are over.

import { $, element, write, writeData } from "./dom.js";
import { draw, everySecond } from "./frame.js";
import { say } from "./notice.js";
import { now } from "./clock.js";
import { count, moment, span, status } from "./format.js";

const SHOWN = 100;
const ranks = { raised: 0, acknowledged: 1, cleared: 2 };
const rank = (state) => (Object.hasOwn(ranks, state) ? ranks[state] : 3);

export class Alerts {
  all = new Map(); // by id
  #app;
  #open;
  #items = new Map(); // by id
  #more = element("li", { class: "hint" });
  #draw = () => this.#show();

  // open is called with the id of the device of a chosen alert.
  constructor(app, open) {
    this.#app = app;
    this.#open = open;
    everySecond(this.#draw);
  }

  set(id, alert, { isNews }) {
    const old = this.all.get(id);
    this.all.set(id, alert);
    if (isNews && alert.state === "raised" && old?.state !== "raised") say(`${status(alert.severity).label}: ${alert.device}, ${alert.text}`);
    draw(this.#draw);
  }

  delete(id) {
    this.all.delete(id);
    draw(this.#draw);
  }

  clear() {
    this.all.clear();
    draw(this.#draw);
  }

  // How many are not over, and how many of them nobody has acknowledged.
  get open() {
    let all = 0;
    let raised = 0;
    for (const { state } of this.all.values()) {
      if (state !== "cleared") all++;
      if (state === "raised") raised++;
    }
    return { all, raised };
  }

  #show() {
    const alerts = [...this.all].map(([id, alert]) => ({ ...alert, id, time: Date.parse(alert.raisedAt) || 0 }));
    alerts.sort((a, b) => rank(a.state) - rank(b.state) || status(a.severity).rank - status(b.severity).rank || b.time - a.time || (a.id < b.id ? -1 : 1));
    const shown = alerts.slice(0, SHOWN);
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, { item }] of this.#items) {
      if (ids.has(id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    const list = $("#alert-list");
    for (const [i, alert] of shown.entries()) {
      const one = this.#items.get(alert.id) ?? this.#newItem(alert);
      if (list.children[i] !== one.item) move(list, one.item, i);
      this.#write(one, alert);
    }
    this.#more.textContent = alerts.length > SHOWN ? `and ${count(alerts.length - SHOWN)} more` : "";
    list.append(this.#more);
    $("#alerts-none").hidden = alerts.length > 0;
    const { all, raised } = this.open;
    write($("#alerts-count"), all ? `${count(raised)} new, ${count(all - raised)} acknowledged` : "");
    write($("#tab-alerts"), raised ? count(raised) : "");
  }

  #newItem({ id, device }) {
    const one = { mark: element("i", { class: "mark" }), severity: element("span"), text: element("p", { class: "text" }), when: element("p", { class: "hint" }) };
    one.name = element("button", { type: "button", class: "link", onclick: () => this.#open(device) });
    one.act = element("button", { type: "button", class: "act", onclick: () => this.#acknowledge(id, one) }, "Acknowledge");
    const head = element("p", { class: "head" }, one.name, " ", one.severity);
    one.item = element("li", {}, one.mark, element("div", {}, head, one.text, one.when), one.act);
    this.#items.set(id, one);
    return one;
  }

  #write(one, alert) {
    const { item, mark, name, text, when, act } = one;
    const { device, severity, state, since, acknowledgedBy, clearedAt, time } = alert;
    writeData(item, "state", state);
    writeData(mark, "status", severity);
    writeData(item, "severity", severity);
    write(one.severity, status(severity).label);
    write(name, this.#app.devices.all.get(device)?.name || device);
    write(text, alert.text);
    const at = now();
    const began = Date.parse(since) || time;
    const words = state === "cleared" ? [`cleared ${moment(Date.parse(clearedAt), at)}`, `after ${span(Date.parse(clearedAt) - began)}`]
      : [`since ${moment(began, at)} (${span(at - began)})`, state === "acknowledged" && `acknowledged by ${acknowledgedBy || "somebody"}`];
    write(when, words.filter(Boolean).join(", "));
    act.hidden = state !== "raised" || !this.#app.may("operate");
    act.setAttribute("aria-label", `Acknowledge ${device}, ${alert.text}`);
  }

  async #acknowledge(id, { act }) {
    act.disabled = true;
    try {
      await this.#app.client.call("acknowledge", { alert: id }, { idempotent: true, expires: 10_000 });
    } catch (error) {
      this.#app.notice(`The alert is not acknowledged: ${error.message}`);
    }
    act.disabled = false;
  }
}

// Moves an item without taking the focus from a button in it.
function move(list, item, i) {
  const focused = document.activeElement;
  list.insertBefore(item, list.children[i] ?? null);
  if (item.contains(focused)) focused.focus();
}
