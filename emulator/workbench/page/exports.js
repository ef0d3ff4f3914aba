// Exports: HAR and a Go test, of all connections or of some.

import { $, element, tab, write } from "./dom.js";
import { plural } from "./format.js";
import { copy, problem } from "./notice.js";

const SHOWN = 200; // connections to choose from

export class Exports {
  #api;
  #connections;
  #chosen = new Set(); // connection ids
  #known = "";

  constructor(api, connections) {
    this.#api = api;
    this.#connections = connections;
    for (const [field, key] of [["#export-package", "package"], ["#export-new", "new"], ["#export-imports", "imports"], ["#export-name", "name"]]) {
      $(field).value = tab.load(key);
      $(field).addEventListener("input", () => {
        tab.keep(key, $(field).value);
        this.#links();
      });
    }
    $("#export-which").addEventListener("change", () => this.refresh());
    $("#export-list").addEventListener("change", (event) => {
      const { value, checked } = event.target;
      if (checked) this.#chosen.add(value);
      else this.#chosen.delete(value);
      this.#links();
    });
    $("#copy-har").addEventListener("click", () => this.#copy(this.#har, "the HAR"));
    $("#copy-test").addEventListener("click", () => this.#copy(this.#test, "the Go test"));
    this.refresh();
  }

  // Writes what depends on the connections, if it is seen.
  refresh() {
    if ($("#panel-export").hidden) return;
    const all = [...this.#connections.all.values()].filter(({ epoch }) => epoch === this.#connections.epoch()).slice(-SHOWN);
    const ids = new Set(all.map(({ connectionId }) => connectionId));
    for (const id of this.#chosen) if (!ids.has(id)) this.#chosen.delete(id);
    const isSome = this.#which === "some";
    $("#export-list").hidden = !isSome;
    const text = JSON.stringify(all.map(({ connectionId, user, open }) => [connectionId, user, open]));
    if (isSome && text !== this.#known) {
      this.#known = text;
      $("#export-list").replaceChildren(...all.map(({ connectionId, connection, user, open }) => element("label", { class: "check" },
        element("input", { type: "checkbox", value: connectionId, ...(this.#chosen.has(connectionId) && { checked: true }) }),
        element("span", {}, `#${connection} ${user || connectionId}${open ? "" : ", ended"}`))));
      if (all.length === 0) $("#export-list").append(element("p", { class: "hint" }, "There is no connection."));
    }
    const { selected } = this.#connections;
    $("#export-which").querySelector("[value=selected]").disabled = !selected;
    write($("#export-selected"), selected ? `Selected: #${selected.connection} ${selected.user || ""}` : "Selected: none");
    this.#links();
  }

  get #which() {
    return $("#export-form").elements.which.value;
  }

  get #ids() {
    if (this.#which === "some") return [...this.#chosen];
    return this.#which === "selected" && this.#connections.selected ? [this.#connections.selected.connectionId] : [];
  }

  get #har() {
    return this.#api.harPath(this.#ids);
  }

  get #test() {
    const value = (field) => $(field).value.trim();
    return this.#api.testPath(this.#ids, { package: value("#export-package"), new: value("#export-new"), imports: value("#export-imports"), name: value("#export-name") });
  }

  #links() {
    const isEmpty = this.#which !== "all" && this.#ids.length === 0;
    for (const [selector, path] of [["#download-har", this.#har], ["#download-test", this.#test]]) {
      if (isEmpty) $(selector).removeAttribute("href");
      else $(selector).setAttribute("href", path);
    }
    for (const selector of ["#copy-har", "#copy-test"]) $(selector).disabled = isEmpty;
    write($("#export-says"), isEmpty ? "Choose at least one connection." : this.#which === "all" ? "All connections that are kept." : `${plural(this.#ids.length, "connection")}.`);
  }

  async #copy(path, what) {
    try {
      await copy(await this.#api.text(path), what);
    } catch (error) {
      problem(error);
    }
  }
}
