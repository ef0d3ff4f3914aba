// Hooks for React.
import { useMemo, useSyncExternalStore } from "react";
import { presenceStore, stateStore, topicStore } from "./store.js";
import type {
  HasState, PresenceView, Presents, Store, TopicName, TopicOptions, TopicView,
} from "./store.js";
import type { Api, Client, EventOf, State, TopicEvent } from "./types.js";

export type { HasState, PresenceView, Presents, TopicName, TopicOptions, TopicView } from "./store.js";

const use = <T>({ get, subscribe }: Store<T>): T => useSyncExternalStore(subscribe, get, get);

/** Returns the state of the connection. The component is rendered again when it changes. */
export const useClientState = (client: HasState): State => use(useMemo(() => stateStore(client), [client]));

/**
 * Subscribes to a topic as long as the component is mounted, and returns what is known of it.
 * Without a topic nothing is subscribed. It begins anew with another client, topic or options;
 * options with the same JSON are the same.
 */
export const useTopic = <A extends Api, E extends TopicEvent = EventOf<A>>(
  client: Client<A>,
  topic: TopicName,
  options?: TopicOptions,
): TopicView<E> =>
  use(useMemo(() => topicStore<A, E>(client, topic, options), [client, topic, JSON.stringify(options)]));

/**
 * Joins a topic's presence as long as the component is mounted, and returns the members. Others
 * see the option `as`, any JSON of at most 256 bytes. Options with the same JSON are the same.
 */
export const usePresence = (client: Presents, topic: TopicName, options?: { as?: unknown }): PresenceView =>
  use(useMemo(() => presenceStore(client, topic, options), [client, topic, JSON.stringify(options)]));
