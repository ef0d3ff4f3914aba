// Elements. All text of others goes through textContent, so that it is never parsed as HTML.

export const $ = (selector) => document.querySelector(selector);

// Returns an element with attributes and children; a string among them is text. An attribute that
// is undefined, null or false is left out; one whose name begins with "on" is a listener.
export function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return e;
}

// What people write here is code: browsers neither correct nor complete it.
export function plain(box) {
  for (const e of box.querySelectorAll("input, textarea")) Object.assign(e, { autocomplete: "off", spellcheck: false, autocapitalize: "off" });
}

export const button = (text, onclick, attributes = {}) => element("button", { type: "button", onclick, ...attributes }, text);

// Write only what changes: a screen reader reads each text once, and nothing is laid out in vain.
export function write(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

export function writeAttribute(e, name, value) {
  if (value === undefined || value === null || value === false) e.removeAttribute(name);
  else if (e.getAttribute(name) !== String(value)) e.setAttribute(name, value);
}

// Everything that many entries change is drawn once a frame, however many came. The same function
// is called once. A hidden page draws when it is shown again.
const waiting = new Set();
let frame = 0;

export function draw(run) {
  waiting.add(run);
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    const now = [...waiting];
    waiting.clear();
    for (const one of now) one();
  });
}

// Calls run at most once in ms, and once more after the last call of what it returns.
export function later(ms, run) {
  let timer = 0;
  return () => {
    timer ||= setTimeout(() => {
      timer = 0;
      run();
    }, ms);
  };
}

// What stays in this tab, such as a draft, and what stays in this browser. Neither must fail the page.
const storage = (name) => ({
  load(key) {
    try {
      return globalThis[name].getItem(`gatesock-${key}`) ?? "";
    } catch {
      return "";
    }
  },
  keep(key, text) {
    try {
      globalThis[name].setItem(`gatesock-${key}`, text);
    } catch {
      // full or forbidden: it is kept in the page only
    }
  },
});

export const tab = storage("sessionStorage");
export const browser = storage("localStorage");
