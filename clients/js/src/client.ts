// The client: opens its connection, keeps it, replaces it, and passes frames on. The numbers in
// parentheses are those of the rules in section 12 of docs/protocol.md.

import { ANSWER, closed, compose, isObject, newCalls } from "./calls.js";
import type { Answer, Connection } from "./connection.js";
import { system, type Environment, type Happening } from "./env.js";
import { GatesockError, serverError, type Code } from "./error.js";
import type { Frame, NewExtension } from "./extension.js";
import { newListeners, type Listener } from "./listeners.js";
import type { Api, CoreClient, Options, Push, State } from "./types.js";

const MINUTE = 60_000;
const OPENING = 10_000; // an attempt that takes longer has failed
const PROBE = 10_000; // no frame for so long after a keep-alive: the connection is dead
const FIRST_DELAY = 500; // the longest delay before the second attempt; doubled each time
const LAST_DELAY = 30_000;
const REFUSED_DELAY = 5 * MINUTE;
const REFUSALS = 5; // so many in a row are told
const POLICY_DELAY = 5_000; // more, after close code 1008
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
  1008: "The gateway has closed the connection: too many requests.",
  1009: "The gateway has closed the connection: a message was too large.",
  1011: "The server has closed the connection: it failed.",
  1012: "The server has closed the connection: it restarts.",
};

// The gateway answers in place of the server, without an id. Nothing is rate_limited, after which
// every call is sent again: the frame may be a late one, and about another call.
const gatewayCodes = new Map([
  ["Forbidden", "not_found"],
  ["Bad request body", "invalid_argument"],
  ["Endpoint request timed out", "deadline_exceeded"],
  ["Too Many Requests", "unavailable"],
]);

/** Returns a client, which connects at once, perhaps with an extension. */
export function newClient<A extends Api>(
  options: Options,
  env: Environment = system(options),
  extend?: NewExtension,
): CoreClient<A> {
  const { token, ticket, protocols = [], keepAlive = 8 * MINUTE, keepAliveAction = "keepalive" } = options;
  const url = check(options);
  const silence = Math.min(Math.max(keepAlive, 10_000), 9 * MINUTE);
  const timers = new Map<() => void, unknown>(); // what ends them, and whose they are
  let state: State = { name: "connecting" };
  let current: Connection | undefined;
  let dialing: Connection | undefined; // the first one, or the one that will replace the current one
  let old: Connection | undefined; // was replaced, and waits for answers
  let attempts: number[] = []; // when they began
  let failures = 0; // since the last success, for the backoff
  let refusals = 0; // attempts in a row that never opened
  let isOffline = false;
  let lastId = 0;

  // Listeners.

  function run(f: Listener, ...args: unknown[]): void {
    try {
      f(...args);
    } catch (error) {
      env.report(error);
    }
  }

  const { on, emit } = newListeners(run);

  function become(next: State): void {
    state = next;
    emit("state", next);
  }

  const tell = (error: GatesockError) => emit("problem", error);
  const problem = (code: Code, message: string, cause?: unknown) => tell(new GatesockError(code, message, { cause }));

  // Timers.

  // Long ones have several steps, which do not depend on the clock: it may be set meanwhile.
  function after(ms: number, f: () => void, owner?: unknown): () => void {
    let cancel: () => void;
    const stop = () => {
      timers.delete(stop);
      cancel();
    };
    const arm = () => {
      const step = Math.min(Math.max(ms, 0), LONGEST_TIMER);
      const due = env.now() + step;
      timers.set(stop, owner);
      cancel = env.after(step, () => {
        timers.delete(stop);
        ms -= step;
        if (ms > 0) arm();
        else f();
        done();
        if (env.now() - due >= ASLEEP && state.name != "closed") {
          hurry();
          extension?.wake();
        }
      });
    };
    arm();
    return stop;
  }

  function stopTimers(owner: unknown): void {
    for (const [stop, whose] of timers) if (whose == owner) stop();
  }

  // Opening.

  async function dial(): Promise<void> {
    stopTimers(dial);
    attempts.push(env.now());
    const conn: Connection = { waiting: new Map(), results: new Map(), activeAt: 0, bad: 0 };
    dialing = conn;
    let code: Code = "token";
    const fail = (reason: string, cause?: unknown) => {
      if (conn.isDead) return;
      if (!conn.socket) problem(code, reason, cause); // and the server was not reached
      lose(conn, reason, 0, !!conn.socket);
    };
    const stop = after(OPENING, () => fail("There was no answer."), conn);
    if (!current) become({ name: "connecting" });
    try {
      const target = new URL(url);
      const all = [...protocols];
      if (token) all.push(`bearer.${credential(await token())}`);
      if (ticket) target.searchParams.set("ticket", credential(await ticket()));
      if (conn.isDead) return;
      code = "invalid_argument";
      const socket = (conn.socket = env.dial(target.href, all));
      socket.onerror = () => {};
      socket.onopen = () => {
        stop();
        conn.openedAt = conn.activeAt = env.now();
        keep(conn, silence * (1 + (env.random() - 0.5) / 8));
        after((env.lifetime ?? LIFETIME) + env.random() * SPREAD, replace, conn);
        if (current) probe(conn);
        else promote(conn);
      };
      socket.onmessage = ({ data }) => receive(conn, data);
      socket.onclose = ({ code = 1006, reason = "" }) =>
        lose(conn, `${closings[code] ?? (conn.openedAt ? "The connection was lost." : "The connection was not opened.")} (${code}${reason && ` ${reason}`})`, code);
    } catch (cause) {
      fail(`There ${code == "token" ? "are no credentials" : "can be no WebSocket"}: ${(cause as Error)?.message ?? cause}`, cause);
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
      after(DRAIN, () => lose(before), before);
    }
    if (before) extension?.closed();
    extension?.opened();
    if (state.name != "online") become({ name: "online" });
    done();
  }

  // Opens the connection that replaces the current one (14).
  function replace(): void {
    after(budget(), dial, current);
  }

  // What waits may have its turn now, and nothing may need the connection that was replaced (15).
  function done(): void {
    calls.pump();
    if (old && !calls.waitOn(old) && extension?.settled() != false) lose(old);
  }

  // Ending.

  function end(conn: Connection): void {
    const { socket } = conn;
    conn.isDead = true;
    stopTimers(conn);
    stopTimers(conn.waiting);
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  // The connection has ended, or is of no use any more (1, 4, 7, 14).
  function lose(conn: Connection, reason = "", code = 0, isRefusal = !conn.openedAt): void {
    if (conn.isDead) return;
    end(conn);
    if (conn == old) {
      old = undefined;
      return calls.closed(conn);
    }
    const wasCurrent = conn == current;
    if (wasCurrent) current = undefined;
    else dialing = undefined;
    if (current) {
      after(10_000 + env.random() * 50_000, replace, current);
      return;
    }
    if (conn.openedAt && env.now() - conn.openedAt >= STABLE && (conn.isGood || !conn.bad)) failures = refusals = 0;
    if (code == 1008) problem("rate_limited", reason);
    if (code == 1009) problem("too_large", reason);
    if (!isOffline && isRefusal && ++refusals == REFUSALS) {
      problem("refused", "The server refuses to connect. Is the address right, and the user signed in?");
    }
    if (wasCurrent) {
      extension?.closed();
      calls.closed(conn);
    }
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
    stopTimers(dial);
    after(ms, dial, dial);
    become({ name: isOffline ? "offline" : refusals < REFUSALS ? "waiting" : "refused", retryAt: env.now() + ms, reason });
  }

  // How long the next attempt has to wait because there were many (3).
  function budget(): number {
    const now = env.now();
    attempts = attempts.filter((time) => Math.abs(now - time) < BUDGET_TIME);
    return attempts.length < BUDGET ? 0 : attempts.at(-BUDGET)! + BUDGET_TIME - now;
  }

  // Something has changed: an attempt may succeed now, and the connection may be dead (6).
  function hurry(): void {
    if (current) probe(current);
    else if ("retryAt" in state) {
      if (budget()) wait(0, state.reason);
      else dial();
    }
  }

  function happened(what: Happening): void {
    if (what != "visible") isOffline = what == "offline";
    if (what != "offline") hurry();
    else if ("retryAt" in state) become({ ...state, name: what });
  }

  // Frames.

  function receive(conn: Connection, data: unknown): void {
    conn.activeAt = env.now();
    conn.isProbed = false;
    stopTimers(conn.waiting);
    if (conn == dialing) promote(conn);
    if (data === "") return;
    let frames: unknown;
    try {
      frames = JSON.parse(data as string);
    } catch {}
    for (const frame of Array.isArray(frames) ? frames : [frames]) {
      if (conn.isDead) return;
      if (isObject(frame) && take(conn, frame)) {
        conn.isGood = true;
        refusals = 0;
      } else if (++conn.bad == 1) problem("protocol", `The server has sent what makes no sense: ${String(data).slice(0, 80)}`);
      else if (conn.bad == ALIEN && !conn.isGood) lose(conn, "The server speaks another protocol.", 0, true);
      done();
    }
  }

  // Takes a frame; reports whether it makes sense (10, 11).
  function take(conn: Connection, frame: Frame): boolean {
    const { id, event, error, message, action } = frame;
    const isPush = event !== undefined || "events" in frame;
    const { code } = Object(error);
    const isStale = code == "stale_connection";
    if (isPush && !id && !error) return push(frame);
    if (id && code == "rate_limited") emit("limited", serverError(error));
    if (id) (isPush ? conn.results : conn.waiting).get(id)?.(frame);
    else if (action == keepAliveAction) conn.waiting.delete("");
    else if (error) isStale || tell(serverError(error));
    else if (typeof message == "string" && (frame.requestId || frame.messageId)) {
      const text = `The gateway has answered in place of the server: ${message}`;
      const [answer] = conn.waiting.size == 1 ? conn.waiting.values() : [];
      if (answer) {
        conn.waiting.clear();
        answer({ error: { code: gatewayCodes.get(message) ?? "internal", message: text } });
      } else problem("gateway", text);
    } else if (!("data" in frame)) return false;
    if (isStale) lose(conn, "The server does not know the connection.");
    return true;
  }

  // Takes a push; reports whether it is one (9).
  function push(frame: Frame): boolean {
    const { event, data } = frame;
    if (extension?.receive(frame) || "epoch" in frame || "version" in frame) return true;
    if (!event || typeof event != "string") return false;
    emit(`push ${event}`, data, frame);
    return true;
  }

  function send(conn: Connection, message: object, id?: string): void {
    const text = JSON.stringify(message);
    conn.activeAt = env.now();
    for (const frame of (id && options.fragments?.(text, id)) || [text]) conn.socket!.send(frame);
  }

  // The connection is dead unless a frame comes (13).
  function expect(conn: Connection, ms: number): void {
    after(ms, () => lose(conn, "The connection was lost: there was no answer."), conn.waiting);
  }

  // Notes a message that the gateway may answer, for some time (25).
  function note(conn: Connection, id: unknown, answer: Answer | undefined, ms = ANSWER): void {
    conn.waiting.set(id, answer);
    after(ms, () => conn.waiting.delete(id), conn);
  }

  // Sends a request, whose result may follow its answer.
  function ask(conn: Connection, action: string, members: object, ms: number, f: Answer, hasResult?: boolean): void {
    const id = String(++lastId);
    const stop = after(
      ms,
      () => {
        conn.results.delete(id);
        note(conn, id, ignore, ANSWER - ms);
        f();
      },
      conn,
    );
    const answer = (frame?: Frame) => {
      conn.waiting.delete(id);
      if (hasResult && frame!.data == undefined && !frame!.event && !frame!.error) return; // acknowledged
      conn.results.delete(id);
      stop();
      f(frame);
    };
    conn.waiting.set(id, answer);
    if (hasResult) conn.results.set(id, answer);
    send(conn, { action, id, ...members }, id);
    expect(conn, ANSWER);
  }

  function probe(conn: Connection): void {
    if (conn.isProbed) return;
    conn.isProbed = true;
    send(conn, { action: keepAliveAction });
    note(conn, "", ignore);
    expect(conn, PROBE);
  }

  // Sends a keep-alive after a silence (12).
  function keep(conn: Connection, silence: number): void {
    const passed = env.now() - conn.activeAt;
    const isEarly = passed >= 0 && silence - passed > 1; // else it is time but for rounding, or the clock was set
    if (!isEarly) probe(conn);
    after(isEarly ? silence - passed : silence, () => keep(conn, silence), conn);
  }

  const calls = newCalls(options, env, after, ask, () => current);
  const extension = extend?.({
    now: env.now,
    random: env.random,
    after,
    request(action, members, then, otherwise) {
      const conn = current;
      if (!conn) return;
      ask(conn, action, members, ANSWER, (frame) => {
        if (conn != current) return;
        if (frame && !frame.error) then(frame.data);
        else otherwise(frame ? serverError(frame.error) : {});
      });
    },
    problem: tell,
    run,
    restart: () => current && lose(current, "The connection was lost."),
    check: done,
  });
  const unlisten = env.listen(happened);
  dial();

  return {
    get state() {
      return state;
    },
    call: calls.call,
    send(action: string, input?: unknown) {
      const message = { action, ...compose(action, input) };
      if (!current) return false;
      send(current, message);
      note(current, message, undefined);
      return true;
    },
    on,
    onPush: (event: string, f: (data: any, push: Push) => void) => on(`push ${event}`, f),
    retry: hurry,
    close() {
      if (state.name == "closed") return;
      state = { name: "closed" };
      unlisten();
      for (const conn of [current, dialing, old]) if (conn) end(conn);
      current = dialing = old = undefined;
      calls.end();
      extension?.end(closed());
      for (const [stop] of timers) stop();
      become(state);
    },
  } as CoreClient<A>;
}

function ignore(): void {}

/** Checks the options, and returns the address of the WebSocket. */
export function check({ url: text, token, ticket, protocols = [], keepAlive = 0, envelope }: Options): string {
  let what = "token, ticket, protocols, keepAlive or envelope";
  try {
    if ([token, ticket].every((f) => !f || f.call) && Array.isArray(protocols) && keepAlive >= 0 && !envelope) {
      what = `url "${text}"`;
      const url = new URL(text);
      url.protocol = url.protocol.replace("http", "ws");
      if (/^wss?:$/.test(url.protocol) && !url.hash) return url.href;
    }
  } catch {}
  throw new GatesockError("invalid_argument", `Wrong option: ${what}`);
}

function credential(value: unknown): string {
  if (value && typeof value == "string") return value;
  throw new TypeError("the option token or ticket has returned no string");
}
