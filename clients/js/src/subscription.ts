// What a user of a topic's events has in hand.

import { GatesockError, isLasting } from "./error.js";
import { newListeners } from "./listeners.js";
import { isBelow, isPosition, Log, positionOf, startOf, type Entry } from "./log.js";
import { entriesOf, type Handle, type Topics } from "./topics.js";
import type { Established, Page, SubscribeOptions, Subscription, TopicEvent } from "./types.js";

/** A promise that nobody has to wait for. */
export function promise<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const settled = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  settled.catch(() => {});
  return { settled, resolve, reject };
}

/** Throws if a subscription cannot be sent. */
export function check(name: unknown, more?: unknown): void {
  if (typeof name !== "string" || !name || JSON.stringify([name, more]).length > 8_192) {
    throw new GatesockError("invalid_argument", "The topic is not a name, or its options are too large.");
  }
}

export const closed = () => new GatesockError("closed", "It was closed.");

const eventsOf = (topic: string, { epoch, offset, events, ...one }: Entry): TopicEvent[] =>
  (events ?? [one]).map((e) => ({ topic, event: e?.event as string, data: e?.data, position: { epoch, offset } }));

const slow = (limit: number) => new GatesockError("slow_consumer", `What takes the events is more than ${limit} behind.`);

// An iterator, with the events that it has not taken.
function reader(limit: number, done: () => void) {
  type Next = IteratorResult<TopicEvent, undefined>;
  const events: TopicEvent[] = [];
  const waiting: ((r: Next | Promise<Next>) => void)[] = [];
  let isOver = false;
  let error: GatesockError | undefined;

  function end(reason?: GatesockError): void {
    if (isOver) return;
    isOver = true;
    error = reason;
    if (!error) events.length = 0;
    for (const resolve of waiting.splice(0)) resolve(next());
    done();
  }

  async function next(): Promise<Next> {
    if (events.length) return { value: events.shift()!, done: false };
    if (!isOver) return new Promise((resolve) => waiting.push(resolve));
    const reason = error;
    error = undefined;
    if (reason) throw reason;
    return { value: undefined, done: true };
  }

  return {
    events,
    end,
    push(e: TopicEvent): void {
      const first = waiting.shift();
      if (first) first({ value: e, done: false });
      else if (events.length < limit) events.push(e);
      else end(slow(limit));
    },
    iterator: {
      next,
      return() {
        end();
        return next();
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    },
  };
}

/** Subscribes to the events of a topic. */
export function subscribe(
  topics: Topics,
  name: string,
  { since, last, buffer = 1024 }: SubscribeOptions = {},
): Subscription {
  check(name);
  if (since && !isPosition(since)) throw new GatesockError("invalid_argument", "since is not a position.");
  const { on, emit, all } = newListeners(topics.host.run);
  const own = { timers: {} };
  const established = promise<Established>();
  const readers = new Set<ReturnType<typeof reader>>();
  let position = since && positionOf(since);
  let held: Entry[] | undefined; // those that have to wait for what was before
  let tries = 0;
  let over: { reason?: GatesockError | undefined } | undefined;
  // What comes before there is a listener or an iterator.
  let early: ReturnType<typeof reader> | undefined = newReader();

  function newReader() {
    const r = reader(buffer, () => {
      readers.delete(r);
      if (!readers.size && ![...all].some(([type]) => type == "event") && r !== early) close();
    });
    readers.add(r);
    return r;
  }

  const handle: Handle = {
    isState: false,
    established(e) {
      if (!held) confirm(e);
    },
    entry(entry) {
      if (!held) take(entry);
      else if (held.length < buffer) held.push(entry);
      else fail(new GatesockError("slow_consumer", "Too many events came before the history was there."));
    },
    ended(error) {
      const isFailure = error.code !== "closed";
      finish(error, isFailure ? error : undefined);
      if (isFailure) emit("error", error);
    },
  };

  function confirm(e: Established): void {
    if (over) return;
    if (!position || !e.recovered) position = e.position;
    established.resolve(e);
    emit("established", e);
  }

  function take(entry: Entry): void {
    if (over || (position && isBelow(entry, position))) return;
    position = positionOf(entry);
    for (const e of eventsOf(name, entry)) {
      if (over) return;
      for (const r of [...readers]) r.push(e);
      emit("event", e);
    }
  }

  function finish(error: GatesockError, reason?: GatesockError): void {
    if (over) return;
    over = { reason };
    topics.stop(own, "retry");
    established.reject(error);
    for (const r of [...readers]) r.end(reason);
  }

  function close(): void {
    if (over) return;
    const error = closed();
    finish(error);
    topics.detach(t, handle, error);
  }

  const fail = (error: GatesockError) => topics.step(() => topics.fail(t, error, [handle]));

  // Gets what the topic had before this handle came.
  async function catchUp(isFirst: boolean): Promise<void> {
    try {
      for (let more = true; more && !over; isFirst = false) {
        const result = await topics.history(t, handle, position ? { since: position, last } : { last });
        const entries = entriesOf(result, 0);
        const from = startOf(result, entries);
        const isLost = position && result.recovered !== true;
        if (isLost) confirm({ position: from, recovered: false, reason: result.reason });
        else if (isFirst) confirm({ position: position ?? from, recovered: true });
        entries.forEach(take);
        more = result.more === true && entries.length > 0;
      }
      const all = held!;
      held = undefined;
      all.forEach(take);
    } catch (error) {
      if (over) return;
      if (isLasting((error as GatesockError).code)) fail(error as GatesockError);
      else topics.start(own, "retry", topics.delay(tries++, error as GatesockError), () => void catchUp(isFirst));
    }
  }

  const t = topics.attach(name, handle, (t, isFirst) => {
    const { log } = t;
    if (isFirst) {
      t.log = new Log(since);
      t.last = last;
    } else if (since || (last && (log.position || last !== t.last))) held = [];
    else if (topics.isHere(t) && log.position) confirm({ position: log.position, recovered: true });
  });
  if (held) void catchUp(true);

  return {
    topic: name,
    established: established.settled,
    get position() {
      return position;
    },
    on(type: string, listener: (value: any) => void) {
      const off = on(type, listener);
      if (type === "event" && early) {
        // It was full before anyone listened. Who listens to errors may be next.
        if (!readers.delete(early)) {
          off();
          queueMicrotask(() => over || fail(slow(buffer)));
        }
        for (const e of early.events) topics.host.run(listener, e);
        early = undefined;
      }
      return off;
    },
    async history({ before, limit } = {}): Promise<Page> {
      await established.settled;
      const { epoch, offset } = position!;
      if (over) throw closed();
      const result = await topics.history(t, handle, { before: before ?? { epoch, offset: offset + 1 }, limit });
      return {
        events: entriesOf(result, 0).flatMap((e) => eventsOf(name, e)),
        more: result.more === true,
        position: positionOf(result),
      };
    },
    close,
    [Symbol.asyncIterator]() {
      const r = early ?? newReader();
      early = undefined;
      if (over) r.end(over.reason);
      else if (!readers.has(r)) close(); // it was full before it began
      return r.iterator;
    },
  };
}
