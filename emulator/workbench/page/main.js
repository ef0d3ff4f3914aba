// The workbench: what the parts tell each other.

import { api } from "./api.js";
import { Disconnect, NewClient } from "./client.js";
import { Composer } from "./composer.js";
import { Connections, keyOf } from "./connections.js";
import { Detail } from "./detail.js";
import { $, element, plain, write } from "./dom.js";
import { concerns } from "./entry.js";
import { Exports } from "./exports.js";
import { Faults } from "./faults.js";
import { listen } from "./keyboard.js";
import { Link } from "./link.js";
import { copy, copyButton, notice, problem } from "./notice.js";
import { Store } from "./store.js";
import { Time } from "./time.js";
import { Timeline } from "./timeline.js";

const store = new Store();
let state = { stages: [] };
const stages = () => state.stages;

const time = new Time(api);
const timeline = new Timeline(store, (entry, how) => chosen(entry, how));
const connections = new Connections(api, store, (connection, isByHand) => chosenConnection(connection, isByHand));
connections.now = () => time.now();
connections.epoch = () => store.epoch;
const detail = new Detail(store, {
  replay, edit, disconnect, reload: () => link.again(), again: (entry) => client.show(entry), send: () => compose(),
  reveal, choose: (id, epoch) => choose(id, epoch), connection: api.connection,
});
const composer = new Composer(api, store, { stages, open: () => connections.open, choose: (connection) => connections.select(connection) });
const client = new NewClient(api, store, { stages, opened, reveal });
const closing = new Disconnect(api);
const faults = new Faults(api, () => connections.selected);
const exports = new Exports(api, connections);

const touching = new Set(["connected", "disconnected", "received", "called", "sent", "invoked"]);
const link = new Link(store, {
  state: showState,
  restarted: () => connections.ended(),
  entry: (entry) => {
    if (touching.has(entry.kind)) connections.touch();
    if (entry.kind === "fault") faults.happened(entry, state);
  },
});

connections.listen(() => {
  composer.refresh();
  exports.refresh();
  detail.showConnection();
});

function showState(next) {
  state = { ...state, ...next, stages: next.stages ?? state.stages };
  if (next.kept?.first) store.trim(next.kept.first);
  time.state(state);
  faults.state(state);
  connections.state(state);
  timeline.stages(stages().length);
  timeline.routes([...new Set(stages().flatMap(({ routes }) => routes.map(({ key }) => key)))]);
  composer.refresh();
  const name = state.name || "workbench";
  write($("#name"), name);
  document.title = `${name} · workbench`;
  write($("#seed"), state.seedText || String(state.seed ?? ""));
  showAddresses();
  connections.touch();
}

let addresses = "";

function showAddresses() {
  const text = JSON.stringify(stages().map(({ name, url }) => [name, url]));
  if (text === addresses) return;
  addresses = text;
  const rows = () => stages().map(({ name, url }) => element("li", {}, stages().length > 1 ? element("span", {}, name) : "", element("code", {}, url), copyButton(url, stages().length > 1 ? `the address of ${name}` : "the address")));
  $("#addresses").replaceChildren(...rows());
  $("#nothing-addresses").replaceChildren(...rows());
}

function chosen(entry, { isOpened = false } = {}) {
  detail.show(entry, connections.selected);
  if (entry) {
    panel("details");
    if (isOpened || matchMedia("(max-width: 760px)").matches) pane("right");
  }
}

function reveal(entry) {
  if (connections.selected && !concerns(entry, connections.selected)) connections.select(null);
  timeline.reveal(entry);
}

function chosenConnection(connection, isByHand) {
  if (isByHand) timeline.select(null); // the details are those of the connection then
  timeline.show(connection);
  composer.show(connection);
  exports.refresh();
  write($("#timeline-title"), connection ? `#${connection.connection} ${connection.user || connection.connectionId}` : "All connections");
  detail.show(timeline.selected, connection);
  if (!timeline.selected && connection) panel("details");
  if (matchMedia("(max-width: 760px)").matches && connection) pane("middle");
}

function choose(connectionId, epoch) {
  const connection = connections.all.get(keyOf(epoch, connectionId));
  if (!connection) return notice("The server does not keep this connection any more.");
  timeline.select(null);
  connections.select(connection);
}

async function opened(connectionId) {
  await connections.read();
  const connection = connections.find(connectionId);
  if (!connection) return;
  timeline.select(null);
  connections.select(connection);
  notice(`#${connection.connection} is connected.`);
  composer.focus();
}

async function replay(entry) {
  if (entry.cut || entry.body64) return notice("The entry does not have the whole frame as text, so it cannot be replayed.", { isError: true });
  const connection = connections.find(entry.connectionId, entry.epoch);
  if (!connection?.open) {
    edit(entry);
    return notice("Its connection has ended. Choose another client for the frame.");
  }
  const isPost = entry.kind !== "received";
  if (await composer.transmit(connection, entry.body ?? "", isPost)) notice(`${isPost ? "Posted again to" : "Replayed as"} #${connection.connection}.`);
}

function edit(entry) {
  const connection = connections.find(entry.connectionId, entry.epoch);
  if (connection?.open && connection !== connections.selected) connections.select(connection);
  pane("middle");
  composer.edit(entry.body ?? "", { isPost: entry.kind !== "received" });
}

function disconnect(connection = connections.selected) {
  if (connection?.open) closing.show(connection);
  else notice(connection ? "It has ended already." : "Select a connection first.");
}

function compose() {
  pane("middle");
  composer.focus();
}

const panels = ["details", "faults", "time", "export"];

function panel(name) {
  for (const one of panels) {
    const isShown = one === name;
    const button = $(`#tab-${one}`);
    button.setAttribute("aria-selected", isShown);
    button.tabIndex = isShown ? 0 : -1;
    $(`#panel-${one}`).hidden = !isShown;
  }
  if (name === "export") exports.refresh();
}

// On a phone there is one pane at a time.
function pane(name) {
  document.body.dataset.pane = name;
  for (const button of document.querySelectorAll("#panes-nav button")) {
    if (button.dataset.pane === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
}

for (const one of panels) {
  $(`#tab-${one}`).addEventListener("click", () => panel(one));
  $(`#tab-${one}`).addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = panels[(panels.indexOf(one) + by + panels.length) % panels.length];
    panel(next);
    $(`#tab-${next}`).focus();
  });
}
for (const button of document.querySelectorAll("#panes-nav button")) button.addEventListener("click", () => pane(button.dataset.pane));

const openPanel = (name) => () => {
  panel(name);
  pane("right");
  $(`#tab-${name}`).focus();
};
$("#faults-button").addEventListener("click", openPanel("faults"));
$("#clock-button").addEventListener("click", openPanel("time"));
$("#new-client").addEventListener("click", () => client.show());
$("#nothing-client").addEventListener("click", () => client.show());
$("#copy-seed").addEventListener("click", () => copy($("#seed").textContent, "the seed"));
$("#clear").addEventListener("click", async () => {
  try {
    await api.clear();
    timeline.select(null);
    store.clear();
    connections.clear();
  } catch (error) {
    problem(error);
  }
});

listen({
  j: () => timeline.step(1), k: () => timeline.step(-1), G: () => timeline.end(),
  "]": () => connections.step(1), "[": () => connections.step(-1),
  "/": () => {
    pane("middle");
    $("#search").focus();
    $("#search").select();
  },
  n: () => client.show(), s: compose, x: () => disconnect(), p: () => timeline.pause(),
  r: () => act(replay), e: () => act(edit),
  1: openPanel("details"), 2: openPanel("faults"), 3: openPanel("time"), 4: openPanel("export"),
}, () => {
  if (document.body.dataset.pane === "right" && matchMedia("(max-width: 760px)").matches) return pane("middle");
  if (timeline.selected) timeline.select(null);
  else connections.select(null);
});

// Replay and edit work for what the detail offers them for.
function act(run) {
  const entry = timeline.selected;
  if (!entry) return notice("Select a frame first, with j and k.");
  const isSent = entry.kind === "sent" && run === edit;
  if (entry.kind === "received" || isSent || (entry.kind === "called" && entry.method === "POST")) run(entry);
  else notice("This entry is not a frame of a client or a post.");
}

plain(document);
panel("details");
pane("middle");
connections.select(null);
detail.show(null, null);
link.run();
