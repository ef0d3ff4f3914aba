// A list of any length of which only the rows in view are in the document. All rows have the height
// --row, so that nothing is measured for an entry. It is a listbox: the arrows move, and what is
// selected is told to a screen reader.

import { draw, writeAttribute } from "./dom.js";

const BEYOND = 4; // rows above and below those in view

export class List {
  items = [];
  selected = null;
  follows = false; // whether the list stays at its end
  #box;
  #space;
  #rows = [];
  #height = 0;
  #row = 26;
  #top = 0;
  #stale = 0;
  #prefix;
  #create;
  #fill;
  #choose;
  #onFollow;
  #draw = () => this.#show();

  // create returns {row, …} with a new element; fill(one, item) writes an item to it; choose(item) is
  // called for a selection by hand; onFollow(follows) when the list begins or ends to follow its end.
  constructor(box, { prefix, create, fill, choose, follows = false, onFollow = () => {} }) {
    this.#box = box;
    this.#prefix = prefix;
    this.#create = create;
    this.#fill = fill;
    this.#choose = choose;
    this.#onFollow = onFollow;
    this.follows = follows;
    this.#space = document.createElement("div");
    this.#space.className = "space";
    this.#space.setAttribute("role", "presentation");
    box.append(this.#space);
    box.tabIndex = 0;
    box.setAttribute("role", "listbox");
    box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // Somebody who scrolls up means it, even if the next frame would go to the end again.
    box.addEventListener("wheel", ({ deltaY }) => deltaY < 0 && this.#leave(), { passive: true });
    box.addEventListener("touchmove", () => this.#leave(), { passive: true });
    box.addEventListener("pointerdown", ({ target }) => target === box && this.#leave()); // the scrollbar
    box.addEventListener("keydown", (event) => this.#key(event));
    this.#space.addEventListener("click", (event) => {
      const index = event.target.closest("[data-index]")?.dataset.index;
      if (index !== undefined) this.select(this.items[index], { byHand: true });
    });
    new ResizeObserver(([{ contentRect }]) => {
      this.#height = contentRect.height;
      this.#row = parseFloat(getComputedStyle(box).getPropertyValue("--row")) || 26;
      this.refresh();
    }).observe(box);
  }

  // Shows items in the next frame; removed of them have gone from the front. With isStale, rows are
  // written again although their item is the same.
  refresh({ items = this.items, removed = 0, isStale = true } = {}) {
    this.items = items;
    if (removed && !this.follows) this.#move(Math.max(0, this.#top - removed * this.#row));
    if (isStale) this.#stale++;
    draw(this.#draw);
  }

  select(item, { byHand = false } = {}) {
    this.selected = item;
    if (byHand && item) {
      this.reveal(item);
      this.#choose(item);
    }
    this.refresh();
  }

  // Moves the selection by so many items.
  step(by) {
    if (this.items.length === 0) return;
    const at = this.items.indexOf(this.selected);
    const from = at < 0 ? (by > 0 ? Math.ceil(this.#top / this.#row) - 1 : Math.min(this.items.length, Math.floor((this.#top + this.#height) / this.#row))) : at;
    const to = Math.min(this.items.length - 1, Math.max(0, from + by));
    this.select(this.items[to], { byHand: true });
  }

  reveal(item) {
    const at = this.items.indexOf(item) * this.#row;
    if (at < 0) return;
    let top = this.#top;
    if (at < top) top = at;
    else if (at + this.#row > top + this.#height) top = at + this.#row - this.#height;
    if (top !== this.#top) this.#move(top);
    this.#follow(this.#isAtEnd(top));
  }

  toEnd() {
    this.#follow(true);
    this.refresh({ isStale: false });
  }

  focus() {
    this.#box.focus({ preventScroll: true });
  }

  #isAtEnd(top) {
    return top + this.#height >= this.items.length * this.#row - this.#row / 2;
  }

  #leave() {
    if (this.items.length * this.#row > this.#height) this.#follow(false);
  }

  #follow(follows) {
    if (this.follows === follows) return;
    this.follows = follows;
    this.#onFollow(follows);
  }

  #move(top) {
    this.#top = top;
    this.#mustMove = true;
    draw(this.#draw);
  }

  #mustMove = false;

  #scrolled() {
    if (this.#mustMove) return; // a frame will say where it is
    const top = this.#box.scrollTop;
    if (top === this.#top) return;
    const isUp = top < this.#top;
    this.#top = top;
    if (isUp || this.#isAtEnd(top)) this.#follow(this.#isAtEnd(top));
    draw(this.#draw);
  }

  #key(event) {
    if (event.target !== this.#box || event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.#height / this.#row) - 1);
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (by !== undefined) {
      event.preventDefault();
      this.step(by);
    } else if (event.key === "Enter" && this.selected) {
      event.preventDefault();
      this.#choose(this.selected, { isOpened: true });
    }
  }

  #show() {
    const { items } = this;
    const row = this.#row;
    const space = `${items.length * row}px`;
    if (this.#space.style.height !== space) this.#space.style.height = space;
    const end = Math.max(0, items.length * row - this.#height);
    if (this.follows && this.#top !== end) {
      this.#top = end;
      this.#mustMove = true;
    }
    if (this.#mustMove) {
      this.#top = Math.min(this.#top, end);
      this.#box.scrollTop = this.#top;
      this.#mustMove = false;
    }
    const first = Math.max(0, Math.floor(this.#top / row) - BEYOND);
    const last = Math.min(items.length, Math.ceil((this.#top + this.#height) / row) + BEYOND);
    this.#place(first, last);
    const at = this.#rows.find((one) => one.item === this.selected);
    writeAttribute(this.#box, "aria-activedescendant", this.selected && at?.row.id);
  }

  // Rows keep their item while it is in view, whatever its index becomes; the others are used again.
  #place(first, last) {
    const wanted = new Map();
    for (let i = first; i < last; i++) wanted.set(this.items[i], i);
    const free = [];
    for (const one of this.#rows) {
      const index = wanted.get(one.item);
      if (index === undefined) free.push(one);
      else {
        wanted.delete(one.item);
        this.#write(one, one.item, index);
      }
    }
    for (const [item, index] of wanted) {
      const one = free.pop() ?? this.#newRow();
      this.#write(one, item, index);
    }
    for (const one of free) one.row.remove(); // nothing of them stays
    if (free.length) this.#rows = this.#rows.filter((one) => !free.includes(one));
  }

  #write(one, item, index) {
    if (one.index !== index || one.height !== this.#row) {
      one.index = index;
      one.height = this.#row;
      one.row.dataset.index = index;
      one.row.style.transform = `translateY(${index * this.#row}px)`;
      one.row.setAttribute("aria-posinset", index + 1);
    }
    if (one.size !== this.items.length) {
      one.size = this.items.length;
      one.row.setAttribute("aria-setsize", one.size);
    }
    if (one.item !== item || one.stale !== this.#stale) {
      one.item = item;
      one.stale = this.#stale;
      one.row.setAttribute("aria-selected", item === this.selected);
      this.#fill(one, item);
    }
  }

  #numbers = 0;

  #newRow() {
    const one = { ...this.#create(), index: -1, item: undefined, height: 0, size: -1, stale: -1 };
    one.row.classList.add("row");
    one.row.id = `${this.#prefix}-${this.#numbers++}`;
    one.row.setAttribute("role", "option");
    this.#space.append(one.row);
    this.#rows.push(one);
    return one;
  }
}
