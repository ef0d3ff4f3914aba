// The faults: those that are active, and a form for a new one, made from the kinds that the server
// knows.

import { $, button, element, write } from "./dom.js";
import { count, plural } from "./format.js";
import { notice, problem } from "./notice.js";

// The members of a fault, in the order of the form: label, and what an input takes.
const members = {
  delay: { label: "Delay", hint: "such as 2s or 10m", as: String },
  noticed: { label: "Noticed after", hint: "such as 1m", as: String },
  rate: { label: "Rate", hint: "a second; 0 refuses all", as: Number },
  burst: { label: "Burst", hint: "", as: Number },
  error: { label: "Error", hint: "its text", as: String },
  route: { label: "Route", hint: "all if empty", as: String, list: "fault-routes" },
  connections: { label: "Connections", hint: "ids or #3; all if empty", as: (text) => text.split(/[\s,]+/).filter(Boolean) },
  times: { label: "Times", hint: "no limit if empty", as: Number },
  chance: { label: "Chance", hint: "0 to 1; always if empty", as: Number },
  spread: { label: "Spread", hint: "each duration is drawn from 0 up to it", as: Boolean },
};

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
    this.#kinds = kinds.map((one) => ({ fault: one.fault ?? one.kind ?? one.name, text: one.text ?? one.does ?? "", parameters: (one.parameters ?? []).map((p) => (typeof p === "string" ? { name: p } : p)) }));
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

  #show(faults) {
    const text = JSON.stringify(faults);
    if (text === this.#active) return;
    this.#active = text;
    write($("#fault-count"), faults.length ? String(faults.length) : "");
    $("#faults-button").toggleAttribute("data-active", faults.length > 0);
    $("#faults-button").hidden = faults.length === 0;
    write($("#faults-button"), plural(faults.length, "fault"));
    $("#remove-faults").hidden = faults.length < 2;
    $("#no-faults").hidden = faults.length > 0;
    const focused = document.activeElement?.closest("#faults li")?.dataset.id;
    $("#faults").replaceChildren(...faults.map((one) => element("li", { "data-id": one.id },
      element("span", {}, element("strong", {}, one.text || one.spec?.fault), one.stage && this.#stages.length > 1 ? ` in ${one.stage}` : "", element("small", {}, ` happened ${one.happened === 1 ? "once" : `${count(one.happened ?? 0)} times`}`)),
      button("Remove", () => this.#run(() => this.#api.removeFault(one.id)), { "aria-label": `Remove the fault ${one.text}` }))));
    if (focused) document.querySelector(`#faults li[data-id="${CSS.escape(focused)}"] button`)?.focus();
  }

  get #kind() {
    return this.#kinds.find(({ fault }) => fault === $("#fault-kind").value);
  }

  // Writes the fields of the chosen kind. What was typed stays where the kinds have the same member.
  #form() {
    const kind = this.#kind;
    write($("#fault-text"), kind?.text ?? "");
    const old = new Map([...$("#fault-fields").querySelectorAll("input")].map((e) => [e.name, e]));
    const parameters = kind?.parameters ?? [];
    const fields = Object.keys(members).filter((name) => parameters.some((p) => p.name === name));
    $("#fault-fields").replaceChildren(...fields.map((name) => this.#field(name, parameters.find((p) => p.name === name), old.get(name))));
  }

  #field(name, { required, text, default: value }, old) {
    const { label, hint, as, list } = members[name];
    const type = as === Boolean ? "checkbox" : "text";
    const input = element("input", { type, name, list, inputmode: as === Number ? "decimal" : undefined, required, autocomplete: "off", spellcheck: "false" });
    if (old) Object.assign(input, { value: old.value, checked: old.checked });
    else if (value !== undefined && as !== Boolean) input.value = value;
    const words = text || hint;
    if (as === Boolean) return element("label", { class: "check" }, input, element("span", {}, label, " ", element("small", {}, words)));
    const add = name === "connections" && button("Selected", () => {
      const one = this.#selected();
      if (!one) return notice("No connection is selected.");
      const ids = new Set(input.value.split(/[\s,]+/).filter(Boolean));
      input.value = [...ids.add(one.connectionId)].join(", ");
    }, { class: "quiet", "aria-label": "Add the selected connection" });
    return element("div", { class: "field" }, element("label", {}, element("span", {}, label, " ", element("small", {}, words)), input), add);
  }

  #read() {
    const spec = { fault: this.#kind.fault };
    for (const { name, type, value, checked } of $("#fault-fields").querySelectorAll("input")) {
      const { as, label } = members[name];
      if (type === "checkbox") {
        if (checked) spec[name] = true;
      } else if (value.trim() !== "") {
        spec[name] = as(value.trim());
        if (as === Number && Number.isNaN(spec[name])) throw new Error(`${label}: “${value}” is not a number.`);
      }
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
