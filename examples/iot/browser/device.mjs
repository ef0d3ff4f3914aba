// Devices, and those who register them, as the page's own client sees the API.

import WebSocket from "ws";
import { connect } from "../web/gatesock.js";

// Returns a client with a key, which can be that of a device.
function open(server, key, device) {
  const headers = { "X-Api-Key": key, ...(device && { "X-Device": device }) };
  const Socket = class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { headers });
    }
  };
  return connect({ url: server.url, WebSocket: Socket });
}

// Registers devices: {id, name, type, region}.
export async function register(server, devices, tenant = server.tenant) {
  const client = open(server, server.persons[tenant]);
  for (let i = 0; i < devices.length; i += 100) {
    await client.call("register", { devices: devices.slice(i, i + 100) }, { idempotent: true });
  }
  client.close();
}

const counts = new Map();

// Returns the next reading of a device.
function reading(device, values) {
  const seq = (counts.get(device) ?? 0) + 1;
  counts.set(device, seq);
  return { device, seq, at: new Date().toISOString(), values };
}

// Sends readings of devices over HTTP, as a gateway does: [[id, values], ...].
export async function report(server, readings, { key = server.key } = {}) {
  const response = await fetch(`${server.http}/readings`, {
    method: "POST",
    headers: { "X-Api-Key": key, "Content-Type": "application/json" },
    body: JSON.stringify({ readings: readings.map(([device, values]) => reading(device, values)) }),
  });
  const outcome = await response.json();
  if (outcome.accepted !== readings.length) throw new Error(`refused: ${JSON.stringify(outcome)}`);
}

// Sends what is not a reading of a device as it should be, and returns the answer.
export async function reportRaw(server, readings) {
  const response = await fetch(`${server.http}/readings`, {
    method: "POST", headers: { "X-Api-Key": server.key }, body: JSON.stringify({ readings }),
  });
  return response.json();
}

// A device on the WebSocket, which gets commands.
export class Device {
  constructor(server, id) {
    this.id = id;
    this.client = open(server, server.key, id);
    this.orders = this.client.subscribe(`inbox:${server.tenant}/${id}`, { last: 10 });
    this.iterator = this.orders[Symbol.asyncIterator]();
  }

  report(values) {
    return this.client.call("report", { readings: [reading(this.id, values)] });
  }

  // Waits for the next command.
  async order() {
    return (await this.iterator.next()).value.data;
  }

  answer(command, state, more) {
    return this.client.call("result", { command, state, ...more });
  }

  close() {
    this.client.close();
  }
}
