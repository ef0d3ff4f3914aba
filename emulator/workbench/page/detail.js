// What is known about the selected entry, or else about the selected connection.

import { $, button, draw, element } from "./dom.js";
import { chain, describe, failed, lane, lanes, pairs } from "./entry.js";
import { count, duration, moment, plural, size } from "./format.js";
import { coloured, pretty } from "./json.js";
import { copyButton } from "./notice.js";

let isRaw = false; // what somebody chose last, for all payloads

export class Detail {
  #store;
  #actions;
  #entry; // undefined until something was shown
  #connection;
  #chain = "";
  #draw = () => this.#follow();

  // actions: replay, edit, again (a handshake), disconnect, reveal(entry), choose(connection id, epoch),
  // send, reload, connection(id), which reads one.
  constructor(store, actions) {
    this.#store = store;
    this.#actions = actions;
    store.listen(() => this.#entry && draw(this.#draw));
  }

  show(entry, connection) {
    if (this.#entry === entry && this.#connection === connection) return;
    const isOther = this.#entry !== entry;
    this.#entry = entry;
    this.#connection = connection;
    if (entry && !isOther) return;
    if (entry) this.#showEntry();
    else if (connection) this.showConnection();
    else this.#showNothing();
    $("#detail").scrollTop = 0;
  }

  #showNothing() {
    $("#detail").replaceChildren(element("p", { class: "empty" }, "Select an entry or a connection to see all of it here."));
  }

  #showEntry() {
    const e = this.#entry;
    const { what, whole } = describe(e);
    $("#detail").replaceChildren(...[
      element("h2", { "data-failed": failed(e), "data-lane": lane(e) }, lanes(), element("span", {}, whole ? `${whole.replace(/:$/, "")} ` : "", element("bdi", {}, what))),
      this.#entryActions(),
      this.#facts(),
      ...payloads(e),
      element("div", { id: "chain" }, ...this.#chainRows(this.#chained())),
      e.input !== undefined && payload("Event of the invocation", e.input),
      ...handshake(e.handshake),
    ].filter(Boolean));
  }

  #chained() {
    const own = chain(this.#entry, this.#store.list);
    this.#chain = own.map((e) => e.n).join();
    return own;
  }

  // Entries of the same request may come later.
  #follow() {
    if (!this.#entry?.requestId) return;
    const before = this.#chain;
    const own = this.#chained();
    if (before !== this.#chain) $("#chain")?.replaceChildren(...this.#chainRows(own));
  }

  #chainRows(own) {
    if (own.length < 2) return [];
    const begin = (e) => e.ms - (e.kind === "invoked" ? (e.durationMs ?? 0) : 0);
    const start = own[0].kind === "received" ? own[0].ms : Math.min(...own.map(begin));
    const row = (e) => {
      const { what, whole, text, meta, mark } = describe(e);
      const at = Math.max(0, begin(e) - start);
      return element("li", {}, element("button", { type: "button", class: "step", "data-failed": failed(e), "data-lane": lane(e), "aria-current": e === this.#entry && "true", onclick: () => this.#actions.reveal(e) },
        element("span", { class: "time" }, `+${duration(at)}`), " ", lanes(), " ",
        element("span", { class: "what" }, element("span", { class: "unseen" }, `${whole} `), element("bdi", {}, what)), " ",
        element("span", { class: "text" }, e.kind === "invoked" && !e.error ? "" : text), " ", element("span", { class: "meta" }, mark ? `${mark} ` : "", e.kind === "invoked" || e.kind === "called" ? meta : "")));
    };
    return [element("h3", {}, "This request"), element("ol", { class: "chain" }, ...own.map(row))];
  }

  #entryActions() {
    const e = this.#entry;
    const { replay, edit, again, reload } = this.#actions;
    const isPost = e.kind === "called" && e.method === "POST";
    const isFrame = e.kind === "received";
    const actions = [
      (isFrame || isPost) && button(isFrame ? "Replay" : "Post again", () => replay(e)),
      (isFrame || isPost || e.kind === "sent") && button(isFrame ? "Edit and resend" : "Edit and post", () => edit(e)),
      e.handshake && button("Connect like this…", () => again(e)),
      e.kind === "missing" && button("Read all again from the server", reload),
    ];
    return actions.some(Boolean) && element("p", { class: "actions" }, ...actions);
  }

  #facts() {
    const e = this.#entry;
    const { choose } = this.#actions;
    const who = e.connectionId && element("span", {}, button(e.connection ? `#${e.connection}` : "not open", () => choose(e.connectionId, e.epoch), { class: "link" }), " ", id(e.connectionId, "the connection id"));
    return facts([
      ["Time", Number.isNaN(e.ms) ? e.time : moment(e.ms)],
      ["Entry", e.seq],
      ["Stage", e.stage],
      ["Connection", who],
      ["Request", e.requestId && id(e.requestId, "the request id")],
      ["Route", e.kind === "received" ? e.route || "none: no route matches" : e.route],
      ["Status", e.status],
      ["Close code", e.code && `${e.code}${e.reason ? ` ${e.reason}` : ""}, ${e.byClient ? "by the client" : "by the gateway"}`],
      ["Reason", e.code ? "" : e.reason],
      ["Duration", e.durationMs !== undefined && duration(e.durationMs)],
      ["Size", e.bytes && size(e.bytes)],
      ["Level", e.level],
      ["Function", e.function],
      ["Late", e.late && "after the invocation had been answered"],
      ["Fault", e.fault],
      ["Held up for", e.delayMs && duration(e.delayMs)],
      ["Moved by", e.advanceMs !== undefined && duration(e.advanceMs)],
      ["Error", e.error && element("span", { class: "bad" }, e.error)],
      ["Caused by", e.by && { page: "a page of the workbench", api: "the HTTP API or gatesock trigger" }[e.by]],
      ["From before", e.epoch < this.#store.epoch && "the program was started again since"],
    ]);
  }

  // Reads the connection and shows it, now and whenever it changes.
  async showConnection() {
    const connection = this.#connection;
    if (!connection || this.#entry) return;
    let one = connection;
    try {
      if (!connection.isForgotten && connection.epoch === this.#store.epoch) one = { ...connection, ...(await this.#actions.connection(connection.connectionId)) };
    } catch {
      // what the list has is shown
    }
    if (this.#connection !== connection || this.#entry) return;
    const text = JSON.stringify(one);
    if (this.#shown === text && $("#connection-detail")) return;
    this.#shown = text;
    $("#detail").replaceChildren(element("div", { id: "connection-detail", class: "stack" }, ...this.#connectionParts(one, connection)));
  }

  #shown = "";

  #connectionParts(one, connection) {
    const { disconnect, send } = this.#actions;
    const counts = Object.entries(one.counts ?? {}).map(([route, n]) => `${route} ${count(n)}`).join(", ");
    return [
      element("h2", {}, `#${one.connection} `, element("bdi", {}, one.user || "")),
      one.open && element("p", { class: "actions" }, button("Send…", send), button("Disconnect…", () => disconnect(connection))),
      facts([
        ["State", one.open ? "open" : `ended${one.code ? ` with ${one.code}` : ""}${one.epoch < this.#store.epoch ? ", before the program was started again" : ""}`],
        ["Id", id(one.connectionId, "the connection id")],
        ["Stage", one.stage],
        ["User", one.user],
        ["Groups", one.membersError ? `not known: ${one.membersError}` : one.groups?.join(", ")],
        ["Since", one.since && moment(Date.parse(one.since))],
        ["Last active", one.lastActive && moment(Date.parse(one.lastActive))],
        ["Source IP", one.sourceIp],
        ["Client", one.byPage ? "this page: it can be closed as a client would" : "a program of its own"],
        ["Received", `${plural(one.received ?? 0, "frame")}, ${size(one.bytesIn ?? 0)}`],
        ["Sent", `${plural(one.sent ?? 0, "frame")} and ${plural(one.posts ?? 0, "post")}, ${size(one.bytesOut ?? 0)}`],
        ["By route", counts],
      ]),
      ...handshake(one),
    ].filter(Boolean);
  }
}

const id = (text, what) => element("span", {}, element("code", {}, text), " ", copyButton(text, what));

export function facts(list) {
  const rows = list.filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== false);
  return element("dl", { class: "facts" }, ...rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, typeof value === "object" ? value : String(value)))));
}

function handshake(h) {
  if (!h) return [];
  const table = (title, fields) => {
    const rows = pairs(fields);
    return rows.length > 0 && element("details", { class: "fields", open: title !== "Headers" || rows.length < 20 }, element("summary", {}, `${title} (${rows.length})`), facts(rows));
  };
  return [
    table("Query", h.query),
    table("Headers", h.headers),
    h.subprotocols?.length > 0 && facts([["Subprotocols", h.subprotocols.join(", ")]]),
    h.authorizer !== undefined && h.authorizer !== null && payload("Authorizer's decision", JSON.stringify(h.authorizer)),
  ].filter(Boolean);
}

// What an entry carries.
function payloads(e) {
  const bodies = { received: "Frame", sent: "Frame", called: "Message", invoked: "Answer of the function", queue: "Message" };
  return [
    e.text !== undefined && e.kind !== "clock" && payload("Text", e.text),
    e.body !== undefined && payload(bodies[e.kind] ?? "Body", e.body),
    e.body64 !== undefined && payload("Binary, in base64", e.body64),
    e.cut > 0 && element("p", { class: "hint" }, `The last ${size(e.cut)} were not kept.`),
    e.spec !== undefined && payload("As data, for the HTTP API", JSON.stringify(e.spec)),
  ].filter(Boolean);
}

function payload(title, text) {
  const indented = pretty(text);
  const section = element("section", { class: "payload" });
  const show = () => {
    const raw = element("pre", { class: "code", tabindex: "0", "aria-label": title }, text);
    const shown = indented === null || isRaw ? raw : coloured(indented);
    shown.setAttribute("aria-label", title);
    section.lastChild.replaceWith(shown);
    for (const b of section.querySelectorAll("[data-raw]")) b.setAttribute("aria-pressed", (b.dataset.raw === "yes") === isRaw);
  };
  const choose = (raw) => button(raw ? "Raw" : "Pretty", () => {
    isRaw = raw;
    show();
  }, { class: "quiet", "data-raw": raw ? "yes" : "no", "aria-label": `${raw ? "Raw" : "Pretty"}: ${title}` });
  const head = element("header", {}, element("h3", {}, title), indented !== null && choose(false), indented !== null && choose(true), copyButton(() => (indented === null || isRaw ? text : indented), title.toLowerCase()));
  section.append(head, element("pre"));
  show();
  return section;
}

