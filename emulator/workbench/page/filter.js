// What the filter above the timeline lets through.

import { concerns, failed, group } from "./entry.js";

// Returns a function that reports whether an entry passes. kinds are the groups that are shown, or
// empty for all; status is "", "failed", "2", "4" or "5"; text is a search (see terms).
export function matcher({ connection, kinds, route, status, text }) {
  const tests = [];
  if (connection) tests.push((e) => concerns(e, connection));
  if (kinds.size) tests.push((e) => kinds.has(group(e)) || group(e) === "");
  if (route) tests.push((e) => e.route === route);
  if (status === "failed") tests.push(failed);
  else if (status) tests.push((e) => Math.floor((e.status ?? 0) / 100) === Number(status));
  for (const term of terms(text)) tests.push(test(term));
  return (entry) => tests.every((one) => one(entry));
}

// A search is words that an entry must all contain. "a phrase" is one word, -word must not be there,
// and kind: route: status: code: level: conn: request: look at one member.
function terms(text) {
  const found = [];
  for (const [, not, key, phrase, word] of text.matchAll(/(-?)(?:([a-z]+):)?(?:"([^"]*)"|(\S+))/g)) {
    const value = phrase ?? word;
    const isKey = key === undefined || Object.hasOwn(members, key);
    found.push({ not: not !== "", key: isKey ? key : undefined, value: isKey ? value : `${key}:${value}` });
  }
  return found;
}

const begins = (text, value) => String(text ?? "").toLowerCase().startsWith(value.toLowerCase());

const members = {
  kind: (e, value) => begins(e.kind, value),
  route: (e, value) => begins(e.route, value),
  status: (e, value) => begins(e.status, value),
  code: (e, value) => begins(e.code, value),
  level: (e, value) => begins(e.level, value),
  conn: (e, value) => (value.startsWith("#") ? `#${e.connection}` === value : begins(e.connectionId, value)),
  request: (e, value) => begins(e.requestId, value),
};

const places = ["body", "text", "error", "route", "kind", "reason", "fault", "connectionId", "requestId", "function", "frame", "method"];

function test({ not, key, value }) {
  if (key) return (e) => members[key](e, value) !== not;
  const pattern = new RegExp(value.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), "iu");
  const found = (e) => places.some((place) => e[place] !== undefined && pattern.test(e[place])) ||
    (e.handshake !== undefined && pattern.test(JSON.stringify(e.handshake)));
  return (e) => found(e) !== not;
}
