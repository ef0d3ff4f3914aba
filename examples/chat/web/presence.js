// The members of the room, and which of them are typing.

import { avatar, element, notice } from "./log.js";

const MAX_NAMES = 100; // in the list
const TYPING_FOR = 4_000; // after the last notice

const list = document.querySelector("#online");
const count = document.querySelector("#online-count");
const line = document.querySelector("#typing");

export class Presence {
  #me = "";
  #names; // of the members, undefined before they are known
  #typing = new Map(); // the timer that ends it, by name

  clear(me) {
    this.#me = me;
    this.#names = undefined;
    this.#render([], 0);
    this.quiet();
  }

  // Shows the members, with notices of those who have come or left since the last time. They are
  // undefined if they are too many.
  show(members, count) {
    const names = (members ?? []).map(({ user, as }) => as?.name ?? user).sort();
    const before = this.#names ?? names;
    this.#names = members && names;
    this.#render(names, count);
    if (!this.#names) return;
    this.#tell(names, before, "joined");
    for (const name of this.#tell(before, names, "left")) this.typed(name);
  }

  // Notices which names of one list are not in the other, and returns them.
  #tell(list, other, words) {
    const names = [...new Set(list)].filter((name) => name !== this.#me && !other.includes(name));
    for (const name of names) notice(name, words);
    return names;
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
    const shown = names.slice(0, MAX_NAMES);
    const items = shown.map((name, i) => {
      const item = element("li");
      item.append(avatar(name), element("bdi", "", name));
      if (i === mine) item.append(element("span", "you", "you"));
      return item;
    });
    if (total > shown.length) items.push(element("li", "", `and ${total - shown.length} more`));
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
