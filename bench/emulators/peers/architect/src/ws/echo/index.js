// There are no route responses: a handler posts. It does so without a library, which would take
// longer to load.
"use strict";

const { request } = require("node:http");
const { note } = require("../../../note.js");

exports.handler = async (event) => {
  note("echo", event);
  const { ports } = JSON.parse(process.env.ARC_SANDBOX);
  const path = `/_arc/ws/@connections/${event.requestContext.connectionId}`;
  await new Promise((resolve, reject) => {
    const post = request({ host: "localhost", port: ports._arc, path, method: "POST" }, (response) => {
      response.resume();
      response.on("end", resolve);
    });
    post.on("error", reject);
    post.end(event.body);
  });
  return { statusCode: 200 };
};
