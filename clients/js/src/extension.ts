// The seam between the core and what is added to it: topics, and values. The core knows nothing of
// them, so that a page without them does not load them.

import type { GatesockError } from "./error.js";

/** A frame of the server that is an object. */
export interface Frame {
  [member: string]: unknown;
}

/** The answer to a request of an extension failed. No code: there was no answer. */
export interface Failure {
  code?: string;
  message?: string;
  retryAfterMs?: number | undefined;
}

/** What the core offers to an extension. */
export interface Host {
  now(): number;
  random(): number;
  /**
   * Runs f after ms (any number; above 2^31 it is done in steps); returns what cancels it. A timer
   * that is 30 s late wakes the client.
   */
  after(ms: number, f: () => void): () => void;
  /**
   * Sends a request on the current connection at once, not through the outbox; without a connection
   * it does nothing. Exactly one of the functions is called, at most once, and neither after the
   * connection has ended or was replaced: `closed` is. No answer within 30 s is a failure without a
   * code; the core closes a connection on which nothing came since.
   */
  request(action: string, members: object, then: (data: unknown) => void, otherwise: (error: Failure) => void): void;
  /** Reports a problem to the app. */
  problem(error: GatesockError): void;
  /** Calls a listener of the app: an exception is reported, and does no harm. */
  run<A extends unknown[]>(listener: (...args: A) => void, ...args: A): void;
  /** Closes the current connection and opens another one. */
  restart(): void;
  /**
   * To be called when the answer to `settled` may have changed: the core may close the old
   * connection.
   */
  check(): void;
}

/** What an extension offers to the core. */
export interface Extension {
  /** A connection is the current one from now on: subscriptions are to be made on it. */
  opened(): void;
  /**
   * The current connection has ended, or another one has replaced it: its requests are forgotten.
   */
  closed(): void;
  /** A push of any open connection, current or old. Reports whether it was the extension's. */
  receive(frame: Frame): boolean;
  /** Reports whether all that the extension wants is confirmed on the current connection. */
  settled(): boolean;
  /** The computer slept, or the network has changed. */
  wake(): void;
  /** The client was closed: everything that waits ends with the error. */
  end(error: Error): void;
}

export type NewExtension<E extends Extension = Extension> = (host: Host) => E;
