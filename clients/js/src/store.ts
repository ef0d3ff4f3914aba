// What the adapters for frameworks have in common: a value that changes, and what keeps it up to
// date as long as anyone listens.
import type {
  Api, Client, CoreClient, Established, EventOf, Member, Presence, State, SubscribeOptions, TopicEvent,
} from "./types.js";

/** A value that changes: a store as Svelte defines it, and for all that takes a `subscribe`. */
export interface Store<T> {
  /** Returns the value: the same object until it changes. */
  get(): T;
  /** Calls `run` with the value now, and each time it changes. Returns what ends that. */
  subscribe(run: (value: T) => void): () => void;
}

/** Options of a {@link TopicView}. */
export interface TopicOptions extends SubscribeOptions {
  /** How many events to keep, the newest ones. Default: 1000. */
  keep?: number;
}

/** What is known of a topic. */
export interface TopicView<E extends TopicEvent = TopicEvent> {
  /**
   * The newest events, in order. None is missing between two of them: the list begins anew if
   * events were lost, and `established` then has the reason.
   */
  readonly events: readonly E[];
  /** Undefined until the server has confirmed the subscription. */
  readonly established?: Established;
  /** Why the subscription was refused, or has ended. */
  readonly error?: Error;
}

/** The members of a topic. */
export interface PresenceView {
  /** The members; undefined before they are known, and if they are too many. */
  readonly members: readonly Member[] | undefined;
  /** How many there are; 0 before it is known. */
  readonly count: number;
  /** Why the presence is not available. */
  readonly error?: Error;
}

/** What a presence's store needs of a client. */
export interface Presents {
  presence(topic: string, options?: { as?: unknown }): Presence;
}

/** What a state's store needs of a client. */
export type HasState = Pick<CoreClient<any>, "state" | "on">;

/** The name of a topic. Nothing is subscribed without one. */
export type TopicName = string | null | undefined;

type Change<T> = (change: Partial<T>) => void;

/**
 * Returns a store. The first listener starts it. It stops after the last one has left, a moment
 * later: a component that takes the place of another one, or that React mounts twice, does not
 * cause another subscription.
 */
const store = <T>(initial: T, start: (put: Change<T>) => () => void): Store<T> => {
  const listeners = new Set<(value: T) => void>();
  let value = initial;
  let stop: (() => void) | undefined;
  return {
    get: () => value,
    subscribe: (run) => {
      const listener = (v: T) => run(v); // of its own: a function may listen twice
      if (!stop) {
        value = initial;
        stop = start((change) => {
          value = { ...value, ...change };
          for (const f of listeners) {
            f(value);
          }
        });
      }
      listeners.add(listener);
      run(value);
      return () => {
        listeners.delete(listener);
        queueMicrotask(() => {
          if (!listeners.size) {
            stop?.();
            stop = undefined;
          }
        });
      };
    },
  };
};

const nothing = () => () => {};

/** Returns the store of the state of the connection. */
export const stateStore = (client: HasState): Store<State> => ({
  get: () => client.state,
  subscribe: (run) => {
    const end = client.on("state", run);
    run(client.state);
    return end;
  },
});

/** Returns the store of a topic. */
export const topicStore = <A extends Api, E extends TopicEvent = EventOf<A>>(
  client: Client<A>,
  topic: TopicName,
  { keep = 1000, ...options }: TopicOptions = {},
): Store<TopicView<E>> =>
  store({ events: [] as readonly E[] } as TopicView<E>, topic == null ? nothing : (put) => {
    const subscription = client.subscribe<E>(topic, options);
    let events: readonly E[] = [];
    let first = true;
    const confirm = (established: Established) => {
      first = false;
      put(established.recovered ? { established } : { established, events: events = [] });
    };
    subscription.on("event", (event) => put({ events: events = [...events, event].slice(-keep) }));
    subscription.on("established", confirm);
    // A topic that the page has already is confirmed before anyone can listen.
    subscription.established.then((e) => first && confirm(e), () => {});
    subscription.on("error", (error) => put({ error }));
    return () => subscription.close();
  });

/** Returns the store of the members of a topic. */
export const presenceStore = (client: Presents, topic: TopicName, options?: { as?: unknown }): Store<PresenceView> =>
  store({ members: undefined, count: 0 } as PresenceView, topic == null ? nothing : (put) => {
    const presence = client.presence(topic, options);
    presence.on("change", (members, count) => put({ members, count }));
    presence.on("error", (error) => put({ error }));
    put({ members: presence.members, count: presence.count }); // they are known if the page has asked before
    return () => presence.close();
  });
