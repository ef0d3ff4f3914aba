// The box below the timeline: a frame as the selected client, or a post to it. A draft stays while
// other connections are selected, while the program is started again, and when the page is loaded
// again.

import { $, draw, element, later, tab, write } from "./dom.js";
import { size } from "./format.js";
import { pretty, problem as jsonProblem } from "./json.js";
import { notice, problem } from "./notice.js";

const FRAME = 32 * 1024; // gatesock.MaxFrameSize
const MESSAGE = 128 * 1024; // gatesock.MaxMessageSize
const KEPT = 20; // messages that were sent

export class Composer {
  #api;
  #connection = null;
  #open;
  #store;
  #stages;
  #sent = [];

  // stages() returns the stages of the state; open() the open connections; choose selects one.
  constructor(api, store, { stages, open, choose }) {
    this.#api = api;
    this.#store = store;
    this.#stages = stages;
    this.#open = open;
    const text = $("#draft");
    text.value = tab.load("draft");
    const keep = later(300, () => tab.keep("draft", text.value));
    text.addEventListener("input", () => {
      keep();
      this.#check();
    });
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        $("#composer").requestSubmit();
      }
    });
    $("#composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    $("#composer").addEventListener("change", () => this.#check());
    $("#template").addEventListener("change", () => this.#template());
    $("#format").addEventListener("click", () => this.#format());
    $("#send-as").addEventListener("change", (event) => {
      const one = this.#open().find(({ key }) => key === event.target.value);
      if (one) choose(one);
    });
    this.show(null);
  }

  show(connection) {
    this.#connection = connection;
    this.refresh();
  }

  // Writes what depends on the connections.
  refresh() {
    const one = this.#connection;
    const open = this.#open();
    const select = $("#send-as");
    const known = open.map(({ key, connection, user, connectionId, stage }) => [key, `#${connection} ${user || connectionId}${this.#stages().length > 1 ? ` (${stage})` : ""}`]);
    if (one && !one.open) known.unshift([one.key, `#${one.connection} ${one.user || one.connectionId}, ended`]);
    else if (!one) known.unshift(["", open.length ? "Choose a client" : "No client is connected"]);
    const text = JSON.stringify(known);
    if (select.dataset.known !== text) {
      select.dataset.known = text;
      select.replaceChildren(...known.map(([key, label]) => element("option", { value: key }, label)));
    }
    select.value = one?.key ?? "";
    $("#send").disabled = !one?.open;
    this.#templates();
    draw(() => this.#check());
  }

  // The stage of the selected connection, or the only one.
  #stage() {
    const stages = this.#stages();
    return this.#connection ? stages.find(({ name }) => name === this.#connection.stage) : stages.length === 1 ? stages[0] : undefined;
  }

  focus() {
    $("#draft").focus();
  }

  // Fills the box with what somebody wants to change and send again.
  edit(text, { isPost = false } = {}) {
    const old = $("#draft").value;
    if (old && old !== text) this.#keep(old); // nothing that was typed is lost
    $("#draft").value = text;
    $("#draft-kind").value = isPost ? "post" : "text";
    tab.keep("draft", text);
    this.#check();
    this.focus();
  }

  #templates() {
    const stage = this.#stage();
    const routes = (stage?.routes ?? []).map(({ key }) => key).filter((key) => !/^\$(connect|disconnect)$/.test(key));
    const text = JSON.stringify([routes, this.#sent]);
    const select = $("#template");
    if (select.dataset.known === text) return;
    select.dataset.known = text;
    const option = (value, label) => element("option", { value }, label);
    select.replaceChildren(option("", "Template"));
    if (routes.length) select.append(element("optgroup", { label: "Routes" }, ...routes.map((key) => option(`route ${key}`, key))));
    if (this.#sent.length) select.append(element("optgroup", { label: "Sent or typed before" }, ...this.#sent.map((old, i) => option(`sent ${i}`, old.length > 60 ? `${old.slice(0, 59)}…` : old))));
    select.disabled = select.options.length < 2;
  }

  #template() {
    const [kind, ...rest] = $("#template").value.split(" ");
    const value = rest.join(" ");
    $("#template").value = "";
    if (kind === "sent") this.edit(this.#sent[Number(value)]);
    if (kind !== "route") return;
    // The last frame of the route shows what its handler reads, better than a guess.
    const last = this.#store.list.findLast((e) => e.kind === "received" && e.route === value && e.body && !e.cut);
    this.edit(last?.body ?? skeleton(this.#stage()?.selection, value));
  }

  #keep(text) {
    this.#sent = [text, ...this.#sent.filter((old) => old !== text)].slice(0, KEPT);
    this.#templates();
  }

  #format() {
    const text = $("#draft").value;
    if (jsonProblem(text)) return;
    $("#draft").value = pretty(text);
    $("#draft").dispatchEvent(new Event("input"));
  }

  // Says what the gateway will do with the draft.
  #check() {
    const text = $("#draft").value;
    const said = this.#checkText(text, $("#draft-kind").value === "post");
    write($("#draft-says"), said.text);
    $("#draft-says").dataset.tone = said.tone ?? "";
    $("#format").disabled = !text || Boolean(jsonProblem(text));
  }

  #checkText(text, isPost) {
    const bytes = new TextEncoder().encode(text).length;
    const much = bytes > 1000 ? `${size(bytes)}. ` : "";
    if (bytes > MESSAGE) return { tone: "warn", text: `${much}Above 128 KiB: the gateway ${isPost ? "refuses the post with 413" : "closes the connection with 1009"}.` };
    if (isPost) return { text: `${much}${text ? "Goes to the client as it is." : "An empty message."}` };
    const frames = bytes > FRAME ? "It is sent in frames of 32 KiB. " : "";
    if (!text) return { text: "" };
    const wrong = jsonProblem(text);
    const stage = this.#stage();
    const keys = stage?.routes?.map(({ key }) => key);
    const rest = keys && (keys.includes("$default") ? "goes to $default" : "is answered with the error frame “Forbidden”, since there is no $default");
    if (wrong) return { tone: "warn", text: `${much}${frames}Not JSON: ${wrong}. It can be sent, and ${rest ?? "goes to $default if there is one"}.` };
    const route = selected(stage?.selection, text);
    if (route === undefined || !keys) return { tone: "ok", text: `${much}${frames}JSON.` };
    if (keys.includes(route) && !/^\$(connect|disconnect)$/.test(route)) return { tone: "ok", text: `${much}${frames}JSON, for the route ${route}.` };
    return { tone: "warn", text: `${much}${frames}JSON, but ${route ? `there is no route “${route}”` : `${stage.selection} selects nothing`}: it ${rest}.` };
  }

  async #submit() {
    const one = this.#connection;
    if (!one?.open) return notice("Choose a client that is connected, or open one with “New client”.", { isError: true });
    const text = $("#draft").value;
    await this.transmit(one, text, $("#draft-kind").value === "post");
    this.#keep(text);
  }

  // Sends a frame as the client or posts to it, and says how it went. Returns whether it went well.
  async transmit({ connectionId, connection }, text, isPost) {
    const said = $("#sent-says");
    const isLong = new TextEncoder().encode(text).length > FRAME;
    try {
      const { status = 200 } = await (isPost ? this.#api.post(connectionId, text) : this.#api.send(connectionId, { text, ...(isLong && { fragmented: true }) }));
      said.dataset.tone = status < 300 ? "" : "bad";
      said.textContent = isPost ? `Posted to #${connection}: ${status}` : `Sent as #${connection}`;
      return status < 300;
    } catch (error) {
      said.dataset.tone = "bad";
      said.textContent = `Not sent: ${error.message}`;
      problem(error);
      return false;
    }
  }
}

// The path of an expression that is one variable, such as $request.body.action; other expressions are
// left to the gateway.
function pathOf(expression) {
  const match = /^\$\{?request\.body((?:\.[\w-]+)+)\}?$/.exec(expression ?? "");
  return match?.[1].slice(1).split(".");
}

function selected(expression, text) {
  const path = pathOf(expression);
  if (!path) return undefined;
  let value = JSON.parse(text);
  for (const name of path) value = value !== null && typeof value === "object" && !Array.isArray(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? undefined : String(value);
}

function skeleton(expression, route) {
  if (route === "$default") return "";
  const path = pathOf(expression) ?? ["action"];
  return JSON.stringify(path.reduceRight((value, name) => ({ [name]: value }), route));
}
