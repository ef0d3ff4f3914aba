// A virtual clock, and a scripted server, for tests of the client.

/** Everything that has been promised has run. */
export const idle = () => new Promise((resolve) => setImmediate(resolve));

/** The surroundings of a client, as env.ts defines them. */
export class World {
  time = 1_000_000;
  skew = 0; // by which the clock was set; timers do not mind
  timers = [];
  sockets = [];
  reported = [];
  keys = 0;
  listeners = new Set();
  isOffline = false;
  randoms = []; // what random returns next; then 0.5
  env;

  constructor() {
    this.env = {
      now: () => this.time + this.skew,
      after: (ms, run) => {
        if (!(ms >= 0 && ms <= 2 ** 31 - 1)) throw new RangeError(`a timer of ${ms} ms`);
        const timer = { at: this.time + ms, run };
        this.timers.push(timer);
        return () => {
          this.timers = this.timers.filter((t) => t !== timer);
        };
      },
      random: () => this.randoms.shift() ?? 0.5,
      key: () => `key-${++this.keys}`,
      dial: (url, protocols) => new FakeSocket(this, url, protocols),
      listen: (f) => {
        this.listeners.add(f);
        if (this.isOffline) f("offline");
        return () => this.listeners.delete(f);
      },
      report: (error) => this.reported.push(error),
    };
  }

  /** The newest socket. */
  get socket() {
    return this.sockets.at(-1);
  }

  happen(what) {
    for (const f of [...this.listeners]) f(what);
    return idle();
  }

  /** Moves the clock, and runs what is due, one after the other. */
  async pass(ms) {
    await idle();
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.time = Math.max(this.time, next.at);
      this.fire(next);
      await idle();
    }
    this.time = end;
    await idle();
  }

  /** The computer sleeps: the clock goes on, and timers run late, when it wakes up. */
  async sleep(ms) {
    this.time += ms;
    for (const timer of this.timers.filter((t) => t.at <= this.time).sort((a, b) => a.at - b.at)) {
      if (this.timers.includes(timer)) this.fire(timer);
    }
    await idle();
  }

  fire(timer) {
    this.timers = this.timers.filter((t) => t !== timer);
    timer.run();
  }
}

/** The server's end of a connection, too: open, say, end. */
export class FakeSocket {
  onopen = this.onmessage = this.onclose = this.onerror = null;
  sent = [];
  closed; // the code with which the client has closed it

  constructor(world, url, protocols) {
    Object.assign(this, { world, url, protocols });
    world.sockets.push(this);
  }

  send(text) {
    if (!this.isOpen || this.closed) throw new Error("sent on a socket that is not open");
    this.sent.push(text);
  }

  close(code) {
    this.closed ??= code ?? 1005;
  }

  /** The messages that the client has sent. */
  get messages() {
    return this.sent.map((text) => JSON.parse(text));
  }

  /** The newest message that the client has sent. */
  get last() {
    return this.messages.at(-1);
  }

  open() {
    this.isOpen = true;
    this.onopen?.({});
    return idle();
  }

  /** Sends a frame: an object, or a text as it is. */
  say(frame) {
    this.onmessage?.({ data: typeof frame == "string" ? frame : JSON.stringify(frame) });
    return idle();
  }

  /** Replies to a message, the newest without one. */
  reply(data, { id, action } = this.last) {
    return this.say({ id, action, data });
  }

  /** Refuses a message, the newest without one. */
  refuse(error, { id, action } = this.last) {
    return this.say({ id, action, error: typeof error == "string" ? { code: error, message: "no" } : error });
  }

  /** The connection ends. */
  end(code = 1006, reason = "") {
    this.onclose?.({ code, reason });
    return idle();
  }
}
