// Usage: scripts/npm-tools typescript.cjs ARGUMENT...
// Runs the TypeScript compiler and prints its findings. Findings are no failure of this script.
"use strict";
const { spawnSync } = require("node:child_process");
const path = require("node:path");

const tsc = path.join(path.dirname(require.resolve("typescript/package.json")), "bin", "tsc");
const run = spawnSync(process.execPath, [tsc, ...process.argv.slice(2)], { stdio: ["ignore", "inherit", "inherit"] });
if (run.error) {
	throw run.error;
}
if (run.signal || run.status > 2) {
	throw new Error(`tsc ended with ${run.signal ?? `the status ${run.status}`}`);
}
