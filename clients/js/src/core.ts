// The entry gatesock/core: a client without topics.

import { newClient } from "./client.js";
import type { Environment } from "./env.js";
import type { Api, CoreClient, Options } from "./types.js";

export { GatesockError, type Code } from "./error.js";
export type * from "./types.js";

/**
 * Returns a client, which connects at once, and again whenever the connection is lost. It throws
 * only if an option is wrong.
 *
 *     const client = connect({ url: "wss://abc.execute-api.eu-west-1.amazonaws.com/prod" });
 *     console.log(await client.call("hello", { name: "Ann" }));
 */
export function connect<A extends Api = Api>(options: Options): CoreClient<A>;
export function connect<A extends Api = Api>(options: Options, env?: Environment): CoreClient<A> {
  return newClient<A>(options, env);
}
