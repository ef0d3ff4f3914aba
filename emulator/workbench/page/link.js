// The link to the server: reads the stream, again and again, and says how it stands.

import { $, button, write, writeAttribute } from "./dom.js";
import { ApiError, read } from "./api.js";
import { banner } from "./notice.js";

const FIRST = 250; // ms until the next try; twice as long each time
const LONGEST = 4_000;

export class Link {
  #store;
  #on;
  #stop = null;
  #wake = () => {};

  // on has state(data), restarted() and entry(entry).
  constructor(store, on) {
    this.#store = store;
    this.#on = on;
  }

  async run() {
    let wait = FIRST;
    for (;;) {
      this.#stop = new AbortController();
      const lively = () => {
        wait = FIRST;
        this.#show("live", "Live");
      };
      try {
        await read(this.#store.position, {
          hello: (state) => {
            lively();
            this.#hello(state);
          },
          state: (state) => this.#on.state(state),
          entry: (entry) => {
            this.#store.add(entry);
            this.#on.entry(entry);
          },
          // The page sees a gap in the numbers by itself, when the next entry comes.
          dropped: () => {},
        }, this.#stop.signal);
      } catch (error) {
        if (!(error instanceof ApiError)) console.error(error);
        this.#lost(error);
        if (error.status === 401 || error.status === 403) wait = LONGEST;
      }
      await new Promise((done) => {
        this.#wake = done;
        setTimeout(done, wait);
      });
      wait = Math.min(2 * wait, LONGEST);
    }
  }

  // Reads everything again from the server.
  again() {
    this.#store.reset();
    this.#stop?.abort();
    this.#wake();
  }

  #hello(state) {
    banner("locked", "");
    banner("lost", "");
    const isRestart = this.#store.begin(state);
    if (isRestart) {
      this.#on.restarted();
      banner("restarted", "The program was started again. What was shown before stays, marked; its connections have ended.", button("Dismiss", () => banner("restarted", "")));
    }
    this.#on.state(state);
  }

  #lost({ status, message }) {
    if (status === 401 || status === 403) {
      this.#show("locked", "Locked out");
      banner("lost", "");
      banner("locked", status === 401
        ? "The program runs with another token now. Open the address that it has printed when it started; then this page goes on, too. What is shown stays."
        : `The program does not serve this page: ${message}`);
      return;
    }
    this.#show("lost", "Not connected");
    banner("lost", "Not connected, trying again. What is shown stays, and so does what you have typed.");
  }

  #show(state, text) {
    writeAttribute($("#link"), "data-state", state);
    write($("#link-text"), text);
  }
}
