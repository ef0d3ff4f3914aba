// The entry gatesock/values: topics that have a value for each key in place of events, see section
// 10 of docs/protocol.md. A page without it does not load it.

import { topicsOf } from "./attach.js";
import { GatesockError } from "./error.js";
import type { Frame } from "./extension.js";
import { newListeners } from "./listeners.js";
import { check, closed, promise } from "./subscription.js";
import type { Handle, Topic, Topics, Values as Machine } from "./topics.js";
import type { Client } from "./types.js";

const COUNTER_WAIT = 2_000;
const COUNTER_LONGEST = 10_000;
const MARK_KEPT = 30 * 60_000;
const MAX_ABOVE = 256;
const MAX_KEYS = 100_000;

/** Options of {@link values}. */
export interface ValuesOptions {
  /** Which values the client gets: JSON that the server defines. Default: all. */
  filter?: unknown;
}

/** The last value of each key of a state topic. Some in between may be missing. */
export interface Values<V = unknown> {
  readonly topic: string;
  /** Resolves when all values are there for the first time; rejects if that is refused or ended. */
  readonly established: Promise<void>;
  /** How many keys have a value. */
  readonly size: number;
  /** Returns the value of a key; undefined if it has none. */
  get(key: string): V | undefined;
  /** Iterates over the keys and values, in no order. */
  entries(): IterableIterator<[key: string, value: V]>;
  /** Calls a listener when a key has another value. Returns what ends it. */
  on(type: "set", listener: (key: string, value: V) => void): () => void;
  /** Calls a listener when a key has no value any more, or none that matches the filter. */
  on(type: "delete", listener: (key: string) => void): () => void;
  /** Calls a listener when all values are there: at first, and after each reconnection. */
  on(type: "ready", listener: () => void): () => void;
  /** Calls a listener when the subscription has ended with an error. */
  on(type: "error", listener: (error: Error) => void): () => void;
  /** Ends the subscription. The values stay as they are. */
  close(): void;
}

// The newest version of a key.
interface Value {
  version: number;
  data?: unknown;
  isGone: boolean;
  at: number; // when it was gone
  seen: number; // the last snapshot that had it, or during which it was pushed
}

const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) > 0;

class State implements Machine {
  readonly keys = new Map<string, Value>();
  readonly filter: unknown;
  size = 0;
  isReady = false;
  #topics: Topics;
  #t: Topic;
  #snapshot = 0; // numbers the snapshots
  #isOpen = false; // a snapshot is asked for, and its last page is not there
  #cursor: unknown; // of the next page
  #began = 0; // the counter of the snapshot
  #asked = 0; // the client's when it was asked for
  #counter = 0; // C of section 10.3
  #above: number[] = []; // of pushes above C + 1, in order
  #gapFrom = 0; // C when the timer was set
  #synced = 0; // C at the last sync

  constructor(topics: Topics, t: Topic, filter: unknown) {
    this.#topics = topics;
    this.#t = t;
    this.filter = filter;
  }

  subscription(): object {
    return { filter: this.filter };
  }

  begin(): void {
    this.#snapshot++;
    this.#isOpen = true;
    this.#cursor = undefined;
    this.#asked = this.#counter;
    this.#topics.stop(this.#t, "counter");
  }

  page(): object {
    if (!this.#cursor) this.begin();
    return { cursor: this.#cursor };
  }

  where(): object {
    this.#sweep();
    this.#synced = this.#counter;
    return { counter: this.#counter || undefined };
  }

  push({ event, key, version, data, counter }: Frame): void {
    this.#put(key as string, version, data, event !== "set", false);
    if (!isCount(counter) || this.filter !== undefined) return;
    const above = this.#above;
    if (counter > this.#counter && !above.includes(counter) && above.length < MAX_ABOVE) {
      above.push(counter);
      above.sort((a, b) => a - b);
    }
    this.#absorb();
    this.#watch();
  }

  accept({ counter, values, cursor }: any, page?: { cursor?: unknown }): void {
    if (page?.cursor !== this.#cursor) return; // of a snapshot that was given up
    if (!this.#cursor) this.#began = isCount(counter) ? counter : 0;
    for (const v of Array.isArray(values) ? values : []) {
      if (typeof v?.key === "string") this.#put(v.key, v.version, v.data, v.deleted === true, true);
    }
    if (!this.#t.handles.size) return;
    this.#topics.wishes.delete(this.#t);
    this.#cursor = cursor || undefined;
    if (cursor) this.#topics.wish(this.#t);
    else if (this.#isOpen) this.#complete();
  }

  // If C has grown since the request, the topic changes all the time: a gap shows what is missing.
  moved(): void {
    if (this.#counter === this.#synced) this.#refresh();
  }

  // What came before the computer slept may still wait to be read.
  wake(): void {
    for (const v of this.keys.values()) if (v.isGone) v.at = this.#topics.host.now();
  }

  // Applies a version of a key if it is newer. In a snapshot the same version counts as well: with
  // another filter it may be gone, or there again.
  #put(key: string, version: unknown, data: unknown, isGone: boolean, inSnapshot: boolean): void {
    if (!isCount(version) || !this.#t.handles.size) return;
    const old = this.keys.get(key);
    if (!old && this.keys.size >= MAX_KEYS) {
      this.#sweep();
      if (this.keys.size >= MAX_KEYS) {
        return this.#topics.fail(this.#t, new GatesockError("too_large", `The topic has more than ${MAX_KEYS} keys.`));
      }
    }
    if (old) {
      old.seen = this.#snapshot;
      if (version < old.version || (version === old.version && (!inSnapshot || isGone === old.isGone))) return;
    }
    const at = this.#topics.host.now();
    this.#set(key, old, { version, data: isGone ? undefined : data, isGone, at, seen: this.#snapshot });
  }

  #set(key: string, old: Value | undefined, value: Value): void {
    this.keys.set(key, value);
    const isThere = !!old && !old.isGone;
    this.size += Number(!value.isGone) - Number(isThere);
    if (!value.isGone) this.#topics.tell(this.#t, "value", "set", key, value.data);
    else if (isThere) this.#topics.tell(this.#t, "value", "delete", key);
  }

  // The snapshot is there: what it did not have is gone.
  #complete(): void {
    this.#isOpen = false;
    this.#sweep();
    for (const [key, v] of this.keys) {
      if (!v.isGone && v.seen !== this.#snapshot) {
        this.#set(key, v, { version: v.version, isGone: true, at: this.#topics.host.now(), seen: v.seen });
      }
    }
    // Below the counter that the client had when it asked, the topic has been made again.
    if (this.filter !== undefined || this.#began < this.#asked) {
      this.#counter = this.#began;
      this.#above = [];
    }
    this.#counter = Math.max(this.#counter, this.#began);
    this.#absorb();
    this.#watch();
    this.isReady = true;
    this.#topics.tell(this.#t, "value", "ready");
  }

  #sweep(): void {
    const now = this.#topics.host.now();
    for (const [key, v] of this.keys) if (v.isGone && now - v.at >= MARK_KEPT) this.keys.delete(key);
  }

  #refresh(): void {
    this.#cursor = undefined;
    this.#topics.wish(this.#t);
  }

  #absorb(): void {
    while (this.#above[0]! <= this.#counter + 1) this.#counter = Math.max(this.#counter, this.#above.shift()!);
  }

  #watch(): void {
    const { timers } = this.#t;
    if (!this.#above.length || this.#isOpen) return this.#topics.stop(this.#t, "counter");
    if (timers.counter && this.#gapFrom === this.#counter) return;
    this.#gapFrom = this.#counter;
    this.#topics.start(this.#t, "counter", this.#topics.between(COUNTER_WAIT, COUNTER_LONGEST), () => this.#refresh());
  }
}

/**
 * Subscribes to the values of a state topic.
 *
 *     const prices = values(client, "prices");
 *     prices.on("set", (key, price) => show(key, price));
 *     await prices.established;
 *     console.log(prices.get("ACME"));
 */
export function values<V = unknown>(client: Client<any>, topic: string, { filter }: ValuesOptions = {}): Values<V> {
  check(topic, filter);
  const topics = topicsOf(client);
  const { on, emit } = newListeners(topics.host.run);
  const established = promise<void>();
  let state!: State;
  const handle: Handle = {
    isState: true,
    value(type, key, data) {
      if (type === "ready") established.resolve();
      emit(type, key, data);
    },
    ended(error) {
      established.reject(error);
      if (error.code !== "closed") emit("error", error);
    },
  };

  function close(error = closed()): void {
    established.reject(error);
    topics.detach(t, handle, error);
  }

  const t = topics.attach(topic, handle, (t, isFirst) => {
    if (!t.values) {
      t.values = new State(topics, t, filter);
      if (!isFirst) t.again = true;
    }
    state = t.values as State;
    if (state.isReady) established.resolve();
  });
  if (JSON.stringify(state.filter) !== JSON.stringify(filter)) {
    const error = new GatesockError("invalid_argument", `The client has values of ${topic} with another filter.`);
    close(error);
    throw error;
  }
  return {
    topic,
    established: established.settled,
    get size() {
      return state.size;
    },
    get: (key) => state.keys.get(key)?.data as V | undefined,
    *entries() {
      for (const [key, { data, isGone }] of state.keys) if (!isGone) yield [key, data as V];
    },
    on: on as Values<V>["on"],
    close: () => close(),
  };
}
