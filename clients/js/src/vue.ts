// Composables for Vue. They belong to the effect scope in which they are called, such as a
// component's setup, and end with it.
import { shallowRef, toValue, watchEffect } from "vue";
import type { MaybeRefOrGetter, ShallowRef } from "vue";
import { presenceStore, stateStore, topicStore } from "./store.js";
import type {
  HasState, PresenceView, Presents, Store, TopicName, TopicOptions, TopicView,
} from "./store.js";
import type { Api, Client, EventOf, State, TopicEvent } from "./types.js";

export type { HasState, PresenceView, Presents, TopicName, TopicOptions, TopicView } from "./store.js";

/** A value that only the composable changes. */
export type View<T> = Readonly<ShallowRef<T>>;

// An effect after the flush does not run on a server, where nothing would end it.
const use = <T>(make: () => Store<T>): View<T> => {
  const view = shallowRef(make().get());
  watchEffect((end) => end(make().subscribe((value) => {
    view.value = value;
  })), { flush: "post" });
  return view;
};

/** Returns the state of the connection. */
export const useClientState = (client: HasState): View<State> => use(() => stateStore(client));

/**
 * Subscribes to a topic until the scope ends, and returns what is known of it. Without a topic
 * nothing is subscribed. It begins anew if the topic, a ref or a getter, has another name.
 */
export const useTopic = <A extends Api, E extends TopicEvent = EventOf<A>>(
  client: Client<A>,
  topic: MaybeRefOrGetter<TopicName>,
  options?: TopicOptions,
): View<TopicView<E>> => use(() => topicStore<A, E>(client, toValue(topic), options));

/**
 * Joins a topic's presence until the scope ends, and returns the members. Others see the option
 * `as`, any JSON of at most 256 bytes.
 */
export const usePresence = (
  client: Presents,
  topic: MaybeRefOrGetter<TopicName>,
  options?: { as?: unknown },
): View<PresenceView> => use(() => presenceStore(client, toValue(topic), options));
