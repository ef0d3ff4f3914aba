// A document for the tests of the adapters, as globals. Import it before the framework.
import { Window } from "happy-dom";

const window = new Window({ url: "http://localhost/" });
for (const name of ["window", "document", "Element", "HTMLElement", "SVGElement", "MathMLElement", "Node", "Text", "navigator"]) {
  globalThis[name] ??= name === "window" ? window : window[name] ?? class {};
}

/** Returns an element of the document. */
export const element = () => document.body.appendChild(document.createElement("div"));
