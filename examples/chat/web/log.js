// The list of messages and notices, as they come, and after them the drafts. All text of other people
// goes through textContent, so it is never parsed as HTML.

import { keepFocus } from "./focus.js";

const log = document.querySelector("#log");
const list = document.querySelector("#messages");
const empty = document.querySelector("#empty");
const newest = document.querySelector("#newest");

const MAX_ITEMS = 500;
let pinned = true; // to the end: new messages scroll into view
let size = "";
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

newest.addEventListener("click", scrollDown);
log.addEventListener("scroll", () => {
  if (size !== sizeOf(log)) return; // scrolled by a resize, not by a person
  pinned = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  if (pinned) newest.hidden = true;
});
new ResizeObserver(() => {
  size = sizeOf(log); // for example when a phone is turned, or its keyboard opens
  if (pinned) scrollDown();
}).observe(log);

export function clear() {
  list.replaceChildren();
  empty.hidden = false;
  newest.hidden = true;
}

// Keeps a screen reader from reading all that is shown now.
export function hush() {
  log.ariaBusy = "true";
  queueMicrotask(() => (log.ariaBusy = "false"));
}

// Shows a message, in place of its draft if there is one. mine marks messages of this tab.
export function show(message, mine) {
  const item = (message.key && find(message.key)) || messageItem(message, mine);
  delete item.dataset.key;
  delete item.dataset.state;
  item.querySelector(".note")?.remove();
  setTime(item.querySelector("time"), message.at);
  place(item);
}

// Shows a message that is not sent yet. It stays at the end until it comes back.
export function showDraft(draft, me) {
  const item = messageItem({ name: me, text: draft.text, at: new Date() }, true);
  item.dataset.key = draft.key;
  place(item, null);
  scrollDown();
}

// Shows the state of a draft. Actions are buttons: {label: function}.
export function mark(key, state, text = "", actions = {}) {
  const item = find(key);
  if (!item) return;
  item.dataset.state = state;
  keepFocus(() => item.querySelector(".note")?.remove());
  if (text === "") return;
  const note = element("p", "note", text);
  for (const [label, run] of Object.entries(actions)) {
    const button = element("button", "", label);
    button.type = "button";
    button.addEventListener("click", run);
    note.append(" ", button);
  }
  item.querySelector(".body").append(note);
  if (pinned) scrollDown();
}

export function remove(key) {
  keepFocus(() => find(key)?.remove());
  regroup();
}

// Shows a notice, about a person if there is a name.
export function notice(name, words) {
  const item = element("li", "notice");
  if (name) item.append(element("bdi", "", name), " ");
  item.append(words);
  place(item);
}

export function element(tag, className, text = "") {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.textContent = text;
  return e;
}

// A color and a letter for a name, the same for all viewers.
export function avatar(name) {
  const e = element("span", "avatar", [...name][0]?.toUpperCase());
  e.ariaHidden = "true";
  e.style.setProperty("--hue", hue(name));
  return e;
}

function hue(name) {
  let h = 0;
  for (const c of name) h = (h * 31 + c.codePointAt(0)) % 360;
  return h;
}

function messageItem({ name, text, at }, mine) {
  const item = element("li", mine ? "message mine" : "message");
  item.dataset.author = mine ? "" : name;
  const author = element("bdi", "author", mine ? "You" : name);
  author.style.setProperty("--hue", hue(name));
  const when = element("time");
  setTime(when, at);
  const head = element("p", "head");
  head.append(author, " ", when);
  const words = element("p", "text", text);
  words.dir = "auto";
  const body = element("div", "body");
  body.append(head, words);
  item.append(avatar(name), body);
  return item;
}

function setTime(when, at) {
  when.dateTime = new Date(at).toISOString();
  when.textContent = time.format(new Date(at));
}

// Inserts an item before another, by default before the drafts. An item that is in place is not
// moved, so that it is not read out again.
function place(item, next = list.querySelector("li[data-key]")) {
  if (!item.isConnected || item.nextElementSibling !== next) list.insertBefore(item, next);
  if (list.children.length > MAX_ITEMS) list.firstElementChild.remove();
  empty.hidden = true;
  regroup();
  if (pinned) scrollDown();
  else if (item.matches(".message")) newest.hidden = false;
}

// Consecutive messages of one person share a head.
function regroup() {
  let last;
  for (const item of list.children) {
    item.classList.toggle("follows", item.dataset.author !== undefined && item.dataset.author === last);
    last = item.dataset.author;
  }
}

function find(key) {
  return [...list.children].find((item) => item.dataset.key === key);
}

function sizeOf(e) {
  return `${e.clientWidth} ${e.clientHeight}`;
}

function scrollDown() {
  pinned = true;
  log.scrollTop = log.scrollHeight;
  keepFocus(() => (newest.hidden = true), log);
}
