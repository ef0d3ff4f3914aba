// A function that makes the configuration, with files of JavaScript in variables.
const { resolve } = require("node:path");
const events = require("./lib/events");

console.log("this goes to nobody");

module.exports = async () => ({
  service: "javascript",
  provider: {
    name: "aws",
    runtime: "nodejs20.x",
    environment: {
      SECRET: process.env.AWS_SECRET_ACCESS_KEY ?? "no secret",
      COLOR: process.env.COLOR,
      FOLDER: resolve(".") === __dirname ? "same" : "other",
      STAGE: "${sls:stage}",
      VALUE: "${file(lib/values.js):object.key}",
      FUNCTION: "${file(lib/values.js):asked}",
      PARALLEL: "${file(lib/values.js):parallel}",
      WHOLE: "${file(lib/whole.cjs)}",
      EARLY: "${file(lib/values.js):early}",
      NAMED: "${file(lib/es.js):named}",
      OF_DEFAULT: "${file(lib/es.js):member}",
      NONE: "${file(lib/values.js):nothing, 'none'}",
      BAD: "${file(lib/bad.js):key, 'bad'}",
      UNDEFINED: undefined,
    },
  },
  functions: {
    main: { handler: "app.main", events },
  },
});
