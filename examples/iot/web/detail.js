// One device: its state, its values with their charts, and its commands.

import { $, element, write, writeData } from "./dom.js";
import { Charts } from "./chart.js";
import { Commands } from "./commands.js";
import { draw, everySecond } from "./frame.js";
import { History } from "./history.js";
import { now } from "./clock.js";
import { count, moment, span, status, via } from "./format.js";

export class Detail {
  id = "";
  #app;
  #parts = null;
  #box = $("#detail");
  #stop = () => {};
  #draw = () => this.#show();

  // app has the client, the devices, the types, the tenant and what the user may do.
  constructor(app) {
    this.#app = app;
    app.devices.view((changed) => changed.has(this.id) && this.#show());
  }

  open(id) {
    if (id === this.id) return;
    this.close();
    const device = this.#app.devices.all.get(id);
    if (!device) return;
    this.id = id;
    this.#parts = this.#build(device);
    this.#box.hidden = false;
    this.#stop = everySecond(this.#draw);
    this.#show();
  }

  close() {
    this.#stop();
    this.#parts?.close();
    this.#parts = null;
    this.#box.replaceChildren();
    this.#box.hidden = true;
    this.id = "";
  }

  #build(device) {
    const app = this.#app;
    const kind = app.types.get(device.type) ?? { metrics: {}, rules: [], commands: [], main: "" };
    const parts = { facts: new Map() };
    parts.name = element("bdi");
    parts.mark = element("i", { class: "mark" });
    parts.status = element("span");
    const shut = element("button", { type: "button", class: "icon", "aria-label": "Close device", title: "Close (Escape)", onclick: app.leave }, "×");
    const title = element("h2", { id: "detail-title" }, parts.name);
    this.#box.setAttribute("aria-labelledby", title.id);
    const head = element("header", {}, title, element("p", { class: "pill" }, parts.mark, parts.status), shut);

    const facts = element("dl", { class: "facts" });
    for (const label of ["Type", "Region", "Id", "Last seen", "Connection", "History"]) {
      const fact = element("dd");
      parts.facts.set(label, fact);
      facts.append(element("div", {}, element("dt", {}, label), fact));
    }

    parts.charts = new Charts(kind.metrics, kind.rules, kind.main);
    const more = element("button", { type: "button", class: "quiet", onclick: () => this.#earlier() }, "Earlier readings");
    parts.more = more;
    parts.none = element("p", { class: "nothing" });
    parts.history = new History(app.client, `history:${app.tenant}/${device.id}`, {
      changed: () => draw(this.#draw),
      failed: (error) => write(parts.none, `The history cannot be shown: ${error.message}`),
    });
    parts.commands = new Commands(app, device, kind.commands);
    this.#box.replaceChildren(head, element("div", { class: "inside" },
      facts, parts.charts.element, parts.none, more, parts.commands.element));
    this.#box.scrollTop = 0;
    parts.close = () => {
      parts.history.close();
      parts.charts.close();
      parts.commands.close();
    };
    return parts;
  }

  async #earlier() {
    const { history, more } = this.#parts;
    more.disabled = true;
    try {
      await history.earlier();
    } catch (error) {
      this.#app.notice(`Earlier readings cannot be shown: ${error.message}`);
    }
    more.disabled = false;
  }

  #show() {
    const parts = this.#parts;
    if (!parts) return;
    const { history, charts, commands, facts } = parts;
    const device = this.#app.devices.all.get(this.id);
    if (device) this.#write(parts, device);
    else write(parts.status, "Not in this filter");
    if (parts.drawn !== history.readings.at(-1) || parts.length !== history.readings.length) {
      parts.drawn = history.readings.at(-1);
      parts.length = history.readings.length;
      charts.show([...history.readings]);
    }
    const isEmpty = history.readings.length === 0;
    charts.element.hidden = isEmpty;
    if (isEmpty && !parts.none.textContent) write(parts.none, "No reading in the history yet.");
    parts.none.hidden = !isEmpty;
    parts.more.hidden = isEmpty || !history.hasMore;
    const since = isEmpty ? "none" : `${count(history.readings.length)} reading${history.readings.length === 1 ? "" : "s"} since ${moment(history.readings[0].at, now())}`;
    write(facts.get("History"), since);
    commands.show(device);
  }

  #write({ name, mark, status: words, facts }, device) {
    write(name, device.name || device.id);
    writeData(mark, "status", device.status);
    write(words, status(device.status).label);
    write(facts.get("Id"), device.id);
    write(facts.get("Type"), device.type);
    write(facts.get("Region"), device.region);
    const at = now();
    const since = device.since ? ` since ${moment(Date.parse(device.since), at)} (${span(at - Date.parse(device.since))})` : "";
    const connection = device.via === "http" ? "HTTP, no lasting connection" : `${device.online ? "online" : "not connected"}${since}`;
    write(facts.get("Connection"), device.via && device.via !== "http" ? `${via(device.via)}, ${connection}` : connection);
    const seen = Date.parse(device.lastSeen);
    write(facts.get("Last seen"), Number.isNaN(seen) ? "never" : `${moment(seen, at)} (${span(at - seen)} ago)`);
  }
}
