// Elements. All text that others write goes through textContent, so it is never parsed as HTML.

export const $ = (selector) => document.querySelector(selector);

// Returns an element with attributes and children; a string among them is text. Attributes that are
// undefined or false are left out.
export function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick" || name === "onsubmit") e.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children);
  return e;
}

// Writes only what changes: a screen reader reads each text once, and nothing is laid out in vain.
export function write(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

export function writeData(e, name, value) {
  if (e.dataset[name] !== value) e.dataset[name] = value;
}
