// The regions: a cell for each device. The arrows move from cell to cell; one of them is in the order
// of the tab key.

import { $, element, write, writeData } from "./dom.js";
import { compare, count, status, statuses } from "./format.js";

const SIZES = [[80, "large"], [320, "medium"], [640, "small"], [Infinity, "tiny"]]; // up to how many devices

export class Grid {
  #devices;
  #open;
  #tip;
  #cells = new Map(); // by id: {cell, region, status, online}
  #regions = new Map(); // by name: {section, cells, count}
  #current = null; // the cell in the order of the tab key
  #legend = new Map();

  // open is called with the id of a device that somebody chooses, tip with that and its cell if
  // somebody points at it, and without when that ends.
  constructor(devices, { open, tip }) {
    this.#devices = devices;
    this.#open = open;
    this.#tip = tip;
    devices.view((changed, isOther) => this.#draw(changed, isOther));
    const grid = $("#grid");
    const idOf = (event) => event.target.closest?.(".cell")?.dataset.id;
    grid.addEventListener("click", (event) => idOf(event) && open(idOf(event)));
    grid.addEventListener("pointerover", (event) => this.#point(idOf(event)));
    grid.addEventListener("pointerleave", () => tip());
    grid.addEventListener("focusin", (event) => this.#focus(event.target));
    grid.addEventListener("focusout", () => tip());
    grid.addEventListener("keydown", (event) => this.#key(event));
    for (const [name, { label }] of [...Object.entries(statuses), ["off", { label: "Not connected" }]]) {
      const number = element("b", {}, "0");
      const sample = name === "off" ? { "data-status": "ok", "data-off": "" } : { "data-status": name };
      $("#legend").append(element("li", {}, element("i", { class: "mark", ...sample }), ` ${label} `, number));
      this.#legend.set(name, number);
    }
  }

  // Marks the cell of the device that is shown in detail.
  select(id) {
    for (const cell of $("#grid").querySelectorAll("[aria-current]")) cell.removeAttribute("aria-current");
    this.#cells.get(id)?.cell.setAttribute("aria-current", "true");
  }

  focus(id) {
    this.#cells.get(id)?.cell.focus();
  }

  #draw(changed, isOther) {
    const moved = new Set();
    for (const id of changed) {
      const device = this.#devices.all.get(id);
      const one = this.#cells.get(id);
      if (!device) {
        if (one) moved.add(one.region);
        this.#cells.delete(id);
        continue;
      }
      const known = one ?? this.#newCell(id);
      if (known.region !== device.region || isOther) moved.add(known.region).add(device.region);
      known.region = device.region;
      this.#paint(known, device);
    }
    if (isOther) this.#arrange(moved);
    this.#count();
  }

  #newCell(id) {
    const cell = element("button", { type: "button", class: "cell", "data-id": id, tabindex: "-1" });
    const one = { cell, region: undefined, words: "" };
    this.#cells.set(id, one);
    return one;
  }

  #paint(one, { id, name, type, status: state, online, via }) {
    const isOff = !online && via !== "http" && state !== "new";
    const words = `${name || id}, ${type}, ${status(state).label}${isOff ? ", not connected" : ""}`;
    if (one.words === words) return;
    one.words = words;
    one.cell.ariaLabel = words;
    one.cell.dataset.status = state;
    one.cell.toggleAttribute("data-off", isOff);
  }

  // Puts the cells of regions in order, and keeps the focus where it is.
  #arrange(names) {
    const focused = document.activeElement;
    const members = new Map([...names].map((name) => [name, []]));
    for (const [id, { region }] of this.#cells) members.get(region)?.push(id);
    for (const [name, ids] of members) this.#fill(name, ids);
    const size = SIZES.find(([most]) => this.#cells.size <= most)[1];
    writeData($("#grid"), "size", size);
    if (!this.#current?.isConnected) this.#setCurrent($("#grid .cell"));
    if (focused?.matches?.(".cell") && focused.isConnected) focused.focus();
  }

  #fill(name, ids) {
    let region = this.#regions.get(name);
    if (ids.length === 0) {
      region?.section.remove();
      this.#regions.delete(name);
      return;
    }
    region ??= this.#newRegion(name);
    const { all } = this.#devices;
    ids.sort((a, b) => compare(all.get(a).type, all.get(b).type) || compare(a, b));
    region.cells.replaceChildren(...ids.map((id) => this.#cells.get(id).cell));
  }

  #newRegion(name) {
    const region = { count: element("span", { class: "number" }), cells: element("div", { class: "cells" }) };
    const title = element("h3", {}, element("bdi", {}, name), region.count);
    region.section = element("section", { role: "group", "aria-label": `Region ${name}` }, title, region.cells);
    this.#regions.set(name, region);
    const after = [...this.#regions.keys()].filter((other) => compare(other, name) > 0).sort(compare)[0];
    $("#grid").insertBefore(region.section, this.#regions.get(after)?.section ?? null);
    return region;
  }

  // The numbers of the legend, and of the devices in each region that need attention.
  #count() {
    const totals = new Map([...this.#legend.keys()].map((name) => [name, 0]));
    const regions = new Map();
    for (const { region, status: state, online, via } of this.#devices.all.values()) {
      totals.set(state, (totals.get(state) ?? 0) + 1);
      if (!online && via !== "http" && state !== "new") totals.set("off", totals.get("off") + 1);
      const sum = regions.get(region) ?? { all: 0, bad: 0 };
      sum.all++;
      if (state === "alarm" || state === "warning" || state === "silent") sum.bad++;
      regions.set(region, sum);
    }
    for (const [name, number] of this.#legend) write(number, count(totals.get(name)));
    for (const [name, { all, bad }] of regions) {
      const region = this.#regions.get(name);
      if (region) write(region.count, bad ? `${count(bad)} of ${count(all)} not OK` : count(all));
    }
  }

  #point(id) {
    if (id) this.#tip(id, this.#cells.get(id).cell);
    else this.#tip();
  }

  #focus(cell) {
    if (!cell.matches(".cell")) return;
    this.#setCurrent(cell);
    if (cell.matches(":focus-visible")) this.#tip(cell.dataset.id, cell);
  }

  #setCurrent(cell) {
    if (this.#current) this.#current.tabIndex = -1;
    this.#current = cell;
    if (cell) cell.tabIndex = 0;
  }

  #key(event) {
    const cell = event.target.closest(".cell");
    if (!cell || event.altKey || event.ctrlKey || event.metaKey) return;
    const next = neighbour(cell, event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}

// The cell that an arrow leads to: in reading order, or the nearest one in the row above or below.
function neighbour(cell, key) {
  const cells = [...document.querySelectorAll("#grid .cell")];
  const at = cells.indexOf(cell);
  if (key === "ArrowRight") return cells[at + 1];
  if (key === "ArrowLeft") return cells[at - 1];
  if (key === "Home") return cells[0];
  if (key === "End") return cells.at(-1);
  if (key !== "ArrowDown" && key !== "ArrowUp") return undefined;
  const { left, top } = cell.getBoundingClientRect();
  const sign = key === "ArrowDown" ? 1 : -1;
  let best;
  let least = Infinity;
  for (const other of cells) {
    const box = other.getBoundingClientRect();
    const down = sign * (box.top - top);
    if (down < 2) continue;
    const distance = down * 1_000 + Math.abs(box.left - left);
    if (distance < least) [best, least] = [other, distance];
  }
  return best;
}
