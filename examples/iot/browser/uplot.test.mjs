// The page has no build step, so the package that draws its charts is copied.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const copies = { "uplot.js": "dist/uPlot.esm.js", "uplot.css": "dist/uPlot.min.css", "uplot.LICENSE": "LICENSE" };

for (const [copy, original] of Object.entries(copies)) {
  test(`${copy} is ${original} of the package uplot`, () => {
    const packaged = readFileSync(new URL(`node_modules/uplot/${original}`, import.meta.url), "utf8");
    const text = readFileSync(new URL(`../web/${copy}`, import.meta.url), "utf8");
    assert.ok(text === packaged, `copy examples/iot/browser/node_modules/uplot/${original} to examples/iot/web/${copy}`);
  });
}
