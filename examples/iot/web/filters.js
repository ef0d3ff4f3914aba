// The filter, which the server applies: the page gets only what matches.

import { $, element } from "./dom.js";
import { compare } from "./format.js";
import { tab } from "./storage.js";

const options = {
  region: { label: "Region", all: [["", "All regions"]] },
  type: { label: "Type", all: [["", "All types"]] },
  status: {
    label: "Status",
    all: [["", "Any status"], ["alarm,warning,silent", "Needs attention"], ["alarm", "Alarm"], ["warning", "Warning"], ["silent", "Silent"], ["new", "New"], ["ok", "OK"]],
  },
  online: { label: "Connection", all: [["", "Any connection"], ["true", "Online"], ["false", "Not online"]] },
  every: {
    label: "At most every",
    all: [["", "Every update"], ["500", "Every 0.5 s"], ["1000", "Every second"], ["5000", "Every 5 s"], ["30000", "Every 30 s"]],
  },
};

// Returns the filter of a subscription, or undefined if everything matches.
export function filterOf({ region, type, status, online, than, limit, every, changes }) {
  const where = {};
  if (region) where.region = region;
  if (type) where.type = type;
  if (status) where.status = status.includes(",") ? status.split(",") : status;
  if (online) where.online = online === "true";
  if (than && limit !== "" && Number.isFinite(Number(limit))) where.value = { [than]: Number(limit) };
  const filter = {};
  if (Object.keys(where).length) filter.where = where;
  if (changes) filter.changes = true;
  if (every) filter.everyMs = Number(every);
  return Object.keys(filter).length ? filter : undefined;
}

export class Filters {
  #form = $("#filters");
  #changed;
  #last = "";

  // changed is called with the filter when it is another one.
  constructor(changed) {
    this.#changed = changed;
    this.#form.append(...Object.entries(options).slice(0, 4).map(([name, { label, all }]) => select(name, label, all)),
      element("span", { class: "pair" }, select("than", "Value", [["", "Any value"], ["above", "Value above"], ["below", "Value below"]]),
        element("input", { name: "limit", type: "number", step: "any", "aria-label": "Limit of the value", placeholder: "0" })),
      select("every", options.every.label, options.every.all),
      element("label", { class: "check" }, element("input", { name: "changes", type: "checkbox" }), "Only changes"),
      element("button", { type: "button", class: "quiet", id: "clear-filter", onclick: () => this.clear() }, "Clear filter"));
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("change", () => this.#apply());
    const kept = tab.load("filter", {});
    for (const one of ["region", "type"]) if (kept[one]) this.offer(one, [kept[one]]);
    this.#values = kept;
    this.#last = JSON.stringify(this.filter);
    this.#show();
  }

  get filter() {
    return filterOf(this.#values);
  }

  // Adds choices. One that was offered stays: a filter hides others.
  offer(name, values) {
    const list = this.#form.elements[name];
    const known = new Set([...list.options].map((option) => option.value));
    for (const value of [...new Set(values)].filter((value) => !known.has(value)).sort(compare)) {
      const after = [...list.options].slice(1).find((option) => compare(option.value, value) > 0);
      list.insertBefore(element("option", { value }, value), after ?? null);
    }
  }

  clear() {
    this.#form.reset();
    this.#apply();
  }

  get #values() {
    return { ...Object.fromEntries(new FormData(this.#form)), changes: this.#form.elements.changes.checked };
  }

  set #values(values) {
    for (const [name, value] of Object.entries(values)) {
      const field = this.#form.elements[name];
      if (field?.type === "checkbox") field.checked = value === true;
      else if (field && typeof value === "string") field.value = value;
    }
    for (const field of this.#form.elements) if (field.matches("select") && field.selectedIndex < 0) field.selectedIndex = 0;
  }

  #apply() {
    this.#show();
    const { filter } = this;
    const text = JSON.stringify(filter);
    if (text === this.#last) return;
    this.#last = text;
    tab.keep("filter", this.#values);
    this.#changed(filter);
  }

  #show() {
    const { elements } = this.#form;
    elements.limit.hidden = elements.than.value === "";
    for (const field of elements) field.toggleAttribute("data-set", field.matches("select") && field.value !== "");
    $("#clear-filter").hidden = this.filter === undefined;
    this.#form.title = this.filter ? `The server applies ${JSON.stringify(this.filter)}` : "";
  }
}

function select(name, label, all) {
  return element("select", { name, "aria-label": label }, ...all.map(([value, words]) => element("option", { value }, words)));
}
