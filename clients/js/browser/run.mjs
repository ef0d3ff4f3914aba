// Runs test files, several at a time: they wait for browsers more than for each other. "node --test"
// runs one at a time on two cores, and only newer versions of Node.js have an option for it.

import { run } from "node:test";
import { spec } from "node:test/reporters";

const files = process.argv.slice(2);
run({ files, concurrency: 3 })
  .on("test:fail", () => (process.exitCode = 1))
  .compose(new spec())
  .pipe(process.stdout);
