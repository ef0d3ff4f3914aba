// The connection: section 12 of docs/protocol.md, rules 1 to 15.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, GatesockError, idle, online, outcome, settled, start, World } from "./core-start.mjs";

const MINUTE = 60_000;

/** The delay that a state tells. */
const delay = ({ client, world }) => client.state.retryAt - world.time;

test("the first attempt begins at once", async () => {
  const { client, world, states } = start();
  assert.deepEqual(client.state, { name: "connecting" });
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(world.socket.protocols, []);
  await world.socket.open();
  assert.deepEqual(client.state, { name: "online" });
  assert.deepEqual(states, [{ name: "online" }]);
});

test("http addresses become those of WebSockets", () => {
  for (const [url, dialed] of [
    ["https://example.com/prod", "wss://example.com/prod"],
    ["http://localhost:8080/", "ws://localhost:8080/"],
    [new URL("wss://example.com/a?b=c"), "wss://example.com/a?b=c"],
  ]) {
    const { world } = start({ url });
    assert.equal(world.socket.url, dialed);
  }
});

test("a wrong address is refused at once, by name", () => {
  for (const url of ["", "/prod", "example.com/prod", "ftp://example.com", "wss://example.com/#a", undefined, 7]) {
    assert.throws(() => connect({ url }, new World().env), (error) => {
      assert.ok(error instanceof GatesockError);
      assert.equal(error.code, "invalid_argument");
      assert.match(error.message, /option: url/);
      assert.ok(error.message.includes(`"${url}"`), error.message);
      return true;
    });
  }
});

test("without a WebSocket, it is said which one to pass", (t) => {
  const global = Object.getOwnPropertyDescriptor(globalThis, "WebSocket"); // Node.js 20 has none
  delete globalThis.WebSocket;
  if (global) t.after(() => Object.defineProperty(globalThis, "WebSocket", global));
  assert.throws(() => connect({ url: "wss://example.com" }), /option WebSocket/);
});

test("rule 1: delays are random, grow, and have a cap", async () => {
  const all = start();
  for (const [random, ms] of [[0.999999, 500], [0.5, 500], [0.25, 500], [0, 0]]) {
    all.world.randoms = [random];
    await all.world.socket.end();
    assert.equal(all.client.state.name, "waiting");
    assert.equal(Math.round(delay(all)), ms);
    const dialed = all.world.sockets.length;
    if (ms) {
      await all.world.pass(Math.floor(all.client.state.retryAt - all.world.time) - 1);
      assert.equal(all.world.sockets.length, dialed, "not before its time");
    }
    await all.world.pass(2);
    assert.equal(all.world.sockets.length, dialed + 1);
    assert.equal(all.client.state.name, "connecting");
  }
});

test("rule 1: the cap is 30 seconds, and a stable connection begins again", async () => {
  const all = start();
  const { world } = all;
  for (let i = 0; i < 10; i++) {
    await world.socket.open();
    await world.pass(9_999);
    world.randoms = [1 - 1e-9];
    await world.socket.end();
    assert.equal(Math.round(delay(all)), Math.min(30_000, 500 * 2 ** i));
    await world.pass(delay(all));
  }
  await world.socket.open();
  await world.pass(10_000);
  world.randoms = [1 - 1e-9];
  await world.socket.end();
  assert.equal(Math.round(delay(all)), 500);
});

test("rule 2: an attempt that is not open after 10 seconds has failed", async () => {
  const { client, world } = start();
  const { socket } = world;
  await world.pass(9_999);
  assert.equal(client.state.name, "connecting");
  await world.pass(1);
  assert.equal(client.state.name, "waiting");
  assert.ok(socket.closed);
  await socket.open();
  assert.equal(client.state.name, "waiting", "what has failed does not open");
});

test("rule 2: an open connection is not ended by the time for opening", async () => {
  const { client, world } = await online();
  await world.pass(60_000);
  assert.equal(client.state.name, "online");
});

test("rule 2: token and ticket are fetched anew for each attempt", async () => {
  let n = 0;
  const { world } = start({
    url: "wss://example.com/prod?a=b",
    protocols: ["chat.v1"],
    token: () => `token${++n}`,
    ticket: async () => `a/ticket ${n}`,
  });
  await idle();
  assert.deepEqual(world.socket.protocols, ["chat.v1", "bearer.token1"]);
  assert.equal(new URL(world.socket.url).searchParams.get("ticket"), "a/ticket 1");
  assert.equal(new URL(world.socket.url).searchParams.get("a"), "b");
  await world.socket.end();
  await world.pass(500);
  assert.equal(world.sockets.length, 2);
  assert.deepEqual(world.socket.protocols, ["chat.v1", "bearer.token2"]);
  assert.equal(new URL(world.socket.url).searchParams.get("ticket"), "a/ticket 2");
});

for (const [what, options] of Object.entries({
  "a token that throws": { token: () => { throw new Error("signed out"); } },
  "a token that rejects": { token: () => Promise.reject(new Error("signed out")) },
  "a token that rejects with nothing": { token: () => Promise.reject() },
  "a token that is no string": { token: () => 7 },
  "an empty token": { token: () => "" },
  "no token": { token: async () => undefined },
  "a ticket that throws": { ticket: () => { throw "signed out"; } },
  "a ticket that is an object": { ticket: () => ({}) },
})) {
  test(`rule 2: ${what} is an attempt that failed, and a problem`, async () => {
    const all = start(options);
    await idle();
    assert.equal(all.world.sockets.length, 0);
    assert.equal(all.client.state.name, "waiting");
    assert.equal(delay(all), 250);
    await all.world.pass(250);
    assert.deepEqual(all.problems.slice(-1), ["token"]);
    await all.world.pass(60 * MINUTE);
    assert.ok(all.problems.length < 400, "no loop");
    all.client.close();
    assert.deepEqual(all.world.timers, []);
  });
}

test("rule 2: a token that hangs is inside the 10 seconds, and comes too late", async () => {
  let give;
  const { client, world } = start({ token: () => new Promise((resolve) => (give = resolve)) });
  await world.pass(9_999);
  assert.equal(client.state.name, "connecting");
  await world.pass(1);
  assert.equal(client.state.name, "waiting");
  give("late");
  await idle();
  assert.equal(world.sockets.length, 0);
});

test("a socket that cannot be made is an attempt that failed", async () => {
  const world = new World();
  world.env.dial = () => {
    throw new SyntaxError("a subprotocol has a wrong character");
  };
  const { client, problems } = start({ token: async () => "a b" }, world);
  await idle();
  assert.equal(client.state.name, "waiting");
  assert.deepEqual(problems, ["invalid_argument"]);
  assert.equal(client.state.reason, "There can be no WebSocket: a subprotocol has a wrong character");
  await world.pass(60 * MINUTE);
  assert.equal(client.state.name, "waiting", "the server has refused nothing");
  assert.ok(problems.length < 400, "no loop");
});

for (const [what, options] of Object.entries({
  "a token that is a text": { token: "abc" },
  "a ticket that is a promise": { ticket: Promise.resolve("abc") },
  "protocols that are a text": { protocols: "chat" },
  "a keep-alive that is a text": { keepAlive: "8 minutes" },
  "a keep-alive that is no number": { keepAlive: NaN },
  "other names of members": { envelope: { action: "type" } },
})) {
  test(`${what} is refused at once`, () => {
    const world = new World();
    assert.throws(() => start(options, world), { code: "invalid_argument", message: /^Wrong option: token,/ });
    assert.deepEqual([world.sockets, world.timers, world.listeners.size], [[], [], 0]);
  });
}

test("a handshake that fails is told in other words than a connection that is lost", async () => {
  const { client, world } = start();
  await idle();
  await world.socket.end();
  assert.equal(client.state.reason, "The connection was not opened. (1006)");
  client.retry();
  await world.socket.open();
  await world.socket.end(4000, "bye");
  assert.equal(client.state.reason, "The connection was lost. (4000 bye)");
});

test("rule 3: 20 attempts in 5 minutes, whatever their causes are", async () => {
  const all = start();
  const { client, world } = all;
  for (let i = 1; i < 20; i++) {
    await world.pass(1_000);
    await world.socket.end();
    client.retry();
    assert.equal(world.sockets.length, i + 1);
  }
  await world.socket.end();
  client.retry();
  await world.happen("online");
  await world.happen("visible");
  assert.equal(world.sockets.length, 20);
  assert.equal(delay(all), 5 * MINUTE - 19_000);
  await world.pass(5 * MINUTE - 19_000);
  assert.equal(world.sockets.length, 21);
  await world.socket.end();
  client.retry();
  await world.pass(999);
  assert.equal(world.sockets.length, 21);
  await world.pass(1);
  assert.equal(world.sockets.length, 22);
});

test("rule 3: a clock that is set back does not stop the attempts", async () => {
  const { world, client } = start();
  for (let i = 1; i < 20; i++) {
    await world.socket.end();
    client.retry();
  }
  world.skew = -60 * MINUTE;
  await world.socket.end();
  client.retry();
  assert.equal(world.sockets.length, 21);
});

test("rule 4: five refusals are told, once, and the cap is 5 minutes", async () => {
  const all = start();
  const { client, world, problems } = all;
  for (let i = 1; i <= 5; i++) {
    assert.deepEqual(problems, []);
    await world.socket.end();
    assert.equal(client.state.name, i < 5 ? "waiting" : "refused");
    await world.pass(delay(all));
  }
  assert.deepEqual(problems, ["refused"]);
  let longest = 0;
  for (let i = 0; i < 12; i++) {
    await world.socket.end();
    longest = Math.max(longest, delay(all));
    await world.pass(delay(all));
  }
  assert.equal(longest, 150_000); // half of the cap
  assert.deepEqual(problems, ["refused"]);
  await world.socket.open();
  await world.socket.say({ event: "hello", data: 1 });
  await world.socket.end();
  assert.equal(client.state.name, "waiting", "a frame begins the count again");
});

test("rule 4: a connection that opens and ends at once neither counts nor begins the count again", async () => {
  const all = start();
  const { client, world, problems } = all;
  for (let i = 1; i <= 5; i++) {
    await world.socket.open();
    await world.socket.end();
    await world.pass(delay(all));
    await world.socket.end();
    assert.equal(client.state.name, i < 5 ? "waiting" : "refused");
    await world.pass(delay(all));
  }
  assert.deepEqual(problems, ["refused"]);
});

test("rule 4: without a network nothing is a refusal", async () => {
  const world = new World();
  world.isOffline = true;
  const all = start({}, world);
  for (let i = 0; i < 8; i++) {
    await world.socket.end();
    assert.equal(all.client.state.name, "offline");
    await world.pass(delay(all));
  }
  assert.deepEqual(all.problems, []);
});

for (const what of ["online", "visible"]) {
  test(`rule 6: ${what} tries at once`, async () => {
    const { world, client } = await online();
    await world.socket.end();
    await world.happen(what);
    assert.equal(world.sockets.length, 2);
    assert.equal(client.state.name, "connecting");
    await world.happen(what);
    assert.equal(world.sockets.length, 2, "one attempt at a time");
    await world.pass(1_000);
    assert.equal(world.sockets.length, 2, "the timer is gone");
  });

  test(`rule 6: ${what} sends a probe if it is online, and a silent connection is dead after 10 s`, async () => {
    const { world, client } = await online();
    const { socket } = world;
    await world.happen(what);
    await world.happen(what);
    assert.deepEqual(socket.messages, [{ action: "keepalive" }], "one at a time");
    await world.pass(9_999);
    assert.equal(client.state.name, "online");
    await world.pass(1);
    assert.equal(client.state.name, "waiting");
    assert.equal(socket.closed, 1000);
  });
}

test("rule 6: offline is told while the client waits, and it tries nevertheless", async () => {
  const { world, client, states } = await online();
  await world.happen("offline");
  assert.equal(client.state.name, "online");
  await world.socket.end();
  assert.equal(client.state.name, "offline");
  const { retryAt } = client.state;
  await world.pass(retryAt - world.time);
  assert.equal(world.sockets.length, 2);
  await world.socket.end();
  await world.happen("online");
  assert.equal(client.state.name, "connecting");
  await world.socket.end();
  assert.equal(client.state.name, "waiting");
  await world.happen("offline");
  assert.equal(client.state.name, "offline");
  assert.deepEqual(states.slice(-2).map((s) => s.retryAt), [client.state.retryAt, client.state.retryAt]);
});

test("rule 6: after a sleep a client that waits tries at once", async () => {
  const { world, client } = await online();
  for (let i = 0; i < 6; i++) {
    await world.socket.end();
    await world.pass(30_000);
  }
  await world.socket.end();
  assert.equal(client.state.name, "refused");
  const dialed = world.sockets.length;
  await world.sleep(60 * MINUTE);
  assert.equal(world.sockets.length, dialed + 1);
});

test("rule 6: after a sleep a client that is online sends a probe", async () => {
  const { world, client } = await online({ keepAlive: 9 * MINUTE });
  await world.socket.say({ event: "a", data: 1 });
  await world.sleep(60 * MINUTE);
  assert.deepEqual(world.socket.last, { action: "keepalive" });
  assert.equal(world.socket.sent.length, 1);
  await world.pass(10_000);
  assert.equal(client.state.name, "waiting");
});

test("rule 7: 1008 is told, and waits 5 seconds longer", async () => {
  const all = await online();
  await all.world.socket.end(1008, "slow down");
  assert.deepEqual(all.problems, ["rate_limited"]);
  assert.equal(delay(all), 5_250);
  assert.match(all.client.state.reason, /too many requests.*slow down/);
});

test("rule 7: 1009 is told", async () => {
  const all = await online();
  await all.world.socket.end(1009);
  assert.deepEqual(all.problems, ["too_large"]);
  assert.equal(delay(all), 250);
});

test("close codes are explained in words", async () => {
  for (const [code, reason, words] of [
    [1000, "", /1000/],
    [1001, "Going away", /10 minutes.*2 hours.*Going away/],
    [1006, "", /1006/],
    [1011, "", /failed/],
    [1012, "", /restarts/],
    [4001, "you were banned", /4001.*you were banned/],
  ]) {
    const { world, client, problems } = await online();
    await world.socket.end(code, reason);
    assert.match(client.state.reason, words);
    assert.deepEqual(problems, []);
  }
});

test("rule 8: stale_connection ends the connection, also without an id", async () => {
  const all = await online();
  const { socket } = all.world;
  await socket.say({ action: "typing", error: { code: "stale_connection", message: "no" } });
  assert.equal(socket.closed, 1000);
  assert.equal(delay(all), 250);
  assert.deepEqual(all.problems, []);
});

test("rule 11: a frame that makes no sense is a problem once for each connection, and ignored", async () => {
  for (const text of [
    "not JSON", "{", "7", "null", '"text"', "[1]", "[[]]", "{}", '{"event":""}', '{"event":7}', '{"message":"hello"}',
    '{"events":[]}', '{"id":"1"}'.replace('"id":"1"', '"x":1'),
  ]) {
    const { world, client, problems } = await online();
    await world.socket.say(text);
    await world.socket.say(text);
    assert.deepEqual(problems, ["protocol"], text);
    assert.equal(client.state.name, "online");
  }
});

test("rule 11: binary frames make no sense", async () => {
  const { world, problems } = await online();
  world.socket.onmessage({ data: new Blob(["{}"]) });
  world.socket.onmessage({ data: new ArrayBuffer(8) });
  assert.deepEqual(problems, ["protocol"]);
});

test("rule 11: after ten the server speaks another protocol, which is a refusal", async () => {
  const all = start();
  const { world, client, problems } = all;
  for (let n = 1; n <= 5; n++) {
    await world.socket.open();
    await world.pass(60_000); // long enough to be stable
    const { socket } = world;
    for (let i = 0; i < 10; i++) {
      assert.ok(!socket.closed);
      await socket.say("*** welcome to the bulletin board ***");
    }
    assert.equal(socket.closed, 1000);
    assert.equal(delay(all), 250 * 2 ** (n - 1));
    assert.equal(client.state.name, n < 5 ? "waiting" : "refused");
    await world.pass(delay(all));
  }
  assert.deepEqual(problems.filter((code) => code != "protocol"), ["refused"]);
});

test("rule 11: it is none if one frame made sense", async () => {
  const { world, client } = await online();
  await world.socket.say({ event: "a", data: 1 });
  for (let i = 0; i < 30; i++) await world.socket.say("nonsense");
  assert.equal(client.state.name, "online");
});

test("rule 12: a keep-alive is sent after 8 minutes of silence", async () => {
  const { world } = await online();
  await world.pass(8 * MINUTE - 1);
  assert.equal(world.socket.sent.length, 0);
  await world.pass(1);
  assert.deepEqual(world.socket.messages, [{ action: "keepalive" }]);
  await world.socket.say({ action: "keepalive", data: null });
  await world.pass(8 * MINUTE - 1);
  assert.equal(world.socket.sent.length, 1);
  await world.pass(1);
  assert.equal(world.socket.sent.length, 2);
});

test("rule 12: what is sent and received puts it off", async () => {
  const { world, client } = await online();
  await world.pass(5 * MINUTE);
  await world.socket.say({ event: "a", data: 1 });
  await world.pass(5 * MINUTE);
  client.send("typing");
  await world.pass(8 * MINUTE - 1);
  assert.equal(world.socket.sent.length, 1);
  await world.pass(1);
  assert.deepEqual(world.socket.last, { action: "keepalive" });
});

test("rule 12: name and time are options, the time is bounded and random", async () => {
  for (const [keepAlive, random, ms] of [
    [60_000, 0.5, 60_000], [60_000, 0, 56_250], [60_000, 1, 63_750], [1, 0.5, 10_000], [Infinity, 0.5, 9 * MINUTE], [undefined, 0, 450_000],
  ]) {
    const world = new World();
    world.randoms = [random];
    await online({ keepAlive, keepAliveAction: "ping" }, world);
    await world.pass(ms - 1);
    assert.deepEqual(world.socket.messages, []);
    await world.pass(1);
    assert.deepEqual(world.socket.messages, [{ action: "ping" }]);
  }
});

test("rule 12: none is sent at once, whatever the numbers are", async () => {
  for (let i = 0; i < 200; i++) {
    const world = new World();
    world.randoms = [(i * 0.618034) % 1];
    await online({}, world);
    assert.equal(world.socket.sent.length, 0);
  }
});

test("rule 12: a clock that is set back does not put it off for long", async () => {
  const { world } = await online();
  world.skew = -60 * MINUTE;
  await world.pass(16 * MINUTE);
  assert.deepEqual(world.sockets[0].messages, [{ action: "keepalive" }]);
});

test("rule 13: any frame is an answer to a keep-alive", async () => {
  for (const frame of ["", { action: "keepalive", data: null }, { event: "a", data: 1 }, { message: "Forbidden", requestId: "1" },
    { action: "keepalive", error: { code: "not_found", message: "no" } }, "nonsense"]) {
    const { world, client, problems } = await online();
    await world.happen("visible");
    await world.pass(9_999);
    await world.socket.say(frame);
    await world.pass(20_000);
    assert.equal(client.state.name, "online");
    assert.deepEqual(problems, frame == "nonsense" ? ["protocol"] : []);
  }
});

test("rule 13: a connection is dead 30 s after a request, if no frame came", async () => {
  const { world, client } = await online();
  client.call("slow", {}, { timeout: 60_000 }).catch(() => {});
  await world.pass(20_000);
  client.call("slow", {}, { timeout: 60_000 }).catch(() => {});
  await world.pass(9_999);
  assert.equal(client.state.name, "online");
  await world.pass(1);
  assert.equal(client.state.name, "waiting");
});

test("rule 13: a frame after the request shows that it is alive", async () => {
  const { world, client } = await online();
  client.call("slow", {}, { timeout: 60_000 }).catch(() => {});
  await world.pass(20_000);
  await world.socket.say({ event: "a", data: 1 });
  await world.pass(39_000);
  assert.equal(client.state.name, "online");
});

// Roll-over.

/** A client whose second connection is under way. */
async function rolling(options) {
  const all = await online(options);
  await all.world.socket.say({ event: "a", data: 1 });
  while (all.world.sockets.length == 1) {
    await all.world.pass(MINUTE);
    if (!all.world.sockets[1]) await all.world.sockets[0].say("");
  }
  const [first, second] = all.world.sockets;
  return { ...all, first, second };
}

test("rule 14: a second connection is opened after 105 to 115 minutes", async () => {
  for (const [random, minutes] of [[0, 105], [0.5, 110], [1, 115]]) {
    const world = new World();
    world.randoms = [0.5, random];
    await online({}, world);
    for (let i = 1; i < minutes; i++) {
      await world.pass(MINUTE);
      await world.socket.say("");
    }
    await world.pass(MINUTE - 1);
    assert.equal(world.sockets.length, 1);
    await world.pass(1);
    assert.equal(world.sockets.length, 2);
  }
});

test("rules 14 and 15: it takes over when a frame has come on it", async () => {
  const { client, world, first, second, states } = await rolling();
  const before = client.call("slow");
  await second.open();
  assert.deepEqual(second.messages, [{ action: "keepalive" }]);
  const between = client.call("quick");
  assert.equal(first.last.action, "quick");
  await second.say({ action: "keepalive", data: null });
  const after = client.call("next");
  assert.equal(second.last.action, "next");
  assert.equal(new Set([...first.messages, ...second.messages].filter((m) => m.id).map((m) => m.id)).size, 3);
  await second.reply("c");
  assert.equal(await outcome(after), "c");
  await first.reply("a", first.messages.find((m) => m.action == "slow"));
  assert.equal(await outcome(before), "a");
  assert.ok(!first.closed, "a call waits");
  const pushed = [];
  client.onPush("a", (data) => pushed.push(data));
  await first.say({ event: "a", data: 1 });
  await second.say({ event: "a", data: 2 });
  assert.deepEqual(pushed, [1, 2]);
  await first.reply("b");
  assert.equal(await outcome(between), "b");
  assert.equal(first.closed, 1000);
  assert.deepEqual(states, [{ name: "online" }]);
  await world.pass(3 * MINUTE);
  assert.equal(client.state.name, "online");
});

test("rule 15: the first one closes after 2 minutes at the latest", async () => {
  const { client, world, first, second } = await rolling();
  const once = settled(client.call("slow", {}, { timeout: 10 * MINUTE }));
  const twice = client.call("slow", { n: 2 }, { timeout: 10 * MINUTE, idempotent: true });
  await second.open();
  await second.say("");
  for (let i = 0; i < 11; i++) {
    await world.pass(10_000);
    await first.say("");
  }
  await world.pass(9_999);
  assert.ok(!first.closed);
  await world.pass(1);
  assert.equal(first.closed, 1000);
  assert.equal(await outcome(once), "unknown_outcome");
  assert.equal(await outcome(twice), "pending");
  assert.equal(second.last.n, 2, "what is idempotent is sent again");
});

test("rule 14: if the second one fails, the first goes on, and there is another attempt", async () => {
  const { client, world, first, second, problems, states } = await rolling();
  await second.end();
  assert.equal(client.state.name, "online");
  await world.pass(34_999);
  assert.equal(world.sockets.length, 2);
  await world.pass(1);
  assert.equal(world.sockets.length, 3);
  await world.socket.open();
  await world.pass(10_000); // not confirmed
  assert.equal(world.socket.closed, 1000);
  assert.ok(!first.closed);
  await world.pass(35_000);
  assert.equal(world.sockets.length, 4);
  await world.socket.open();
  await world.socket.say("");
  assert.equal(first.closed, 1000);
  assert.deepEqual(problems, []);
  assert.deepEqual(states, [{ name: "online" }]);
});

test("rule 14: if the first one ends, the second takes its place: before it is open", async () => {
  const { client, world, first, second } = await rolling();
  await first.end();
  assert.equal(client.state.name, "connecting");
  await second.open();
  assert.equal(client.state.name, "online");
  assert.equal(world.sockets.length, 2);
});

test("rule 14: if the first one ends, the second takes its place: before it is confirmed", async () => {
  const { client, world, first, second, states } = await rolling();
  await second.open();
  const call = client.call("a", {}, { idempotent: true });
  await first.end();
  assert.equal(client.state.name, "online");
  assert.equal(second.last.action, "a");
  await second.reply(1);
  assert.equal(await outcome(call), 1);
  assert.equal(world.sockets.length, 2);
  assert.deepEqual(states, [{ name: "online" }]);
});

test("rule 14: a second connection is replaced in its turn", async () => {
  const { world, first, second } = await rolling();
  await second.open();
  await second.say("");
  assert.equal(first.closed, 1000);
  for (let i = 0; i < 120 && world.sockets.length == 2; i++) {
    await world.pass(MINUTE);
    await second.say("");
  }
  assert.equal(world.sockets.length, 3);
});

test("stale_connection on the one that was replaced ends only that one", async () => {
  const { client, first, second } = await rolling();
  const call = settled(client.call("slow"));
  await second.open();
  await second.say("");
  await first.refuse("stale_connection", first.messages.at(-1));
  assert.equal(await outcome(call), "stale_connection");
  assert.equal(first.closed, 1000);
  assert.ok(!second.closed);
  assert.equal(client.state.name, "online");
});

// The end.

for (const [when, prepare] of Object.entries({
  connecting: async () => start(),
  "fetching a token": async () => start({ token: () => new Promise(() => {}) }),
  online: online,
  "online with all that waits": async () => {
    const all = await online();
    const { client, world } = all;
    const ignore = (p) => p.catch(() => {});
    ignore(client.call("limited"));
    await world.socket.refuse({ code: "rate_limited", message: "no" });
    ignore(client.call("failing", {}, { idempotent: true }));
    await world.socket.refuse("unavailable");
    ignore(client.call("unanswered", {}, { signal: new AbortController().signal }));
    client.send("typing");
    await world.happen("visible");
    return all;
  },
  waiting: async () => {
    const all = await online();
    await all.world.socket.end();
    return all;
  },
  "rolling over": async () => {
    const all = await rolling();
    await all.second.open();
    return all;
  },
  draining: async () => {
    const all = await rolling();
    all.client.call("slow").catch(() => {});
    await all.second.open();
    await all.second.say("");
    return all;
  },
})) {
  test(`nothing is left after close: ${when}`, async () => {
    const { client, world, states } = await prepare();
    client.close();
    client.close();
    assert.deepEqual(client.state, { name: "closed" });
    assert.deepEqual(states.filter((s) => s.name == "closed").length, 1);
    assert.equal(world.timers.length, 0);
    assert.equal(world.listeners.size, 0);
    for (const socket of world.sockets) {
      assert.ok(socket.closed, "closed by the client, or by the server");
      await socket.open();
      await socket.say({ event: "a", data: 1 });
      await socket.end();
    }
    client.retry();
    await world.pass(60 * MINUTE);
    assert.deepEqual(client.state, { name: "closed" });
    assert.equal(world.timers.length, 0);
  });
}

test("close in the listener of any state leaves nothing", async () => {
  for (const name of ["connecting", "online", "waiting"]) {
    const { client, world } = start();
    client.on("state", (state) => state.name == name && client.close());
    await world.socket.open();
    await world.socket.end();
    await world.pass(500);
    assert.equal(client.state.name, "closed");
    assert.equal(world.timers.length, 0);
    assert.ok(world.sockets.every((s) => s.closed || !s.onclose));
  }
});

test("close in the listener of a problem leaves nothing", async () => {
  for (const code of ["refused", "protocol", "rate_limited", "token"]) {
    const all = start(code == "token" ? { token: () => "" } : {});
    const { client, world } = all;
    client.on("problem", (problem) => problem.code == code && client.close());
    if (code == "token") await world.pass(60_000);
    else if (code == "refused") for (let i = 0; i < 5; i++) (await world.socket.end(), await world.pass(30_000));
    else {
      await world.socket.open();
      if (code == "protocol") await world.socket.say("nonsense");
      else await world.socket.end(1008);
    }
    assert.equal(client.state.name, "closed");
    assert.equal(world.timers.length, 0);
  }
});

test("rule 2: a token that comes to nothing after its time is told once", async () => {
  let fail;
  const { world, problems } = start({ token: () => new Promise((_, reject) => (fail ??= reject)) });
  await world.pass(10_000);
  fail(new Error("late"));
  await idle();
  assert.deepEqual(problems, ["token"]);
});

test("rule 4: an attempt without credentials is no refusal: it did not reach the server", async () => {
  const all = start({ token: () => "" });
  for (let i = 0; i < 8; i++) {
    await idle();
    assert.equal(all.client.state.name, "waiting");
    await all.world.pass(delay(all));
  }
  assert.ok(!all.problems.includes("refused"));
});

test("a socket has a listener for errors to its end, without which package ws throws", async () => {
  const { client, world } = start();
  client.close();
  assert.equal(typeof world.socket.onerror, "function");
});
