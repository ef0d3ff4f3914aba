// Messages that are not sent yet. They are sent one after another, each after the reply to the one
// before, because the gateway guarantees no order. A message without a reply is sent again under
// the same key, so that the room receives it once. The tab keeps drafts over a reload. Each draft
// waits for its own room.

import { LinkError, RequestError } from "./link.js";
import * as log from "./log.js";
import { keep, load } from "./storage.js";

const MAX_KEYS = 500;

export class Outbox {
  #say; // sends a draft, and returns whether its message is still to come
  #me;
  #room;
  #drafts = load("drafts", []).filter(isDraft); // of all rooms, oldest first
  #keys = load("keys", []); // of messages written in this tab, because two people can have the same name
  #busy = false;
  #pause; // called with the time until which nothing is sent, if the server asks to wait
  #pausedUntil = 0;

  constructor(say, pause) {
    this.#say = say;
    this.#pause = pause;
  }

  // The number of drafts for the open room.
  get size() {
    return this.#here().filter((draft) => !draft.failed).length;
  }

  // The rooms of all drafts, one for each.
  get rooms() {
    return this.#drafts.map((draft) => draft.room);
  }

  // Switches to a room and shows its drafts.
  open(room, me) {
    this.#me = me;
    this.#room = room;
    for (const draft of this.#here()) {
      log.showDraft(draft, me);
      this.#describe(draft);
    }
  }

  add(text) {
    const draft = { key: newKey(), room: this.#room, text };
    this.#drafts.push(draft);
    this.#keys = [...this.#keys, draft.key].slice(-MAX_KEYS);
    keep("keys", this.#keys);
    this.#keep();
    log.showDraft(draft, this.#me);
    this.#describe(draft);
  }

  async flush() {
    if (this.#busy || Date.now() < this.#pausedUntil) return;
    this.#busy = true;
    for (let draft; (draft = this.#here().find((d) => !d.failed)); ) {
      log.mark(draft.key, "sending");
      try {
        const isToCome = await this.#say(draft);
        this.#take(draft.key);
        if (!isToCome) log.remove(draft.key); // it is among the messages, or before them
      } catch (error) {
        if (error instanceof LinkError) break;
        if (error instanceof RequestError && error.code === "rate_limited") {
          this.#wait(error.retryAfterMs);
          break;
        }
        draft.failed = error.message || "refused";
      }
      this.#describe(draft);
      this.#keep();
    }
    this.#busy = false;
    this.#here().forEach((draft) => this.#describe(draft));
  }

  // Pauses for a while, and then goes on.
  #wait(ms = 1_000) {
    this.#pausedUntil = Date.now() + ms;
    this.#pause(this.#pausedUntil);
    setTimeout(() => this.flush(), ms + 20); // timers may be early
  }

  // Shows a message of the server, in place of its draft if there is one.
  settle(message) {
    this.#take(message.key);
    log.show(message, this.#keys.includes(message.key));
  }

  #describe(draft) {
    if (!this.#drafts.includes(draft)) return;
    if (!draft.failed) return log.mark(draft.key, "waiting", "Waiting to be sent");
    log.mark(draft.key, "failed", `Not sent: ${draft.failed}`, {
      "Try again": () => {
        draft.failed = "";
        this.flush();
      },
      Discard: () => this.#take(draft.key) && log.remove(draft.key),
    });
  }

  #here() {
    return this.#drafts.filter((draft) => draft.room === this.#room);
  }

  #take(key) {
    const i = this.#drafts.findIndex((draft) => draft.key === key && draft.room === this.#room);
    if (i < 0) return false;
    this.#drafts.splice(i, 1);
    this.#keep();
    return true;
  }

  #keep() {
    keep("drafts", this.#drafts);
  }
}

function isDraft(value) {
  return [value?.key, value?.room, value?.text].every((member) => typeof member === "string");
}

function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
