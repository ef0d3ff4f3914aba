// The client of topics, as sections 9 and 11 of docs/protocol.md specify it: for event topics and
// their presence. It has no connection of its own:
//
//   const topics = new Topics((action, members) => link.request(action, members));
//   topics.online();                // a connection is open
//   topics.receive(push);           // true if the push was of a topic
//   topics.offline();               // the connection has ended
//   topics.subscribe("room:1", { last: 50, presence: true, as: { name: "Ann" } }, {
//     event({ name, data, position }) {},  // in order, once
//     lost({ reason, position }) {},       // events before this position are missing
//     subscribed(position) {},             // also after each reconnection
//     waiting(error) {},                   // the server has refused for now; it is asked again
//     failed(error) {},                    // the subscription has ended
//     members({ users, count }) {},        // [{user, as}], or a number if they are too many
//   });
//
// A request fails with an error that has the code and retryAfterMs of the server, or no code if
// there was no answer. A connection on which an answer is missing must be closed.

import { isPosition, isSame, Log, numberOf } from "./log.js";
import { Members } from "./members.js";

const GAP = 200; // ms to wait for what is missing
const LONGEST_GAP = 10_000;
const EPOCH_SPREAD = 2_000;
const MEMBERS_SPREAD = 10_000;
const SYNC = 5 * 60_000;
const ASLEEP = 30_000; // a timer that is so late has slept
const FIRST_BACKOFF = 500;
const LAST_BACKOFF = 30_000;
const MAX_BATCH = 30 * 1024; // bytes of subscriptions in one request

const LASTING = new Set([
  "invalid_argument", "unauthenticated", "permission_denied", "not_found", "already_exists", "failed_precondition", "too_large",
]);

const systemClock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export class Topics {
  #request;
  #clock;
  #random;
  #topics = new Map(); // by name
  #connection = 0; // counts connections: answers on another one do not count
  #isOnline = false;
  #wishes = new Set(); // topics that need a history request, the oldest first
  #isAsking = false; // a history request is under way
  #pause; // no history request until then: the function that ends the timer
  #stopSync = () => {};
  #isSyncing = false;
  #syncTries = 0;

  constructor(request, { clock = systemClock, random = Math.random } = {}) {
    this.#request = request;
    this.#clock = clock;
    this.#random = random;
  }

  online() {
    this.#isOnline = true;
    this.#scheduleSync(this.#between(SYNC * 0.8, SYNC * 1.2));
    this.#pump();
  }

  offline() {
    this.#connection++;
    this.#isOnline = this.#isAsking = this.#isSyncing = false;
    this.#stopSync();
    this.#pause?.();
    this.#pause = undefined;
    for (const t of this.#topics.values()) {
      this.#lose(t);
      t.tries = 0;
      if (!t.wanted) this.#topics.delete(t.name);
    }
  }

  // The computer was asleep, or the network has changed: finds what was missed.
  wake() {
    if (this.#isOnline) this.#sync();
  }

  // Subscribes to a topic. If it is subscribed already, the options replace the earlier ones, and
  // the position stays. options: {since, last, presence, as}.
  subscribe(name, options, on) {
    const t = this.#topics.get(name) ?? { name, membership: "apart", generation: 0, timers: {} };
    this.#topics.set(name, t);
    if (!t.wanted) Object.assign(t, { log: new Log(options.since), quiet: false, gaps: 0, tries: 0, spread: 0, members: undefined });
    if (!options.presence) t.members = undefined;
    else t.members ??= new Members(this.#clock);
    Object.assign(t, { options, on, wanted: true, again: t.membership === "joined" || t.membership === "joining" });
    t.generation++;
    this.#stop(t, "retry");
    this.#pump();
  }

  // Ends a subscription. Nothing of it is delivered any more.
  unsubscribe(name) {
    const t = this.#topics.get(name);
    if (t?.wanted) this.#end(t);
    this.#pump();
  }

  // There is an event at a position, as the answer to its publisher says: if its push is lost, it
  // is asked for. Returns false if it was delivered already, or is before the first one.
  expect(name, position) {
    const t = this.#topics.get(name);
    if (!t?.wanted || !isPosition(position)) return true;
    if (t.log.has(position)) return false;
    t.log.note(position);
    this.#watchGap(t);
    return true;
  }

  receive({ topic, event, epoch, offset, events, prev, spreadMs = 0, data }) {
    const t = this.#topics.get(topic);
    if (!t?.wanted) return epoch !== undefined;
    if (epoch !== undefined) {
      if (!isPosition({ epoch, offset }) || offset < 1) return true;
      if (t.log.position) Object.assign(t, { quiet: false, spread: Math.max(t.spread, spreadMs) });
      if (this.#deliver(t, t.log.add({ epoch, offset, event, events, prev, data }))) this.#watchGap(t);
      return true;
    }
    if (event !== "presence" || !t.members) return false;
    if (!t.members.change(data)) this.#askMembers(t, this.#between(0, MEMBERS_SPREAD));
    this.#showMembers(t);
    return true;
  }

  // Requests.

  // Sends a request for topics. then gets the answer, otherwise gets the error, both only if the
  // connection is still the same. Each is called with what the topics were when it was sent.
  async #send(action, members, then, otherwise) {
    const connection = this.#connection;
    try {
      const data = await this.#request(action, members);
      if (connection === this.#connection) then(data);
    } catch (error) {
      if (connection === this.#connection) otherwise(error ?? {});
    }
    if (connection === this.#connection) this.#pump();
  }

  // Sends what the state calls for.
  #pump() {
    if (!this.#isOnline) return;
    for (const t of this.#topics.values()) {
      if (!t.wanted && t.membership === "joined") this.#leave(t);
    }
    let batch = [];
    let size = 0;
    for (const t of this.#topics.values()) {
      if (!t.wanted || t.timers.retry || !(t.membership === "apart" || (t.membership === "joined" && t.again))) continue;
      const bytes = 3 * JSON.stringify(subscription(t)).length; // at most, in UTF-8
      if (batch.length > 0 && size + bytes > MAX_BATCH) {
        this.#join(batch);
        batch = [];
        size = 0;
      }
      batch.push(t);
      size += bytes;
    }
    if (batch.length > 0) this.#join(batch);
    this.#askHistory();
  }

  #join(batch) {
    const sent = batch.map((t) => {
      Object.assign(t, { membership: "joining", again: false });
      t.generation++;
      t.members?.begin();
      return snap(t);
    });
    const all = batch.map(subscription);
    const fail = (error) => sent.forEach((s) => this.#joinFailed(s, error));
    this.#send("subscribe", all.length === 1 ? all[0] : { topics: all }, (data) => {
      const results = all.length === 1 ? [data] : (data?.topics ?? []);
      sent.forEach((s, i) => {
        if (results[i]?.topic !== s.t.name) this.#joinFailed(s, {});
        else if (results[i].error) this.#joinFailed(s, results[i].error);
        else this.#joined(s, results[i]);
      });
    }, fail);
  }

  #joined(s, result) {
    const { t } = s;
    t.membership = "joined";
    if (!isFresh(s)) return (t.again = t.wanted);
    if (!this.#accept(s, result, true)) return this.#joinFailed(s, {});
    t.tries = 0;
    if (result.expiresInMs > 0) this.#start(t, "expiry", result.expiresInMs, () => this.#sync());
  }

  #joinFailed(s, error) {
    const { t } = s;
    t.membership = "apart";
    if (!isFresh(s)) return t.wanted || this.#topics.delete(t.name);
    if (!isLasting(error)) {
      this.#retryLater(t, error.retryAfterMs);
      return this.#call(t, "waiting", error);
    }
    this.#end(t);
    this.#topics.delete(t.name);
    this.#call(t, "failed", error);
  }

  // No subscribe and unsubscribe of a topic are under way at the same time. One without an answer
  // ends with the connection.
  #leave(t) {
    t.membership = "leaving";
    t.generation++;
    const left = () => {
      t.membership = "apart";
      t.generation++;
      if (!t.wanted) this.#topics.delete(t.name);
    };
    this.#send("unsubscribe", { topic: t.name }, left, left);
  }

  #askHistory() {
    if (this.#isAsking || this.#pause) return;
    const t = [...this.#wishes].find((one) => one.membership === "joined" && !one.again);
    if (!t) return;
    this.#wishes.delete(t);
    this.#isAsking = true;
    const s = snap(t);
    this.#send("history", { topic: t.name, since: s.since, last: t.options.last }, (result) => {
      this.#isAsking = false;
      if (!isFresh(s)) return;
      if (result?.topic !== t.name || !this.#accept(s, result, false)) return this.#historyFailed(s, {});
      t.tries = 0;
    }, (error) => {
      this.#isAsking = false;
      this.#historyFailed(s, error);
    });
  }

  #historyFailed(s, error) {
    if (!isFresh(s)) return;
    if (isLasting(error)) {
      this.#lose(s.t);
      return this.#retryLater(s.t);
    }
    this.#wishes.add(s.t);
    this.#pause = this.#after(this.#delay(Math.max(s.t.tries++, s.t.gaps), error.retryAfterMs), () => {
      this.#pause = undefined;
      this.#askHistory();
    });
  }

  // Events.

  // Applies the result of a subscribe or a history request. It returns false if it is malformed.
  #accept(s, result, isFirst) {
    const { t } = s;
    const { log } = t;
    if (!isPosition(result) || !Array.isArray(result.events)) return false;
    const start = { epoch: result.epoch, offset: result.events.length > 0 ? result.events[0].offset - 1 : result.offset };
    const before = log.position;
    const hasMoved = before && !isSame(before, s.since); // a push was faster: the events count as pushes
    const isLost = before && !hasMoved && !result.recovered;
    if (!before || isLost || (!hasMoved && numberOf(start.epoch) > numberOf(before.epoch))) log.moveTo(start);
    if (isFirst) this.#call(t, "subscribed", log.position);
    if (isLost) this.#call(t, "lost", { reason: result.reason, position: log.position });
    if (!this.#deliver(t, log.drain())) return true;
    for (const entry of result.events) {
      if (!this.#deliver(t, log.add({ ...entry, epoch: result.epoch }))) return true;
    }
    if (result.offset > 0) log.note(result);
    t.quiet = result.quiet === true;
    this.#wishes.delete(t);
    if (isSame(before, log.position)) t.gaps++;
    if (result.more) this.#wish(t, t.gaps > 0 ? this.#backoff(t.gaps) : 0);
    else this.#watchGap(t);
    if (isFirst && result.presence) this.#acceptMembers(t, result.presence);
    return true;
  }

  // Hands entries to the user. It returns false if the user has ended the subscription meanwhile.
  #deliver(t, entries) {
    const { log } = t;
    for (const { epoch, offset, event, data, events } of entries) {
      t.gaps = 0;
      for (const one of events ?? [{ event, data }]) {
        if (t.log === log) this.#call(t, "event", { name: one.event, data: one.data, position: { epoch, offset } });
      }
      if (t.log !== log) break;
    }
    return t.log === log;
  }

  // Starts the timer of a gap, or stops it.
  #watchGap(t) {
    if (!t.log.position) return;
    if (!t.log.hasGap) Object.assign(t, { spread: 0, gaps: 0 });
    if (!t.log.hasGap || this.#wishes.has(t)) return this.#stop(t, "gap");
    if (t.timers.gap && isSame(t.gapFrom, t.log.position)) return;
    t.gapFrom = t.log.position;
    this.#start(t, "gap", this.#gapDelay(t), () => this.#wish(t));
  }

  #gapDelay(t) {
    if (!t.log.gapIsHere && t.gaps === 0) return this.#between(0, EPOCH_SPREAD);
    const ms = Math.min(Math.max(GAP, t.spread) * 2 ** Math.min(t.gaps, 10), LONGEST_GAP);
    return Math.min(this.#between(ms, ms * 1.5), LONGEST_GAP);
  }

  // Notes that a topic needs a history request, after a while.
  #wish(t, ms = 0) {
    if (ms > 0) return this.#start(t, "gap", ms, () => this.#wish(t));
    this.#stop(t, "gap");
    this.#wishes.add(t);
    this.#askHistory();
  }

  // Presence.

  #acceptMembers(t, snapshot) {
    if (!t.members) return;
    t.members.apply(snapshot);
    if (t.members.cursor) this.#askPage(t);
    else this.#showMembers(t);
  }

  // Asks for a snapshot, one at a time.
  #askMembers(t, ms) {
    if (t.timers.members || t.isAskingMembers) return;
    if (ms > 0) return this.#start(t, "members", ms, () => this.#askMembers(t, 0));
    t.members.begin();
    this.#askPage(t);
  }

  #askPage(t) {
    const s = snap(t);
    const cursor = t.members.cursor || undefined;
    t.isAskingMembers = true;
    this.#send("presence", { topic: t.name, cursor }, (snapshot) => {
      t.isAskingMembers = false;
      if (isFresh(s) && snapshot && (t.members?.cursor || undefined) === cursor) this.#acceptMembers(t, snapshot);
    }, (error) => {
      t.isAskingMembers = false;
      if (!isFresh(s) || !t.members) return;
      t.members.cursor = "";
      if (!isLasting(error)) return this.#askMembers(t, 1_000 + this.#delay(t.tries++, error.retryAfterMs));
      this.#lose(t);
      this.#retryLater(t);
    });
  }

  #showMembers(t) {
    if (!t.members?.isComplete) return;
    const { graceMs, users, count = users.length } = t.members;
    this.#stop(t, "grace");
    if (graceMs !== undefined) this.#start(t, "grace", graceMs + 1, () => this.#showMembers(t));
    this.#call(t, "members", { users, count });
  }

  // Lost tails.

  #scheduleSync(ms) {
    this.#stopSync();
    this.#stopSync = this.#after(ms, () => this.#sync());
  }

  #sync() {
    this.#scheduleSync(this.#between(SYNC * 0.8, SYNC * 1.2));
    if (!this.#isOnline || this.#isSyncing) return;
    this.#isSyncing = true;
    const sent = [...this.#topics.values()].filter((t) => t.wanted && t.membership === "joined").map(snap);
    const topics = sent.map(({ t }) => ({
      topic: t.name,
      ...t.log.position,
      ...(t.quiet && { quiet: true }),
      ...(t.members?.isComplete && { digest: t.members.digest }),
    }));
    this.#send("sync", { topics }, (data) => {
      this.#isSyncing = false;
      this.#syncTries = 0;
      this.#mend(new Map(sent.filter(isFresh).map((s) => [s.t.name, s.t])), data);
    }, (error) => {
      this.#isSyncing = false;
      this.#scheduleSync(1_000 + this.#delay(++this.#syncTries, error.retryAfterMs));
    });
  }

  #mend(asked, { moved = [], lost = [], extra = [], presence = [] } = {}) {
    const each = (names, mend) => names.forEach((name) => asked.has(name) && mend(asked.get(name)));
    each(moved, (t) => this.#wish(t));
    each(presence, (t) => t.members && this.#askMembers(t, 0));
    each(lost, (t) => this.#lose(t));
    for (const name of extra) {
      if (!this.#topics.has(name)) this.#topics.set(name, { name, membership: "joined", generation: 0, timers: {}, wanted: false });
    }
  }

  // Helpers.

  // Forgets the membership, which has ended or was that of another connection.
  #lose(t) {
    Object.assign(t, { membership: "apart", again: false, isAskingMembers: false });
    t.generation++;
    if (t.members) t.members.cursor = "";
    this.#wishes.delete(t);
    for (const name of ["gap", "retry", "expiry", "members"]) this.#stop(t, name);
  }

  #end(t) {
    Object.assign(t, { wanted: false, again: false, log: new Log(), members: undefined });
    t.generation++;
    this.#wishes.delete(t);
    for (const name of Object.keys(t.timers)) this.#stop(t, name);
    if (t.membership === "apart") this.#topics.delete(t.name);
  }

  #retryLater(t, retryAfterMs) {
    this.#start(t, "retry", this.#delay(t.tries++, retryAfterMs), () => this.#pump());
  }

  // The time that the server asks for, and a part of it at random, or a backoff.
  #delay(tries, retryAfterMs = 0) {
    return retryAfterMs > 0 ? this.#between(retryAfterMs, retryAfterMs * 1.25) : this.#backoff(tries);
  }

  #backoff(tries) {
    return this.#between(0, Math.min(LAST_BACKOFF, FIRST_BACKOFF * 2 ** tries));
  }

  #between(low, high) {
    return low + this.#random() * (high - low);
  }

  #start(t, name, ms, run) {
    this.#stop(t, name);
    t.timers[name] = this.#after(ms, () => {
      t.timers[name] = undefined;
      run();
    });
  }

  #stop(t, name) {
    t.timers[name]?.();
    t.timers[name] = undefined;
  }

  // Runs a function later. A timer that is very late means that the computer was asleep.
  #after(ms, run) {
    const due = this.#clock.now() + ms;
    return this.#clock.after(ms, () => {
      if (this.#clock.now() - due >= ASLEEP) this.wake();
      run();
    });
  }

  // Calls a function of the user. What it throws does not harm others.
  #call(t, name, argument) {
    try {
      t.on?.[name]?.(argument);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

// What a topic is when a request is sent. The answer counts if it is still the same.
function snap(t) {
  return { t, generation: t.generation, since: t.log.position };
}

function isFresh({ t, generation }) {
  return t.wanted && t.generation === generation;
}

// Reports whether the same request would fail again.
function isLasting({ code }) {
  return LASTING.has(code);
}

function subscription({ name, options: { last, presence, as }, log }) {
  return { topic: name, since: log.position, last, presence, as };
}
