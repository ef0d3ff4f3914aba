// Writes down which route a message has invoked, one name a line, if the benchmark probes. Then it
// has made the file.
"use strict";

const { appendFileSync, existsSync } = require("node:fs");
const { join } = require("node:path");

const file = join(__dirname, "seen");
const probing = existsSync(file);

exports.note = (route, event) => {
  if (probing && event.body) {
    appendFileSync(file, `${route}\n`);
  }
};
