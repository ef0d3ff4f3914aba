// The client: puts link, calls, pushes and extensions together.

import { closed, compose, newCalls } from "./calls.js";
import { system, type Environment } from "./env.js";
import { GatesockError, serverError } from "./error.js";
import type { Frame, NewExtension } from "./extension.js";
import { ANSWER, newLink, type Connection } from "./link.js";
import type { Api, CoreClient, Options, Push } from "./types.js";

type Listener = (...args: any[]) => void;

// The gateway answers in place of the server, without an id.
const gatewayCodes = new Map([
  ["Forbidden", "not_found"],
  ["Bad request body", "invalid_argument"],
  ["Endpoint request timed out", "deadline_exceeded"],
  ["Too Many Requests", "rate_limited"],
]);

/** Returns a client, which connects at once, perhaps with an extension. */
export function newClient<A extends Api>(options: Options, env: Environment = system(options), extend?: NewExtension): CoreClient<A> {
  const listeners = new Set<[type: string, f: Listener]>();
  const keepAliveAction = options.keepAliveAction ?? "keepalive";

  function run(f: Listener, ...args: unknown[]): void {
    try {
      f(...args);
    } catch (error) {
      env.report(error);
    }
  }

  function emit(type: string, ...args: unknown[]): void {
    for (const one of [...listeners]) if (one[0] == type && listeners.has(one)) run(one[1], ...args);
  }

  function listen(type: string, f: Listener): () => void {
    const one: [string, Listener] = [type, f];
    listeners.add(one);
    return () => void listeners.delete(one);
  }

  const problem = (error: GatesockError) => emit("problem", error);

  // Takes a frame of any connection; reports whether it makes sense (9, 10, 11).
  function receive(conn: Connection, frame: Frame): boolean {
    const { id, event, error, message, action } = frame;
    const isPush = event !== undefined || "events" in frame;
    const isStale = Object(error).code == "stale_connection";
    if (isPush && !id && !error) {
      if (extension?.receive(frame) || "epoch" in frame || "version" in frame) return true;
      if (!event || typeof event != "string") return false;
      emit(`push ${event}`, frame.data, frame);
      return true;
    }
    if (id) (isPush ? conn.results : conn.waiting).get(id)?.(frame);
    else if (action == keepAliveAction) conn.waiting.delete("");
    else if (error) isStale || problem(serverError(error));
    else if (typeof message == "string" && (frame.requestId || frame.messageId)) {
      const text = `The gateway has answered in place of the server: ${message}`;
      const [answer] = conn.waiting.size == 1 ? conn.waiting.values() : [];
      if (answer) {
        conn.waiting.clear();
        answer({ error: { code: gatewayCodes.get(message) ?? "internal", message: text } });
      } else problem(new GatesockError("gateway", text));
    } else if (!("data" in frame)) return false;
    if (isStale) link.lose(conn, "The server does not know the connection.");
    return true;
  }

  const extension = extend?.({
    now: env.now,
    random: env.random,
    after: (ms, f) => link.after(ms, f),
    request(action, members, then, otherwise) {
      const conn = link.current;
      if (!conn) return;
      link.ask(conn, action, members, ANSWER, (frame) => {
        if (conn != link.current) return;
        if (frame && !frame.error) then(frame.data);
        else otherwise(frame ? serverError(frame.error) : {});
      });
    },
    problem,
    run,
    restart: () => link.current && link.lose(link.current, "The connection was lost."),
    check: () => link.check(),
  });

  const link = newLink(options, keepAliveAction, env, {
    tell: emit,
    opened(before) {
      if (before) extension?.closed();
      extension?.opened();
      calls.pump();
    },
    closed(conn, wasCurrent) {
      if (wasCurrent) extension?.closed();
      calls.closed(conn);
    },
    receive,
    wake: () => extension?.wake(),
    done: () => calls.pump(),
    settled: (before) => !calls.waitOn(before) && extension?.settled() != false,
    ended() {
      calls.end();
      extension?.end(closed());
    },
  });
  const calls = newCalls(options, env, link);

  return {
    get state() {
      return link.state;
    },
    call: calls.call,
    send(action: string, input?: unknown) {
      const message = { action, ...compose(action, input) };
      const conn = link.current;
      if (!conn) return false;
      link.send(conn, message);
      link.note(conn, message, undefined);
      return true;
    },
    on: (type: string, f: Listener) => listen(type, f),
    onPush: (event: string, f: (data: any, push: Push) => void) => listen(`push ${event}`, f),
    retry: () => link.retry(),
    close: () => link.close(),
  } as CoreClient<A>;
}
