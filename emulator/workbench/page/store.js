// What has happened: the entries that the page knows, the oldest first. It is bounded: beyond what
// the server keeps, the oldest go. Nothing is lost silently: where numbers are missing, there is an
// entry of the kind "missing", and where the program was started again, one of the kind "restarted".

const LIMITS = { entries: 20_000, bytes: 64 * 2 ** 20 };

export class Store {
  list = [];
  first = 0; // n of list[0]; n counts all that was ever added
  dropped = 0; // how many are no longer kept, here or by the server
  instance = "";
  epoch = 0; // counts the starts of the program
  adopted = 0; // counts entries whose connection became known later
  last = 0; // the number (seq) of the last entry of this instance
  #limits = LIMITS;
  #bytes = 0;
  #listeners = new Set();

  // Calls run after each change, which is often: what draws does it once a frame.
  listen(run) {
    this.#listeners.add(run);
  }

  get position() {
    return this.instance && `${this.instance}/${this.last}`;
  }

  get end() {
    return this.first + this.list.length;
  }

  at(n) {
    return this.list[n - this.first];
  }

  // Takes what hello says. Reports whether the program was started again since.
  begin({ instance, kept = {}, now }) {
    this.#limits = { entries: kept.entries || LIMITS.entries, bytes: kept.bytes || LIMITS.bytes };
    if (instance === this.instance) return false;
    const isRestart = this.instance !== "";
    this.instance = instance;
    this.last = Math.max(0, (kept.first || 1) - 1);
    this.dropped += kept.dropped ?? 0;
    if (isRestart) {
      this.epoch++;
      this.#push({ kind: "restarted", time: now ?? new Date().toISOString() });
      this.#changed();
    }
    return isRestart;
  }

  add(entry) {
    if (entry.seq <= this.last) return; // known already
    if (entry.seq > this.last + 1) {
      this.#push({ kind: "missing", time: entry.time, from: this.last + 1, to: entry.seq - 1 });
    }
    this.last = entry.seq;
    this.#push(entry);
    this.#bound();
    this.#changed();
  }

  // Drops what the server has dropped: entries of this instance before that number.
  trim(seq) {
    let drop = 0;
    for (const { epoch, seq: own, to } of this.list) {
      if (epoch !== this.epoch || (own ?? to ?? seq) >= seq) break;
      drop++;
    }
    if (drop) this.#drop(drop);
  }

  clear() {
    this.#drop(this.list.length);
    this.dropped = 0;
    this.#changed();
  }

  // Forgets everything, to read it again.
  reset() {
    this.clear();
    this.instance = "";
    this.last = 0;
  }

  #push(entry) {
    if (entry.kind === "invoked" && entry.connectionId) this.#adopt(entry);
    entry.n = this.end;
    entry.epoch = this.epoch;
    entry.ms = Date.parse(entry.time);
    this.#bytes += weight(entry);
    this.list.push(entry);
  }

  // Lines that a function logged while its client connected come before anybody knows the connection,
  // or before it has a number.
  #adopt({ requestId, connectionId, connection }) {
    for (let i = this.list.length - 1; i >= Math.max(0, this.list.length - 100); i--) {
      const one = this.list[i];
      if (one.requestId !== requestId || one.connection) continue;
      Object.assign(one, { connectionId, connection });
      this.adopted++;
    }
  }

  // Drops some at a time, since removing the first of a long list costs the same for one or many.
  #bound() {
    const { entries, bytes } = this.#limits;
    if (this.list.length <= entries + 256 && this.#bytes <= bytes) return;
    let drop = Math.max(0, this.list.length - entries);
    for (let left = this.#bytes, i = 0; left > bytes * 0.98 && i < this.list.length - 1; i++) {
      left -= weight(this.list[i]);
      drop = Math.max(drop, i + 1);
    }
    this.#drop(drop);
  }

  #drop(n) {
    for (let i = 0; i < n; i++) this.#bytes -= weight(this.list[i]);
    this.list.splice(0, n);
    this.first += n;
    this.dropped += n;
    this.#changed();
  }

  #changed() {
    for (const run of this.#listeners) run();
  }
}

// About how many bytes an entry holds.
function weight({ body, body64, text, input, error }) {
  return 300 + (body?.length ?? 0) + (body64?.length ?? 0) + (text?.length ?? 0) + (input?.length ?? 0) + (error?.length ?? 0);
}

// View is the part of a store that a filter lets through, up to where it is paused.
export class View {
  items = [];
  removed = 0; // how many of items the last pull has taken from the front
  #store;
  #matches = () => true;
  #next = 0;
  #stop = Infinity;

  constructor(store) {
    this.#store = store;
    this.#next = store.first;
  }

  filter(matches) {
    this.#matches = matches;
    this.items = [];
    this.#next = this.#store.first;
    this.pull();
  }

  pause(isPaused) {
    this.#stop = isPaused ? this.#store.end : Infinity;
  }

  // How many entries wait because the view is paused.
  get waiting() {
    return Math.max(0, this.#store.end - Math.max(this.#next, this.#store.first));
  }

  // Takes what is new, and lets go of what the store has dropped.
  pull() {
    const { items } = this;
    const { first } = this.#store;
    let gone = 0;
    while (gone < items.length && items[gone].n < first) gone++;
    if (gone) items.splice(0, gone);
    this.removed = gone;
    const end = Math.min(this.#store.end, this.#stop);
    for (let n = Math.max(this.#next, first); n < end; n++) {
      const entry = this.#store.at(n);
      if (this.#matches(entry)) items.push(entry);
    }
    this.#next = Math.max(this.#next, end);
  }
}
