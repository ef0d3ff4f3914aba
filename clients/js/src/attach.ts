// Adds topics and presence to a client.

import { GatesockError } from "./error.js";
import type { Host } from "./extension.js";
import { presence } from "./presence.js";
import { subscribe } from "./subscription.js";
import { newTopics, type Topics } from "./topics.js";
import type { Api, Client, CoreClient, SubscribeOptions } from "./types.js";

const machines = new WeakMap<object, Topics>();

/** Returns the topics of a client, for package values. */
export function topicsOf(client: object): Topics {
  const topics = machines.get(client);
  if (!topics) throw new GatesockError("invalid_argument", "The client has no topics: connect with gatesock itself.");
  return topics;
}

/** Returns the client that a function makes with the extension that it is given. */
export function addTopics<A extends Api>(create: (newExtension: (host: Host) => Topics) => CoreClient<A>): Client<A> {
  let topics!: Topics;
  const client = create((host) => (topics = newTopics(host)));
  machines.set(client, topics);
  // Not a copy: the state of a client is a getter.
  return Object.assign(client, {
    // Which events a topic has is a promise of the server.
    subscribe: ((name: string, options?: SubscribeOptions) =>
      subscribe(topics, name, options)) as Client<A>["subscribe"],
    presence: (name: string, options?: { as?: unknown }) => presence(topics, name, options),
  });
}
