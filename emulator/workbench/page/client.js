// The dialogs of one client: open a new one, close one.

import { $, button, element, plain } from "./dom.js";
import { describe, pairs } from "./entry.js";
import { facts } from "./detail.js";
import { notice } from "./notice.js";

// Lets a dialog close by its button, by Escape and by a click beside it.
export function dialog(selector) {
  const box = $(selector);
  box.addEventListener("click", (event) => event.target === box && box.close());
  for (const close of box.querySelectorAll("[data-close]")) close.addEventListener("click", () => box.close());
  return box;
}

// Headers that a WebSocket library or the gateway sets itself.
const own = /^(connection|upgrade|host|sec-websocket-.*|content-length|x-forwarded-.*|x-amzn-.*)$/i;

export class NewClient {
  #api;
  #store;
  #stages;
  #opened;
  #reveal;
  #box = dialog("#client-dialog");

  // stages() returns the stages of the state; opened(connectionId) is called for a new client;
  // reveal(entry) shows an entry in the timeline.
  constructor(api, store, { stages, opened, reveal }) {
    this.#api = api;
    this.#store = store;
    this.#stages = stages;
    this.#opened = opened;
    this.#reveal = reveal;
    $("#client-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    $("#client-stage").addEventListener("change", () => this.#identity());
  }

  // Opens the dialog with what was there, or with a handshake that was seen.
  show(entry) {
    const stages = this.#stages();
    const select = $("#client-stage");
    const chosen = entry?.stage || select.value;
    select.replaceChildren(...stages.map(({ name }) => element("option", { value: name }, name)));
    if (stages.some(({ name }) => name === chosen)) select.value = chosen;
    $("#client-stage-field").hidden = stages.length < 2;
    if (entry) this.#fill(entry.handshake);
    this.#identity();
    $("#client-result").replaceChildren();
    if (!this.#box.open) this.#box.showModal();
    ($("#client-identity input") ?? $("#client-query")).focus();
  }

  #fill({ headers, query, subprotocols = [] }) {
    $("#client-headers").value = pairs(headers).filter(([name]) => !own.test(name)).map(([name, value]) => `${name}: ${value}`).join("\n");
    $("#client-query").value = pairs(query).map(([name, value]) => `${name}=${value}`).join("\n");
    $("#client-protocols").value = subprotocols.join(", ");
    $("#client-user").value = "";
  }

  get #stage() {
    return this.#stages().find(({ name }) => name === $("#client-stage").value) ?? this.#stages()[0] ?? {};
  }

  // A field for each identity source of the authorizer, such as its token.
  #identity() {
    const { authorizer, identity = [] } = this.#stage;
    const sources = identity.map(source).filter(Boolean);
    const old = new Map([...$("#client-identity").querySelectorAll("input")].map((e) => [e.dataset.source, e.value]));
    $("#client-identity").replaceChildren(...sources.map(({ text, where, name }) => element("label", {}, element("span", {}, `${name} `, element("small", {}, `${where}, for the authorizer`)),
      element("input", { type: "text", "data-source": text, "data-where": where, "data-name": name }))));
    plain($("#client-identity"));
    for (const input of $("#client-identity").querySelectorAll("input")) input.value = old.get(input.dataset.source) ?? "";
    $("#client-user-hint").textContent = authorizer ? "If you name a user, the authorizer is not asked." : "This stage has no authorizer. The function gets the user as principalId.";
  }

  #read() {
    const headers = lines($("#client-headers").value, ":", "Headers");
    const text = $("#client-query").value.trim(); // lines, or what an address has: ?a=b&c=d
    const query = text.startsWith("?") ? [...new URLSearchParams(text)] : lines(text, "=", "Query");
    for (const { value, dataset } of $("#client-identity").querySelectorAll("input")) {
      if (value) (dataset.where === "header" ? headers : query).push([dataset.name, value]);
    }
    const subprotocols = $("#client-protocols").value.split(/[\s,]+/).filter(Boolean);
    const user = $("#client-user").value.trim();
    const scopes = $("#client-scopes").value.split(/[\s,]+/).filter(Boolean);
    if (scopes.length && !user) throw new Error("Scopes need a user.");
    return { stage: this.#stage.name, headers, query, subprotocols, ...(user && { user }), ...(scopes.length && { scopes }) };
  }

  async #submit() {
    const result = $("#client-result");
    let client;
    try {
      client = this.#read();
    } catch (error) {
      return result.replaceChildren(element("p", { class: "bad" }, error.message));
    }
    const from = this.#store.end;
    $("#client-connect").disabled = true;
    result.replaceChildren(element("p", {}, "Connecting…"));
    try {
      const { connectionId } = await this.#api.connect(client);
      this.#box.close();
      await this.#opened(connectionId);
    } catch (error) {
      await this.#refused(error, from);
    } finally {
      $("#client-connect").disabled = false;
    }
  }

  // Shows why the gateway refused, with what the authorizer and $connect have logged.
  async #refused(error, from) {
    const result = $("#client-result");
    const status = error.data?.status;
    result.replaceChildren(element("p", { class: "bad" }, status ? element("strong", {}, `Refused with ${status}. `) : "", error.message));
    if (!status) return;
    const entry = await this.#find(error.data.requestId, from);
    if (!entry || !result.isConnected) return;
    const same = this.#store.list.filter((e) => e.requestId === entry.requestId && e.epoch === entry.epoch && e !== entry);
    const logs = same.filter((e) => e.kind === "log");
    const runs = same.filter((e) => e.kind === "invoked");
    result.append(
      facts([...runs.map((e) => [e.route === "authorizer" ? "Authorizer" : e.route, e.error ? `failed: ${e.error}` : (e.body ?? "no answer")]), ["Reason", entry.reason]]),
      ...(logs.length ? [element("h3", {}, "Logged meanwhile"), element("pre", { class: "code", tabindex: "0" }, logs.map((e) => [e.level, describe(e).text].filter(Boolean).join(" ")).join("\n"))] : []),
      button("Show it in the timeline", () => {
        this.#box.close();
        this.#reveal(entry);
      }));
  }

  // The entry of the refusal comes by the stream, maybe after the answer; its logs come before it.
  async #find(requestId, from) {
    const wanted = (e) => e.n >= from && e.kind === "refused" && (requestId ? e.requestId === requestId : e.by === "page");
    for (let tries = 0; tries < 40; tries++) {
      const entry = this.#store.list.findLast(wanted);
      if (entry) return entry;
      await new Promise((done) => setTimeout(done, 50));
    }
    return undefined;
  }
}

// What an identity source is: route.request.header.Auth or route.request.querystring.token.
function source(text) {
  const match = /request\.(header|querystring|multivalueheaders?|multivaluequerystring)\.(.+)$/i.exec(text);
  return match && { text, where: /header/i.test(match[1]) ? "header" : "query", name: match[2] };
}

// Returns the pairs of a field with one a line.
function lines(text, separator, where) {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const at = line.indexOf(separator);
    if (at < 1) throw new Error(`${where}: “${line}” has no “${separator}” after a name.`);
    return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  });
}

export class Disconnect {
  #api;
  #connection;
  #box = dialog("#close-dialog");

  constructor(api) {
    this.#api = api;
    $("#close-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    $("#close-form").addEventListener("change", () => this.#fields());
  }

  show(connection) {
    this.#connection = connection;
    $("#close-title").textContent = `Disconnect #${connection.connection}${connection.user ? ` ${connection.user}` : ""}`;
    for (const by of ["client", "lost"]) $(`#close-by-${by}`).disabled = !connection.byPage;
    if (!connection.byPage) $("#close-by-gateway").checked = true;
    $("#close-hint").hidden = connection.byPage === true;
    $("#close-result").textContent = "";
    this.#fields();
    this.#box.showModal();
  }

  get #by() {
    return $("#close-form").elements.by.value;
  }

  #fields() {
    $("#close-fields").hidden = this.#by === "lost";
  }

  async #submit() {
    const by = this.#by;
    const how = { by };
    if (by !== "lost") {
      if ($("#close-code").value !== "") how.code = Number($("#close-code").value);
      if ($("#close-reason").value) how.reason = $("#close-reason").value;
    }
    try {
      await this.#api.close(this.#connection.connectionId, how);
      this.#box.close();
      notice(`#${this.#connection.connection} is being closed.`);
    } catch (error) {
      $("#close-result").textContent = error.message;
    }
  }
}
