// The side of a child process of bench/internal/harness: an order in the last argument, questions on
// standard input, answers as JSON on standard output.
"use strict";

const readline = require("node:readline");

exports.order = JSON.parse(process.argv.at(-1));

const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");

// serve writes the first answer, and then that of each question, until the input ends.
exports.serve = async (first, answers) => {
  say(first);
  for await (const question of readline.createInterface({ input: process.stdin })) {
    say(await answers[question]());
  }
};

exports.sleepUntil = (time) => new Promise((resolve) => setTimeout(resolve, time - Date.now()));
