// Errors, shown until they are dismissed. They do not block the page.

import { keepFocus } from "./focus.js";
import { element } from "./log.js";

const MAX_ALERTS = 3;
const alerts = document.querySelector("#alerts");

addEventListener("keydown", (event) => {
  if (event.key === "Escape") remove(alerts.lastElementChild);
});

export function alert(text) {
  const message = text.charAt(0).toUpperCase() + text.slice(1);
  for (const old of alerts.children) {
    if (old.firstElementChild.textContent === message) remove(old);
  }
  const close = element("button", "", "×");
  close.type = "button";
  close.ariaLabel = "Dismiss";
  close.addEventListener("click", () => remove(item));
  const item = element("div", "alert");
  item.append(element("p", "", message), close);
  alerts.append(item);
  if (alerts.children.length > MAX_ALERTS) remove(alerts.firstElementChild);
}

function remove(item) {
  keepFocus(() => item?.remove());
}
