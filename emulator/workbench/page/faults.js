// The faults: those that are active, and a form for a new one, made from the kinds that the server
// knows.

import { $, button, draw, element, plain, write } from "./dom.js";
import { count, plural } from "./format.js";
import { notice, problem } from "./notice.js";

// How the parameters of a kind are read from their inputs, by type; others are texts.
const number = (text, name) => {
  if (Number.isNaN(Number(text))) throw new Error(`${name}: “${text}” is not a number.`);
  return Number(text);
};
const list = (text) => text.split(/[\s,]+/).filter(Boolean);
const types = { number, integer: number, list };

export class Faults {
  #api;
  #kinds = [];
  #stages = [];
  #known = "";
  #active = "";
  #selected;

  // selected() returns the selected connection.
  constructor(api, selected) {
    this.#api = api;
    this.#selected = selected;
    $("#fault-kind").addEventListener("change", () => this.#form());
    $("#fault-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#add();
    });
    $("#remove-faults").addEventListener("click", () => this.#run(() => api.removeFaults()));
  }

  state(state) {
    this.#show(state.faults ?? []);
    const { kinds, stages } = { ...state, kinds: state.kinds ?? [] };
    const text = JSON.stringify([kinds, stages]);
    if (text === this.#known) return;
    this.#known = text;
    this.#kinds = kinds;
    this.#stages = stages;
    const select = $("#fault-kind");
    const value = select.value;
    select.replaceChildren(...this.#kinds.map(({ fault }) => element("option", { value: fault }, fault)));
    if (this.#kinds.some(({ fault }) => fault === value)) select.value = value;
    $("#fault-routes").replaceChildren(...[...new Set(stages.flatMap(({ routes }) => routes.map(({ key }) => key)))].map((key) => element("option", { value: key })));
    const stage = $("#fault-stage");
    stage.replaceChildren(element("option", { value: "" }, "All stages"), ...stages.map(({ name }) => element("option", { value: name }, name)));
    $("#fault-stage-field").hidden = stages.length < 2;
    this.#form();
  }

  // A fault has happened. The state counts those up to an entry; later ones are counted here.
  happened({ seq, faultId }, { faults, kept }) {
    const one = seq > (kept?.last ?? 0) && faults?.find(({ id }) => id === faultId);
    if (!one) return;
    one.happened = (one.happened ?? 0) + 1;
    draw(() => this.#show(faults));
  }

  #show(faults) {
    const text = JSON.stringify(faults);
    if (text === this.#active) return;
    this.#active = text;
    const active = faults.filter((one) => !this.#isUsedUp(one)).length;
    write($("#fault-count"), active ? String(active) : "");
    $("#faults-button").toggleAttribute("data-active", active > 0);
    $("#faults-button").hidden = active === 0;
    write($("#faults-button"), plural(active, "fault"));
    $("#remove-faults").hidden = faults.length < 2;
    $("#no-faults").hidden = faults.length > 0;
    const focused = document.activeElement?.closest("#faults li")?.dataset.id;
    $("#faults").replaceChildren(...faults.map((one) => element("li", { "data-id": one.id },
      element("span", {}, element("strong", {}, one.text || one.spec?.fault), one.stage && this.#stages.length > 1 ? ` in ${one.stage}` : "", element("small", {}, ` happened ${one.happened === 1 ? "once" : `${count(one.happened ?? 0)} times`}${this.#isUsedUp(one) ? ", and will not again" : ""}`)),
      button("Remove", () => this.#run(() => this.#api.removeFault(one.id)), { "aria-label": `Remove the fault ${one.text}` }))));
    if (focused) document.querySelector(`#faults li[data-id="${CSS.escape(focused)}"] button`)?.focus();
  }

  // Reports whether a fault with a number of times has happened as often. Each stage counts by itself.
  #isUsedUp({ spec, stage, happened }) {
    return spec?.times > 0 && happened >= spec.times && (Boolean(stage) || this.#stages.length < 2);
  }

  get #kind() {
    return this.#kinds.find(({ fault }) => fault === $("#fault-kind").value);
  }

  // Writes the fields of the chosen kind. What was typed stays where the kinds have the same member.
  #form() {
    const kind = this.#kind;
    write($("#fault-text"), kind?.text ?? "");
    const old = new Map([...$("#fault-fields").querySelectorAll("input")].map((e) => [e.name, e]));
    $("#fault-fields").replaceChildren(...(kind?.parameters ?? []).map((p) => this.#field(p, old.get(p.name))));
    plain($("#fault-fields"));
  }

  #field({ name, type, text, required }, old) {
    const isSwitch = type === "boolean";
    const input = element("input", { type: isSwitch ? "checkbox" : "text", name, required, "data-type": type, list: name === "route" && "fault-routes", inputmode: types[type] === number && "decimal" });
    if (old) Object.assign(input, { value: old.value, checked: old.checked });
    const label = name[0].toUpperCase() + name.slice(1);
    const words = element("span", {}, `${label} `, element("small", {}, text));
    if (isSwitch) return element("label", { class: "check" }, input, words);
    const add = name === "connections" && button("Selected", () => {
      const one = this.#selected();
      if (!one) return notice("No connection is selected.");
      input.value = [...new Set([...list(input.value), one.connectionId])].join(", ");
    }, { "aria-label": "Add the selected connection" });
    return element("div", { class: "field" }, element("label", {}, words, input), add);
  }

  #read() {
    const spec = { fault: this.#kind.fault };
    for (const { name, dataset, type, value, checked } of $("#fault-fields").querySelectorAll("input")) {
      const text = value.trim();
      if (type === "checkbox") spec[name] = checked || undefined;
      else if (text) spec[name] = types[dataset.type]?.(text, name) ?? text;
    }
    if ($("#fault-stage").value) spec.stage = $("#fault-stage").value;
    return spec;
  }

  #add() {
    $("#fault-says").textContent = "";
    return this.#run(async () => {
      await this.#api.addFault(this.#read());
      notice("The fault is active.");
    }, (error) => ($("#fault-says").textContent = error.message));
  }

  async #run(action, failed = problem) {
    try {
      await action();
    } catch (error) {
      failed(error);
    }
  }
}
