// Messages that are not sent yet. They are sent one after another, so that they keep their order.
// The tab keeps them over a reload. Each draft waits for its own room.

import * as log from "./log.js";
import { keep, load } from "./storage.js";

const MAX_KEYS = 500;

// What say throws if the message is to be sent later, when flush is called.
export class Later extends Error {}

export class Drafts {
  #say; // sends a draft, and returns whether its message is still to come
  #me;
  #room;
  #drafts = load("drafts", []).filter(isDraft); // of all rooms, oldest first
  #keys = load("keys", []); // of messages written in this tab, because two people can have the same name
  #busy = false;

  constructor(say) {
    this.#say = say;
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
    if (this.#busy) return;
    this.#busy = true;
    for (let draft; (draft = this.#here().find((d) => !d.failed)); ) {
      log.mark(draft.key, "sending");
      try {
        const isToCome = await this.#say(draft);
        this.#take(draft);
        if (!isToCome) log.remove(draft.key); // it is among the messages, or before them
      } catch (error) {
        if (error instanceof Later) break;
        draft.failed = error.message || "refused";
      }
      this.#describe(draft);
      this.#keep();
    }
    this.#busy = false;
    this.wait();
  }

  // Shows that nothing is sent for now.
  wait() {
    this.#here().forEach((draft) => this.#describe(draft));
  }

  // Shows a message of the server, in place of its draft if there is one.
  settle(message) {
    const draft = this.#here().find(({ key }) => key === message.key);
    if (draft) this.#take(draft);
    log.show(message, this.#keys.includes(message.key));
  }

  #describe(draft) {
    if (draft.room !== this.#room || !this.#drafts.includes(draft)) return;
    if (!draft.failed) return log.mark(draft.key, "waiting", "Waiting to be sent");
    log.mark(draft.key, "failed", `Not sent: ${draft.failed}`, {
      "Try again": () => {
        draft.failed = "";
        this.flush();
      },
      Discard: () => {
        this.#take(draft);
        log.remove(draft.key);
      },
    });
  }

  #here() {
    return this.#drafts.filter((draft) => draft.room === this.#room);
  }

  #take(draft) {
    this.#drafts = this.#drafts.filter((d) => d !== draft);
    this.#keep();
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
