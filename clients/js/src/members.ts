// The members of a topic: docs/protocol.md, §11.2. It knows nothing of connections and clocks.

import { list } from "./log.js";
import type { Member } from "./types.js";

const REF_KEPT = 60_000; // ms that the version of a member that has left is kept
const MAX_REFS = 100_000;

// A user, with all connections. Members without a user stand for themselves.
interface User extends Member {
  as?: unknown;
  refs: number;
  until: number; // the end of the grace time
}

// A connection in the topic.
interface Ref {
  user?: User; // if it is here
  version: number;
  left: number; // when it was not here any more
  named?: number; // the last snapshot during which a diff named it
  seen?: number; // the last snapshot that had it
}

interface Named {
  ref: string;
  user?: string;
  as?: unknown;
  version: number;
  graceMs?: unknown;
}

export class Members {
  /** The number of members, if they are too many to know them. */
  count: number | undefined;
  /** There was a snapshot. */
  isComplete = false;
  /** A snapshot was asked for, and its last page is not there. */
  isOpen = false;
  /** Of the next page of the snapshot. */
  cursor: unknown;
  #refs = new Map<string, Ref>();
  #users = new Map<string, User>();
  #snapshot = 0; // numbers the snapshots
  #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A snapshot is asked for. */
  begin(): void {
    this.#snapshot++;
    this.isOpen = true;
    this.cursor = undefined;
  }

  /** Applies a snapshot, or a page of it. */
  apply({ count, members, cursor }: any): void {
    if (!members && count > 0) return this.#setCount(count);
    this.count = undefined;
    for (const m of named(members)) this.#join(m, false);
    this.cursor = cursor || undefined;
    if (cursor) return;
    this.isOpen = false;
    this.isComplete = true;
    for (const ref of this.#refs.values()) {
      if (ref.seen !== this.#snapshot && ref.named !== this.#snapshot) this.#leave(ref, 0);
    }
  }

  /** Applies a diff. It returns false if a snapshot is needed after it. */
  change({ joined, left, count, digest }: any): boolean {
    if (count > 0) {
      this.#setCount(count);
      return true;
    }
    if (this.count !== undefined) return false;
    for (const m of named(joined)) this.#join(m, true);
    for (const { ref: name, version, graceMs } of named(left)) {
      const ref = this.#ref(name);
      if (!ref || version < ref.version) continue;
      ref.version = version;
      ref.named = this.#snapshot;
      ref.left = this.#now();
      this.#leave(ref, millis(graceMs));
    }
    return !digest || digest === this.digest;
  }

  /** The members without those in their grace time, as sync compares them. */
  get digest(): string {
    if (this.count !== undefined) return String(this.count);
    let n = 0;
    let sum = 0;
    for (const [name, { user, version }] of this.#refs) {
      if (!user) continue;
      n++;
      sum = (sum + hash(`${name}:${version}`)) >>> 0;
    }
    return `${n}-${sum.toString(16).padStart(8, "0")}`;
  }

  /** The users who are there, or in their grace time. It forgets what is over. */
  get users(): Member[] {
    const now = this.#now();
    const members: Member[] = [];
    for (const [key, { user, as, refs, until }] of this.#users) {
      if (!refs && until <= now) this.#users.delete(key);
      else members.push(user ? { user, as } : { as });
    }
    for (const [name, { user, left }] of this.#refs) {
      if (!user && now - left >= REF_KEPT && !this.isOpen) this.#refs.delete(name);
    }
    return members;
  }

  /** When the first grace time ends, or Infinity. */
  get until(): number {
    let first = Infinity;
    for (const { refs, until } of this.#users.values()) if (!refs) first = Math.min(first, until);
    return first;
  }

  // Returns what is known of a connection; undefined if they are too many.
  #ref(name: string): Ref | undefined {
    let ref = this.#refs.get(name);
    if (!ref && this.#refs.size < MAX_REFS) this.#refs.set(name, (ref = { version: 0, left: 0 }));
    return ref;
  }

  #join({ ref: name, user, as, version }: Named, isDiff: boolean): void {
    const ref = this.#ref(name);
    if (!ref) return;
    const isKnown = isDiff || ref.named === this.#snapshot;
    const isOlder = isKnown ? version <= ref.version : ref.user && version === ref.version;
    ref[isDiff ? "named" : "seen"] = this.#snapshot;
    if (isOlder) return;
    this.#leave(ref, 0);
    const key = user ? `u${user}` : `r${name}`;
    let one = this.#users.get(key);
    if (!one) this.#users.set(key, (one = { user, refs: 0, until: 0 }));
    one.as = as;
    one.refs++;
    ref.user = one;
    ref.version = version;
  }

  #leave(ref: Ref, graceMs: number): void {
    if (!ref.user) return;
    ref.left = this.#now();
    if (!--ref.user.refs) ref.user.until = ref.left + graceMs;
    ref.user = undefined;
  }

  #setCount(count: number): void {
    if (this.count === undefined) {
      this.#refs.clear();
      this.#users.clear();
    }
    this.count = count;
    this.isComplete = true;
    this.isOpen = false;
    this.cursor = undefined;
  }
}

// The well-formed members of a list.
function named(members: unknown): Named[] {
  return list(members).filter((m: any) => typeof m?.ref === "string" && m.version > 0) as Named[];
}

/** A time of the server, in ms: at most an hour. */
export function millis(value: unknown): number {
  return typeof value === "number" && value > 0 ? Math.min(value, 3_600_000) : 0;
}

// The 32-bit FNV-1a hash of a text.
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193) >>> 0;
  return h;
}
