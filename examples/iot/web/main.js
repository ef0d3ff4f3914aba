// The page: the door, where somebody signs in with a key, and the dashboard behind it.

import { Alerts } from "./alerts.js";
import { Detail } from "./detail.js";
import { Devices } from "./devices.js";
import { $, write } from "./dom.js";
import { showEmpty } from "./empty.js";
import { Figures } from "./figures.js";
import { Filters } from "./filters.js";
import { connect, values } from "./gatesock.js";
import { Grid } from "./grid.js";
import { listen } from "./keys.js";
import { Link } from "./link.js";
import { notice } from "./notice.js";
import { findKey, gateway, keepKey, SignedOut, ticket } from "./session.js";
import { Table } from "./table.js";
import { nextTheme } from "./theme.js";
import { Tip } from "./tip.js";

const DENIED = ["unauthenticated", "permission_denied"];
const SILENT = 30_000; // ms of silence after which the connection may be dead, and the page not live
const RETRY = 3_000; // ms until the page asks for its configuration again

// What the parts of the page share.
const app = {
  client: null,
  tenant: "",
  scopes: null, // of the key; null if the server does not say
  types: new Map(), // of devices, by name
  devices: new Devices(),
  commands: new Map(), // by id
  refusals: new Map(), // by reason
  may: (scope) => app.scopes?.includes(scope) ?? true,
  leave: () => choose(""),
  notice,
};
app.alerts = new Alerts(app, (id) => choose(id));

const tip = new Tip(app.devices, app.types);
const grid = new Grid(app.devices, { open: (id) => choose(id), tip: (id, cell) => tip.show(id, cell) });
const table = new Table(app.devices, app.types, (id) => choose(id));
const detail = new Detail(app);
const filters = new Filters(() => watchDevices());
const link = new Link();
const figures = new Figures(app);
let watched = null; // the subscription to the devices
let isReady = false; // all devices that match are there
let opener = null; // what had the focus before a device was opened

// The door.

$("#sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = $("#key").value.trim();
  if (key === "") return $("#key").focus();
  keepKey(key);
  void enter(key);
});

$("#sign-out").addEventListener("click", () => showDoor(""));
addEventListener("hashchange", () => location.hash.includes("key=") && location.reload());

function showDoor(problem) {
  app.client?.close();
  app.client = null;
  choose("");
  keepKey("");
  for (const one of [app.devices, app.alerts, app.commands, app.refusals]) one.clear();
  $("#app").hidden = true;
  $("#door").hidden = false;
  $("#key").value = "";
  $("#door-problem").textContent = problem;
  $("#door-problem").hidden = problem === "";
  $("#key").ariaInvalid = String(problem !== "");
  document.title = "Devices";
  $("#key").focus();
}

// Connects with a key, and shows the dashboard of its tenant.
async function enter(key) {
  $("#door").hidden = true;
  $("#app").hidden = false;
  let url;
  try {
    url = await gateway();
  } catch (error) {
    notice(`The server cannot be reached: ${error.message}`);
    setTimeout(() => enter(key), RETRY);
    return;
  }
  const client = connect({
    url,
    keepAlive: SILENT,
    ticket: () => ticket(key).catch((error) => {
      if (error instanceof SignedOut && app.client === client) queueMicrotask(() => showDoor(error.message));
      throw error;
    }),
  });
  app.client = client;
  link.watch(client);
  client.on("state", ({ name }) => name === "online" || app.devices.live(false));
  client.on("problem", ({ code, message }) => code === "token" || code === "refused" || notice(message));
  try {
    begin(await client.call("catalog", {}, { idempotent: true, expires: 3_600_000 }));
  } catch (error) {
    if (app.client === client) showDoor(`The server does not answer this key: ${error.message}`);
  }
}

// Subscribes to what the dashboard shows.
function begin({ tenant, scopes, types }) {
  app.tenant = tenant;
  app.scopes = scopes ?? null;
  app.types.clear();
  for (const [name, type] of Object.entries(types)) app.types.set(name, { rules: [], commands: [], ...type });
  write($("#tenant"), tenant);
  document.title = `${tenant} – Devices`;
  filters.offer("type", app.types.keys());
  watchDevices();
  let isNews = false; // what the page gets at first is not
  const alerts = watch(`alerts:${tenant}`, {
    set: (id, alert) => app.alerts.set(id, alert, { isNews }),
    delete: (id) => app.alerts.delete(id),
  });
  alerts.on("ready", () => (isNews = true));
  watch(`commands:${tenant}`, { set: (id, command) => app.commands.set(id, command), delete: (id) => app.commands.delete(id) });
  watch(`refusals:${tenant}`, { set: (reason, refusals) => app.refusals.set(reason, refusals), delete: (reason) => app.refusals.delete(reason) });
}

function watch(topic, { set, delete: remove }, filter) {
  const { client } = app;
  const subscription = values(client, topic, { filter });
  subscription.on("set", (key, value) => value && set(key, value));
  subscription.on("delete", remove);
  subscription.on("error", (error) => {
    if (app.client !== client) return;
    if (DENIED.includes(error.code)) showDoor(`This key may not see ${topic}: ${error.message}`);
    else notice(`${topic}: ${error.message}`);
  });
  return subscription;
}

// Subscribes to the devices that match the filter. Those before stay until the others are there.
function watchDevices() {
  if (!app.tenant || !app.client) return;
  watched?.close();
  app.devices.live(false);
  isReady = false;
  const subscription = watch(`devices:${app.tenant}`, {
    set: (id, device) => app.devices.set(id, device),
    delete: (id) => app.devices.delete(id),
  }, filters.filter);
  watched = subscription;
  subscription.on("ready", () => {
    app.devices.keepOnly((id) => subscription.get(id) !== undefined);
    app.devices.live(filters.filter?.changes === undefined);
    isReady = true;
    if (!detail.id) choose(deviceInAddress(), { isQuiet: true });
    showRegions();
  });
}

app.devices.view((_, isOther) => isOther && showRegions());

function showRegions() {
  filters.offer("region", [...app.devices.all.values()].map(({ region }) => region));
  showEmpty({ isEmpty: isReady && app.devices.all.size === 0, hasFilter: filters.filter !== undefined, clear: () => filters.clear() });
}

// One device.

const deviceInAddress = () => new URLSearchParams(location.hash.slice(1)).get("device") ?? "";

// Shows a device, or none for "".
function choose(id, { isQuiet = false } = {}) {
  if (id && !app.devices.all.has(id)) {
    if (!isQuiet) notice(`${id} is not among the devices of this filter.`);
    return;
  }
  if (id) {
    if (!detail.id) opener = document.activeElement;
    detail.open(id);
    if (!isQuiet) $("#detail").focus({ preventScroll: true });
  } else if (detail.id) {
    detail.close();
    if (opener?.isConnected) opener.focus();
  }
  grid.select(detail.id);
  table.select(detail.id);
  document.body.toggleAttribute("data-detail", Boolean(detail.id));
  const address = location.pathname + location.search + (detail.id ? `#device=${detail.id}` : "");
  if (app.client) history.replaceState(null, "", address);
}

// Search, panes and keys.

$("#search").addEventListener("input", () => table.search($("#search").value));
$("#search").addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "Enter") {
    event.preventDefault();
    table.focus();
  }
});

function show(pane) {
  $("#panes").dataset.pane = pane;
  for (const button of $("#tabs").children) {
    if (button.dataset.pane === pane) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

$("#tabs").addEventListener("click", ({ target }) => target.closest("button") && show(target.closest("button").dataset.pane));

listen({
  "/": () => focus("devices", $("#search")),
  g: () => focus("overview", $("#grid .cell[tabindex='0']")),
  d: () => focus("devices", $("#table .grid")),
  a: () => focus("alerts", $("#alert-list button:not([hidden])")),
  f: () => $("#filters select").focus(),
  t: nextTheme,
}, ({ target }) => {
  if (figures.toggle(false)) return $("#refusals-button").focus();
  if (target === $("#search") && target.value) {
    target.value = "";
    table.search("");
  } else choose("");
});

function focus(pane, element) {
  show(pane);
  element?.focus();
}

const key = findKey();
if (key) void enter(key);
else showDoor("");
