// The timeline: what has happened, filtered, in rows; and the filter above it.

import { $, draw, element, later, write, writeAttribute } from "./dom.js";
import { describe, failed, groups, lane, lanes, sameRequest } from "./entry.js";
import { matcher } from "./filter.js";
import { clock, count, plural } from "./format.js";
import { List } from "./list.js";
import { View } from "./store.js";

const SEARCH = 150; // ms after the last key

export class Timeline {
  #store;
  #view;
  #list;
  #choose;
  #filter = { connection: null, kinds: new Set(), route: "", status: "", text: "" };
  #chips = new Map();
  #routes = "";
  #isPaused = false;
  #adopted = 0;
  #stages = 1;
  #draw = () => this.#pull();

  // choose is called with an entry that was selected, or null.
  constructor(store, choose) {
    this.#store = store;
    this.#choose = choose;
    this.#view = new View(store);
    this.#list = new List($("#timeline"), {
      prefix: "entry", create: newRow, fill: (one, entry) => this.#fill(one, entry), choose, follows: true,
      onFollow: (follows) => ($("#to-end").hidden = follows),
    });
    this.#filters();
    store.listen(() => draw(this.#draw));
    $("#to-end").addEventListener("click", () => this.end());
    $("#pause").addEventListener("click", () => this.pause());
  }

  get selected() {
    return this.#list.selected;
  }

  // Shows one connection, or all if it is null.
  show(connection) {
    if (this.#filter.connection === connection) return;
    this.#filter.connection = connection;
    document.body.toggleAttribute("data-one", connection !== null);
    if (this.selected && connection && this.selected.connectionId !== connection.connectionId) this.select(null);
    this.#list.toEnd();
    this.#refilter();
  }

  stages(number) {
    this.#stages = number;
  }

  select(entry) {
    this.#list.select(entry);
    if (entry) this.#list.reveal(entry);
    this.#choose(entry);
  }

  // Shows an entry even if the filter hides it.
  reveal(entry) {
    if (!this.#view.items.includes(entry)) this.clearFilter();
    this.select(entry);
  }

  step(by) {
    this.#list.step(by);
  }

  end() {
    this.#list.toEnd();
  }

  focus() {
    this.#list.focus();
  }

  pause() {
    this.#isPaused = !this.#isPaused;
    this.#view.pause(this.#isPaused);
    $("#pause").setAttribute("aria-pressed", this.#isPaused);
    draw(this.#draw);
  }

  clearFilter() {
    Object.assign(this.#filter, { kinds: new Set(), route: "", status: "", text: "" });
    for (const chip of this.#chips.values()) chip.setAttribute("aria-pressed", "false");
    for (const field of ["#search", "#route-filter", "#status-filter"]) $(field).value = "";
    this.#refilter();
  }

  #filters() {
    for (const { key, label } of groups) {
      const chip = element("button", { type: "button", class: "chip", "data-group": key, "aria-pressed": "false" }, label);
      chip.addEventListener("click", () => {
        const { kinds } = this.#filter;
        if (!kinds.delete(key)) kinds.add(key);
        chip.setAttribute("aria-pressed", kinds.has(key));
        this.#refilter();
      });
      this.#chips.set(key, chip);
      $("#kinds").append(chip);
    }
    const search = later(SEARCH, () => {
      this.#filter.text = $("#search").value;
      this.#refilter();
    });
    $("#search").addEventListener("input", search);
    for (const [selector, key] of [["#route-filter", "route"], ["#status-filter", "status"]]) {
      $(selector).addEventListener("change", (event) => {
        this.#filter[key] = event.target.value;
        this.#refilter();
      });
    }
    $("#clear-filter").addEventListener("click", () => {
      this.clearFilter();
      $("#search").focus();
    });
  }

  // The routes that the filter offers.
  routes(keys) {
    const text = keys.join("\n");
    if (text === this.#routes) return;
    this.#routes = text;
    const select = $("#route-filter");
    const value = select.value;
    select.replaceChildren(element("option", { value: "" }, "Any route"), ...keys.map((key) => element("option", { value: key }, key)));
    select.value = keys.includes(value) ? value : "";
    this.#filter.route = select.value;
  }

  #refilter() {
    this.#view.filter(matcher(this.#filter));
    this.#show(0, true);
  }

  #pull() {
    const { adopted } = this.#store;
    const isStale = this.#adopted !== adopted;
    if (isStale && this.#filter.connection) this.#view.filter(matcher(this.#filter));
    else this.#view.pull();
    this.#adopted = adopted;
    const { selected } = this.#list;
    if (selected && selected.n < this.#store.first) this.#list.select(null); // dropped; its details stay
    this.#show(this.#view.removed, isStale);
  }

  #show(removed, isStale) {
    const { items, waiting } = this.#view;
    this.#list.refresh({ items, removed, isStale });
    const all = this.#store.list.length;
    const { kinds, route, status, text, connection } = this.#filter;
    const isFiltered = Boolean(kinds.size || route || status || text);
    write($("#count"), isFiltered || connection ? `${count(items.length)} of ${count(all)}` : plural(all, "entry", "entries"));
    $("#clear-filter").hidden = !isFiltered;
    write($("#pause"), this.#isPaused ? (waiting ? `Resume (${count(waiting)} new)` : "Resume") : "Pause");
    $("#nothing").hidden = items.length > 0;
    if (items.length === 0) write($("#nothing-text"), all ? "No entry passes the filter." : "Nothing has happened yet.");
    $("#nothing-help").hidden = all > 0;
    const { dropped } = this.#store;
    $("#dropped").hidden = dropped === 0;
    if (dropped) write($("#dropped"), `${plural(dropped, "older entry is", "older entries are")} no longer kept`);
  }

  #fill(one, entry) {
    const { row, time, conn, what, text, meta, mark } = one;
    const now = this.#list.selected;
    const it = describe(entry);
    writeAttribute(row, "data-kind", entry.kind);
    writeAttribute(row, "data-failed", failed(entry) && "");
    writeAttribute(row, "data-before", entry.epoch < this.#store.epoch && "");
    writeAttribute(row, "data-mate", now && now !== entry && sameRequest(now, entry) && "");
    writeAttribute(row, "data-lane", lane(entry));
    write(time, clock(entry.ms));
    write(conn, entry.connection ? `${this.#stages > 1 && entry.stage ? `${entry.stage} ` : ""}#${entry.connection}` : "");
    write(what.firstChild, it.whole && `${it.whole} `);
    write(what.lastChild, it.what);
    write(text, it.text);
    write(meta, it.meta);
    write(mark, String(it.mark));
    writeAttribute(row, "data-by", entry.by);
  }
}

function newRow() {
  const part = (name) => element("span", { class: name });
  const parts = { time: part("time"), conn: part("conn"), lanes: lanes(), what: part("what"), text: part("text"), meta: part("meta"), mark: part("mark") };
  parts.what.append(element("span", { class: "unseen" }), element("bdi"));
  // The blanks keep the words apart for a screen reader.
  return { row: element("div", {}, ...Object.values(parts).flatMap((e) => [e, " "])), ...parts };
}
