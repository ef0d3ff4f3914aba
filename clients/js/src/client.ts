// The client: puts link, calls, pushes and extensions together.

import { closed, compose, newCalls } from "./calls.js";
import { system, type Environment } from "./env.js";
import { GatesockError, serverError } from "./error.js";
import type { NewExtension } from "./extension.js";
import { ANSWER, newLink } from "./link.js";
import type { Api, CoreClient, Options, Push } from "./types.js";

type Listener = (...args: any[]) => void;

/** Returns a client, which connects at once, perhaps with an extension. */
export function newClient<A extends Api>(options: Options, env: Environment = system(options), extend?: NewExtension): CoreClient<A> {
  const listeners = new Set<[type: string, f: Listener]>();
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
    restart: () => link.restart(),
    check: () => link.check(),
  });

  const link = newLink(options, env, {
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
    push(frame) {
      if (extension?.receive(frame) || "epoch" in frame || "version" in frame) return true;
      const { event, data } = frame;
      if (!event || typeof event != "string") return false;
      emit(`push ${event}`, data, frame);
      return true;
    },
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
    send: (action: string, input?: unknown) => link.send({ action, ...compose(action, input) }),
    on: (type: string, f: Listener) => listen(type, f),
    onPush: (event: string, f: (data: any, push: Push) => void) => listen(`push ${event}`, f),
    retry: () => link.retry(),
    close: () => link.close(),
  } as CoreClient<A>;
}
