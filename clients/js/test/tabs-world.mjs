// A browser with several tabs, and a server, on a virtual clock: Web Locks, channels, sockets and
// timers that the test controls. Tabs crash, freeze and are closed; messages take their time.

/** Numbers from 0 to below 1, the same ones for the same seed. */
export function randomOf(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class Clock {
  time = 1_800_000_000_000;
  skew = 0; // by which the clocks of the tabs were set; timers do not mind
  #seq = 0;
  #events = []; // {at, seq, run, tab}

  after(ms, run, tab, kind) {
    const event = { at: this.time + Math.max(0, ms), seq: this.#seq++, run, tab, kind };
    if (!tab?.dead) this.#events.push(event);
    return () => {
      const i = this.#events.indexOf(event);
      if (i >= 0) this.#events.splice(i, 1);
    };
  }

  /** A tab has crashed. */
  drop(tab) {
    this.#events = this.#events.filter((e) => e.tab !== tab);
  }

  /** What is still to come, in words. */
  toString() {
    return this.#events.map((e) => `${e.tab?.number} in ${e.at - this.time} ms: ${e.run}`).join("\n");
  }

  /** Timers and messages that are still to come. */
  get pending() {
    return this.#events.length;
  }

  /** Moves the clock, and runs what is due one after the other, each with all of its microtasks. */
  async advance(ms, until = () => false) {
    const end = this.time + ms;
    await turn();
    while (!until()) {
      let next;
      for (const e of this.#events) {
        if ((e.tab?.frozen && !(e.kind === "channel" && e.tab.hears)) || (e.kind === "timer" && e.tab.slow)) continue;
        if (!next || e.at < next.at || (e.at === next.at && e.seq < next.seq)) next = e;
      }
      if (!next || next.at > end) break;
      this.#events.splice(this.#events.indexOf(next), 1);
      this.time = Math.max(this.time, next.at);
      if (next.tab?.dead) continue;
      next.run();
      await turn();
    }
    if (!until()) this.time = end;
    return until();
  }
}

// Runs all microtasks.
const turn = () => new Promise((done) => setImmediate(done));

/** The locks of one origin. */
export class Locks {
  holders = new Map(); // by name: {tab, reject}
  #waiting = new Map(); // by name: requests

  request(tab, name, { signal, steal, ...more }, then) {
    if (steal && signal) return Promise.reject(new TypeError("NotSupportedError"));
    if (Object.keys(more).length) return Promise.reject(new TypeError(`options: ${Object.keys(more)}`));
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const request = { tab, name, then, resolve, reject };
      const queue = this.#queue(name);
      if (steal) {
        const holder = this.holders.get(name);
        this.holders.delete(name);
        // A frozen tab learns it when it wakes up.
        if (holder) holder.tab.task(() => holder.reject(new DOMException("stolen", "AbortError")));
        queue.unshift(request);
      } else queue.push(request);
      signal?.addEventListener("abort", () => {
        const i = queue.indexOf(request);
        if (i < 0) return;
        queue.splice(i, 1);
        reject(signal.reason);
      });
      this.#grant(name);
    });
  }

  /** A tab has crashed. */
  drop(tab) {
    for (const queue of this.#waiting.values()) {
      for (const request of [...queue]) if (request.tab === tab) queue.splice(queue.indexOf(request), 1);
    }
    for (const [name, holder] of this.holders) {
      if (holder.tab !== tab) continue;
      this.holders.delete(name);
      this.#grant(name);
    }
  }

  #queue(name) {
    if (!this.#waiting.has(name)) this.#waiting.set(name, []);
    return this.#waiting.get(name);
  }

  #grant(name) {
    const queue = this.#queue(name);
    if (this.holders.has(name) || !queue.length) return;
    const request = queue.shift();
    this.holders.set(name, request);
    request.tab.task(async () => {
      try {
        const value = await request.then({ name });
        request.resolve(value);
      } catch (error) {
        request.reject(error);
      }
      if (this.holders.get(name) !== request) return;
      this.holders.delete(name);
      this.#grant(name);
    });
  }
}

/** A tab: what happens in it runs as tasks, each a little later, in order, and not while it is frozen. */
export class Tab {
  dead = false;
  frozen = false;
  hears = false;
  slow = false; // its timers do not fire
  client;
  #world;
  #last = 0;
  #page;
  listeners = new Set();
  sockets = new Set();
  channels = new Set();
  problems = [];

  constructor(world, number) {
    this.#world = world;
    this.number = number;
  }

  /** Runs something in the tab, after a random while, later than what came before. */
  task(run, kind = "task") {
    const { clock, random } = this.#world;
    this.#last = Math.max(this.#last, clock.time + random() * 5);
    clock.after(this.#last - clock.time, () => this.dead || run(), this, kind);
  }

  environment() {
    const { clock, random, locks, channels, server } = this.#world;
    return {
      now: () => clock.time + clock.skew,
      after: (ms, f) => clock.after(ms, f, this, "timer"),
      random,
      report: (error) => this.problems.push(error),
      dial: (url, protocols) => {
        const socket = server.dial(this, url, protocols);
        this.sockets.add(socket);
        return socket;
      },
      listen: (f) => {
        this.listeners.add(f);
        return () => this.listeners.delete(f);
      },
      locks: { request: (name, options, then) => locks.request(this, name, options, then) },
      channel: (name) => {
        const tab = this;
        const channel = {
          onmessage: null,
          postMessage(message) {
            if (tab.dead) return;
            if (!channels.has(channel)) throw new DOMException("closed", "InvalidStateError");
            const clone = JSON.stringify(message);
            if (process.env.TABS_TRACE) console.log(Math.round(clock.time - 1_800_000_000_000), `tab ${tab.number}:`, clone);
            structuredClone(message);
            for (const other of channels) {
              if (other === channel || other.name !== name) continue;
              other.tab.task(() => channels.has(other) && other.onmessage?.({ data: JSON.parse(clone) }), "channel");
            }
          },
          close: () => channels.delete(channel),
          name,
          tab,
        };
        channels.add(channel);
        return channel;
      },
      page: (hide, show) => {
        this.#page = { hide, show };
        return () => (this.#page = undefined);
      },
    };
  }

  /** The tab is gone at once, and says nothing. */
  crash() {
    this.dead = true;
    const { clock, locks, channels } = this.#world;
    clock.drop(this);
    for (const channel of [...channels]) if (channel.tab === this) channels.delete(channel);
    for (const socket of this.sockets) socket.cut();
    locks.drop(this);
  }

  /** Nothing runs in the tab any more. In Chromium it still gets the messages of channels. */
  freeze(hears = false) {
    this.hears = hears;
    this.frozen = true;
  }

  thaw() {
    this.frozen = false;
  }

  hide() {
    this.#page?.hide();
  }

  show() {
    this.#page?.show();
  }

  happen(what) {
    for (const f of [...this.listeners]) f(what);
  }
}

/** Topics, calls and connections. Its answers take up to 50 ms, and overtake each other. */
export class Server {
  connections = new Set();
  topics = new Map(); // name: events
  done = []; // the calls that were carried out: {k, key}
  answers = true;
  busy = false; // refuses calls of do
  refuses = new Set(); // topics
  values = new Map(); // of state topics: by name, a map of {version, data}
  counter = 0;
  shown = new Map(); // by topic, the connections that are visible, and what they show
  late = {}; // for how many ms an action is carried out late
  opens = true;
  opened = 0; // connections so far
  frames = []; // all that were received, if a test sets log
  log = false;
  #world;

  constructor(world) {
    this.#world = world;
  }

  dial(tab, url, protocols) {
    const { clock, random } = this.#world;
    const socket = {
      url,
      protocols,
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      state: "connecting",
      members: new Set(),
      send: (text) => {
        if (socket.state === "connecting") throw new DOMException("not open", "InvalidStateError");
        if (!tab.dead) later(() => socket.state === "open" && this.#receive(socket, JSON.parse(text)));
      },
      close: () => end(1000),
      /** The connection ends for both sides. */
      cut: () => end(1006),
      push: (frame, ms) =>
        later(() => socket.state === "open" && this.connections.has(socket) && tab.task(() => socket.state === "open" && socket.onmessage?.({ data: JSON.stringify(frame) })), ms),
    };
    let lastSent = 0;
    const later = (run, ms = random() * 50) => clock.after(ms, run);
    const end = (code) => {
      if (socket.state === "closed") return;
      socket.state = "closed";
      this.connections.delete(socket);
      for (const topic of this.shown.keys()) this.#hide(socket, topic);
      tab.task(() => socket.onclose?.({ code, reason: "" }));
    };
    later(() => {
      if (socket.state !== "connecting" || tab.dead) return;
      if (!this.opens) {
        end(1006);
        return;
      }
      socket.state = "open";
      this.opened++;
      this.connections.add(socket);
      tab.task(() => socket.state === "open" && socket.onopen?.({}));
    });
    return socket;
  }

  publish(topic, data) {
    const events = this.#log(topic);
    const offset = events.push(data);
    for (const socket of this.connections) {
      if (socket.members.has(topic)) socket.push({ event: "said", topic, epoch: "1-a", offset, data, ...(offset === 1 && { prev: { epoch: "", offset: 0 } }) });
    }
  }

  /** Sets a value of a state topic, or deletes it. */
  set(topic, key, data) {
    const version = 1000 + ++this.counter;
    const isGone = data === undefined;
    this.values.get(topic).set(key, { version, data, isGone });
    const frame = { event: isGone ? "delete" : "set", topic, key, version, counter: this.counter, data };
    for (const socket of this.connections) if (socket.members.has(topic)) socket.push(frame);
  }

  #snapshot(topic) {
    const values = [...this.values.get(topic)].filter(([, v]) => !v.isGone).map(([key, { version, data }]) => ({ key, version, data }));
    return { topic, state: true, counter: this.counter, values };
  }

  #diff(topic, data) {
    for (const socket of this.connections) if (socket.members.has(topic)) socket.push({ event: "presence", topic, data });
  }

  #who = (topic) => {
    const members = [...this.shown.get(topic).values()];
    return { count: members.length, members };
  };

  #show(socket, topic, as) {
    const shown = this.shown.get(topic);
    if (!shown) return;
    const version = 1000 + ++this.counter;
    const member = { ref: (socket.ref ??= `r${this.counter}`), user: socket.user ?? "ann", as, version };
    shown.set(socket, member);
    this.#diff(topic, { joined: [member] });
  }

  #hide(socket, topic) {
    const member = this.shown.get(topic)?.get(socket);
    if (!member) return;
    this.shown.get(topic).delete(socket);
    this.#diff(topic, { left: [{ ref: member.ref, version: member.version }] });
  }

  members() {
    return new Set([...this.connections].flatMap((socket) => [...socket.members]));
  }

  #log(topic) {
    if (!this.topics.has(topic)) this.topics.set(topic, []);
    return this.topics.get(topic);
  }

  #result(topic, since, last = 0) {
    const events = this.#log(topic);
    const from = since?.epoch === "1-a" ? since.offset : since?.epoch === "" ? 0 : Math.max(0, events.length - last);
    return {
      topic,
      epoch: events.length ? "1-a" : "",
      offset: events.length,
      events: events.slice(from).map((data, i) => ({ offset: from + i + 1, event: "said", data })),
      recovered: true,
    };
  }

  #receive(socket, frame) {
    const ms = this.late[frame.action];
    if (ms) this.#world.clock.after(ms, () => this.#serve(socket, frame));
    else this.#serve(socket, frame);
  }

  #serve(socket, { action, id, ...input }) {
    if (this.log) this.frames.push({ action, id, ...input });
    if (!this.answers) return;
    const answer = (data) => socket.push({ id, action, data });
    switch (action) {
      case "keepalive":
        socket.push({ action, data: null });
        break;
      case "subscribe": {
        const all = input.topics ?? [input];
        if (all.some(({ topic }) => this.refuses.has(topic))) {
          socket.push({ id, action, error: { code: "permission_denied", message: "No." } });
          break;
        }
        for (const { topic } of all) socket.members.add(topic);
        for (const { topic, presence, as } of all) if (presence) this.#show(socket, topic, as);
        const results = all.map(({ topic, since, last, presence }) => ({
          ...(this.values.has(topic) ? this.#snapshot(topic) : this.#result(topic, since, last)),
          ...(presence && this.shown.has(topic) && { presence: this.#who(topic) }),
        }));
        answer(input.topics ? { topics: results } : results[0]);
        break;
      }
      case "unsubscribe":
        for (const topic of input.topics ?? [input.topic]) {
          socket.members.delete(topic);
          this.#hide(socket, topic);
        }
        answer(null);
        break;
      case "history":
        answer(this.values.has(input.topic) ? this.#snapshot(input.topic) : this.#result(input.topic, input.since));
        break;
      case "sync": {
        const named = new Map(input.topics.map((one) => [one.topic, one]));
        answer({
          moved: [...named.values()].filter((one) => socket.members.has(one.topic) && this.#log(one.topic).length > one.offset).map((one) => one.topic),
          lost: [...named.keys()].filter((topic) => !socket.members.has(topic)),
          extra: [...socket.members].filter((topic) => !named.has(topic)),
          presence: [],
        });
        break;
      }
      case "say":
        this.done.push(input);
        this.publish(input.topic, input.k);
        answer({ k: input.k });
        break;
      case "do":
        if (this.busy) {
          socket.push({ id, action, error: { code: "rate_limited", message: "Later.", retryAfterMs: 20_000 } });
          break;
        }
        if (input.key === undefined || !this.done.some((one) => one.key === input.key)) this.done.push(input);
        answer({ k: input.k });
        break;
      case "refuse":
        socket.push({ id, action, error: { code: "permission_denied", message: "No.", details: [1] } });
        break;
      default:
        socket.push({ id, action, error: { code: "not_found", message: "There is no such action." } });
    }
  }
}

export class World {
  clock = new Clock();
  locks = new Locks();
  channels = new Set();
  tabs = [];
  server = new Server(this);

  constructor(seed) {
    this.random = randomOf(seed);
  }

  /** Opens a tab; connect is the one of gatesock/tabs. */
  open(connect, options = {}) {
    const tab = new Tab(this, this.tabs.length);
    this.tabs.push(tab);
    tab.client = connect({ url: "wss://gateway.test/dev", ...options }, tab.environment());
    return tab;
  }

  get leader() {
    return this.tabs.find((tab) => !tab.dead && [...tab.sockets].some((socket) => socket.state === "open"));
  }
}
