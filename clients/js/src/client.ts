// The client: puts link, calls, pushes and extensions together.

import { checkInput, checkSize, closed, newCalls } from "./calls.js";
import { system, type Environment } from "./env.js";
import { GatesockError, serverError } from "./error.js";
import type { Extension, Frame, Host, NewExtension } from "./extension.js";
import { ANSWER, newLink, type Connection, type Link } from "./link.js";
import type { Api, CoreClient, Options, Push, State } from "./types.js";

type Listener = (...args: any[]) => void;

export const extenders = new WeakMap<object, (create: NewExtension<any>) => any>();

/** Adds an extension to a client, at any time. */
export function extend<E extends Extension>(client: CoreClient<any>, create: NewExtension<E>): E {
  return extenders.get(client)!(create);
}

// The gateway answers in place of the server, without an id.
const gatewayCodes = new Map([
  ["Forbidden", "not_found"],
  ["Bad request body", "invalid_argument"],
  ["Endpoint request timed out", "deadline_exceeded"],
  ["Too Many Requests", "rate_limited"],
]);

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

  // Takes a frame of any connection; reports whether it makes sense (9, 10, 11).
  function receive(conn: Connection, frame: Frame): boolean {
    const { id, event, error, message, action } = frame;
    const isStale = Object(error).code == "stale_connection";
    const hasName = event && typeof event == "string";
    const text = `The gateway has answered in place of the server: ${message}`;
    if ((event !== undefined || "events" in frame) && !id && !error) {
      if (extensions.some((e) => e.receive(frame)) || "epoch" in frame || "version" in frame) return true;
      if (hasName) emit(`push ${event}`, frame.data, frame);
      return !!hasName;
    }
    if (id) (event ? (conn.results.get(id) ?? conn.waiting.get(id)) : conn.waiting.get(id))?.(frame);
    else if (action == keepAliveAction) conn.waiting.delete("");
    else if (error) isStale || problem(serverError(error));
    else if ("data" in frame) {
    } else if (typeof message != "string" || !(frame.requestId || frame.messageId)) return false;
    else if (conn.waiting.size == 1) {
      const [[sole, answer]] = conn.waiting as Iterable<any>;
      conn.waiting.delete(sole);
      answer({ error: { code: gatewayCodes.get(message) ?? "internal", message: text } });
    } else problem(new GatesockError("gateway", text));
    if (isStale) link.lose(conn, "The server does not know the connection any more.");
    link.check();
    calls.pump();
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
      if (!conn) return false;
      link.send(conn, text);
      link.forget(conn, {}, ANSWER, ({ error }) => problem(new GatesockError("gateway", serverError(error).message)));
      return true;
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
    settled: (old) => !calls.waitOn(old) && extensions.every((e) => e.settled()),
    ended() {
      calls.end();
      for (const e of extensions) e.end(closed());
    },
  });
  return client;
}
