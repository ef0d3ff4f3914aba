// What the tests of the core have in common.

import { load } from "./build.mjs";
import { idle, World } from "./world.mjs";

export const { connect, GatesockError } = await load("core");
export const { newClient } = await load("client");
export { idle, World };

/** A client, its world, and what it has told. It may have an extension. */
export function start(options = {}, world = new World(), extend = undefined) {
  const all = { url: "wss://example.com/prod", ...options };
  const client = extend ? newClient(all, world.env, extend) : connect(all, world.env);
  const states = [];
  const problems = [];
  client.on("state", (state) => states.push(state));
  client.on("problem", (problem) => problems.push(problem.code));
  return { client, world, states, problems };
}

/** The same, with a connection. */
export async function online(options, world, extend) {
  const all = start(options, world, extend);
  await idle();
  await all.world.socket.open();
  return all;
}

/** The same promise, whose rejection is no surprise. */
export function settled(promise) {
  promise.catch(() => {});
  return promise;
}

/** What has become of a promise: "pending", its value, or the code of its error. */
export async function outcome(promise) {
  let result = "pending";
  promise.then(
    (value) => (result = value),
    (error) => (result = error?.code ?? error),
  );
  await idle();
  return result;
}

/** The same of several promises. */
export const outcomes = (promises) => Promise.all(promises.map(outcome));
