// Light or dark: as the system says, unless somebody chooses.

import { $ } from "./dom.js";
import { browser } from "./storage.js";

const themes = { auto: ["◐", "as the system"], light: ["☀", "light"], dark: ["☾", "dark"] };
const listeners = new Set();
let theme = browser.load("theme", "auto");
if (!Object.hasOwn(themes, theme)) theme = "auto";

// Calls a function when the colours have changed, for what is drawn on a canvas.
export function onTheme(run) {
  listeners.add(run);
  return () => listeners.delete(run);
}

function show() {
  const [sign, words] = themes[theme];
  document.documentElement.dataset.theme = theme;
  $("#theme").textContent = sign;
  $("#theme").ariaLabel = `Colours: ${words}. Change`;
  $("#theme").title = `Colours: ${words} (t)`;
  listeners.forEach((run) => run());
}

export function nextTheme() {
  const names = Object.keys(themes);
  theme = names[(names.indexOf(theme) + 1) % names.length];
  browser.keep("theme", theme);
  show();
}

$("#theme").addEventListener("click", nextTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
show();
