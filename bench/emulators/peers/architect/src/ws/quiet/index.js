"use strict";

const { note } = require("../../../note.js");

exports.handler = async (event) => {
  note("quiet", event);
  return { statusCode: 200, body: event.body };
};
