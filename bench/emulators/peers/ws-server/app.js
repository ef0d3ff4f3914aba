// The echo of the benchmark. There are no route responses: a handler posts.
"use strict";

const server = require("aws-lambda-ws-server");
const { note } = require("./note.js");

const noted = async ({ event }) => {
  note(event.requestContext.routeKey, event);
  return { statusCode: 200, body: event.body };
};

exports.handler = server(
  server.handler({
    connect: noted,
    disconnect: noted,
    default: noted,
    quiet: noted,
    async echo({ event, message, id, context }) {
      note(event.requestContext.routeKey, event);
      await context.postToConnection(message, id);
      return { statusCode: 200 };
    },
  }),
);
