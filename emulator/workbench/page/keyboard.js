// The keyboard, and the help that shows it.

import { $, element } from "./dom.js";
import { dialog } from "./client.js";

const help = [
  ["j k", "Next entry, the one before"],
  ["G", "The newest entry, and follow"],
  ["] [", "Next connection, the one before"],
  ["/", "Search the timeline"],
  ["n", "New client"],
  ["s", "Write a frame"],
  ["Ctrl Enter", "Send it"],
  ["r", "Replay the selected frame"],
  ["e", "Edit it and send it again"],
  ["x", "Disconnect the selected connection"],
  ["p", "Pause, resume"],
  ["1 2 3 4", "Details, faults, time, export"],
  ["Esc", "Close, leave a field, clear the selection"],
  ["?", "This help"],
];

// actions has a function for each key.
export function listen(actions, escape) {
  const box = dialog("#help");
  $("#help-keys").append(...help.map(([keys, what]) => element("div", {}, element("dt", {}, ...keys.split(" ").flatMap((key) => [element("kbd", {}, key), " "])), element("dd", {}, what))));
  const all = { ...actions, "?": () => box.showModal() };
  $("#help-button").addEventListener("click", all["?"]);
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.altKey || event.ctrlKey || event.metaKey || event.isComposing) return;
    const isField = event.target.matches("input:not([type=radio], [type=checkbox]), textarea, select");
    if (event.key === "Escape") {
      if (isField) event.target.blur();
      else escape();
    } else if (!isField && Object.hasOwn(all, event.key)) {
      event.preventDefault();
      all[event.key]();
    }
  });
}
