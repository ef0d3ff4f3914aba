// The figures at the top.

import { $, element, write } from "./dom.js";
import { draw, everySecond } from "./frame.js";
import { now } from "./clock.js";
import { count, span } from "./format.js";

export class Figures {
  #app;
  #rate;
  #draw = () => this.#show();

  constructor(app) {
    this.#app = app;
    app.devices.view(this.#draw);
    everySecond(() => {
      this.#rate = app.devices.rate();
      this.#show();
    });
    const button = $("#refusals-button");
    button.addEventListener("click", () => this.toggle());
    $("#refusals").addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && relatedTarget !== button && !$("#refusals").contains(relatedTarget)) this.toggle(false);
    });
  }

  // Shows or hides the refused readings by reason. Reports whether that has changed.
  toggle(isOpen = $("#refusals").hidden) {
    const hasChanged = $("#refusals").hidden === isOpen;
    $("#refusals").hidden = !isOpen;
    $("#refusals-button").ariaExpanded = String(isOpen);
    if (isOpen) $("#refusals").focus();
    draw(this.#draw);
    return hasChanged;
  }

  #show() {
    const { devices, alerts, refusals } = this.#app;
    let online = 0;
    for (const device of devices.all.values()) if (device.online) online++;
    write($("#count-devices"), count(devices.all.size));
    write($("#count-online"), count(online));
    const { all, raised } = alerts.open;
    write($("#count-alerts"), count(all));
    $("#count-alerts-box").toggleAttribute("data-raised", raised > 0);
    write($("#count-rate"), this.#rate === undefined ? "–" : count(this.#rate));
    let refused = 0;
    for (const { count: n } of refusals.values()) refused += n;
    write($("#count-refused"), count(refused));
    if (!$("#refusals").hidden) this.#reasons();
  }

  #reasons() {
    const rows = [...this.#app.refusals.values()].sort((a, b) => b.count - a.count).map(({ reason, count: n, last, example }) =>
      element("tr", {}, element("th", { scope: "row" }, String(reason).replaceAll("_", " ")), element("td", { class: "number" }, count(n)),
        element("td", { class: "number" }, `${span(now() - Date.parse(last))} ago`), element("td", {}, String(example ?? "").slice(0, 300))));
    const heads = ["Reason", "Readings", "Last", "Example"].map((label) => element("th", { scope: "col" }, label));
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows));
    $("#refusals").replaceChildren(rows.length ? table : element("p", {}, "No reading was refused."));
  }
}
