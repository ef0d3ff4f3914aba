// A link to a WebSocket API that reconnects by itself. It implements gatesock's protocol: requests
// with replies, and pushes. It dispatches these events:
//
//   "state"  {state, retryAt}: "connecting", "online", "waiting" (until retryAt), "offline" or "closed"
//   "push"   {event, topic, data}, and the other members of a push
//   "check"  the link may be dead: a listener sends a request, whose reply shows that it is not. It
//            sends one every few minutes too: the gateway closes a link that is silent for ten
//   "fault"  {message}: an error without a request, or the reason why the server closed the link

const MAX_FRAME = 32 * 1024; // bytes; the gateway closes a connection that sends a larger frame
const OPEN_TIMEOUT = 10_000;
const REPLY_TIMEOUT = 10_000; // then the link counts as dead
const FIRST_DELAY = 1_000; // between attempts, doubled each time
const LAST_DELAY = 30_000;
const STABLE = 10_000; // a link that lasted this long counts as a success

// The server refused a request.
export class RequestError extends Error {
  constructor({ code, message, retryAfterMs, details }) {
    super(message);
    Object.assign(this, { code, retryAfterMs, details });
  }
}

// The request got no reply, so the server may or may not have handled it.
export class LinkError extends Error {}

export class Link extends EventTarget {
  state = "closed";
  #url;
  #socket = null;
  #requests = new Map(); // by id, waiting for a reply
  #lastId = 0;
  #attempts = 0;
  #timer = 0; // of the next attempt, or of the end of this one
  #openedAt = 0;
  #protocols;
  #attempt = 0; // counts connections, to recognize events of an old one
  #refused = false; // the previous attempt failed

  // protocols returns the subprotocols of each attempt. It receives whether the previous attempt
  // failed, and may be asynchronous.
  constructor(url, protocols = () => []) {
    super();
    this.#url = url;
    this.#protocols = protocols;
    addEventListener("online", () => this.retry());
    addEventListener("offline", () => this.#check());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      this.retry();
      this.#check();
    });
  }

  open() {
    if (this.state === "closed") this.#connect();
  }

  close() {
    this.#drop();
    this.#attempts = 0;
    this.#become("closed");
  }

  // Tries now if the link is waiting for its next attempt.
  retry() {
    if (this.state !== "waiting" && this.state !== "offline") return;
    this.#attempts = 0;
    this.#connect();
  }

  // Starts over, when the server does not know this connection any more.
  restart() {
    this.#lost();
  }

  // Sends a request and returns the data of its reply.
  request(action, members = {}) {
    const id = String(++this.#lastId);
    return new Promise((resolve, reject) => {
      this.#transmit({ action, id, ...members });
      const timer = setTimeout(() => this.#lost(), REPLY_TIMEOUT);
      this.#requests.set(id, { resolve, reject, timer });
    });
  }

  // Sends a message without a reply. It is lost if the link is down.
  send(action, members = {}) {
    if (this.state === "online") this.#transmit({ action, ...members });
  }

  #transmit(message) {
    const frame = JSON.stringify(message);
    if (new TextEncoder().encode(frame).length > MAX_FRAME) {
      throw new RequestError({ code: "too_large", message: "This message is too large to send." });
    }
    if (this.state !== "online") throw new LinkError("There is no connection.");
    this.#socket.send(frame);
  }

  async #connect() {
    this.#drop();
    const attempt = this.#attempt;
    this.#become("connecting");
    this.#timer = setTimeout(() => this.#lost(), OPEN_TIMEOUT);
    let protocols;
    try {
      protocols = await this.#protocols({ refused: this.#refused });
    } catch {
      if (attempt === this.#attempt) this.#lost();
      return;
    }
    if (attempt !== this.#attempt) return; // closed, or started over, meanwhile
    this.#refused = true;
    const socket = new WebSocket(this.#url, protocols);
    this.#socket = socket;
    socket.onopen = () => {
      this.#refused = false;
      clearTimeout(this.#timer);
      this.#openedAt = Date.now();
      this.#become("online");
    };
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#lost(event.code);
  }

  // The link is down: waits, and tries again. The delay is random between 0 and a limit that
  // doubles ("full jitter"), so that clients of the same server do not all come back at once.
  #lost(code) {
    if (code === 1009) this.#fault("The server closed the connection: a message was too large.");
    if (this.#openedAt && Date.now() - this.#openedAt > STABLE) this.#attempts = 0;
    this.#drop();
    const delay = Math.random() * Math.min(LAST_DELAY, FIRST_DELAY * 2 ** this.#attempts++);
    this.#timer = setTimeout(() => this.#connect(), delay);
    this.#become(navigator.onLine ? "waiting" : "offline", Date.now() + delay);
  }

  #drop() {
    this.#attempt++;
    clearTimeout(this.#timer);
    this.#openedAt = 0;
    if (this.#socket) {
      this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close();
      this.#socket = null;
    }
    for (const { reject, timer } of this.#requests.values()) {
      clearTimeout(timer);
      reject(new LinkError("The connection was lost."));
    }
    this.#requests.clear();
  }

  // Checks whether the link is alive: without a reply in time it is lost.
  #check() {
    if (this.state === "online") this.#emit("check");
    if (this.state === "waiting" && !navigator.onLine) this.#become("offline");
  }

  #receive(text) {
    if (text === "") return; // the gateway sends this if a handler has no reply
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return this.#fault("The server sent something that is not JSON.");
    }
    // Several pushes may come in one message (docs/protocol.md, §6.4).
    for (const one of Array.isArray(frame) ? frame : [frame]) this.#dispatch(one);
  }

  #dispatch(frame) {
    if (frame.event || frame.events) return this.#emit("push", frame);
    if (frame.error?.code === "stale_connection") return this.restart(); // docs/protocol.md, §7.4
    const waiting = this.#requests.get(frame.id);
    if (waiting) {
      this.#requests.delete(frame.id);
      clearTimeout(waiting.timer);
      return frame.error ? waiting.reject(new RequestError(frame.error)) : waiting.resolve(frame.data);
    }
    if (frame.error?.code === "rate_limited") return; // of a message without a reply, which is not worth a retry
    if (frame.error) return this.#fault(frame.error.message);
    if (!frame.action && frame.message) this.#fault(`The gateway answered: ${frame.message}.`); // its own error frame
  }

  #become(state, retryAt) {
    this.state = state;
    this.#emit("state", { state, retryAt });
  }

  #fault(message) {
    this.#emit("fault", { message });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
