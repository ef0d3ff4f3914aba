// What the client needs of its surroundings. Tests and simulations have their own.

import { GatesockError } from "./error.js";
import type { Options } from "./types.js";

/** What the client needs of a WebSocket. */
export interface Socket {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code?: number; reason?: string }) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/** What happens around a client: the network came back or went, or the page became visible. */
export type Happening = "online" | "offline" | "visible";

/** The surroundings of a client. */
export interface Environment {
  /** The time in ms since 1970. It may jump, as clocks do that are set. */
  now(): number;
  /** Runs f once after ms, from 0 to 2^31 - 1; returns what cancels it. */
  after(ms: number, f: () => void): () => void;
  /** Returns a random number from 0 to below 1. */
  random(): number;
  /** Returns a text that nobody else has. */
  key(): string;
  /** Opens a socket. An exception is an attempt that failed. */
  dial(url: string, protocols: string[]): Socket;
  /** Calls f for each happening, and at once if there is no network; returns what ends that. */
  listen(f: (what: Happening) => void): () => void;
  /** Reports an exception of a listener of the app, after the present work. */
  report(error: unknown): void;
  /** After how many ms a connection is replaced, at the earliest. Default: 105 minutes. */
  lifetime?: number;
}

/** Returns the surroundings of a page, a worker or Node.js. It throws if there is no WebSocket. */
export function system({ WebSocket = (globalThis as any).WebSocket }: Options): Environment {
  const global = globalThis as { navigator?: { onLine?: boolean }; document?: Document };
  if (!WebSocket) {
    throw new GatesockError("invalid_argument", 'There is no WebSocket: pass that of package "ws" as the option WebSocket.');
  }
  return {
    now: Date.now,
    after(ms, f) {
      const timer = setTimeout(f, ms);
      return () => clearTimeout(timer);
    },
    random: Math.random,
    key: () => crypto.getRandomValues(new Uint32Array(4)).join("-"),
    dial: (url, protocols) => new WebSocket(url, protocols) as Socket,
    listen(f) {
      const { document } = global;
      const end = new AbortController();
      const listen = (target: Partial<EventTarget> | undefined, type: string, happened: () => void) =>
        target?.addEventListener?.(type, happened, { signal: end.signal });
      listen(globalThis, "online", () => f("online"));
      listen(globalThis, "offline", () => f("offline"));
      listen(document, "visibilitychange", () => document!.hidden || f("visible"));
      if (global.navigator?.onLine === false) f("offline");
      return () => end.abort();
    },
    report: (error) =>
      queueMicrotask(() => {
        throw error;
      }),
  };
}
