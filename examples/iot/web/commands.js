// The commands of a device: a form for those that it knows, and what has become of the last ones.

import { element, write, writeData } from "./dom.js";
import { clock } from "./format.js";
import { now } from "./clock.js";

const SHOWN = 8;
const MOST_RESULT = 2_000; // characters of a result
const timeouts = [[10_000, "10 s"], [30_000, "30 s"], [120_000, "2 min"], [600_000, "10 min"]];

const words = { sent: "Sent", acknowledged: "Acknowledged", done: "Done", failed: "Failed", expired: "Expired" };

export class Commands {
  element = element("section", { class: "commands", "aria-label": "Commands" });
  #app;
  #id;
  #items = new Map(); // by the id of a command
  #list = element("ol", { "aria-label": "Sent commands" });
  #note = element("p", { class: "hint" });
  #problem = element("p", { class: "problem", role: "alert", hidden: true });
  #args;

  constructor(app, { id }, names) {
    this.#app = app;
    this.#id = id;
    this.element.append(element("h3", {}, "Commands"));
    if (app.may("operate") && names.length) this.element.append(this.#form(names));
    else this.element.append(element("p", { class: "hint" }, names.length ? "Your key may not send commands." : "It knows no commands."));
    this.element.append(this.#note, this.#list);
  }

  close() {
    this.#items.clear();
  }

  // Draws the commands of the device as they are now.
  show(device) {
    const isOff = device && !device.online;
    const waits = device?.via === "http" ? "It gets a command with its next report." : "It is not connected: a command waits for it until it expires.";
    write(this.#note, isOff && this.#args ? waits : "");
    const all = [...this.#app.commands.values()].filter((command) => command.device === this.#id);
    all.sort((a, b) => Date.parse(b.sentAt) - Date.parse(a.sentAt));
    const shown = all.slice(0, SHOWN);
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, { item }] of this.#items) {
      if (ids.has(id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    for (const [i, command] of shown.entries()) {
      const one = this.#items.get(command.id) ?? this.#newItem(command);
      if (this.#list.children[i] !== one.item) this.#list.insertBefore(one.item, this.#list.children[i] ?? null);
      this.#write(one, command);
    }
  }

  #form(names) {
    const name = element("select", { name: "name", "aria-label": "Command" }, ...names.map((one) => element("option", {}, one)));
    this.#args = element("input", {
      name: "args", placeholder: 'Arguments, as JSON: {"rpm": 1200}', "aria-label": "Arguments, as JSON", autocomplete: "off", spellcheck: "false",
    });
    const timeout = element("select", { name: "timeout", "aria-label": "Expires after" },
      ...timeouts.map(([ms, label]) => element("option", { value: ms, selected: ms === 30_000 }, label)));
    const send = async (event) => {
      event.preventDefault();
      const args = parse(this.#args.value);
      this.#complain(args instanceof SyntaxError ? "The arguments are not JSON." : "");
      if (args instanceof SyntaxError) return this.#args.focus();
      try {
        await this.#app.client.call("command", { device: this.#id, name: name.value, args, timeoutMs: Number(timeout.value) }, { key: true, expires: 10_000 });
      } catch (error) {
        this.#complain(`${name.value}: ${error.message}`);
      }
    };
    return element("form", { novalidate: true, onsubmit: send },
      element("div", { class: "line" }, name, this.#args),
      element("div", { class: "line" }, element("label", { class: "within" }, "Expires after", timeout), element("button", { class: "primary" }, "Send")),
      this.#problem);
  }

  #complain(text) {
    this.#problem.textContent = text;
    this.#problem.hidden = text === "";
    if (this.#args) this.#args.ariaInvalid = String(text.startsWith("The arguments"));
  }

  #newItem({ id, name, args, by, sentAt }) {
    const one = { state: element("span", { class: "state" }), rest: element("span", { class: "rest", role: "timer" }), result: element("pre", { hidden: true }) };
    const what = element("b", {}, String(name));
    const given = args === undefined || args === null ? "" : element("code", {}, JSON.stringify(args).slice(0, 200));
    const who = element("p", { class: "hint" }, element("bdi", {}, String(by ?? "")), `, ${clock(Date.parse(sentAt))}`);
    one.item = element("li", {}, element("p", { class: "what" }, what, " ", given), element("p", { class: "becomes" }, one.state, one.rest), who, one.result);
    this.#items.set(id, one);
    return one;
  }

  #write({ item, state, rest, result }, command) {
    const left = Math.ceil((Date.parse(command.expiresAt) - now()) / 1_000);
    const isOpen = command.state === "sent" || command.state === "acknowledged";
    writeData(item, "state", command.state);
    write(state, Object.hasOwn(words, command.state) ? words[command.state] : String(command.state));
    write(rest, isOpen ? (left > 0 ? `${left} s left` : "out of time") : took(command));
    const text = [command.message, command.result === undefined || command.result === null ? "" : JSON.stringify(command.result)];
    write(result, text.filter(Boolean).join("\n").slice(0, MOST_RESULT));
    result.hidden = result.textContent === "";
  }
}

function took({ state, sentAt, endedAt }) {
  const ms = Date.parse(endedAt) - Date.parse(sentAt);
  return state === "expired" || Number.isNaN(ms) ? "" : `after ${(ms / 1_000).toFixed(1)} s`;
}

// The value of JSON, undefined for nothing, or a SyntaxError.
function parse(text) {
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}
