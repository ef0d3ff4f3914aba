// A tab that shares a connection with others: the core of a client whose messages go to the leader.

import { closed as closedError, compose } from "./calls.js";
import type { Environment } from "./env.js";
import { type Code, GatesockError } from "./error.js";
import type { Extension, Failure, Host, NewExtension } from "./extension.js";
import { type Down, type Fault, type Hub, newHub, type Up } from "./hub.js";
import { newListeners, type Listener } from "./listeners.js";
import type { Api, CallOptions, CoreClient, Options, Push, State } from "./types.js";

/** Options of `connect` of gatesock/tabs. */
export interface TabsOptions extends Options {
  /**
   * The tabs of one name share a connection, and with it the user who is signed in: give each user
   * another name. Default: the URL.
   */
  name?: string;
}

/** What tabs need of a browser, beside what each client does. */
export interface TabsEnvironment extends Environment {
  locks: {
    request(name: string, options: { signal?: AbortSignal; steal?: boolean }, then: () => unknown): Promise<unknown>;
  };
  /** Opens the channel on which all tabs hear each other. */
  channel(name: string): {
    onmessage: ((event: { data: unknown }) => void) | null;
    postMessage(m: unknown): void;
    close(): void;
  };
  /** Calls hide when the page is left, and show when it is back after all. Returns what ends it. */
  page(hide: () => void, show: () => void): () => void;
}

/** The leader has said nothing for so long: a tab asks whether it is there. */
const SILENCE = 10_000;
/** How long the leader may take for the answer, and half of it at least. */
const ANSWER = 10_000;
/** A timer that is so late: this tab was asleep, and the answer may be there already. */
const LATE = 2_000;
/** A timer that is so late has slept. */
const ASLEEP = 30_000;
const LONGEST_TIMER = 2 ** 31 - 1;
const EXPIRES = 5 * 60_000;
const MAX_QUEUE = 256;

interface Call {
  action: string;
  input: object | undefined;
  options: CallOptions;
  lane?: string;
  idempotent: boolean;
  expires: number;
  isOld?: boolean; // its time is over, whatever the clock says
  posted: boolean; // to the present leader
  sent: boolean; // perhaps, by some leader
  cancel(): void; // ends what waits for its time and its signal
  resolve(data: unknown): void;
  reject(error: unknown): void;
}

/** Returns a client that shares a connection: create makes its owner if this tab is elected. */
export function join<A extends Api>(
  options: TabsOptions,
  env: TabsEnvironment,
  create: (extend: NewExtension) => CoreClient,
  extend?: NewExtension,
): CoreClient<A> {
  const group = `gatesock:1:${options.name ?? String(options.url)}`;
  const random = () => Math.floor(env.random() * 2 ** 52).toString(36);
  const extensions: Extension[] = [];
  const idempotent = new Set(options.idempotent);
  const calls = new Map<number, Call>(); // by number, in the order of calling
  const requests = new Map<number, { then: (data: unknown) => void; otherwise: (error: Failure) => void }>();

  let state: State = { name: "connecting" };
  let isClosed = false;
  let leave: ((bye: boolean) => void) | undefined; // the group
  let id = ""; // of this tab in the group
  let hub: Hub | undefined; // if this tab leads
  let leader = ""; // the one that this tab follows; "" if it knows none
  let heard = 0; // when it was heard
  let n = 0; // the connection, 0 if there is none
  let wasSettled = false;
  let count = 0; // numbers calls and requests
  let send: (m: Up) => void = () => {};
  let stopRetry = () => {};

  // Steps do not depend on the clock, which may be set meanwhile.
  const after: Host["after"] = (ms, f) => {
    const step = Math.min(Math.max(ms, 0), LONGEST_TIMER);
    const due = env.now() + step;
    let stop = env.after(step, () => {
      const isLate = env.now() - due >= ASLEEP;
      if (ms > step) stop = after(ms - step, f);
      else f();
      if (isLate) wake();
    });
    return () => stop();
  };

  function run(f: Listener, ...args: unknown[]): void {
    try {
      f(...args);
    } catch (error) {
      env.report(error);
    }
  }

  const { on, emit } = newListeners(run);

  function wake(): void {
    if (n) for (const e of extensions) e.wake();
  }

  const host: Host = {
    now: () => env.now(),
    random: () => env.random(),
    after,
    request(action, members, then, otherwise) {
      if (!n) return;
      requests.set(++count, { then, otherwise });
      send({ t: "request", n, r: count, action, members });
    },
    problem: (error) => emit("problem", error),
    run,
    restart: () => send({ t: "restart", n }),
    check: settle,
  };

  // The leader has to know whether all is confirmed on the connection.
  function settle(): void {
    const settled = extensions.every((e) => e.settled());
    if (!n || settled === wasSettled) return;
    wasSettled = settled;
    send({ t: "settled", n, settled });
  }

  function setState(next: State): void {
    if (isClosed || JSON.stringify(next) === JSON.stringify(state)) return;
    state = next;
    // The leader's timers are late if its page is hidden, so each tab keeps the time.
    stopRetry();
    if ("retryAt" in next && !hub) {
      stopRetry = after(Math.max(0, next.retryAt - env.now()), () => send({ t: "retry", at: next.retryAt }));
    }
    flush();
    emit("state", next);
  }

  function opened(number: number): void {
    if (n === number) return;
    if (n) disconnected();
    n = number;
    wasSettled = false;
    for (const e of extensions) e.opened();
    settle();
  }

  function disconnected(): void {
    if (!n) return;
    n = 0;
    requests.clear();
    for (const e of extensions) e.closed();
  }

  // The leader has ended, or another one leads: what became of the calls there is not known.
  function orphaned(): void {
    disconnected();
    leader = "";
    for (const [c, call] of [...calls]) if (call.posted) lose(c, call);
    setState({ name: "connecting" });
  }

  function follow(next: string): void {
    if (leader !== next) {
      orphaned();
      leader = next;
    }
    heard = env.now();
  }

  function receive(m: Down & { leader: string }): void {
    if ("to" in m && m.to !== id) return;
    if (m.t === "leader") {
      if (hub && m.leader !== hub.name) return; // it will find out that it does not lead
      follow(m.leader);
      send({ t: "hello" });
      return;
    }
    if (m.t === "welcome" && !leader) follow(m.leader);
    if (m.leader !== leader) return;
    // In Chromium a frozen page hears and answers other tabs. Only its timers and sockets rest.
    if (m.t === "pong" || m.t === "frame") heard = env.now();
    switch (m.t) {
      case "welcome":
        if (m.n) opened(m.n);
        setState(m.state);
        break;
      case "state":
        setState(m.state);
        break;
      case "gone":
        orphaned();
        send({ t: "hello" });
        break;
      case "opened":
        opened(m.n);
        break;
      case "closed":
        disconnected();
        break;
      case "wake":
        wake();
        break;
      case "frame":
        if (!extensions.some((e) => e.receive(m.frame)) && m.frame.event) emit(`push ${m.frame.event}`, m.frame.data, m.frame);
        settle();
        break;
      case "problem":
      case "limited":
        emit(m.t, errorOf(m.fault));
        break;
      case "answer": {
        const request = requests.get(m.r);
        requests.delete(m.r);
        if (m.fault) request?.otherwise(m.fault);
        else request?.then(m.data);
        settle();
        break;
      }
      case "end": {
        const call = calls.get(m.c);
        if (!call?.posted) break;
        if (m.unsent) {
          call.posted = false;
          expire(m.c, call);
        } else if (m.lost) lose(m.c, call);
        else if (m.fault) settleCall(m.c, call, () => call.reject(errorOf(m.fault!)));
        else settleCall(m.c, call, () => call.resolve(m.data));
        flush();
      }
    }
  }

  // Calls.

  function settleCall(c: number, call: Call, settle: () => void): void {
    calls.delete(c);
    call.cancel();
    settle();
  }

  function lose(c: number, call: Call): void {
    call.posted = false;
    call.sent = true;
    if (!call.idempotent) settleCall(c, call, () => call.reject(unknownOutcome()));
    else expire(c, call);
  }

  function expire(c: number, call: Call): void {
    if (call.posted || (!call.isOld && env.now() < call.expires)) return;
    settleCall(c, call, () =>
      call.reject(call.sent ? unknownOutcome() : new GatesockError("expired", "The call has waited too long to be sent.")),
    );
  }

  // Passes calls on to the leader, once it is online. What stays here was certainly not sent.
  function flush(): void {
    if (state.name !== "online") return;
    const lanes = new Set<string>();
    for (const [c, call] of [...calls]) {
      const waits = call.lane !== undefined && lanes.has(call.lane);
      if (call.lane !== undefined) lanes.add(call.lane);
      if (call.posted || waits || calls.get(c) !== call) continue;
      call.posted = true;
      const { action, input } = call;
      send({ t: "call", c, action, input, options: { ...call.options, expires: Math.max(1, call.expires - env.now()) } });
    }
  }

  // The group: who leads, and who is there.

  function enter(): void {
    const channel = env.channel(group);
    const me = (id = random() + random());
    let isOver = false;
    let leaveTab = () => {};
    let stopElection = () => {};
    let release = () => {};
    let stopWatch = () => {};
    let asked = 0; // how often the leader did not answer
    let due = 0;

    channel.onmessage = ({ data }) => {
      const m = data as (Up & { from: string; leader: string }) | (Down & { leader: string });
      if (isOver || typeof m !== "object" || !m) return;
      if (!("from" in m)) m.leader && receive(m);
      else if (!m.leader || m.leader === hub?.name) hub?.receive(m.from, m);
    };
    send = (m) => {
      if (hub) hub.receive(me, m);
      else channel.postMessage({ ...m, from: me, leader });
    };

    const elect = (steal: boolean): void => {
      stopElection();
      const wait = new AbortController();
      stopElection = () => wait.abort();
      let mine: Hub | undefined;
      const lead = () =>
        new Promise<void>((done) => {
          if (isOver || (!steal && wait.signal.aborted)) {
            done();
            return;
          }
          if (hub) stepDown(hub, () => {});
          const name = random() + random();
          mine = newHub(name, create, after, (m) => post(name, m), (tab, gone) => {
            const forget = new AbortController();
            env.locks.request(`${group}:${tab}`, { signal: forget.signal }, () => forget.signal.aborted || gone()).catch(() => {});
            return () => forget.abort();
          });
          hub = mine;
          release = done;
          post(name, { t: "leader" });
        });
      // It rejects if it was aborted, or if another tab has taken the lock: this one seemed asleep.
      env.locks.request(group, steal ? { steal } : { signal: wait.signal }, lead).catch(() => {
        if (isOver) return;
        // There are no locks here, as where the browser keeps no data: each tab leads itself.
        if (!mine) {
          if (!wait.signal.aborted) void lead();
          return;
        }
        if (hub !== mine) return;
        stepDown(mine, () => {});
        elect(false);
      });
    };

    const post = (name: string, m: Down): void => {
      const all = { ...m, leader: name };
      if (!("to" in m) || m.to !== me) channel.postMessage(all);
      if (!("to" in m) || m.to === me) receive(all);
    };

    const stepDown = (old: Hub, then: () => void): void => {
      hub = undefined;
      old.end(() => {
        const gone = { t: "gone", leader: old.name } as const;
        channel.postMessage(gone);
        receive(gone);
        then();
      });
    };

    const watch = (ms: number): void => {
      due = env.now() + ms;
      stopWatch = env.after(ms, () => {
        const isLate = env.now() - due > LATE;
        if (hub || Math.abs(env.now() - heard) < SILENCE) asked = 0; // the clock may have been set back
        else if (asked > 1 || (asked && !isLate)) {
          asked = 0;
          heard = env.now();
          elect(true);
        } else {
          asked++;
          send({ t: leader ? "ping" : "hello" });
        }
        watch(asked ? (ANSWER * (1 + env.random())) / 2 : SILENCE);
      });
    };

    leave = (bye) => {
      isOver = true;
      leave = undefined;
      stopElection();
      stopWatch();
      const end = () => {
        release();
        leaveTab();
        channel.close();
      };
      if (hub) stepDown(hub, end);
      else {
        if (bye) send({ t: "bye" });
        end();
      }
      send = () => {};
    };

    heard = env.now();
    watch(SILENCE);
    // Others learn by this lock when the tab has vanished.
    env.locks.request(`${group}:${me}`, {}, () => {
      if (isOver) return undefined;
      send({ t: "hello" });
      elect(false);
      return new Promise<void>((done) => (leaveTab = done));
    }).catch(() => isOver || elect(false));
  }

  const stopPage = env.page(
    () => {
      leave?.(true);
      orphaned();
    },
    () => {
      if (!isClosed && !leave) enter();
    },
  );
  const stopListening = env.listen((what) => {
    if (!hub && what !== "offline") send({ t: "wake" });
  });

  const client = {
    get state() {
      return state;
    },
    call(action: string, input?: unknown, o: CallOptions = {}): Promise<unknown> {
      return new Promise((resolve, reject) => {
        const { signal, lane, key, expires = EXPIRES, timeout, result, idempotent: mayRepeat } = o;
        signal?.throwIfAborted();
        if (isClosed) throw closedError();
        if (calls.size >= (options.maxQueue ?? MAX_QUEUE)) throw new GatesockError("queue_full", "Too many calls wait already. Wait for their promises.");
        const members = compose(action, input, undefined, options.fragments);
        const c = ++count;
        const stop = after(expires, () => {
          call.isOld = true;
          expire(c, call);
        });
        const abort = () => {
          if (call.posted) send({ t: "abort", c });
          settleCall(c, call, () => reject(signal!.reason));
          flush();
        };
        signal?.addEventListener("abort", abort);
        const call: Call = {
          action,
          input: members,
          options: { timeout, result, idempotent: mayRepeat, key: key === true ? random() + random() : key },
          lane,
          idempotent: Boolean(mayRepeat || key || idempotent.has(action)),
          expires: env.now() + expires,
          posted: false,
          sent: false,
          cancel() {
            stop();
            signal?.removeEventListener("abort", abort);
          },
          resolve,
          reject,
        };
        calls.set(c, call);
        flush();
      });
    },
    send(action: string, input?: unknown): boolean {
      const members = compose(action, input);
      if (state.name !== "online") return false;
      send({ t: "send", action, input: members });
      return true;
    },
    on,
    onPush: (event: string, f: (data: any, push: Push) => void) => on(`push ${event}`, f),
    retry: () => send({ t: "retry" }),
    close() {
      if (isClosed) return;
      setState({ name: "closed" });
      isClosed = true;
      stopRetry();
      stopPage();
      stopListening();
      leave?.(true);
      disconnected();
      for (const [c, call] of [...calls]) {
        settleCall(c, call, () => call.reject(call.posted || call.sent ? unknownOutcome() : closedError()));
      }
      for (const e of extensions) e.end(closedError());
    },
  } as CoreClient<A>;

  if (extend) extensions.push(extend(host));
  enter();
  return client;
}

function errorOf({ code, message = "", retryAfterMs, details }: Fault): Error & { code: string } {
  if (code === undefined) return Object.assign(new TypeError(message), { code: "" });
  return new GatesockError(code as Code, message, { retryAfterMs, details });
}

const unknownOutcome = () =>
  new GatesockError("unknown_outcome", "The connection has ended before the answer came: the message may have been carried out.");
