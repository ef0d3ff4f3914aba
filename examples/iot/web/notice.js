// Short notices of what went wrong, and what a screen reader is told in passing.

import { $, element } from "./dom.js";

const SHOWN = 8_000; // ms
const MOST = 3;

export function notice(text) {
  const box = $("#notices");
  const known = [...box.children].find((e) => e.firstChild.textContent === text);
  known?.remove();
  const close = element("button", { type: "button", "aria-label": "Close", class: "icon", onclick: () => item.remove() }, "×");
  const item = element("p", {}, element("span", {}, text), close);
  box.append(item);
  if (box.children.length > MOST) box.firstChild.remove();
  setTimeout(() => item.remove(), SHOWN);
}

export function say(text) {
  $("#spoken").textContent = text;
}
