// The state of the connection, in words, and from when what is shown is.

import { $, write, writeData } from "./dom.js";
import { draw, everySecond } from "./frame.js";
import { clock } from "./format.js";
import { now } from "./clock.js";

const words = {
  connecting: "Connecting…",
  online: "Live",
  waiting: "Not connected",
  offline: "No network",
  refused: "Refused",
  closed: "Signed out",
};

const reasons = {
  waiting: "The connection is lost.",
  offline: "This computer has no network.",
  refused: "The server refuses the connection.",
  connecting: "Connecting again.",
};

export class Link {
  #client = null;
  #liveUntil = 0; // when the page was live last; 0 if it never was, or is now
  #wasLive = false;
  #draw = () => this.#show();

  constructor() {
    everySecond(this.#draw);
    $("#retry").addEventListener("click", () => this.#client?.retry());
  }

  // Shows the state of a client from now on.
  watch(client) {
    this.#client = client;
    this.#liveUntil = 0;
    this.#wasLive = false;
    client.on("state", ({ name }) => {
      if (name === "online") {
        this.#wasLive = true;
        this.#liveUntil = 0;
      } else if (this.#wasLive) this.#liveUntil ||= now();
      draw(this.#draw);
    });
    draw(this.#draw);
  }

  #show() {
    if (!this.#client) return;
    const { name, retryAt } = this.#client.state;
    write($("#link-text"), words[name]);
    writeData($("#link"), "state", name);
    const isLive = name === "online" || name === "closed";
    const isShort = name === "connecting" && !this.#liveUntil;
    $("#stale").hidden = isLive || isShort;
    document.body.toggleAttribute("data-stale", !isLive && this.#liveUntil > 0);
    if ($("#stale").hidden) return;
    const since = this.#liveUntil ? `What you see is from ${clock(this.#liveUntil)}.` : "Nothing was received yet.";
    write($("#stale-text"), `${reasons[name]} ${since}`);
    const left = Math.ceil((retryAt - Date.now()) / 1_000);
    write($("#stale-next"), left > 0 ? `Next try in ${left} s.` : "");
    $("#retry").hidden = name === "connecting";
  }
}
