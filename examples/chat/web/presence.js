// The members of the room, and which of them are typing.

import { avatar, element } from "./log.js";

const TYPING_FOR = 4_000; // after the last notice

const list = document.querySelector("#online");
const count = document.querySelector("#online-count");
const line = document.querySelector("#typing");

export class Presence {
  #me = "";
  #version = 0;
  #typing = new Map(); // the timer that ends it, by name

  clear(me) {
    this.#me = me;
    this.#version = 0;
    this.#render([], 0);
    this.quiet();
  }

  // Shows the members. Lists may arrive in any order; an older one is ignored.
  show({ names, count, version }) {
    if (version < this.#version) return;
    this.#version = version;
    this.#render(names, count);
  }

  types(name) {
    clearTimeout(this.#typing.get(name));
    this.#typing.set(name, setTimeout(() => this.typed(name), TYPING_FOR));
    this.#renderTyping();
  }

  // Ends the typing of one person.
  typed(name) {
    clearTimeout(this.#typing.get(name));
    this.#typing.delete(name);
    this.#renderTyping();
  }

  // Ends the typing of all.
  quiet() {
    for (const name of this.#typing.keys()) this.typed(name);
    this.#renderTyping();
  }

  #render(names, total) {
    const mine = names.indexOf(this.#me);
    const items = names.map((name, i) => {
      const item = element("li");
      item.append(avatar(name), element("bdi", "", name));
      if (i === mine) item.append(element("span", "you", "you"));
      return item;
    });
    if (total > names.length) items.push(element("li", "", `and ${total - names.length} more`));
    list.replaceChildren(...items);
    count.textContent = total || "";
  }

  #renderTyping() {
    const names = [...this.#typing.keys()];
    if (names.length === 0) return line.replaceChildren();
    const parts = new Intl.ListFormat("en").formatToParts(names);
    const who = parts.map(({ type, value }) => (type === "element" ? element("bdi", "", value) : value));
    line.replaceChildren(...(names.length > 3 ? ["Several people"] : who), ` ${names.length === 1 ? "is" : "are"} typing…`);
  }
}
