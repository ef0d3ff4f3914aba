// What there is of one connection.

import type { Socket } from "./env.js";
import type { Frame } from "./extension.js";

/** Takes the answer to a request, or nothing if there was none in time. */
export type Answer = (frame?: Frame) => void;

/** One connection, from the attempt to its end. */
export interface Connection {
  /** What the gateway may answer: requests by their id, and messages without one. */
  readonly waiting: Map<unknown, Answer | undefined>;
  /** What waits for a result, by the id of the request. */
  readonly results: Map<unknown, Answer>;
  socket?: Socket;
  openedAt?: number;
  /** When something was sent or received. */
  activeAt: number;
  /** A keep-alive is without an answer. */
  isProbed?: boolean;
  bad: number;
  isGood?: boolean;
  isDead?: boolean;
}
