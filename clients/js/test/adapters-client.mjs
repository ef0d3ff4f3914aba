// A client without a network, for the tests of the adapters. It notes what is asked of it.

/** Listeners, by the type of what they listen to. */
class Emitter {
  listeners = [];

  on(type, run) {
    const listener = { type, run };
    this.listeners.push(listener);
    return () => {
      this.listeners = this.listeners.filter((l) => l !== listener);
    };
  }

  emit(type, ...args) {
    for (const l of this.listeners.filter((l) => l.type === type)) {
      l.run(...args);
    }
  }
}

class Subscription extends Emitter {
  constructor(topic, options, log) {
    super();
    Object.assign(this, { topic, options, log, members: undefined, count: 0 });
    log.push(`open ${topic}`);
    this.established = new Promise((resolve) => this.on("established", resolve));
  }

  event(offset, data) {
    this.emit("event", { topic: this.topic, event: "message", data, position: { epoch: "1-x", offset } });
  }

  change(users) {
    this.members = users.map((user) => ({ user }));
    this.count = users.length;
    this.emit("change", this.members, this.count);
  }

  close() {
    this.log.push(`close ${this.topic}`);
  }
}

export class Client extends Emitter {
  state = { name: "connecting" };
  log = [];
  opened = [];

  become(state) {
    this.state = state;
    this.emit("state", state);
  }

  subscribe(topic, options) {
    return this.#open(new Subscription(topic, options, this.log));
  }

  presence(topic, options) {
    return this.#open(new Subscription(`presence ${topic}`, options, this.log));
  }

  #open(subscription) {
    this.opened.push(subscription);
    return subscription;
  }

  /** The subscription that was made last. */
  get last() {
    return this.opened.at(-1);
  }
}

export const confirmed = { position: { epoch: "1-x", offset: 0 }, recovered: true };
export const lost = { position: { epoch: "2-x", offset: 0 }, recovered: false, reason: "epoch" };

/** The data of the events of a view. */
export const data = (view) => view.events.map((e) => e.data);
