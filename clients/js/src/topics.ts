// The machine of topics: sections 9 and 11 of docs/protocol.md, as an extension of the core. The
// handles of a topic share its membership and its position.
//
// Nothing calls the app in the midst of a step: what there is to tell waits in a queue until the
// state is whole, so that a listener may subscribe and unsubscribe as it likes.

import { GatesockError, isLasting, serverError } from "./error.js";
import type { Extension, Failure, Frame, Host } from "./extension.js";
import { isMark, isPosition, isSame, list, Log, numberOf, startOf, type Entry } from "./log.js";
import type { Listener } from "./listeners.js";
import { Members, millis } from "./members.js";
import type { Established, Member, Position } from "./types.js";

const GAP = 200; // ms to wait for what is missing
const LONGEST_GAP = 10_000;
const EPOCH_SPREAD = 2_000;
const MEMBERS_SPREAD = 10_000;
const SYNC = 5 * 60_000;
const FIRST_BACKOFF = 500;
const LAST_BACKOFF = 30_000;
const MAX_BATCH = 100; // topics in one request
const MAX_BYTES = 30 * 1024;
const MAX_EXTRA = 1_000; // what a server can make a client remember

/** What one user of a topic is told. */
export interface Handle {
  /** Whether it is for a state topic; undefined if it takes both kinds. */
  readonly isState?: boolean;
  established?(e: Established): void;
  entry?(entry: Entry): void;
  /** A value was set or deleted, or all are there. */
  value?(type: "set" | "delete" | "ready", key?: string, data?: unknown): void;
  /** What others see of the client. */
  readonly as?: unknown;
  /** The members have changed. Without it the client is not visible. */
  changed?(members: Member[] | undefined, count: number): void;
  /** The handle has ended: the topic has failed, or the client was closed. */
  ended(error: GatesockError): void;
}

type News = "established" | "entry" | "value" | "changed";

/** What package values adds to a topic: section 10 of docs/protocol.md. */
export interface Values {
  /** Members of a subscribe. */
  subscription(): object;
  /** A snapshot is asked for. */
  begin(): void;
  /** Members of a request for a page. */
  page(): object;
  /** Members of a sync. */
  where(): object;
  push(frame: Frame): void;
  /** Applies a page; the first one is that of a subscribe. */
  accept(result: any, page?: object): void;
  moved(): void;
  wake(): void;
}

type Timers = { [name: string]: (() => void) | undefined };

/** What the client knows of its membership, on the current connection. */
const enum Is {
  Apart, // or not known
  Joining,
  Joined,
  Leaving,
}

export interface Topic {
  readonly name: string;
  readonly handles: Set<Handle>; // without one, nobody wants the topic
  readonly timers: Timers;
  membership: Is;
  again: boolean; // subscribe although the connection is a member
  leave: boolean; // and unsubscribe before
  generation: number; // changes with each wish and with the membership: answers to earlier requests do not count
  tries: number;
  refusals: number; // of pages after a subscribe that was answered
  last: number | undefined;
  log: Log;
  quiet: boolean;
  gaps: number; // history requests that did not help
  gapFrom?: Position | undefined;
  spread: number;
  isState: boolean;
  values: Values | undefined;
  members: Members | undefined;
  as: unknown;
}

// What a topic is when a request is sent. The answer counts if it is still the same.
interface Sent {
  t: Topic;
  generation: number;
  since: Position | undefined;
  at: number;
  page?: object;
}

// A history request of the app.
interface Ask {
  t: Topic;
  handle: Handle;
  members: object;
  resolve(result: any): void;
  reject(error: GatesockError): void;
  isSent?: boolean;
}

export type Topics = ReturnType<typeof newTopics>;

export function newTopics(host: Host) {
  const topics = new Map<string, Topic>();
  const wishes = new Set<Topic>(); // need a history request
  const asks = new Set<Ask>();
  const queue: (() => void)[] = [];
  const own = { timers: {} as Timers };
  let over: GatesockError | undefined; // the client was closed
  let isOnline = false;
  let isTelling = false;
  let isPumping = false;
  let isAsking = false; // a history request is under way
  let wasUsed = false; // a topic was subscribed: before, there is nothing to sync
  let syncing = 0;
  let syncTries = 0;
  let pushes = 0; // pushes and answers that have come

  // Changes the state; the app learns of it. What the state calls for is sent a moment later, so
  // that what the app subscribes to at once is in one request.
  function step(change?: () => void): void {
    change?.();
    if (!isPumping) queueMicrotask(pump);
    isPumping = true;
    if (isTelling) return;
    isTelling = true;
    for (const tell of queue) tell(); // which may add to it
    queue.length = 0;
    isTelling = false;
  }

  function tell<E extends News>(t: Topic, what: E, ...args: Parameters<NonNullable<Handle[E]>>): void {
    for (const h of t.handles) queue.push(() => t.handles.has(h) && (h[what] as Listener | undefined)?.(...args));
  }

  function start(t: { timers: Timers }, name: string, ms: number, run?: () => void): void {
    stop(t, name);
    t.timers[name] = host.after(ms, () => {
      t.timers[name] = undefined;
      step(run);
    });
  }

  function stop(t: { timers: Timers }, ...names: string[]): void {
    for (const name of names) {
      t.timers[name]?.();
      t.timers[name] = undefined;
    }
  }

  const between = (low: number, high: number) => low + host.random() * (high - low);
  const backoff = (tries: number) => between(0, Math.min(LAST_BACKOFF, FIRST_BACKOFF * 2 ** tries));

  // The time that the server asks for, and a part of it at random, or a backoff.
  function delay(tries: number, { retryAfterMs }: Failure): number {
    const ms = millis(retryAfterMs);
    return ms ? between(ms, ms * 1.25) : backoff(tries);
  }

  // Handles.

  const begin = () => ({
    tries: 0, refusals: 0, last: undefined, log: new Log(), quiet: false, gaps: 0, spread: 0,
    isState: false, values: undefined, members: undefined, as: undefined,
  });

  function add(name: string, membership: Is): Topic {
    const t: Topic = {
      name, membership, handles: new Set(), timers: {}, again: false, leave: false, generation: 0, ...begin(),
    };
    topics.set(name, t);
    return t;
  }

  /** Adds a handle to a topic. Prepare sees the topic, and whether the handle is the first one. */
  function attach(name: string, handle: Handle, prepare?: (t: Topic, isFirst: boolean) => void): Topic {
    const t = topics.get(name) ?? add(name, Is.Apart);
    const isFirst = !t.handles.size;
    if (isFirst) Object.assign(t, begin());
    t.handles.add(handle);
    step(() => {
      prepare?.(t, isFirst);
      reveal(t);
      if (isFirst || (t.isState && handle.isState === false)) t.again = true;
      if (over) fail(t, over);
    });
    return t;
  }

  // Takes a handle away, with what it waits for.
  function release(t: Topic, handle: Handle, error: GatesockError): void {
    for (const a of asks) if (a.handle === handle && asks.delete(a)) a.reject(error);
    if (t.handles.delete(handle)) t.handles.size ? reveal(t) : end(t);
  }

  // Ends the handles of a topic.
  function fail(t: Topic, error: GatesockError, handles = [...t.handles]): void {
    for (const h of handles) {
      release(t, h, error);
      queue.push(() => h.ended(error));
    }
  }

  function end(t: Topic): void {
    // A subscribe has failed, but perhaps the connection is a member: an unsubscribe ends it.
    if (t.membership === Is.Apart && t.timers.retry) t.membership = Is.Joined;
    t.generation++;
    wishes.delete(t);
    stop(t, ...Object.keys(t.timers));
  }

  // Requests.

  const snap = (t: Topic): Sent => ({ t, generation: t.generation, since: t.log.position, at: pushes });
  const isFresh = ({ t, generation }: Sent) => t.handles.size > 0 && t.generation === generation;

  function ask(action: string, members: object, then: (data: any) => void, otherwise: (error: Failure) => void): void {
    host.request(
      action,
      members,
      (data) => step(() => then(Object(data))),
      (error) => step(() => otherwise(error)),
    );
  }

  // Asks for something of a topic. The answer counts only if the topic is still the same.
  function askOf(s: Sent, action: string, members: object, then: (data: any) => void, otherwise: (error: Failure) => void): void {
    ask(
      action,
      { topic: s.t.name, ...members },
      (data) => isFresh(s) && then(data),
      (error) => isFresh(s) && otherwise(error),
    );
  }

  // Sends what the state calls for.
  function pump(): void {
    isPumping = false;
    const all = [...topics.values()];
    for (const t of all) if (!t.handles.size && t.membership === Is.Apart) topics.delete(t.name);
    if (!isOnline) return;
    batch(all.filter((t) => t.membership === Is.Joined && (!t.handles.size || t.leave)), (t) => t.name, leave);
    batch(
      all.filter((t) => t.handles.size && !t.timers.retry
        && (t.membership === Is.Apart || (t.membership === Is.Joined && t.again))),
      subscription,
      join,
    );
    askHistory();
    for (const a of asks) if (!a.isSent && isHere(a.t)) askFor(a);
    host.check();
  }

  const isHere = (t: Topic) => t.membership === Is.Joined && !t.again;

  // Puts together as many topics as one request can have.
  function batch<W>(all: Topic[], wire: (t: Topic) => W, send: (part: Topic[], wired: W[]) => void): void {
    let part: Topic[] = [];
    let wired: W[] = [];
    let size = 0;
    const flush = () => {
      if (part.length) send(part, wired);
      part = [];
      wired = [];
      size = 0;
    };
    for (const t of all) {
      const one = wire(t);
      const bytes = 3 * JSON.stringify(one).length; // at most, in UTF-8
      if (part.length >= MAX_BATCH || size + bytes > MAX_BYTES) flush();
      part.push(t);
      wired.push(one);
      size += bytes;
    }
    flush();
  }

  function subscription(t: Topic): object {
    return {
      topic: t.name,
      since: t.values || t.isState ? undefined : t.log.position,
      last: t.last || undefined,
      ...t.values?.subscription(),
      ...(t.members && { presence: true, as: t.as }),
    };
  }

  function join(part: Topic[], wired: object[]): void {
    const sent = part.map((t) => {
      t.membership = Is.Joining;
      t.again = t.leave = false;
      t.generation++;
      t.values?.begin();
      t.members?.begin();
      return snap(t);
    });
    const isOne = wired.length === 1;
    wasUsed = true;
    ask(
      "subscribe",
      isOne ? wired[0]! : { topics: wired },
      (data) => {
        const results = isOne ? [data] : list(data.topics);
        sent.forEach((s, i) => {
          const result = Object(results[i]);
          if (result.topic !== s.t.name || result.error) joinFailed(s, Object(result.error));
          else joined(s, result);
        });
      },
      (error) => sent.forEach((s) => joinFailed(s, error)),
    );
  }

  function joined(s: Sent, result: any): void {
    const { t } = s;
    t.membership = Is.Joined;
    if (!isFresh(s)) return;
    stop(t, "expiry");
    if (result.expiresInMs > 0) start(t, "expiry", Math.max(1_000, result.expiresInMs), sync);
    if (accept(s, result, true)) t.tries = 0;
    else joinFailed(s, {});
  }

  function joinFailed(s: Sent, error: Failure): void {
    const { t } = s;
    t.membership = Is.Apart;
    if (!isFresh(s)) {
      if (!t.handles.size && !isLasting(error.code)) t.membership = Is.Joined; // perhaps: an unsubscribe ends it
    } else if (isLasting(error.code)) fail(t, serverError(error));
    else start(t, "retry", delay(t.tries++, error));
  }

  function leave(part: Topic[], names: string[]): void {
    for (const t of part) t.membership = Is.Leaving;
    const left = () => {
      for (const t of part) t.membership = Is.Apart;
    };
    ask(
      "unsubscribe",
      names.length === 1 ? { topic: names[0] } : { topics: names },
      left,
      // What may still be carried out would end a later subscription without a trace.
      ({ code }) => (code && code !== "deadline_exceeded" ? left() : host.restart()),
    );
  }

  // Forgets the membership, which has ended or was that of another connection.
  function lose(t: Topic): void {
    t.membership = Is.Apart;
    t.generation++;
    stop(t, "gap", "page", "retry", "expiry", "members");
  }

  // Subscribes again after a page was refused, later each time.
  function resubscribe(t: Topic): void {
    lose(t);
    start(t, "retry", backoff(t.refusals++));
  }

  // Gaps.

  /** Notes that a topic needs a history request, after a while. */
  function wish(t: Topic, ms = 0): void {
    stop(t, "gap", "page");
    if (ms > 0) start(t, "page", ms, () => wish(t));
    else wishes.add(t);
  }

  function askHistory(): void {
    if (isAsking || own.timers.pause) return;
    for (const t of wishes) {
      if (!isHere(t)) continue;
      const s = snap(t);
      s.page = t.values?.page();
      isAsking = true;
      return ask(
        "history",
        { topic: t.name, ...(s.page ?? { since: s.since, last: t.last || undefined }) },
        (result) => {
          isAsking = false;
          if (!isFresh(s)) return;
          if (result.topic !== t.name || !accept(s, result, false)) return historyFailed(s, {});
          t.tries = t.refusals = 0;
        },
        (error) => {
          isAsking = false;
          if (isFresh(s)) historyFailed(s, error);
        },
      );
    }
  }

  function historyFailed({ t }: Sent, error: Failure): void {
    if (isLasting(error.code)) return resubscribe(t);
    wishes.delete(t); // others have their turn
    wishes.add(t);
    start(own, "pause", delay(Math.max(t.tries++, t.gaps), error));
  }

  // Starts the timer of a gap, or stops it.
  function watchGap(t: Topic): void {
    const { log } = t;
    if (!log.hasGap) t.spread = t.gaps = 0;
    if (!log.hasGap || wishes.has(t) || t.timers.page) return stop(t, "gap");
    if (t.timers.gap && isSame(t.gapFrom, log.position)) return;
    t.gapFrom = log.position;
    let ms = between(0, EPOCH_SPREAD);
    if (log.gapIsHere || t.gaps) {
      const least = Math.min(Math.max(GAP, t.spread) * 2 ** Math.min(t.gaps, 10), LONGEST_GAP);
      ms = Math.min(between(least, least * 1.5), LONGEST_GAP);
    }
    start(t, "gap", ms, () => wish(t));
  }

  // Applies the result of a subscribe or a history request. It returns false if it is malformed.
  function accept(s: Sent, result: any, isFirst: boolean): boolean {
    const { t } = s;
    t.isState = result.state === true;
    fail(
      t,
      new GatesockError("failed_precondition", `The topic ${t.name} has ${t.isState ? "values" : "events"}.`),
      [...t.handles].filter(({ isState }) => (isState ?? t.isState) !== t.isState),
    );
    if (!t.handles.size) return true;
    if (t.isState) t.values?.accept(result, s.page);
    else if (!acceptEvents(s, result, isFirst)) return false;
    if (isFirst && t.members) {
      if (result.presence) acceptMembers(t, result.presence);
      else {
        t.members = undefined; // the client is not visible, so it need not leave
        fail(t, new GatesockError("failed_precondition", `The topic ${t.name} has no presence.`), [...t.handles].filter((h) => h.changed));
      }
    }
    return true;
  }

  function acceptEvents({ t, since, at }: Sent, result: any, isFirst: boolean): boolean {
    if (!isResult(result)) return false;
    const { epoch, offset, recovered, reason, more, quiet } = result;
    const { log } = t;
    const entries = entriesOf(result, ++pushes);
    const before = log.position;
    const hasMoved = before && !isSame(before, since); // a push was faster: the events count as pushes
    const isLost = before && !hasMoved && !recovered;
    const isOutdated = hasMoved && !recovered;
    if (!before || isLost || (!hasMoved && numberOf(epoch) > numberOf(before.epoch))) log.moveTo(startOf(result, entries));
    const position = log.position!;
    const e: Established = isLost ? { position, recovered: false, reason } : { position, recovered: true };
    if (isFirst || isLost) tell(t, "established", e);
    deliver(t, log.next());
    for (const entry of entries) deliver(t, log.add(entry));
    if (!more && !isOutdated) log.settle(at);
    if (offset > 0) log.note(result, pushes);
    t.quiet = quiet === true;
    wishes.delete(t);
    if (isSame(before, log.position)) t.gaps++;
    if (more || isOutdated) wish(t, more && t.gaps ? backoff(t.gaps) : 0);
    watchGap(t);
    return true;
  }

  function deliver(t: Topic, entries: Entry[]): void {
    for (const entry of entries) {
      t.gaps = 0;
      tell(t, "entry", entry);
    }
  }

  /** Asks for entries, for the app. */
  function history(t: Topic, handle: Handle, members: object): Promise<any> {
    return new Promise((resolve, reject) => step(() => asks.add({ t, handle, members, resolve, reject })));
  }

  function askFor(a: Ask): void {
    const done = (error?: GatesockError, result?: any) => {
      if (asks.delete(a)) error ? a.reject(error) : a.resolve(result);
    };
    a.isSent = true;
    ask(
      "history",
      { topic: a.t.name, ...a.members },
      (result) => done(isResult(result) ? undefined : serverError({}), result),
      (error) => error.code !== "stale_connection" && done(failure(error)), // it is sent again then
    );
  }

  // Presence.

  function acceptMembers(t: Topic, snapshot: any): void {
    t.members!.apply(snapshot);
    if (t.members!.cursor) askPage(t);
    else showMembers(t);
  }

  // Asks for a snapshot, one at a time.
  function askMembers(t: Topic, ms: number): void {
    const { members } = t;
    if (!members || members.isOpen || t.timers.members) return;
    if (ms) return start(t, "members", ms, () => askMembers(t, 0));
    if (!isHere(t)) return; // the answer to the subscribe has one
    members.begin();
    askPage(t);
  }

  function askPage(t: Topic): void {
    askOf(
      snap(t),
      "presence",
      { cursor: t.members!.cursor },
      (snapshot) => {
        t.tries = t.refusals = 0;
        acceptMembers(t, snapshot);
      },
      (error) => {
        if (isLasting(error.code)) return resubscribe(t);
        t.members!.isOpen = false;
        askMembers(t, 1_000 + delay(t.tries++, error));
      },
    );
  }

  function showMembers(t: Topic): void {
    const { members } = t;
    if (!members?.isComplete) return;
    const users = members.users;
    const { count = users.length, until } = members;
    if (until < Infinity) start(t, "grace", Math.max(0, until - host.now()), () => showMembers(t));
    tell(t, "changed", members.count === undefined ? users : undefined, count);
  }

  // Makes the client a visible member if a handle wants it, or ends that.
  function reveal(t: Topic): void {
    const all = [...t.handles].filter((h) => h.changed);
    const as = all.reverse().find((h) => h.as !== undefined)?.as;
    if (all.length && t.members && JSON.stringify(as) === JSON.stringify(t.as)) return showMembers(t);
    if (!all.length && !t.members) return;
    t.as = as;
    t.again = true;
    if (all.length) t.members ??= new Members(host.now);
    else {
      t.members = undefined;
      t.leave = true; // only an unsubscribe makes it invisible
      stop(t, "members", "grace");
    }
  }

  // Lost tails.

  function syncLater(): void {
    start(own, "sync", between(SYNC * 0.8, SYNC * 1.2), sync);
  }

  function sync(): void {
    syncLater();
    if (!isOnline || syncing || !wasUsed) return;
    const all = [...topics.values()].filter((t) => t.handles.size && isHere(t));
    if (all.length) batch(all, where, sendSync);
    else sendSync([], []); // the connection may be a member of one all the same
  }

  function where(t: Topic): object {
    return {
      topic: t.name,
      ...(t.values ? t.values.where() : t.isState ? undefined : t.log.position),
      quiet: t.quiet || undefined,
      digest: t.members?.isComplete ? t.members.digest : undefined,
    };
  }

  function sendSync(part: Topic[], wired: object[]): void {
    const sent = part.map(snap);
    syncing++;
    ask(
      "sync",
      { topics: wired },
      (answer) => {
        syncing--;
        syncTries = 0;
        mend(sent, answer);
      },
      (error) => {
        syncing--;
        if (!isLasting(error.code)) start(own, "sync", 1_000 + delay(++syncTries, error), sync);
      },
    );
  }

  function mend(sent: Sent[], { moved, lost, extra, presence }: any): void {
    const asked = new Map(sent.filter(isFresh).map(({ t }) => [t.name as unknown, t]));
    const each = (names: unknown, f: (t: Topic) => void) => {
      for (const name of list(names)) if (asked.has(name)) f(asked.get(name)!);
    };
    each(moved, (t) => (t.values ? t.values.moved() : t.isState || wish(t)));
    each(presence, (t) => askMembers(t, 0));
    each(lost, lose);
    for (const name of list(extra)) {
      if (name && typeof name === "string" && !topics.has(name) && topics.size < MAX_EXTRA) add(name, Is.Joined);
    }
  }

  function receive(frame: Frame): boolean {
    const { topic, epoch, key, version, event, data } = frame;
    const isEvent = epoch !== undefined;
    const isValue = typeof key === "string" && (version as number) > 0;
    const t = topics.get(topic as string);
    if (!t?.handles.size) return typeof topic === "string" && (isEvent || isValue);
    step(() => {
      if (isEvent) {
        if (t.values || t.isState) return;
        for (const entry of entriesOf({ epoch, events: [frame] }, ++pushes)) deliver(t, t.log.add(entry));
        if (!t.log.position) return;
        t.quiet = false;
        t.spread = Math.max(t.spread, millis(frame.spreadMs));
        watchGap(t);
      } else if (isValue) t.values?.push(frame);
      else if (t.members && event === "presence") {
        if (!t.members.change(Object(data))) askMembers(t, between(0, MEMBERS_SPREAD));
        showMembers(t);
      }
    });
    return isEvent || isValue || (!!t.members && event === "presence");
  }

  const extension: Extension = {
    opened() {
      isOnline = true;
      syncLater();
      step();
    },
    closed() {
      isOnline = isAsking = false;
      syncing = 0;
      stop(own, "sync", "pause");
      for (const a of asks) a.isSent = false;
      for (const t of topics.values()) {
        lose(t);
        t.tries = 0;
      }
    },
    receive,
    settled: () => isOnline && [...topics.values()].every((t) => !t.handles.size || t.membership === Is.Joined),
    wake() {
      for (const t of topics.values()) t.values?.wake();
      if (isOnline && !syncing) step(sync);
    },
    end(error) {
      over = error as GatesockError;
      extension.closed();
      for (const t of topics.values()) fail(t, over);
      step();
    },
  };
  const detach = (t: Topic, h: Handle, error: GatesockError) => step(() => release(t, h, error));
  return {
    ...extension, host, attach, detach, fail, tell, step, start, stop, between, delay, isHere, wish, wishes, history,
  };
}

const isResult = (result: any) => isPosition(result) && Array.isArray((result as any).events);

/** The well-formed entries of a result. */
export function entriesOf({ epoch, events }: any, at: number): Entry[] {
  return list(events)
    .filter((e: any) => isMark({ epoch, offset: e?.offset }) && (e.events == null || Array.isArray(e.events)))
    .map(({ offset, event, data, events, prev }: any) => ({ epoch, offset, event, data, events, prev, at }));
}

// The error of a request: without a code there was no answer.
function failure(error: Failure): GatesockError {
  return serverError(error.code ? error : { code: "deadline_exceeded", message: "The server has not answered." });
}
