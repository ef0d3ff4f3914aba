// A Socket.IO server with one room, in which it publishes.
"use strict";

const { createServer } = require("node:http");
const { Server } = require("socket.io");
const { order, serve, sleepUntil } = require("./protocol.cjs");

const http = createServer();
const io = new Server(http, order.recovery
  ? { connectionStateRecovery: { maxDisconnectionDuration: 2 * 60 * 1000, skipMiddlewares: true } }
  : {});

io.on("connection", (socket) => {
  socket.on("join", (room, done) => {
    socket.join(room);
    done();
  });
});

const publish = async () => {
  const messages = Math.floor((order.rounds * order.periodMs) / order.everyMs);
  const start = Date.now();
  for (let n = 0; n < messages; n++) {
    await sleepUntil(start + n * order.everyMs);
    io.to("room:1").emit("message", { seq: n + 1, sentAt: Date.now() });
  }
  return { messages };
};

http.listen(0, "127.0.0.1", async () => {
  await serve({ url: `http://127.0.0.1:${http.address().port}` }, { publish });
  io.close();
  process.exit(0);
});
