"use strict";

// The body goes back to the client of a route with a route response.
exports.handler = async (event) => ({ statusCode: 200, body: event.body });
