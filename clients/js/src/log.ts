// Where a client is in the log of a topic: docs/protocol.md, §9.4. It knows nothing of connections
// and clocks.

import type { Position } from "./types.js";

const MAX_WAITING = 256; // entries above the position that wait for what is before them
const MAX_BYTES = 256 * 1024;

/** An entry of the log, in a push or in an answer: one event, or several. */
export interface Entry extends Position {
  readonly event?: unknown;
  readonly data?: unknown;
  readonly events?: readonly { event?: unknown; data?: unknown }[] | undefined;
  readonly prev?: Position | null | undefined;
  /** How many pushes and answers had come before. */
  readonly at: number;
  size?: number;
}

/** The number of an epoch, by which epochs are ordered; NaN if it is not one. */
export function numberOf(epoch: unknown): number {
  if (epoch === "") return 0;
  const number = typeof epoch === "string" ? Number(/^([1-9]\d{0,15})-[\w-]{1,64}$/.exec(epoch)?.[1]) : NaN;
  return Number.isSafeInteger(number) ? number : NaN;
}

export function isPosition(p: { epoch?: unknown; offset?: unknown } | null | undefined): p is Position {
  return numberOf(p?.epoch) >= 0 && Number.isSafeInteger(p!.offset) && (p!.offset as number) >= 0;
}

/** Reports whether it is the position of an entry. */
export function isMark(p: { epoch?: unknown; offset?: unknown }): p is Position {
  return isPosition(p) && p.offset > 0 && p.epoch !== "";
}

/** Returns the position of what has one. */
export const positionOf = ({ epoch, offset }: Position): Position => ({ epoch, offset });

/** Returns the position before the first of the entries of a result. */
export const startOf = (result: Position, [first]: Entry[]): Position =>
  positionOf(first ? { epoch: result.epoch, offset: first.offset - 1 } : result);

/** Returns a list that may be anything else. */
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

export function isSame(a: Position | null | undefined, b: Position | null | undefined): boolean {
  return a?.epoch === b?.epoch && a?.offset === b?.offset;
}

/** Reports whether one who is at b has a already, or has gone on to a later epoch. */
export function isBelow(a: Position, b: Position): boolean {
  return a.epoch === b.epoch ? a.offset <= b.offset : numberOf(a.epoch) < numberOf(b.epoch);
}

// Orders positions. Epochs with one number, which only a restored table can have, are apart.
function compare(a: Position, b: Position): number {
  if (a.epoch === b.epoch) return a.offset - b.offset;
  return numberOf(a.epoch) - numberOf(b.epoch) || (a.epoch < b.epoch ? -1 : 1);
}

// What is nested too deeply for JSON.stringify waits in vain: it is asked for when its turn comes.
function sizeOf(e: Entry): number {
  try {
    return JSON.stringify(e).length;
  } catch {
    return Infinity;
  }
}

export class Log {
  /** Undefined before the first answer. */
  position: Position | undefined;
  #waiting: Entry[] = []; // in order
  #beyond: Position | undefined; // the highest entry that the client knows of and has not kept
  #beyondAt = 0;

  constructor(position?: Position) {
    if (position) this.moveTo(position);
  }

  moveTo(position: Position): void {
    this.position = positionOf(position);
  }

  /** Takes an entry, and returns those that are next, in order. The position is past them. */
  add(entry: Entry): Entry[] {
    const all = this.#waiting;
    if (this.position && isBelow(entry, this.position)) return [];
    let i = all.length;
    while (i > 0 && compare(all[i - 1]!, entry) > 0) i--;
    if (i === 0 || compare(all[i - 1]!, entry) < 0) all.splice(i, 0, entry);
    return this.next();
  }

  /** Returns the entries that have waited and are next. */
  next(): Entry[] {
    const found: Entry[] = [];
    if (this.position) {
      for (let i; (i = this.#waiting.findIndex((e) => this.#isNext(e))) >= 0; ) {
        const [entry] = this.#waiting.splice(i, 1);
        this.moveTo(entry!);
        found.push(entry!);
      }
      this.#waiting = this.#waiting.filter((e) => !isBelow(e, this.position!));
    }
    let bytes = 0;
    const full = this.#waiting.findIndex((e, i) => {
      bytes += e.size ??= sizeOf(e);
      return i >= MAX_WAITING || bytes > MAX_BYTES;
    });
    if (full >= 0) for (const e of this.#waiting.splice(full)) this.note(e, e.at);
    return found;
  }

  /** Notes that there is an entry at a position. */
  note(position: Position, at: number): void {
    this.#beyondAt = Math.max(this.#beyondAt, at);
    if (!this.#beyond || compare(position, this.#beyond) > 0) this.#beyond = positionOf(position);
  }

  /** Forgets what had come by then and still waits: the log does not keep what is before it. */
  settle(at: number): void {
    this.#waiting = this.#waiting.filter((e) => e.at > at);
    if (this.#beyondAt <= at) this.#beyond = undefined;
  }

  /** Whether the client knows of an entry that it lacks. */
  get hasGap(): boolean {
    return this.#waiting.length > 0 || (!!this.#beyond && !isBelow(this.#beyond, this.position!));
  }

  /** Whether what is missing is certainly in the epoch of the position. */
  get gapIsHere(): boolean {
    const { epoch, offset } = this.position!;
    return this.#waiting[0]?.epoch === epoch || (this.#beyond?.epoch === epoch && this.#beyond.offset > offset);
  }

  #isNext({ epoch, offset, prev }: Entry): boolean {
    const at = this.position!;
    if (epoch === at.epoch) return offset === at.offset + 1;
    return offset === 1 && numberOf(epoch) > numberOf(at.epoch) && isSame(prev, at);
  }
}
