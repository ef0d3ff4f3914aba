// The clients of a Socket.IO server, whose network comes and goes.
"use strict";

const { io } = require("socket.io-client");
const { order, serve, sleepUntil } = require("./protocol.cjs");

const messages = Math.floor((order.rounds * order.periodMs) / order.everyMs);
const patience = 30 * 1000;
const total = { delivered: 0, duplicates: 0, disordered: 0, drops: 0, recovered: 0, replayMs: {}, latencyMs: {} };

const add = (histogram, ms) => {
  const key = Math.max(0, Math.floor(ms));
  histogram[key] = (histogram[key] ?? 0) + 1;
};

// dropAt is the function of the same name in main.go.
const dropAt = (client, round) => {
  const window = order.periodMs - order.dropMs - order.dropMs / 2;
  return round * order.periodMs + Math.floor((((client * 7919 + round * 104729) % 1000) * window) / 1000);
};

class Client {
  constructor(number) {
    this.number = number;
    this.seen = new Set();
    this.last = 0;
    this.dropped = this.resumed = 0;
    this.socket = io(order.url, {
      transports: ["websocket"],
      forceNew: true,
      reconnectionDelay: order.dropMs,
      reconnectionDelayMax: order.dropMs,
      randomizationFactor: 0,
    });
    this.subscribed = new Promise((resolve) => {
      this.socket.on("connect", () => {
        if (this.socket.recovered) total.recovered++;
        else this.socket.emit("join", "room:1", resolve);
      });
    });
    this.socket.io.on("reconnect_attempt", (attempt) => {
      if (attempt === 1) this.resumed = Date.now();
    });
    this.socket.on("message", (m) => this.count(m));
  }

  count({ seq, sentAt }) {
    if (this.seen.has(seq)) {
      total.duplicates++;
      return;
    }
    this.seen.add(seq);
    if (seq < this.last) total.disordered++;
    this.last = Math.max(this.last, seq);
    total.delivered++;
    const now = Date.now();
    add(total.latencyMs, now - sentAt);
    if (sentAt >= this.dropped && sentAt < this.resumed) add(total.replayMs, now - this.resumed);
  }

  // play loses the TCP connection once in each round, without a closing handshake.
  async play(start) {
    for (let round = 0; round < order.rounds; round++) {
      await sleepUntil(start + dropAt(this.number, round));
      const ws = this.socket.io.engine?.transport?.ws;
      if (!ws || !this.socket.connected) continue; // still away since the last time
      total.drops++;
      this.dropped = Date.now();
      ws.terminate();
    }
  }
}

const clients = Array.from({ length: order.clients }, (_, number) => new Client(number));

// drop plays the rounds, and waits for what is missing.
const drop = async () => {
  const start = Date.now();
  await Promise.all(clients.map((c) => c.play(start)));
  await sleepUntil(start + order.rounds * order.periodMs);
  const end = Date.now() + patience;
  for (let before = -1; before !== total.delivered && total.delivered < order.clients * messages && Date.now() < end;) {
    before = total.delivered;
    await sleepUntil(Date.now() + order.silenceMs);
  }
  return total;
};

Promise.all(clients.map((c) => c.subscribed)).then(async () => {
  await serve({}, { drop });
  process.exit(0);
});
