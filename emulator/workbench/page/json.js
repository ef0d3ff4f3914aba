// JSON for people: indented and coloured, but with each number and string as it was written, since
// JSON.parse would change long numbers and drop members that come twice.

import { element } from "./dom.js";

const COLOURED = 200_000; // characters; longer text is shown plain

// Returns the text indented, or null if it is not JSON.
export function pretty(text) {
  if (problem(text)) return null;
  let out = "";
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  const tokens = text.match(/"(?:\\.|[^"\\])*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  for (const [i, token] of tokens.entries()) {
    const next = tokens[i + 1];
    if (token === "{" || token === "[") {
      if (next === "}" || next === "]") out += token;
      else {
        depth++;
        out += token + line();
      }
    } else if (token === "}" || token === "]") {
      const isEmpty = tokens[i - 1] === "{" || tokens[i - 1] === "[";
      if (!isEmpty) {
        depth--;
        out += line();
      }
      out += token;
    } else if (token === ",") out += token + line();
    else out += token === ":" ? ": " : token;
  }
  return out;
}

// Returns why a text is not JSON, with the line and column, or null.
export function problem(text) {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const words = String(error.message).replace(/^JSON\.parse: /, "").replace(/ in JSON at position \d+.*$| \(line \d+.*$/, "").replace(/, (?:\.\.\.)?".*is not valid JSON$/s, "").replace(/ is not valid JSON$/, "");
    const at = /position (\d+)/.exec(error.message)?.[1];
    if (at === undefined) return words;
    const before = text.slice(0, Number(at)).split("\n");
    return before.length === 1 ? `${words} at column ${before[0].length + 1}` : `${words} at line ${before.length}, column ${before.at(-1).length + 1}`;
  }
}

// Returns a <pre> with coloured JSON.
export function coloured(text) {
  const pre = element("pre", { class: "code", tabindex: "0" });
  if (text.length > COLOURED) {
    pre.textContent = text;
    return pre;
  }
  let from = 0;
  const parts = [];
  for (const match of text.matchAll(/("(?:\\.|[^"\\])*")(\s*:)?|-?\d[\d.eE+-]*|\b(?:true|false|null)\b/g)) {
    const [whole, string, colon] = match;
    if (match.index > from) parts.push(text.slice(from, match.index));
    const kind = string === undefined ? (/^[-\d]/.test(whole) ? "number" : "word") : colon === undefined ? "string" : "key";
    parts.push(element("span", { class: kind }, string ?? whole));
    if (colon) parts.push(colon);
    from = match.index + whole.length;
  }
  pre.append(...parts, text.slice(from));
  return pre;
}
