// Where a client is in the log of a topic: docs/protocol.md, §9.4. It knows nothing of connections
// and clocks.

const MAX_WAITING = 256; // entries above the position that wait for what is before them
const MAX_BYTES = 256 * 1024;

// Returns the number of an epoch, by which epochs are ordered, or NaN if it is not one.
export function numberOf(epoch) {
  if (epoch === "") return 0;
  const digits = /^([1-9]\d{0,15})-[\w-]{1,64}$/.exec(epoch)?.[1];
  const number = Number(digits);
  return number <= Number.MAX_SAFE_INTEGER ? number : NaN;
}

export function isPosition({ epoch, offset }) {
  return !Number.isNaN(numberOf(epoch)) && Number.isSafeInteger(offset) && offset >= 0;
}

export function isSame(a, b) {
  return a?.epoch === b?.epoch && a?.offset === b?.offset;
}

// Orders positions: by the number of the epoch, then by offset. Epochs with the same number, which
// only a restored table can have, are apart too.
function compare(a, b) {
  const numbers = numberOf(a.epoch) - numberOf(b.epoch);
  if (numbers !== 0) return numbers;
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  return a.offset - b.offset;
}

export class Log {
  position; // {epoch, offset}; undefined before the first answer
  #waiting = []; // in order
  #bytes = 0;
  #beyond; // the highest entry that the client knows of and has not kept

  constructor(position) {
    this.position = position;
  }

  moveTo({ epoch, offset }) {
    this.position = { epoch, offset };
  }

  // Takes an entry, and returns those that are to be delivered now, in order: this one and those
  // that have waited for it, or none. The position has moved past each when it is returned.
  *add(entry) {
    if (this.has(entry)) return;
    if (this.position && this.#isNext(entry)) {
      this.moveTo(entry);
      yield entry;
      yield* this.drain();
      return;
    }
    this.#hold(entry);
  }

  // Returns the entries that have waited and are next by now.
  *drain() {
    for (let i; (i = this.#waiting.findIndex((e) => this.#isNext(e))) >= 0; ) {
      const [entry] = this.#remove(i);
      this.moveTo(entry);
      yield entry;
    }
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      if (this.#isBelow(this.#waiting[i])) this.#remove(i);
    }
  }

  // Reports whether the client has the entry at a position, or began after it.
  has(position) {
    return this.position !== undefined && this.#isBelow(position);
  }

  // Notes that there is an entry at a position.
  note({ epoch, offset }) {
    if (!this.#beyond || compare({ epoch, offset }, this.#beyond) > 0) this.#beyond = { epoch, offset };
  }

  // Reports whether the client knows of an entry that it lacks.
  get hasGap() {
    return this.#waiting.length > 0 || (this.#beyond?.offset > 0 && !this.#isBelow(this.#beyond));
  }

  // Reports whether what is missing is certainly in the epoch of the position.
  get gapIsHere() {
    const { epoch, offset } = this.position;
    return this.#waiting[0]?.epoch === epoch || (this.#beyond?.epoch === epoch && this.#beyond.offset > offset);
  }

  #isBelow({ epoch, offset }) {
    return numberOf(epoch) < numberOf(this.position.epoch) || (epoch === this.position.epoch && offset <= this.position.offset);
  }

  #isNext({ epoch, offset, prev }) {
    if (epoch === this.position.epoch) return offset === this.position.offset + 1;
    return numberOf(epoch) > numberOf(this.position.epoch) && offset === 1 && prev !== undefined && isSame(prev, this.position);
  }

  #hold(entry) {
    let i = this.#waiting.findIndex((e) => compare(e, entry) >= 0);
    if (i < 0) i = this.#waiting.length;
    if (i < this.#waiting.length && compare(this.#waiting[i], entry) === 0) return;
    this.#waiting.splice(i, 0, { ...entry, bytes: JSON.stringify(entry).length });
    this.#bytes += this.#waiting[i].bytes;
    while (this.#waiting.length > MAX_WAITING || this.#bytes > MAX_BYTES) this.note(this.#remove(this.#waiting.length - 1)[0]);
  }

  #remove(i) {
    this.#bytes -= this.#waiting[i].bytes;
    return this.#waiting.splice(i, 1);
  }
}
