// The words of entries and what belongs to which connection, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { describe } from "../page/entry.js";
import { Store } from "../page/store.js";

test("A line of a log is marked by its level if it has one that is not INFO", () => {
  for (const [level, mark] of [[undefined, ""], ["", ""], ["INFO", ""], ["WARN", "WARN"], ["ERROR", "ERROR"]]) {
    assert.equal(describe({ kind: "log", function: "app", text: "a line", level }).mark, mark, `level ${level}`);
  }
});

test("Lines that came before the connection had a number get it", () => {
  for (const known of [{}, { connectionId: "a=" }]) {
    const store = new Store();
    const at = { time: "2026-03-04T05:06:07Z", requestId: "r=" };
    store.begin({ instance: "1" });
    store.add({ ...at, seq: 1, kind: "log", text: "a line", ...known });
    store.add({ ...at, seq: 2, kind: "log", text: "of another", requestId: "s=" });
    store.add({ ...at, seq: 3, kind: "invoked", route: "$connect", connectionId: "a=", connection: 7 });
    assert.deepEqual(store.list.map(({ connectionId, connection }) => [connectionId, connection]), [["a=", 7], [undefined, undefined], ["a=", 7]]);
    assert.equal(store.adopted, 1);
  }
});
