// The form of the filter.

import { $, element } from "./dom.js";
import { filterOf } from "./filter.js";
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
  changes: {
    label: "Which updates",
    all: [["", "Every reading"], ["value,status,online", "Changed values"], ["status,online", "Changed status"]],
  },
  every: {
    label: "At most every",
    all: [["", "At once"], ["500", "Every 0.5 s"], ["1000", "Every second"], ["5000", "Every 5 s"], ["30000", "Every 30 s"]],
  },
};

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
      ...Object.entries(options).slice(4).map(([name, { label, all }]) => select(name, label, all)),
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
    return Object.fromEntries(new FormData(this.#form));
  }

  set #values(values) {
    for (const [name, value] of Object.entries(values)) {
      const field = this.#form.elements[name];
      if (field && typeof value === "string") field.value = value;
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
