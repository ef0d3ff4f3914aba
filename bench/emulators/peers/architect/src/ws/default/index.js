"use strict";

const { note } = require("../../../note.js");

exports.handler = async (event) => {
  note("default", event);
  return { statusCode: 200, body: event.body };
};
