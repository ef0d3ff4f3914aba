// What there is instead of devices, if there are none.

import { $, element } from "./dom.js";

export function showEmpty({ isEmpty, hasFilter, clear }) {
  const box = $("#empty");
  box.hidden = !isEmpty;
  $("#overview").hidden = $("#devices").hidden = isEmpty;
  if (!isEmpty) return;
  if (hasFilter) {
    box.replaceChildren(element("h2", {}, "No device matches the filter"),
      element("p", {}, "Devices appear here as soon as they match."),
      element("button", { type: "button", class: "primary", onclick: clear }, "Clear filter"));
    return;
  }
  box.replaceChildren(element("h2", {}, "No devices yet"),
    element("p", {}, "This tenant has no devices. They appear here as soon as they are registered. To try it out, simulate some:"),
    element("pre", {}, "go run ./iot/simulate -devices 50 -rate 1 \\\n  -url WEBSOCKET -http HTTP -broker MQTT -key KEY"),
    element("p", { class: "hint" }, "Run it in the folder examples. The local program prints this line with the addresses and a key of this tenant."));
}
