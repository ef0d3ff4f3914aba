// The devices in rows. Only those in view are in the document; they are used again when somebody
// scrolls.

import { $, element, write, writeData } from "./dom.js";
import { draw, everySecond } from "./frame.js";
import { now } from "./clock.js";
import { compare, count, span, status, value, via } from "./format.js";

const BEYOND = 3; // rows above and below those in view

const columns = [
  { key: "status", label: "Status", of: (d) => status(d.status).rank, isLive: true },
  { key: "name", label: "Device", of: (d) => d.name || d.id },
  { key: "type", label: "Type", of: (d) => d.type },
  { key: "region", label: "Region", of: (d) => d.region },
  { key: "value", label: "Value", of: (d) => d.value, isLive: true, isNumber: true },
  { key: "seen", label: "Seen", of: (d) => Date.parse(d.lastSeen), isLive: true, isNumber: true, isLast: true },
  { key: "via", label: "Via", of: (d) => (d.via ? via(d.via) + (d.online ? "" : " off") : "") },
];

export class Table {
  #devices;
  #types;
  #open;
  #ids = []; // of the devices that the search finds, in order
  #rows = []; // {row, cells, id}
  #sort = { column: columns[0], sign: 1 };
  #words = [];
  #active = 0; // the index of the row that the arrows have reached
  #selected = "";
  #height = 0;
  #rowHeight = 36;
  #top = 0;
  #grid;
  #space;
  #isStale = true; // the order is
  #draw = () => this.#show();

  // types has the types of devices by name. open is called with the id of a chosen device.
  constructor(devices, types, open) {
    this.#devices = devices;
    this.#types = types;
    this.#open = open;
    this.#build();
    devices.view((changed, isOther) => this.#changed(changed, isOther));
    everySecond(() => {
      this.#isStale ||= Boolean(this.#sort.column.isLive);
      this.#show();
    });
  }

  search(text) {
    this.#words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.#active = 0;
    this.#grid.scrollTop = 0;
    this.#isStale = true;
    draw(this.#draw);
  }

  select(id) {
    this.#selected = id;
    const at = this.#ids.indexOf(id);
    if (at >= 0) this.#active = at;
    draw(this.#draw);
  }

  focus() {
    this.#grid.focus();
  }

  #build() {
    const heads = columns.map((column, i) => this.#head(column, i));
    this.#space = element("div", { class: "space", role: "rowgroup" });
    const head = element("div", { role: "rowgroup", class: "heads" }, element("div", { role: "row", "aria-rowindex": 1 }, ...heads));
    const grid = element("div", { class: "grid", role: "grid", "aria-label": "Devices", tabindex: "0", "aria-colcount": columns.length }, head, this.#space);
    this.#grid = grid;
    $("#table").append(grid);
    grid.addEventListener("keydown", (event) => event.target === grid && this.#key(event));
    grid.addEventListener("scroll", () => {
      this.#top = grid.scrollTop;
      draw(this.#draw);
    }, { passive: true });
    this.#space.addEventListener("click", (event) => {
      const id = event.target.closest("[data-id]")?.dataset.id;
      if (id) this.#open(id);
    });
    new ResizeObserver(([{ contentRect }]) => {
      this.#height = contentRect.height - head.offsetHeight;
      this.#rowHeight = parseFloat(getComputedStyle(grid).getPropertyValue("--row")) || 36;
      draw(this.#draw);
    }).observe(grid);
  }

  #head(column, i) {
    const button = element("button", { type: "button" }, column.label);
    const head = element("div", { role: "columnheader", class: column.key, "aria-colindex": i + 1 }, button);
    column.head = head;
    button.addEventListener("click", () => {
      const isSame = this.#sort.column === column;
      this.#sort = { column, sign: isSame ? -this.#sort.sign : 1 };
      this.#isStale = true;
      draw(this.#draw);
    });
    return head;
  }

  #changed(changed, isOther) {
    if (isOther) this.#isStale = true;
    for (const one of this.#rows) if (changed.has(one.id)) one.isStale = true;
    this.#show();
  }

  #show() {
    if (this.#isStale) this.#arrange();
    const row = this.#rowHeight;
    const first = Math.max(0, Math.floor(this.#top / row) - BEYOND);
    const last = Math.min(this.#ids.length, Math.ceil((this.#top + this.#height) / row) + BEYOND);
    while (this.#rows.length < last - first) this.#rows.push(this.#newRow());
    const free = new Set(this.#rows);
    const byIndex = new Map();
    for (const one of this.#rows) {
      if (one.index >= first && one.index < last && !byIndex.has(one.index)) {
        byIndex.set(one.index, one);
        free.delete(one);
      }
    }
    const rest = free.values();
    for (let i = first; i < last; i++) {
      const one = byIndex.get(i) ?? rest.next().value;
      free.delete(one);
      this.#place(one, i);
    }
    for (const { row } of free) row.remove(); // nothing of them stays
    this.#rows = this.#rows.filter((one) => !free.has(one));
    const active = this.#ids.length ? `row-${this.#active}` : "";
    if (active && this.#active >= first && this.#active < last) this.#grid.setAttribute("aria-activedescendant", active);
    else this.#grid.removeAttribute("aria-activedescendant");
  }

  #place(one, index) {
    const id = this.#ids[index];
    if (one.index !== index) {
      one.index = index;
      one.row.id = `row-${index}`;
      one.row.style.transform = `translateY(${index * this.#rowHeight}px)`;
      one.row.setAttribute("aria-rowindex", index + 2);
    } else if (one.height !== this.#rowHeight) {
      one.row.style.transform = `translateY(${index * this.#rowHeight}px)`;
    }
    one.height = this.#rowHeight;
    one.row.toggleAttribute("data-active", index === this.#active);
    if (one.id !== id) {
      one.id = id;
      one.row.dataset.id = id;
      one.isStale = true;
    }
    const isSelected = String(id === this.#selected);
    if (one.row.ariaSelected !== isSelected) one.row.ariaSelected = isSelected;
    const device = this.#devices.all.get(id);
    if (one.isStale && device) this.#write(one.cells, device);
    one.isStale = false;
    if (device) write(one.cells.seen, device.lastSeen ? `${span(now() - Date.parse(device.lastSeen))}` : "never");
  }

  #write({ mark, status: words, name, sub, type, region, number, unit, via: how }, device) {
    const { id, status: state, online } = device;
    const kind = this.#types.get(device.type);
    const metric = kind?.metrics[kind.main];
    const isOff = !online && device.via !== "http" && state !== "new";
    writeData(mark, "status", state);
    mark.toggleAttribute("data-off", isOff);
    write(words, status(state).label);
    write(name, device.name || id);
    write(sub, `${device.type}, ${device.region}`);
    write(type, device.type);
    write(region, device.region);
    write(number, value(device.value, metric));
    write(unit, typeof device.value === "number" ? (metric?.unit ?? "") : "");
    write(how, isOff ? "not connected" : via(device.via));
  }

  #newRow() {
    const cells = { mark: element("i", { class: "mark" }), status: element("span"), name: element("bdi"), sub: element("small"), type: element("span") };
    Object.assign(cells, { region: element("span"), number: element("span"), unit: element("span", { class: "unit" }) });
    Object.assign(cells, { seen: element("span"), via: element("span") });
    const inside = {
      status: [cells.mark, cells.status], name: [cells.name, cells.sub], type: [cells.type], region: [cells.region],
      value: [cells.number, cells.unit], seen: [cells.seen], via: [cells.via],
    };
    const row = element("div", { role: "row", class: "row" },
      ...columns.map(({ key }, i) => element("div", { role: "gridcell", class: key, "aria-colindex": i + 1 }, ...inside[key])));
    this.#space.append(row);
    return { row, cells, id: "", index: -1, height: 0, isStale: true };
  }

  // Finds and sorts. Devices without a value come last, in either direction.
  #arrange() {
    this.#isStale = false;
    const { column, sign } = this.#sort;
    const at = this.#ids[this.#active];
    const found = [];
    for (const device of this.#devices.all.values()) if (this.#matches(device)) found.push([column.of(device), device.id]);
    const order = column.isNumber || column.key === "status" ? (a, b) => a - b : compare;
    const direction = column.isLast ? -sign : sign;
    const isNone = (v) => v === undefined || Number.isNaN(v);
    found.sort(([a, x], [b, y]) => isNone(a) - isNone(b) || (isNone(a) ? 0 : direction * order(a, b)) || compare(x, y));
    this.#ids = found.map(([, id]) => id);
    this.#active = Math.max(0, at === undefined ? 0 : this.#ids.indexOf(at));
    this.#space.style.height = `${this.#ids.length * this.#rowHeight}px`;
    this.#grid.setAttribute("aria-rowcount", this.#ids.length + 1);
    const all = this.#devices.all.size;
    write($("#found"), this.#words.length ? `${count(this.#ids.length)} of ${count(all)}` : count(all));
    for (const { head, key } of columns) {
      head.ariaSort = key === column.key ? (sign > 0 ? "ascending" : "descending") : "none";
    }
  }

  #matches({ id, name, type, region }) {
    if (this.#words.length === 0) return true;
    const text = `${id} ${name} ${type} ${region}`.toLowerCase();
    return this.#words.every((word) => text.includes(word));
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.#height / this.#rowHeight) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key === "Enter" && this.#ids[this.#active]) this.#open(this.#ids[this.#active]);
    else if (Object.hasOwn(steps, event.key)) this.#move(steps[event.key]);
    else return;
    event.preventDefault();
  }

  #move(step) {
    this.#active = Math.max(0, Math.min(this.#ids.length - 1, this.#active + step));
    const top = this.#active * this.#rowHeight;
    if (top < this.#top) this.#grid.scrollTop = top;
    else if (top + this.#rowHeight > this.#top + this.#height) this.#grid.scrollTop = top + this.#rowHeight - this.#height;
    draw(this.#draw);
  }
}
