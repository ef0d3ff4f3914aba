// What the form asks the server for.

import assert from "node:assert/strict";
import { test } from "node:test";
import { filterOf } from "../web/filter.js";

const all = { region: "", type: "", status: "", online: "", than: "", limit: "", changes: "", every: "" };

test("without a choice there is no filter", () => {
  assert.equal(filterOf(all), undefined);
  assert.equal(filterOf({ ...all, than: "above" }), undefined, "above what?");
  assert.equal(filterOf({ ...all, than: "above", limit: "x" }), undefined);
  assert.equal(filterOf({}), undefined);
});

test("each choice is a condition", () => {
  const filter = filterOf({
    region: "north", type: "pump", status: "alarm,warning,silent", online: "false", than: "below", limit: "-2.5", changes: "status,online", every: "1000",
  });
  assert.deepEqual(filter, {
    where: { region: "north", type: "pump", status: ["alarm", "warning", "silent"], online: false, value: { below: -2.5 } },
    changes: ["status", "online"],
    everyMs: 1_000,
  });
  assert.deepEqual(filterOf({ ...all, status: "ok", online: "true" }), { where: { status: "ok", online: true } });
  assert.deepEqual(filterOf({ ...all, than: "above", limit: "0" }), { where: { value: { above: 0 } } });
  assert.deepEqual(filterOf({ ...all, every: "500" }), { everyMs: 500 });
});
