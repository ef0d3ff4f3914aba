// Errors, shown until they are dismissed. They stop nothing: one can go on writing below them.

import { element } from "./log.js";

const MAX_ALERTS = 3;
const alerts = document.querySelector("#alerts");

addEventListener("keydown", (event) => {
  if (event.key === "Escape") alerts.lastElementChild?.remove();
});

export function alert(text) {
  const message = text.charAt(0).toUpperCase() + text.slice(1);
  for (const old of alerts.children) {
    if (old.firstElementChild.textContent === message) old.remove();
  }
  const close = element("button", "", "×");
  close.type = "button";
  close.ariaLabel = "Dismiss";
  close.addEventListener("click", () => item.remove());
  const item = element("div", "alert");
  item.append(element("p", "", message), close);
  alerts.append(item);
  if (alerts.children.length > MAX_ALERTS) alerts.firstElementChild.remove();
}
