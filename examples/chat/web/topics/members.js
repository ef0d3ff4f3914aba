// The members of a topic: docs/protocol.md, §11.2. It knows nothing of connections; clock is that of
// Topics.

const REF_KEPT = 60_000; // ms that the version of a member that has left is kept

export class Members {
  count = undefined; // the number of members, if they are too many to know them
  isComplete = false; // there was a snapshot
  cursor = ""; // of the next page of the snapshot
  #refs = new Map(); // {user, as, version, here, until, at, named, seen} by ref
  #snapshot = 0; // numbers the snapshots
  #clock;

  constructor(clock) {
    this.#clock = clock;
  }

  // A snapshot is asked for.
  begin() {
    this.#snapshot++;
    this.cursor = "";
  }

  // Applies a snapshot, or a page of it.
  apply({ count, members, cursor = "" }) {
    if (!members && count > 0) return this.#setCount(count);
    this.count = undefined;
    for (const m of members ?? []) this.#join(m, false);
    this.cursor = cursor;
    if (cursor) return;
    for (const [name, ref] of this.#refs) {
      if (ref.here && ref.seen !== this.#snapshot && ref.named !== this.#snapshot) this.#leave(name, ref, 0);
    }
    this.isComplete = true;
  }

  // Applies a diff. It returns false if a snapshot is needed after it.
  change({ joined = [], left = [], count, digest }) {
    if (count > 0) {
      this.#setCount(count);
      return true;
    }
    if (this.count !== undefined) return false;
    for (const m of joined) this.#join(m, true);
    for (const { ref: name, user, version, graceMs = 0 } of left) {
      const ref = this.#refs.get(name) ?? { user, version, here: false };
      if (version < ref.version) continue;
      Object.assign(ref, { version, named: this.#snapshot });
      this.#refs.set(name, ref);
      this.#leave(name, ref, graceMs);
    }
    return !digest || !this.isComplete || this.cursor !== "" || digest === this.digest;
  }

  // The members without those in their grace time, as sync compares them.
  get digest() {
    if (this.count !== undefined) return String(this.count);
    let n = 0;
    let sum = 0;
    for (const [name, { here, version }] of this.#refs) {
      if (!here) continue;
      n++;
      sum = (sum + hash(`${name}:${version}`)) >>> 0;
    }
    return `${n}-${sum.toString(16).padStart(8, "0")}`;
  }

  // The users who are there, or in their grace time: [{user, as}], a member without a user for
  // itself. A user with several connections is there once.
  get users() {
    const now = this.#clock.now();
    const users = new Map();
    for (const [name, { user, as, here, until }] of this.#refs) {
      if (here || until > now) users.set(user ? `u${user}` : `r${name}`, { user, as });
    }
    return [...users.values()];
  }

  // The ms until a grace time ends, or undefined. It forgets members that have left long ago.
  get graceMs() {
    const now = this.#clock.now();
    let first;
    for (const [name, { here, until, at }] of this.#refs) {
      if (here) continue;
      if (until > now) first = Math.min(first ?? Infinity, until - now);
      else if (now - at > REF_KEPT && this.isComplete && this.cursor === "") this.#refs.delete(name);
    }
    return first;
  }

  #join({ ref: name, user = "", as, version }, isDiff) {
    const old = this.#refs.get(name) ?? { version: 0, here: false };
    let isNewer = version > old.version;
    if (!isDiff && old.named !== this.#snapshot) isNewer = !old.here || version !== old.version;
    if (isDiff) old.named = this.#snapshot;
    else old.seen = this.#snapshot;
    if (isNewer) this.#refs.set(name, { ...old, user, as, version, here: true, until: 0, at: undefined });
    if (!isNewer || !user) return;
    for (const other of this.#refs.values()) if (other.user === user) other.until = 0; // the user is back
  }

  #leave(name, ref, graceMs) {
    if (!ref.here) return (ref.at ??= this.#clock.now());
    Object.assign(ref, { here: false, at: this.#clock.now() });
    const others = ref.user && [...this.#refs.values()].some((other) => other.here && other.user === ref.user);
    ref.until = others ? 0 : ref.at + graceMs;
  }

  #setCount(count) {
    if (this.count === undefined) this.#refs.clear();
    Object.assign(this, { count, isComplete: true, cursor: "" });
  }
}

// The 32-bit FNV-1a hash of a text.
function hash(text) {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193) >>> 0;
  return h;
}
