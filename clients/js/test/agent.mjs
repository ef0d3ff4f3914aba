// A client under test as a process: what happens is told line by line, and what the client does is
// answered line by line. The clock, the random numbers and the sockets are those of the harness,
// which is ../../../internal/clienttest:
//
//   node agent.mjs FOLDER_OF_THE_BUILT_MODULES
//   > {"agent":0,"op":"begin","now":1772366400000,"options":{"seed":7}}
//   < {"actions":[{"do":"told","text":"state connecting"},{"do":"dial","conn":1,"url":"…"}],"deadline":1772366410000}
//
// One process may have several clients.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const load = async (name) => (existsSync(join(folder, name)) ? import(pathToFileURL(join(folder, name)).href) : {});
const core = await load("core.js");
const whole = await load("index.js");
const { values } = await load("values.js");
const { fragments } = await load("fragments.js");
const connect = whole.connect ?? core.connect;

// mulberry32: 32 bits are enough for delays.
function generator(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// Lets everything run that is due without time passing: promises, and what they begin.
const rest = () => new Promise((done) => setImmediate(done));

const at = (position) => (position ? `${position.epoch}:${position.offset}` : ":0");
const spaced = (data) => (data === undefined || data === null ? "" : " " + JSON.stringify(data));

// A duration as Go writes it, of whole milliseconds.
export function duration(ms) {
  ms = Math.round(ms);
  if (ms < 1000) return ms === 0 ? "0s" : `${ms}ms`;
  const minutes = Math.floor(ms / 60_000) % 60;
  const hours = Math.floor(ms / 3_600_000);
  const seconds = (ms % 60_000) / 1000;
  return `${hours ? hours + "h" : ""}${hours || minutes ? minutes + "m" : ""}${seconds}s`;
}

class Agent {
  constructor(now, options) {
    this.now = now;
    this.actions = [];
    this.timers = []; // {at, run}, in no order
    this.sockets = new Map();
    this.conns = 0;
    this.listeners = new Set();
    this.calls = new Map();
    this.topics = new Map(); // {subscription, presence, values}
    this.credential = options.token ?? options.ticket;
    const keys = generator((options.seed ?? 1) + 1);
    this.environment = {
      now: () => Math.floor(this.now),
      after: (ms, run) => this.after(ms, run),
      random: options.random !== undefined ? () => Math.min(options.random, 1 - 2 ** -32) : generator(options.seed ?? 1),
      key: () => `key-${keys()}`,
      dial: (url, protocols) => this.dial(url, protocols),
      listen: (f) => {
        this.listeners.add(f);
        return () => this.listeners.delete(f);
      },
      report: (error) => this.tell(`report ${error?.stack ?? error}`),
    };
    const credentials = async () => {
      if (this.credential === "throws") throw new Error("no credentials");
      if (this.credential === "hangs") return new Promise(() => {});
      return this.credential;
    };
    const { keepAlive, keepAliveAction, idempotent, maxQueue, protocols } = options;
    const given = { url: "wss://host/stage", keepAlive, keepAliveAction, idempotent, maxQueue, protocols };
    for (const name of Object.keys(given)) if (given[name] === undefined) delete given[name];
    if (options.fragments) given.fragments = fragments;
    if (options.token) given.token = credentials;
    if (options.ticket) given.ticket = credentials;
    this.client = connect(given, this.environment);
    this.tellState(this.client.state);
    this.client.on("state", (state) => this.tellState(state));
    this.client.on("problem", (error) => this.tell(`problem ${error.code}`));
    for (const event of ["news", "presence", "other"]) {
      this.client.onPush(event, (data) => this.tell(`push ${event}${spaced(data)}`));
    }
  }

  after(ms, run) {
    if (!(ms >= 0 && ms < 2 ** 31)) this.tell(`report a timer of ${ms} ms`);
    const timer = { at: this.now + Math.max(0, Math.ceil(ms)), run };
    this.timers.push(timer);
    return () => {
      const i = this.timers.indexOf(timer);
      if (i >= 0) this.timers.splice(i, 1);
    };
  }

  // Timers that are due, in order. Promises settle between two of them, as in a browser.
  async tick() {
    for (;;) {
      const due = this.timers.filter((t) => t.at <= this.now + 0.001).sort((a, b) => a.at - b.at)[0];
      if (!due) return;
      this.timers.splice(this.timers.indexOf(due), 1);
      due.run();
      await rest();
    }
  }

  deadline() {
    return this.timers.length === 0 ? null : Math.min(...this.timers.map((t) => t.at));
  }

  dial(url, protocols) {
    const conn = ++this.conns;
    const socket = {
      readyState: 0,
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (frame) => {
        if (socket.readyState === 0) throw new Error("InvalidStateError: the socket is connecting");
        if (socket.readyState === 1) this.actions.push({ do: "send", conn, frame });
      },
      close: (code, reason) => {
        if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) throw new Error(`InvalidAccessError: code ${code}`);
        if (socket.readyState > 1) return;
        socket.readyState = 2;
        this.actions.push({ do: "close", conn, code, reason });
        this.closing = (this.closing ?? []).concat(conn); // a browser says the end later
      },
    };
    this.sockets.set(conn, socket);
    this.actions.push({ do: "dial", conn, url: String(url), protocols: protocols ?? [] });
    return socket;
  }

  tell(text) {
    this.actions.push({ do: "told", text });
  }

  status(text) {
    this.actions.push({ do: "status", text: text.trim() });
  }

  tellState(state) {
    this.tell(`state ${state.name}${state.retryAt === undefined ? "" : " " + duration(state.retryAt - Math.floor(this.now))}`);
  }

  // What happens to a connection.
  opened(conn) {
    const s = this.sockets.get(conn);
    if (s?.readyState !== 0) return;
    s.readyState = 1;
    s.onopen?.({});
  }

  closed(conn, code, reason, clean) {
    const s = this.sockets.get(conn);
    if (!s || s.readyState === 3) return;
    this.sockets.delete(conn);
    s.readyState = 3;
    if (!clean) s.onerror?.({});
    s.onclose?.({ code, reason, wasClean: clean });
  }

  received(conn, frame) {
    const s = this.sockets.get(conn);
    if (s?.readyState === 1 || s?.readyState === 2) s.onmessage?.({ data: frame });
  }

  // What the user does.
  do(c) {
    switch (c.do) {
      case "online":
      case "offline":
      case "visible":
        for (const f of [...this.listeners]) f(c.do);
        break;
      case "wake":
        for (const f of [...this.listeners]) f("visible");
        break;
      case "subscribe":
        this.subscribe(c);
        break;
      case "unsubscribe":
        this.unsubscribe(c.topic);
        break;
      case "history":
        this.history(c);
        break;
      case "call":
        this.call(c);
        break;
      case "abort":
        this.calls.get(c.n)?.abort(new Error("aborted"));
        break;
      case "send":
        this.tell(`sent ${c.n} ${this.client.send(c.action, c.input)}`);
        break;
      case "retry":
        this.client.retry();
        break;
      case "close":
        this.client.close();
        break;
      case "token":
        this.credential = c.token;
        break;
      default:
        this.tell(`report unknown command ${c.do}`);
    }
  }

  call(c) {
    const abort = new AbortController();
    this.calls.set(c.n, abort);
    const options = { signal: abort.signal };
    for (const name of ["lane", "idempotent", "key", "result", "timeout", "expires"]) if (c[name]) options[name] = c[name];
    let settled = 0;
    const settle = (text) => {
      this.tell(`call ${c.n} ${text}`);
      if (++settled > 1) this.tell(`report call ${c.n} is settled twice`);
    };
    let promise;
    try {
      promise = this.client.call(c.action, c.input, options);
    } catch (error) {
      settle(`throws ${error}`);
      return;
    }
    promise.then(
      (data) => settle(`ok ${JSON.stringify(data ?? null)}`),
      (error) => {
        if (abort.signal.aborted && error === abort.signal.reason) settle("error aborted");
        else settle(`error ${error?.code ?? error?.stack ?? error}${error?.retryAfterMs ? " " + error.retryAfterMs : ""}`);
      },
    );
  }

  subscribe(c) {
    this.unsubscribe(c.topic, true);
    const t = {};
    this.topics.set(c.topic, t);
    if (c.state) {
      this.subscribeValues(c, t);
      return;
    }
    if (c.presence) this.watch(c, t);
    const options = {};
    for (const name of ["since", "last"]) if (c[name] !== undefined) options[name] = c[name];
    const s = this.client.subscribe(c.topic, options);
    t.subscription = s;
    s.established.catch(() => {});
    s.on("established", (e) =>
      this.tell(e.recovered ? `subscribed ${c.topic} ${at(e.position)}` : `lost ${c.topic} ${e.reason} ${at(e.position)}`),
    );
    s.on("event", (e) => {
      this.tell(`event ${c.topic} ${e.event} ${at(e.position)}${spaced(e.data)}`);
      if (c.asks === e.event) this.tell(`position ${c.topic} ${at(s.position)}`);
    });
    s.on("error", (e) => this.tell(`failed ${c.topic} ${e?.code ?? e}`));
  }

  watch(c, t) {
    const p = this.client.presence(c.topic, c.as === undefined ? {} : { as: c.as });
    t.presence = p;
    p.on("change", (members, count) => {
      if (members === undefined) this.status(`count ${c.topic} ${count}`);
      else this.status(`members ${c.topic} ${members.map((m) => m.user ?? "#").sort().join(" ")}`);
    });
    p.on("error", (e) => this.tell(`failed ${c.topic} ${e?.code ?? e}`));
  }

  subscribeValues(c, t) {
    const v = values(this.client, c.topic, c.filter === undefined ? {} : { filter: c.filter });
    t.values = v;
    v.established?.catch(() => {});
    const show = () => {
      const list = [...v.entries()].map(([key, value]) => `${key}=${JSON.stringify(value)}`).sort();
      this.status(`values ${c.topic} ${list.join(" ")}`);
    };
    v.on("set", show);
    v.on("delete", show);
    v.on("ready", () => {
      this.tell(`ready ${c.topic}`);
      show();
    });
    v.on("error", (e) => this.tell(`failed ${c.topic} ${e?.code ?? e}`));
  }

  unsubscribe(topic) {
    const t = this.topics.get(topic);
    this.topics.delete(topic);
    t?.subscription?.close();
    t?.presence?.close();
    t?.values?.close();
  }

  history({ n, topic, before, limit }) {
    const subscription = this.topics.get(topic)?.subscription;
    if (!subscription) return this.tell(`history ${n} error failed_precondition`);
    const options = {};
    if (before) options.before = before;
    if (limit) options.limit = limit;
    subscription.history(options).then(
      (page) => this.tell([`history ${n} ok ${at(page.position)}`, ...(page.more ? ["more"] : []), ...page.events.map((e) => e.event)].join(" ")),
      (error) => this.tell(`history ${n} error ${error?.code ?? error}`),
    );
  }

  // What a client that was closed has left.
  left() {
    const open = [...this.sockets].filter(([, s]) => s.readyState < 2).map(([conn]) => `socket ${conn}`);
    return [...open, ...this.timers.map((t) => `timer ${t.at}`), ...[...this.listeners].map(() => "listener")].join(", ");
  }
}

const agents = new Map();

async function handle(m) {
  let a = agents.get(m.agent);
  if (m.op === "begin") {
    a = new Agent(m.now, m.options);
    agents.set(m.agent, a);
  }
  if (a === undefined) throw new Error(`there is no agent ${m.agent}`);
  a.now = m.now;
  switch (m.op) {
    case "begin":
      break;
    case "do":
      a.do(m.command);
      break;
    case "opened":
      a.opened(m.conn);
      break;
    case "refused":
      a.closed(m.conn, 1006, "", false);
      break;
    case "closed":
      a.closed(m.conn, m.code, m.reason ?? "", m.code !== 1006);
      break;
    case "received":
      a.received(m.conn, m.frame);
      break;
    case "tick":
      await a.tick();
      break;
    case "left":
      return { actions: [], deadline: null, left: a.left() };
    default:
      throw new Error(`unknown op ${m.op}`);
  }
  await rest();
  // The end of the connections that the client has closed.
  for (; a.closing?.length > 0; await rest()) a.closed(a.closing.shift(), 1000, "", true);
  const actions = a.actions;
  a.actions = [];
  return { actions, deadline: a.deadline() };
}

process.on("unhandledRejection", (error) => {
  for (const a of agents.values()) a.tell(`report unhandled ${error?.stack ?? error}`);
});

let waiting = "";
let busy = Promise.resolve();
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => {
  waiting += chunk;
  for (let end; (end = waiting.indexOf("\n")) >= 0; ) {
    const line = waiting.slice(0, end);
    waiting = waiting.slice(end + 1);
    busy = busy.then(async () => {
      let out;
      try {
        out = await handle(JSON.parse(line));
      } catch (error) {
        out = { actions: [], deadline: null, error: String(error?.stack ?? error) };
      }
      process.stdout.write(JSON.stringify(out) + "\n");
    });
  }
});
