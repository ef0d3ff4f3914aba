// What an entry of the timeline is, in words, and which of them belong together.

import { element } from "./dom.js";
import { duration, plural, size, span } from "./format.js";

// The kinds of entries that are filtered together, with their labels.
export const groups = [
  { key: "frames", label: "Frames", kinds: ["received", "sent"] },
  { key: "invocations", label: "Invocations", kinds: ["invoked"] },
  { key: "logs", label: "Logs", kinds: ["log"] },
  { key: "posts", label: "Posts", kinds: ["called"] },
  { key: "connections", label: "Connections", kinds: ["connected", "refused", "disconnected"] },
  { key: "faults", label: "Faults", kinds: ["fault", "fault-added", "fault-removed"] },
  { key: "rest", label: "Other", kinds: ["clock", "note", "schedule", "queue"] },
];

const groupOf = new Map(groups.flatMap(({ key, kinds }) => kinds.map((kind) => [kind, key])));

// The group of an entry; the page's own marks have none, and are always shown.
export const group = ({ kind }) => (kind === "missing" || kind === "restarted" ? "" : (groupOf.get(kind) ?? "rest"));

// Kinds that concern every connection, if no connection is named. So do notes of builds and reloads.
const common = new Set(["clock", "fault-added", "fault-removed", "schedule", "queue", "missing", "restarted"]);

export function concerns(entry, connection) {
  if (entry.connectionId) return entry.connectionId === connection.connectionId && entry.epoch === connection.epoch;
  return common.has(entry.kind) || (entry.kind === "note" && /^(reload|build|error)/.test(entry.level));
}

export function failed({ kind, status, error, level, frame, code }) {
  return Boolean(error) || status >= 400 || kind === "refused" || frame === "error" || level === "ERROR" || kind === "missing" ||
    (kind === "disconnected" && code > 1001 && code < 3000 && code !== 1005);
}

// The lanes of a row are the client, the gateway and the function; an entry is an arrow or a mark
// in them.
const places = {
  received: "in", connected: "open", refused: "refused", disconnected: "end", sent: "out", called: "post", invoked: "run", log: "log",
  fault: "fault", "fault-added": "fault", "fault-removed": "fault", clock: "fault", missing: "fault", restarted: "fault",
};

export const lanes = () => element("span", { class: "lanes", "aria-hidden": "true" });

export const lane = ({ kind, method }) => (kind === "called" && method !== "POST" ? "call" : (places[kind] ?? "none"));

// The words of each kind: what it is, said to a screen reader in full (whole), and what it says.
const words = {
  received: (e) => [e.route || "no route", "Frame of the client to the route", body(e)],
  sent: (e) => [e.frame === "error" ? "error frame" : `${e.frame ?? "frame"}${e.route ? ` ${e.route}` : ""}`, "Frame to the client:", e.error ? `dropped: ${e.error}` : body(e)],
  called: (e) => [e.method === "POST" ? "post" : e.method, "Call of @connections:", e.method === "POST" ? body(e) : (e.error ?? "")],
  invoked: (e) => [e.route || "function", "Invocation", e.error ? `failed: ${e.error}` : body(e)],
  log: (e) => [e.function || "log", "Log line", `${e.late ? "(after the invocation) " : ""}${e.text ?? ""}`],
  connected: (e) => ["connected", "", handshake(e)],
  refused: (e) => ["refused", "", [e.reason, handshake(e)].filter(Boolean).join(" · ")],
  disconnected: (e) => ["disconnected", "", `${e.byClient ? "by the client" : "by the gateway"}${e.reason ? `: ${e.reason}` : ""}`],
  fault: (e) => ["fault", "", [e.fault, e.delayMs && `${duration(e.delayMs)} later`].filter(Boolean).join(" · ")],
  "fault-added": (e) => ["fault added", "", e.fault ?? ""],
  "fault-removed": (e) => ["fault removed", "", e.fault ?? ""],
  clock: (e) => ["clock", "", `moved by ${e.advanceMs < 0 ? "−" : "+"}${span(Math.abs(e.advanceMs ?? 0))}`],
  note: (e) => [e.level || "note", "Note", e.text ?? ""],
  schedule: (e) => ["schedule", "", [e.text, e.error && `failed: ${e.error}`].filter(Boolean).join(" · ")],
  queue: (e) => ["queue", "", [e.text, e.body, e.error && `failed: ${e.error}`].filter(Boolean).join(" · ")],
  missing: (e) => ["missing", "", `${plural(e.to - e.from + 1, "entry", "entries")} did not reach this page (${e.from} to ${e.to})`],
  restarted: () => ["restarted", "", "The program was started again. What is above is from before."],
};

export function describe(entry) {
  const [what, whole, text] = (words[entry.kind] ?? ((e) => [e.kind, "", e.text ?? ""]))(entry);
  return { what, whole, text: String(text).slice(0, 400), meta: meta(entry), mark: entry.code ?? entry.status ?? (entry.kind === "log" && entry.level && entry.level !== "INFO" ? entry.level : "") };
}

function body({ body: text, body64, bytes }) {
  if (text !== undefined) return text.slice(0, 400).replace(/\s+/g, " ");
  return body64 === undefined ? "(empty)" : `${size(bytes ?? 0)} of binary data`;
}

function handshake({ handshake: h = {} }) {
  const query = pairs(h.query).map(([name, value]) => `${name}=${value}`).join("&");
  return [h.authorizer?.principalId, query && `?${query}`, h.subprotocols?.length && `subprotocols ${h.subprotocols.join(", ")}`, h.sourceIp && `from ${h.sourceIp}`].filter(Boolean).join(" · ");
}

function meta({ durationMs, bytes, kind }) {
  if (kind === "invoked" || kind === "disconnected") return durationMs === undefined ? "" : duration(durationMs);
  if (kind === "called" && durationMs >= 50) return duration(durationMs);
  return bytes ? size(bytes) : "";
}

// The names and values of headers or of a query, which come as an object of lists.
export const pairs = (fields) => Object.entries(fields ?? {}).flatMap(([name, values]) => values.map((value) => [name, value]));

// The entries of one request, in the order of what caused what: the frame, the invocation, its logs,
// its posts, the answer.
const order = { connected: 5, refused: 5, received: 0, fault: 1, invoked: 2, log: 3, called: 4, sent: 5, disconnected: 6 };

export function chain(entry, list) {
  const own = entry.requestId ? list.filter((e) => sameRequest(e, entry)) : [];
  const start = (e) => (e.kind === "invoked" ? e.ms - (e.durationMs ?? 0) : e.ms);
  const rank = (e) => (e.route === "authorizer" ? -1 : (order[e.kind] ?? 7));
  return own.sort((a, b) => rank(a) - rank(b) || start(a) - start(b) || a.n - b.n);
}

export const sameRequest = (a, b) => Boolean(a && b && a.requestId && a.requestId === b.requestId && a.epoch === b.epoch);
