// The public types of the client.

/** What `gatesock types` says of an application; any application without it. */
export interface Api {
  /** What a client sends on each route, and the data of the reply. */
  routes: { [action: string]: { input: unknown; output: unknown } };
  /** The data of the pushes of each event. */
  pushes: { [event: string]: unknown };
}

/** The state of the connection. */
export type State =
  /** The first connection, or another one, is being opened. */
  | { readonly name: "connecting" }
  /** Messages pass. */
  | { readonly name: "online" }
  /**
   * The next attempt is at `retryAt`, in milliseconds since 1970. `reason` says in words why the
   * connection has ended.
   */
  | { readonly name: "waiting"; readonly retryAt: number; readonly reason: string }
  /** As waiting; the browser reports that there is no network. */
  | { readonly name: "offline"; readonly retryAt: number; readonly reason: string }
  /** As waiting, after several handshakes that were refused; the app may have to sign in again. */
  | { readonly name: "refused"; readonly retryAt: number; readonly reason: string }
  /** `close` was called. */
  | { readonly name: "closed" };

/** Options of {@link connect}. Only `url` is required. */
export interface Options {
  /**
   * The address, such as "wss://abc.execute-api.eu-west-1.amazonaws.com/prod"; http: and https:
   * become ws: and wss:.
   */
  url: string | URL;
  /** Returns the token of the next attempt, which is sent as the subprotocol "bearer.TOKEN". */
  token?: () => string | Promise<string>;
  /** Returns the ticket of the next attempt, which is sent as the query parameter "ticket". */
  ticket?: () => string | Promise<string>;
  /** Further subprotocols, first the application's own. */
  protocols?: readonly string[];
  /**
   * Actions that may be sent twice, see {@link CallOptions.idempotent}. `gatesock types` writes
   * them.
   */
  idempotent?: readonly string[];
  /**
   * How long the connection may be silent before a keep-alive is sent, in ms. Default: 8 minutes.
   */
  keepAlive?: number;
  /** The action of the keep-alive. Default: "keepalive". */
  keepAliveAction?: string;
  /** How many calls may wait, unsent or unanswered. Default: 256. */
  maxQueue?: number;
  /**
   * `fragments` of `gatesock/fragments`: messages above 32 KiB are sent in several frames, if the
   * server has package fragment. Without it they are refused with `too_large`.
   */
  fragments?: (message: string, id: string) => string[];
  /** Other names of the members of frames (docs/protocol.md, section 8) are not supported. */
  envelope?: undefined;
  /** A WebSocket constructor, for Node.js 20, which has none. */
  WebSocket?: new (url: string, protocols?: string[]) => unknown;
}

/** Options of a call. */
export interface CallOptions {
  /**
   * Ends the call: it rejects with the reason of the signal. A message that was sent may be carried
   * out.
   */
  signal?: AbortSignal;
  /** How long to wait for an answer after sending, in ms. Default: 30 seconds. */
  timeout?: number;
  /** How long the call may wait to be sent, in ms. Default: 5 minutes. */
  expires?: number;
  /** The message may be sent again if its answer is lost: twice has the effect of once. */
  idempotent?: boolean;
  /**
   * Adds a member `key`, the same at each repeat, by which the server knows the message; implies
   * idempotent.
   */
  key?: true | string;
  /**
   * Calls of one lane are made one after the other, in order. Without one they overtake each other
   * on the way.
   */
  lane?: string;
  /**
   * Resolves with the result that follows the acknowledgement, see section 6.5 of docs/protocol.md.
   */
  result?: boolean;
}

/**
 * Where a topic is, see section 9.1 of docs/protocol.md. Treat it as opaque, and keep both
 * together.
 */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** An event of a topic. */
export interface TopicEvent<Name extends string = string, Data = unknown> {
  readonly topic: string;
  readonly event: Name;
  readonly data: Data;
  readonly position: Position;
}

/** The events of an application's topics: its pushes, each with the data of its name. */
export type EventOf<A extends Api> = {
  [Name in keyof A["pushes"] & string]: TopicEvent<Name, A["pushes"][Name]>;
}[keyof A["pushes"] & string];

/**
 * What a subscription learns when the server has confirmed it, at first and after each
 * reconnection.
 */
export interface Established {
  readonly position: Position;
  /** Whether no event was lost since the position before. */
  readonly recovered: boolean;
  /**
   * Why events were lost: the log does not keep them, another epoch has begun, or it was never
   * there.
   */
  readonly reason?: "history" | "epoch" | "ahead";
}

/** Options of a subscription. */
export interface SubscribeOptions {
  /** Goes on from a position. */
  since?: Position;
  /** How many of the newest events to begin with. Default: 0. */
  last?: number;
  /** How many events an iterator may be behind. Default: 1024. */
  buffer?: number;
}

/** A page of history. */
export interface Page<E = TopicEvent> {
  readonly events: readonly E[];
  /** Whether earlier events precede the first one. */
  readonly more: boolean;
  readonly position: Position;
}

/** A subscription to a topic. Iterate over it, or listen. */
export interface Subscription<E extends TopicEvent = TopicEvent> extends AsyncIterable<E> {
  readonly topic: string;
  /**
   * Resolves when the server has confirmed the subscription for the first time; rejects if it is
   * refused or ended.
   */
  readonly established: Promise<Established>;
  /** The position of the last event that was delivered. */
  readonly position: Position | undefined;
  /** Calls a listener for each event, in order, once. Returns what ends it. */
  on(type: "event", listener: (event: E) => void): () => void;
  /**
   * Calls a listener each time the server has confirmed the subscription, and when events were lost
   * in between.
   */
  on(type: "established", listener: (e: Established) => void): () => void;
  /** Calls a listener when the subscription has ended with an error. */
  on(type: "error", listener: (error: Error) => void): () => void;
  /** Returns events before a position; has no influence on what is delivered. */
  history(options?: { before?: Position; limit?: number }): Promise<Page<E>>;
  /** Ends the subscription. Iterators end. */
  close(): void;
}

/** A user in a topic. */
export interface Member {
  /** Absent if the user is anonymous. */
  readonly user?: string;
  /** What the user shows. */
  readonly as?: unknown;
}

/** The members of a topic. */
export interface Presence {
  readonly topic: string;
  /** The members; undefined before they are known, and if they are too many. */
  readonly members: readonly Member[] | undefined;
  readonly count: number;
  on(type: "change", listener: (members: readonly Member[] | undefined, count: number) => void): () => void;
  on(type: "error", listener: (error: Error) => void): () => void;
  close(): void;
}

/** A push that belongs to no topic's log. */
export interface Push<Data = unknown> {
  readonly event: string;
  readonly topic?: string;
  readonly data: Data;
}

/** Parameters that begin with an input, which may be left out if it need not have members. */
export type Optional<Input, More extends unknown[]> = {} extends Input
  ? [input?: Input, ...more: More]
  : [input: Input, ...more: More];

/**
 * The actions that the server answers: not those of one-way routes, whose output is void. An output
 * that may be anything is an answer.
 */
export type Answered<A extends Api> = {
  [K in keyof A["routes"] & string]: unknown extends A["routes"][K]["output"]
    ? K
    : [A["routes"][K]["output"]] extends [void] ? never : K;
}[keyof A["routes"] & string];

/** The core of a client. */
export interface CoreClient<A extends Api = Api> {
  readonly state: State;
  /** Calls an action and returns the data of the result that follows the answer. */
  call<K extends keyof A["routes"] & keyof A["pushes"] & string>(
    action: K,
    input: A["routes"][K]["input"],
    options: CallOptions & { result: true },
  ): Promise<A["pushes"][K]>;
  /**
   * Calls an action and returns the data of its answer. One-way routes have none: `send` is for
   * them.
   */
  call<K extends Answered<A>>(
    action: K,
    ...rest: Optional<A["routes"][K]["input"], [options?: CallOptions]>
  ): Promise<A["routes"][K]["output"]>;
  /** Sends a message without an answer, now or never. Reports whether there was a connection. */
  send<K extends keyof A["routes"] & string>(action: K, ...rest: Optional<A["routes"][K]["input"], []>): boolean;
  /** Listens to the state. */
  on(type: "state", listener: (state: State) => void): () => void;
  /** Listens to what went wrong and belongs to no call: the text is for people. */
  on(type: "problem", listener: (error: Error & { code: string }) => void): () => void;
  /**
   * Listens to refusals of calls and topics because there were too many: what was refused waits for
   * `retryAfterMs`, and up to 25 % longer, and is sent again.
   */
  on(type: "limited", listener: (error: Error & { retryAfterMs: number | undefined }) => void): () => void;
  /** Listens to the pushes of an event. */
  onPush<E extends keyof A["pushes"] & string>(event: E, listener: (data: A["pushes"][E], push: Push) => void): () => void;
  /** Tries to connect now, if the client waits for its next attempt. */
  retry(): void;
  /** Closes the connection for good. Calls that wait are rejected. */
  close(): void;
}

/** A client with topics. */
export interface Client<A extends Api = Api> extends CoreClient<A> {
  subscribe<E extends TopicEvent = EventOf<A>>(topic: string, options?: SubscribeOptions): Subscription<E>;
  presence(topic: string, options?: { as?: unknown }): Presence;
}
