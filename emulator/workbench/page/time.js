// The clock of the gateway, schedules and queues.

import { $, button, element, write } from "./dom.js";
import { clock, moment, span } from "./format.js";
import { notice, problem } from "./notice.js";

const steps = [["+1 min", "1m"], ["+9 min", "9m"], ["+10 min, idle", "10m"], ["+2 h, too old", "2h"]];

export class Time {
  #api;
  #now = Date.now(); // at #at
  #at = performance.now();
  #offset = 0;
  #known = "";

  constructor(api) {
    this.#api = api;
    $("#clock-steps").append(...steps.map(([label, by]) => button(label, () => this.#advance(by))));
    $("#clock-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      if (await this.#advance($("#clock-by").value.trim())) $("#clock-by").value = "";
    });
    $("#queue-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#queue();
    });
    setInterval(() => this.#tick(), 1_000);
  }

  // The gateway's time in ms.
  now() {
    return this.#now + performance.now() - this.#at;
  }

  state({ now, offsetMs = 0, schedules, queues, functionsClock, sourcesError }) {
    this.#set(now, offsetMs);
    $("#functions-clock").hidden = functionsClock !== "machine";
    write($("#sources-error"), sourcesError ? `Schedules and queues cannot be read: ${sourcesError}` : "");
    this.#sources(schedules ?? [], queues ?? []);
  }

  #set(now, offset) {
    const ms = Date.parse(now);
    if (Number.isNaN(ms)) return;
    this.#now = ms;
    this.#at = performance.now();
    this.#offset = offset;
    this.#tick();
  }

  #tick() {
    const now = this.now();
    write($("#clock"), clock(now, { withoutMs: true }));
    const ahead = Math.abs(this.#offset) < 500 ? "" : `${this.#offset < 0 ? "−" : "+"}${span(Math.abs(this.#offset))}`;
    write($("#offset"), ahead);
    write($("#clock-now"), moment(now).slice(0, 19));
    write($("#clock-offset"), ahead ? `${ahead} from the machine’s clock` : "as the machine’s clock");
  }

  async #advance(text) {
    try {
      const { now, offsetMs } = await this.#api.advance(text);
      this.#set(now, offsetMs);
      notice(`The clock was moved by ${text}.`);
      return true;
    } catch (error) {
      problem(error);
      return false;
    }
  }

  #sources(schedules, queues) {
    const text = JSON.stringify([schedules, queues]);
    if (text === this.#known) return;
    this.#known = text;
    $("#schedules-section").hidden = schedules.length === 0;
    $("#queues-section").hidden = queues.length === 0;
    $("#schedules").replaceChildren(...schedules.map((one) => element("li", {},
      element("span", {}, element("strong", {}, one.name || one.id), " ", element("code", {}, one.expression ?? ""), one.target ? element("small", {}, ` ${one.target}`) : ""),
      button("Fire", () => this.#fire(one), { "aria-label": `Fire ${one.name || one.id}` }))));
    const select = $("#queue-name");
    const value = select.value;
    select.replaceChildren(...queues.map(({ name }) => element("option", { value: name }, name)));
    if (queues.some(({ name }) => name === value)) select.value = value;
  }

  async #fire(one) {
    try {
      await this.#api.fire(one.id);
      notice(`${one.name || one.id} was fired.`);
    } catch (error) {
      problem(error);
    }
  }

  async #queue() {
    const name = $("#queue-name").value;
    const group = $("#queue-group").value.trim();
    try {
      await this.#api.queue(name, { body: $("#queue-body").value, ...(group && { group }) });
      notice(`Sent to ${name}.`);
    } catch (error) {
      problem(error);
    }
  }
}
