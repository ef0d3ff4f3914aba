// What the page says: banners that stay, short notices, and what only a screen reader hears.

import { $, button, element } from "./dom.js";

const SHOWN = 6_000; // ms
const MOST = 3;

// Shows a short notice, which is also read aloud. An error stays longer.
export function notice(text, { isError = false } = {}) {
  const box = $("#notices");
  [...box.children].find((e) => e.firstChild.textContent === text)?.remove();
  const item = element("p", { class: isError ? "bad" : "" }, element("span", {}, text), button("×", () => item.remove(), { "aria-label": "Close this notice", class: "icon" }));
  box.append(item);
  if (box.children.length > MOST) box.firstChild.remove();
  setTimeout(() => item.remove(), isError ? 2 * SHOWN : SHOWN);
}

export const problem = (error) => notice(error.message, { isError: true });

// Shows a banner below the head, or takes the one of that kind away if text is empty.
export function banner(kind, text, ...actions) {
  const box = $("#banners");
  const old = box.querySelector(`[data-kind="${kind}"]`);
  if (!text) return old?.remove();
  if (old?.firstChild.textContent === text) return;
  old?.remove();
  box.append(element("p", { "data-kind": kind, role: kind === "restarted" ? "status" : "alert" }, element("span", {}, text), ...actions));
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    return notice(`The browser does not let this page copy. Select ${what} and copy it by hand.`, { isError: true });
  }
  notice(`Copied: ${what}.`);
}

export const copyButton = (text, what, label = "Copy") => button(label, () => copy(typeof text === "function" ? text() : text, what), { class: "quiet", "aria-label": `${label} ${what}` });
