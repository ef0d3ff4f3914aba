// The connection: opens it, keeps it, replaces it. It knows nothing of calls and topics.

import type { Environment, Happening, Socket } from "./env.js";
import { GatesockError } from "./error.js";
import type { Frame } from "./extension.js";
import { isObject } from "./calls.js";
import type { Options, State } from "./types.js";

const MINUTE = 60_000;
const OPENING = 10_000; // an attempt that takes longer has failed
const PROBE = 10_000; // no frame for so long after a keep-alive: the connection is dead
export const ANSWER = 30_000; // the same after a request
const FIRST_DELAY = 500; // the longest delay before the second attempt; doubled each time
const LAST_DELAY = 30_000;
const REFUSED_DELAY = 5 * MINUTE;
const REFUSALS = 5; // so many in a row are told
const POLICY_DELAY = 5_000; // at least, after close code 1008
const STABLE = 10_000; // a connection that lasted so long was a success
const BUDGET = 20; // attempts
const BUDGET_TIME = 5 * MINUTE;
const ALIEN = 10; // frames that make no sense, and none that does: another protocol
const LIFETIME = 105 * MINUTE; // the gateway ends a connection after 120
const SPREAD = 10 * MINUTE;
const DRAIN = 2 * MINUTE; // how long a connection that was replaced stays open
const ASLEEP = 30_000; // a timer that is so late has slept
const LONGEST_TIMER = 2 ** 31 - 1;

const closings: { [code: number]: string } = {
  1001: "The gateway has closed the connection: it was idle for 10 minutes or open for 2 hours.",
  1003: "The gateway has closed the connection: it takes no binary messages.",
  1008: "The gateway has closed the connection: too many requests.",
  1009: "The gateway has closed the connection: a message was too large.",
  1011: "The server has closed the connection: it failed.",
  1012: "The server has closed the connection: it restarts.",
};

const silent = "The connection was lost: the server is silent.";

/** One connection, from the attempt to its end. */
export interface Connection {
  /** What waits for an answer, by the id of the request. */
  readonly waiting: Map<unknown, (answer: Frame) => void>;
  /** What is acknowledged and waits for its result, by the id of the request. */
  readonly results: Map<unknown, (result: Frame) => void>;
  readonly timers: Set<() => void>;
  socket?: Socket;
  openedAt?: number;
  /** When something was sent or received. */
  activeAt: number;
  /** The timers that end it, unless a frame comes. */
  expecting: { [ms: number]: () => void };
  isGood?: boolean;
  bad: number;
  dead?: boolean;
}

/** What the link tells the client. */
export interface Listener {
  state(state: State): void;
  problem(error: GatesockError): void;
  /** A connection is the current one from now on, in place of the one before, if there was one that is still open. */
  opened(before?: Connection): void;
  /** A connection has ended. */
  closed(conn: Connection, wasCurrent: boolean): void;
  /** Takes a frame; reports whether it makes sense. */
  receive(conn: Connection, frame: Frame): boolean;
  /** The computer slept, or the network has changed. */
  wake(): void;
  /** Reports whether nothing needs the connection that was replaced. */
  settled(old: Connection): boolean;
  /** The client was closed. */
  ended(): void;
}

export type Link = ReturnType<typeof newLink>;

const nothing = () => {};

/** Returns a link, which connects at once. */
export function newLink(options: Options, env: Environment, on: Listener) {
  const url = address(options.url);
  const keepAliveFrame = JSON.stringify({ action: options.keepAliveAction ?? "keepalive" });
  const keepAlive = Math.min(Math.max(options.keepAlive ?? 8 * MINUTE, 10_000), 9 * MINUTE);
  let state: State = { name: "connecting" };
  let current: Connection | undefined;
  let dialing: Connection | undefined; // the first one, or the one that will replace the current one
  let old: Connection | undefined; // was replaced, and waits for answers
  let stopWaiting = nothing;
  let attempts: number[] = []; // when they began
  let failures = 0; // since the last success, for the backoff
  let refusals = 0; // attempts in a row that never opened
  let isOffline = false;

  // Timers.

  // Steps do not depend on the clock, which may be set meanwhile.
  function after(ms: number, f: () => void): () => void {
    const step = Math.min(Math.max(ms, 0), LONGEST_TIMER);
    const due = env.now() + step;
    let stop = env.after(step, () => {
      const isLate = env.now() - due >= ASLEEP;
      if (ms > step) stop = after(ms - step, f);
      else f();
      if (isLate && state.name != "closed") wake();
    });
    return () => stop();
  }

  // A timer that ends with the connection.
  function later(conn: Connection, ms: number, f: () => void): () => void {
    const cancel = after(ms, () => {
      conn.timers.delete(stop);
      f();
    });
    const stop = () => {
      conn.timers.delete(stop);
      cancel();
    };
    conn.timers.add(stop);
    return stop;
  }

  // Opening.

  async function dial(): Promise<void> {
    stopWaiting();
    attempts.push(env.now());
    const conn: Connection = { waiting: new Map(), results: new Map(), timers: new Set(), activeAt: 0, expecting: {}, bad: 0 };
    dialing = conn;
    const opening = later(conn, OPENING, () => lose(conn, "The server does not answer."));
    if (!current) become({ name: "connecting" });
    try {
      const token = options.token && credential("token", await options.token());
      const ticket = options.ticket && credential("ticket", await options.ticket());
      if (conn.dead) return;
      const target = new URL(url);
      if (ticket) target.searchParams.set("ticket", ticket);
      const socket = env.dial(target.href, [...(options.protocols ?? []), ...(token ? [`bearer.${token}`] : [])]);
      conn.socket = socket;
      socket.onerror = nothing;
      socket.onopen = () => {
        opening();
        conn.openedAt = conn.activeAt = env.now();
        const period = keepAlive * (1 + (env.random() - 0.5) / 8);
        keep(conn, period, period);
        later(conn, (env.lifetime ?? LIFETIME) + env.random() * SPREAD, replace);
        if (current) probe(conn);
        else promote(conn);
      };
      socket.onmessage = ({ data }) => receive(conn, data);
      socket.onclose = ({ code = 1006, reason }) =>
        lose(conn, (closings[code] ?? `The connection was lost (${code}).`) + (reason ? ` ${reason}` : ""), code);
    } catch (cause) {
      if (conn.dead) return;
      const problem = new GatesockError("token", `There is no attempt to connect: ${(cause as Error)?.message ?? cause}`, { cause });
      on.problem(problem);
      lose(conn, problem.message, 0, false);
    }
  }

  // The connection is the current one from now on.
  function promote(conn: Connection): void {
    const before = current;
    dialing = undefined;
    current = conn;
    if (before) {
      if (old) lose(old);
      old = before;
      later(before, DRAIN, () => lose(before));
    }
    on.opened(before);
    if (state.name != "online") become({ name: "online" });
    check();
  }

  // Opens the connection that replaces the current one.
  function replace(): void {
    const ms = budget();
    if (ms) later(current!, ms, replace);
    else dial();
  }

  // Closes the connection that was replaced if nothing needs it.
  function check(): void {
    if (old && on.settled(old)) lose(old);
  }

  // Ending.

  function end(conn: Connection): void {
    conn.dead = true;
    for (const stop of conn.timers) stop();
    const { socket } = conn;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  // The connection has ended, or is of no use any more.
  function lose(conn: Connection, reason = "", code = 0, isRefusal = !conn.openedAt): void {
    if (conn.dead) return;
    end(conn);
    if (conn == old) {
      old = undefined;
      return on.closed(conn, false);
    }
    if (conn == dialing) dialing = undefined;
    if (conn != current && current) {
      later(current, 10_000 + env.random() * 50_000, replace);
      return;
    }
    const { openedAt, isGood, bad } = conn;
    const isStable = openedAt && env.now() - openedAt >= STABLE && (isGood || !bad);
    const wasCurrent = conn == current;
    if (wasCurrent) current = undefined;
    if (isStable) failures = refusals = 0;
    if (code == 1008) on.problem(new GatesockError("rate_limited", reason));
    if (code == 1009) on.problem(new GatesockError("too_large", reason));
    if (!isOffline && isRefusal && ++refusals == REFUSALS) {
      on.problem(new GatesockError("refused", "The server refuses to connect. Is the address right, and the user signed in?"));
    }
    if (wasCurrent) on.closed(conn, true);
    if (state.name == "closed") return;
    if (dialing?.openedAt) promote(dialing);
    else if (dialing) become({ name: "connecting" });
    else {
      const longest = Math.min(refusals < REFUSALS ? LAST_DELAY : REFUSED_DELAY, FIRST_DELAY * 2 ** failures++);
      wait(env.random() * longest + (code == 1008 ? POLICY_DELAY : 0), reason);
    }
  }

  function wait(ms: number, reason: string): void {
    ms = Math.max(ms, budget());
    stopWaiting();
    stopWaiting = after(ms, dial);
    become({ name: waiting(), retryAt: env.now() + ms, reason });
  }

  function waiting(): "offline" | "refused" | "waiting" {
    return isOffline ? "offline" : refusals < REFUSALS ? "waiting" : "refused";
  }

  // How long the next attempt has to wait because there were many.
  function budget(): number {
    const now = env.now();
    attempts = attempts.filter((time) => Math.abs(now - time) < BUDGET_TIME);
    return attempts.length < BUDGET ? 0 : attempts.at(-BUDGET)! + BUDGET_TIME - now;
  }

  // Something has changed: an attempt may succeed now, and the connection may be dead.
  function hurry(): void {
    if (current) return probe(current);
    if (!("retryAt" in state)) return;
    const ms = budget();
    if (ms) wait(ms, state.reason);
    else dial();
  }

  function wake(): void {
    hurry();
    on.wake();
  }

  function happened(what: Happening): void {
    if (what != "visible") isOffline = what == "offline";
    if (what != "offline") hurry();
    else if ("retryAt" in state) become({ ...state, name: "offline" });
  }

  function become(next: State): void {
    state = next;
    on.state(next);
  }

  // Frames.

  function receive(conn: Connection, data: unknown): void {
    heard(conn);
    if (conn == dialing) promote(conn);
    if (data === "") return good(conn);
    let frames: unknown;
    try {
      frames = JSON.parse(data as string);
    } catch {}
    for (const frame of Array.isArray(frames) ? frames : [frames]) {
      if (conn.dead) return;
      if (isObject(frame) && on.receive(conn, frame)) good(conn);
      else if (++conn.bad == 1) on.problem(new GatesockError("protocol", `The server has sent what makes no sense: ${String(data).slice(0, 80)}`));
      else if (conn.bad == ALIEN && !conn.isGood) lose(conn, "The server speaks another protocol.", 0, true);
    }
  }

  function good(conn: Connection): void {
    conn.isGood = true;
    refusals = 0;
  }

  function heard(conn: Connection): void {
    conn.activeAt = env.now();
    for (const ms in conn.expecting) conn.expecting[ms]!();
    conn.expecting = {};
  }

  // The connection is dead unless a frame comes.
  function expect(conn: Connection, ms: number): void {
    conn.expecting[ms] ??= later(conn, ms, () => lose(conn, silent));
  }

  function send(conn: Connection, text: string): void {
    conn.activeAt = env.now();
    conn.socket!.send(text);
  }

  // Ignores the answer to a message, which may come for a while.
  function forget(conn: Connection, id: unknown, ms = ANSWER, answer: (frame: Frame) => void = nothing): void {
    conn.waiting.set(id, answer);
    later(conn, ms, () => conn.waiting.delete(id));
  }

  function probe(conn: Connection): void {
    if (conn.expecting[PROBE]) return;
    send(conn, keepAliveFrame);
    forget(conn, "");
    expect(conn, PROBE);
  }

  function keep(conn: Connection, period: number, ms: number): void {
    later(conn, ms, () => {
      const rest = conn.activeAt + period - env.now();
      const isEarly = rest > 0 && rest <= period; // else it is time, or the clock was set
      if (!isEarly) probe(conn);
      keep(conn, period, isEarly ? rest : period);
    });
  }

  const unlisten = env.listen(happened);
  dial();

  return {
    after,
    later,
    forget,
    check,
    lose,
    send,
    /** Sends a request, whose answer is given to a function. */
    ask(conn: Connection, id: string, text: string, answer: (answer: Frame) => void): void {
      conn.waiting.set(id, answer);
      send(conn, text);
      expect(conn, ANSWER);
    },
    get state() {
      return state;
    },
    get current() {
      return current;
    },
    retry: hurry,
    close(): void {
      if (state.name == "closed") return;
      state = { name: "closed" };
      stopWaiting();
      unlisten();
      for (const conn of [current, dialing, old]) if (conn) end(conn);
      current = dialing = old = undefined;
      on.ended();
      on.state(state);
    },
  };
}

// Checks the address.
export function address(text: string | URL): string {
  let url: URL | undefined;
  try {
    url = new URL(text);
    url.protocol = url.protocol.replace("http", "ws");
  } catch {}
  if (!url || !/^wss?:$/.test(url.protocol) || url.hash) {
    throw new GatesockError("invalid_argument", `The option url has to be an address such as "wss://example.com/prod", not "${text}"`);
  }
  return url.href;
}

function credential(name: string, value: unknown): string {
  if (typeof value != "string" || !value) throw new TypeError(`the option ${name} returned no string`);
  return value;
}
