// The client: puts link, calls, pushes and extensions together.

import { checkInput, checkSize, closedError, newCalls } from "./calls.js";
import { system, type Environment } from "./env.js";
import { GatesockError, serverError } from "./error.js";
import type { Extension, Frame, Host, NewExtension } from "./extension.js";
import { ANSWER, newLink, type Link } from "./link.js";
import type { Api, CoreClient, Options, Push, State } from "./types.js";

type Listener = (...args: any[]) => void;

export const extenders = new WeakMap<object, (create: NewExtension<any>) => any>();

/** Adds an extension to a client, at any time. */
export function extend<E extends Extension>(client: CoreClient<any>, create: NewExtension<E>): E {
  return extenders.get(client)!(create);
}

// The gateway answers in place of the server, without an id.
const gatewayCodes: { [message: string]: string } = {
  Forbidden: "not_found",
  "Bad request body": "invalid_argument",
  "Internal server error": "internal",
  "Endpoint request timed out": "deadline_exceeded",
  "Too Many Requests": "rate_limited",
};

/** Returns a client without extensions, which connects at once. */
export function newClient<A extends Api>(options: Options, env: Environment = system(options)): CoreClient<A> {
  const listeners = new Map<string, Set<Listener>>();
  const extensions: Extension[] = [];
  const keepAliveAction = options.keepAliveAction ?? "keepalive";
  let lastId = 0;
  const nextId = () => String(++lastId);
  let link: Link;

  function run(f: Listener, ...args: unknown[]): void {
    try {
      f(...args);
    } catch (error) {
      env.report(error);
    }
  }

  function emit(type: string, ...args: unknown[]): void {
    for (const f of [...(listeners.get(type) ?? [])]) run(f, ...args);
  }

  function listen(type: string, f: Listener): () => void {
    const one: Listener = (...args) => f(...args); // so that the same function may listen twice
    const all = listeners.get(type) ?? new Set();
    listeners.set(type, all.add(one));
    return () => void all.delete(one);
  }

  const problem = (error: GatesockError) => emit("problem", error);

  const calls = newCalls(options, env, () => link, nextId);

  // Takes a frame of any connection; reports whether it makes sense.
  function receive(conn: NonNullable<Link["current"]>, frame: Frame): boolean {
    const { id, event, error, message } = frame;
    const waiting = typeof id == "string" && id ? conn.waiting.get(id) : undefined;
    const isPush = event !== undefined || "events" in frame;
    if (isPush && id === undefined && !error) {
      if (extensions.some((e) => e.receive(frame))) return true;
      if (typeof event != "string" || !event) return false;
      emit(`push ${event}`, frame.data, frame);
      return true;
    }
    const isStale = Object(error).code == "stale_connection";
    if (waiting) {
      waiting(frame);
    } else if (error) {
      if (frame.action == keepAliveAction) conn.waiting.delete("");
      else if (!isStale && id === undefined) problem(serverError(error));
    } else if ("data" in frame) {
      if (frame.action == keepAliveAction) conn.waiting.delete("");
    } else if (typeof message == "string") {
      const code = gatewayCodes[message] ?? "internal";
      const text = `The gateway has answered in place of the server: ${message}`;
      if (conn.waiting.size == 1) {
        const [one] = conn.waiting;
        conn.waiting.delete(one![0]);
        one![1]({ error: { code, message: text } });
      } else problem(new GatesockError("gateway", text));
    } else return false;
    if (isStale) link.lose(conn, "The server does not know the connection any more.");
    else link.check();
    return true;
  }

  const host: Host = {
    now: env.now,
    random: env.random,
    after: (ms, f) => link.after(ms, f),
    request(action, members, then, otherwise) {
      const conn = link.current;
      if (!conn) return;
      const id = nextId();
      const stop = link.later(conn, ANSWER, () => {
        conn.waiting.delete(id);
        if (conn == link.current) otherwise({});
      });
      link.ask(conn, id, JSON.stringify({ action, id, ...members }), (frame) => {
        stop();
        conn.waiting.delete(id);
        if (conn != link.current) return;
        if (frame.error) otherwise(serverError(frame.error));
        else then(frame.data);
      });
    },
    problem,
    run,
    restart: () => link.current && link.lose(link.current, "The connection was of no use."),
    check: () => link.check(),
  };

  const client = {
    get state() {
      return link.state;
    },
    call: calls.call,
    send(action: string, input?: unknown) {
      const text = checkSize({ action, ...checkInput(action, input) });
      const conn = link.current;
      if (conn) link.send(conn, text);
      return !!conn;
    },
    on: (type: string, f: Listener) => listen(type, f),
    onPush: (event: string, f: (data: any, push: Push) => void) => listen(`push ${event}`, f),
    retry: () => link.retry(),
    close: () => link.close(),
  } as CoreClient<A>;

  extenders.set(client, (create) => {
    const extension = create(host);
    extensions.push(extension);
    if (link.current) extension.opened();
    return extension;
  });

  link = newLink(options, env, {
    state: (state: State) => emit("state", state),
    problem,
    opened(before) {
      for (const e of extensions) {
        if (before) e.closed();
        e.opened();
      }
      calls.pump();
    },
    closed(conn, wasCurrent) {
      if (wasCurrent) for (const e of extensions) e.closed();
      calls.closed(conn);
    },
    receive,
    wake() {
      for (const e of extensions) e.wake();
    },
    settled: () => extensions.every((e) => e.settled()),
    ended() {
      calls.end();
      for (const e of extensions) e.end(closedError());
    },
  });
  return client;
}
