"use strict";

const { note } = require("./note.js");

// The body goes back to the client of a route with a route response.
exports.handler = async (event) => {
  note(event.requestContext.routeKey, event);
  return { statusCode: 200, body: event.body };
};
