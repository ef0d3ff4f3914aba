// Runs the test files that it is given, several at a time: they wait for each other's browsers less than for the clock.
// "node --test" runs one at a time on two cores, and can be told otherwise only by newer versions of Node.js.

import { run } from "node:test";
import { spec } from "node:test/reporters";

const files = process.argv.slice(2);
run({ files, concurrency: 3 })
  .on("test:fail", () => (process.exitCode = 1))
  .compose(new spec())
  .pipe(process.stdout);
