// The words of entries, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { describe } from "../page/entry.js";

test("A line of a log is marked by its level if it has one that is not INFO", () => {
  for (const [level, mark] of [[undefined, ""], ["", ""], ["INFO", ""], ["WARN", "WARN"], ["ERROR", "ERROR"]]) {
    assert.equal(describe({ kind: "log", function: "app", text: "a line", level }).mark, mark, `level ${level}`);
  }
});
