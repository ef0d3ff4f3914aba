// The keyboard.

import { $, element } from "./dom.js";

const help = [
  ["/", "Search the devices"],
  ["g", "Go to the regions"],
  ["d", "Go to the table of devices"],
  ["a", "Go to the alerts"],
  ["f", "Go to the filter"],
  ["↑ ↓ ← →", "Move in the regions and in the table"],
  ["Enter", "Open the device"],
  ["Escape", "Close what is open, clear the search"],
  ["t", "Light or dark"],
  ["?", "This help"],
];

// Sets the keys up: actions has a function for each; escape is called for Escape.
export function listen(actions, escape) {
  const dialog = $("#help");
  const rows = help.map(([key, what]) => element("div", {}, element("dt", {}, element("kbd", {}, key)), element("dd", {}, what)));
  const close = element("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Close");
  dialog.append(element("h2", { id: "help-title" }, "Keyboard"), element("dl", {}, ...rows), close);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  const all = { ...actions, "?": () => dialog.showModal() };
  $("#help-button").addEventListener("click", all["?"]);

  document.addEventListener("keydown", (event) => {
    if ($("#app").hidden || dialog.open || event.altKey || event.ctrlKey || event.metaKey || event.isComposing) return;
    if (event.key === "Escape") escape(event);
    else if (!event.target.matches("input, textarea, select") && Object.hasOwn(all, event.key)) {
      event.preventDefault();
      all[event.key]();
    }
  });
}
