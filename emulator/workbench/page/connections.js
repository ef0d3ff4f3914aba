// The connections: the list on the left, read from the server when entries say that something may
// have changed.

import { $, draw, element, later, write, writeAttribute } from "./dom.js";
import { count, plural, short, span } from "./format.js";
import { List } from "./list.js";

const APART = 300; // ms between two readings, more if a reading takes long

const ENDED = 500; // connections from before the program was started again

export const keyOf = (epoch, connectionId) => `${epoch}/${connectionId}`;

export class Connections {
  all = new Map(); // by key
  selected = null;
  #api;
  #store;
  #list;
  #choose;
  #pause = APART;
  #reading = null;
  #mustRead = false;
  #words = "";
  #state = { stages: [], groups: false };
  #draw = () => this.#show();
  #listeners = new Set();

  constructor(api, store, choose) {
    this.#api = api;
    this.#store = store;
    this.#choose = choose;
    this.#list = new List($("#connections"), {
      prefix: "connection", create: newRow, fill: (one, connection) => this.#fill(one, connection), choose: (connection) => this.select(connection, true),
    });
    $("#find").addEventListener("input", (event) => {
      this.#words = event.target.value.toLowerCase();
      draw(this.#draw);
    });
    $("#all").addEventListener("click", () => this.select(null));
    setInterval(() => draw(() => this.#list.refresh()), 1_000); // the ages
  }

  // Calls run whenever the connections were read.
  listen(run) {
    this.#listeners.add(run);
  }

  state(state) {
    this.#state = state;
    draw(this.#draw);
  }

  get open() {
    return [...this.all.values()].filter((one) => one.open);
  }

  find(connectionId, epoch = this.#store.epoch) {
    return this.all.get(keyOf(epoch, connectionId)) ?? null;
  }

  select(connection, isByHand = false) {
    this.selected = connection;
    this.#list.select(connection);
    if (connection) this.#list.reveal(connection);
    $("#all").setAttribute("aria-pressed", connection === null);
    this.#choose(connection, isByHand);
  }

  // Selects the next one of the list, or the one before; above the first are all.
  step(by) {
    const { items } = this.#list;
    const to = (this.selected ? items.indexOf(this.selected) : -1) + by;
    this.select(to < 0 ? null : (items[Math.min(to, items.length - 1)] ?? null));
  }

  // Something may have changed. It is read soon, and never twice at a time.
  touch() {
    if (this.#reading) this.#mustRead = true;
    else this.#soon();
  }

  #soon = later(APART, () => this.read());

  // Reads the connections. Returns when what the server has now is shown.
  async read() {
    while (this.#reading) await this.#reading;
    this.#mustRead = false;
    this.#reading = this.#read();
    await this.#reading;
    this.#reading = null;
    if (this.#mustRead) setTimeout(() => this.touch(), this.#pause);
  }

  async #read() {
    const begun = performance.now();
    const { epoch } = this.#store;
    let list;
    try {
      list = await this.#api.connections();
    } catch {
      return; // the banner of the stream reports it
    }
    if (epoch !== this.#store.epoch) return;
    this.#pause = Math.max(APART, 10 * (performance.now() - begun));
    const known = new Set();
    for (const one of list) {
      const key = keyOf(epoch, one.connectionId);
      known.add(key);
      const own = this.all.get(key);
      if (own) Object.assign(own, { groups: undefined, code: undefined }, one);
      else this.all.set(key, { ...one, key, epoch, ms: Date.parse(one.since) });
    }
    for (const [key, one] of this.all) if (one.epoch === epoch && !known.has(key)) this.#forget(one);
    draw(this.#draw);
    for (const run of this.#listeners) run();
  }

  #forget(one) {
    if (one === this.selected) Object.assign(one, { open: false, isForgotten: true }); // it stays while somebody looks at it
    else this.all.delete(one.key);
  }

  // The program was started again: what it knew has ended. Not all of it is kept for ever.
  ended() {
    for (const one of this.all.values()) one.open = false;
    for (const key of [...this.all.keys()].slice(0, -ENDED)) this.all.delete(key);
    this.touch();
    draw(this.#draw);
  }

  clear() {
    for (const one of [...this.all.values()]) if (!one.open && one !== this.selected) this.all.delete(one.key);
    draw(this.#draw);
  }

  #show() {
    const items = [...this.all.values()].filter((one) => this.#matches(one));
    items.sort((a, b) => b.open - a.open || b.epoch - a.epoch || b.ms - a.ms || b.connection - a.connection);
    this.#list.refresh({ items });
    const open = this.open.length;
    const ended = this.all.size - open;
    write($("#open-count"), ended ? `${count(open)} open, ${count(ended)} ended` : `${count(open)} open`);
    $("#find").hidden = this.all.size < 6 && this.#words === "";
    $("#no-connections").hidden = items.length > 0;
    write($("#no-connections"), this.#words ? "No connection has these words." : "No client has connected yet. Connect one to the address above, or open a new client here.");
  }

  #matches({ connectionId, connection, user, groups = [], stage, counts = {} }) {
    if (!this.#words) return true;
    return [connectionId, `#${connection}`, user, stage, ...groups, ...Object.keys(counts)].some((text) => text?.toLowerCase().includes(this.#words));
  }

  #fill({ row, number, who, age, stage, counts, groups, unseen }, one) {
    writeAttribute(row, "data-open", one.open && "");
    writeAttribute(row, "data-before", one.epoch < this.#store.epoch && "");
    write(number, `#${one.connection}`);
    write(who, one.user || short(one.connectionId));
    writeAttribute(who, "data-anonymous", !one.user && "");
    write(stage, this.#state.stages.length > 1 ? one.stage : "");
    write(age, one.open ? span(this.now() - one.ms) : `ended${one.code ? ` ${one.code}` : ""}`);
    write(unseen, one.open ? "open" : "");
    const routes = Object.entries(one.counts ?? {}).filter(([route]) => !/^\$(connect|disconnect)$/.test(route)).sort(([, a], [, b]) => b - a);
    const from = routes.map(([route, n]) => `${route} ${count(n)}`).join("  ");
    write(counts, from || (one.posts || one.sent ? `${plural((one.posts ?? 0) + (one.sent ?? 0), "frame")} to it` : "no frames"));
    write(groups, (one.groups ?? []).join(" · "));
    writeAttribute(row, "title", one.groups?.length ? `Groups: ${one.groups.join(", ")}` : null);
  }

  // The gateway's time; main sets it.
  now = () => Date.now();
}

function newRow() {
  const part = (name) => element("span", { class: name });
  const parts = { number: part("number"), who: element("bdi", { class: "who" }), stage: part("stage"), age: part("age"), counts: part("counts"), groups: part("groups"), unseen: part("unseen") };
  const { number, who, stage, age, counts, groups, unseen } = parts;
  return {
    row: element("div", {}, element("span", { class: "first" }, number, " ", who, " ", unseen, " ", stage, " ", age), " ", element("span", { class: "second" }, counts, " ", groups)),
    ...parts,
  };
}
