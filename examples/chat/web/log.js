// The list of messages and notices, ordered by id. All text of other people goes through
// textContent, so it is never parsed as HTML.

import { keepFocus } from "./focus.js";

const log = document.querySelector("#log");
const list = document.querySelector("#messages");
const empty = document.querySelector("#empty");
const newest = document.querySelector("#newest");

const MAX_ITEMS = 500;
const shown = new Set(); // the ids of messages
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
  shown.clear();
  empty.hidden = false;
  newest.hidden = true;
}

// Shows many messages with a function, without a screen reader reading them all.
export function showAll(messages, show) {
  log.ariaBusy = "true";
  messages.forEach((message) => show(message));
  log.ariaBusy = "false";
}

// Shows a message in its place, once. mine marks messages of this tab.
export function show(message, mine) {
  if (shown.has(message.id)) return;
  shown.add(message.id);
  place(messageItem(message, mine), message.id);
}

// Shows a message that is not sent yet. It stays at the end until it is settled.
export function showDraft(draft, me) {
  const item = messageItem({ name: me, text: draft.text, at: new Date() }, true);
  item.dataset.key = draft.key;
  place(item, Infinity);
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

// Replaces a draft by the server's message.
export function settle(key, message) {
  const item = find(key);
  shown.add(message.id);
  delete item.dataset.key;
  delete item.dataset.state;
  item.querySelector(".note")?.remove();
  setTime(item.querySelector("time"), message.at);
  place(item, message.id);
}

export function remove(key) {
  keepFocus(() => find(key)?.remove());
  regroup();
}

// Shows a notice about a person.
export function notice(name, did, id) {
  const item = element("li", "notice");
  item.append(element("bdi", "", name), ` ${did}`);
  place(item, id);
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

// Inserts an item by its id. An item that is in place is not moved, so that it is not read out
// again.
function place(item, id) {
  item.dataset.id = id;
  let before = list.lastElementChild;
  while (before && (before === item || Number(before.dataset.id) > id)) before = before.previousElementSibling;
  const next = before ? before.nextElementSibling : list.firstElementChild;
  if (next !== item) list.insertBefore(item, next);
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
