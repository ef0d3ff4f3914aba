// What a cell of the grid stands for, beside the pointer or the focus.

import { $, element, write, writeData } from "./dom.js";
import { draw } from "./frame.js";
import { now } from "./clock.js";
import { span, status, value } from "./format.js";

export class Tip {
  #devices;
  #types;
  #id = "";
  #cell = null;
  #parts = { mark: element("i", { class: "mark" }), name: element("bdi"), what: element("p"), value: element("p") };
  #draw = () => this.#show();

  constructor(devices, types) {
    this.#devices = devices;
    this.#types = types;
    const { mark, name, what, value: number } = this.#parts;
    $("#tip").append(element("p", {}, mark, " ", name), what, number);
    devices.view((changed) => changed.has(this.#id) && this.#show());
  }

  show(id, cell) {
    this.#id = id ?? "";
    this.#cell = cell;
    draw(this.#draw);
  }

  #show() {
    const device = this.#devices.all.get(this.#id);
    const tip = $("#tip");
    tip.hidden = !device || !this.#cell?.isConnected;
    if (tip.hidden) return;
    const kind = this.#types.get(device.type);
    const metric = kind?.metrics[kind.main];
    writeData(this.#parts.mark, "status", device.status);
    write(this.#parts.name, device.name || device.id);
    write(this.#parts.what, `${device.type}, ${device.region}`);
    const seen = device.lastSeen ? `, ${span(now() - Date.parse(device.lastSeen))} ago` : "";
    write(this.#parts.value, `${status(device.status).label}${typeof device.value === "number" ? ` · ${value(device.value, metric)} ${metric?.unit ?? ""}${seen}` : ""}`);
    const { left, bottom, top, width } = this.#cell.getBoundingClientRect();
    const isLow = bottom > innerHeight - 110;
    tip.style.left = `${Math.max(8, Math.min(left + width / 2 - 110, innerWidth - 228))}px`;
    tip.style.top = isLow ? "" : `${bottom + 8}px`;
    tip.style.bottom = isLow ? `${innerHeight - top + 8}px` : "";
  }
}
