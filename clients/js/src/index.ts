// The entry gatesock: a client with topics and presence.

import { newClient } from "./client.js";
import type { Environment } from "./env.js";
import { addTopics } from "./attach.js";
import type { Api, Client, Options } from "./types.js";

export { GatesockError, type Code } from "./error.js";
export type * from "./types.js";

/**
 * Returns a client, which connects at once, and again whenever the connection is lost. It throws
 * only if an option is wrong.
 *
 *     const client = connect({ url: "wss://abc.execute-api.eu-west-1.amazonaws.com/prod" });
 *     const room = client.subscribe("room:1", { last: 50 });
 *     for await (const { event, data } of room) console.log(event, data);
 */
export function connect<A extends Api = Api>(options: Options): Client<A>;
export function connect<A extends Api = Api>(options: Options, env?: Environment): Client<A> {
  return addTopics<A>((extend) => newClient<A>(options, env, extend));
}
