// The devices that the server has told of, and what has changed since the page was drawn.

import { draw } from "./frame.js";
import { now } from "./clock.js";

const WINDOW = 10; // seconds of which the page shows the mean rate
const JUMP = 1_000; // more than a device reports between two updates: it has begun to count anew

export class Devices {
  all = new Map(); // by id
  changed = new Set(); // ids, since the last frame
  isOther = false; // whether devices came or went, or moved, since the last frame
  #views = [];
  #counted = 0; // readings since the last second
  #seconds = [];
  #isLive = false;
  #draw = () => this.#show();

  // Adds a function that draws: it gets the changed ids, and whether there are other devices.
  view(run) {
    this.#views.push(run);
  }

  set(id, device) {
    const old = this.all.get(id);
    if (old && this.#isLive) this.#counted += readings(old.seq ?? 0, device.seq ?? 0);
    this.all.set(id, device);
    this.changed.add(id);
    this.isOther ||= !old || old.name !== device.name || old.region !== device.region || old.type !== device.type;
    draw(this.#draw);
  }

  delete(id) {
    if (!this.all.delete(id)) return;
    this.changed.add(id);
    this.isOther = true;
    draw(this.#draw);
  }

  // Removes all that a subscription does not have.
  keepOnly(has) {
    for (const id of this.all.keys()) if (!has(id)) this.delete(id);
  }

  clear() {
    this.keepOnly(() => false);
    this.live(false);
  }

  // Whether readings are counted: not those that were missed while there was no connection, and not if
  // the server leaves most of them out.
  live(isLive) {
    this.#isLive = isLive;
    if (!isLive) this.#seconds = [];
    this.#counted = 0;
  }

  // Ends a second, and returns the readings a second; undefined if that is not known.
  rate() {
    if (!this.#isLive) return undefined;
    const at = now();
    this.#seconds.push({ at, n: this.#counted });
    this.#counted = 0;
    if (this.#seconds.length > WINDOW + 1) this.#seconds.shift();
    if (this.#seconds.length < 2) return undefined;
    const [first, ...others] = this.#seconds;
    return others.reduce((sum, { n }) => sum + n, 0) / ((at - first.at) / 1_000);
  }

  #show() {
    const { changed, isOther } = this;
    this.changed = new Set();
    this.isOther = false;
    for (const run of this.#views) run(changed, isOther);
  }
}

// How many readings came between two updates: those in between may not have been pushed.
function readings(before, after) {
  const n = after - before;
  return n > JUMP ? 1 : Math.max(0, n);
}
