// The outbox: every call waits in it until its promise is settled. The numbers in parentheses are
// those of the rules in section 12 of docs/protocol.md.

import type { Answer, Connection } from "./connection.js";
import type { Environment } from "./env.js";
import { GatesockError, isLasting, serverError } from "./error.js";
import type { Frame } from "./extension.js";
import type { CallOptions, Options } from "./types.js";

/**
 * No frame for so long after a request: the connection is dead; and so long the gateway may answer.
 */
export const ANSWER = 30_000;
/** In bytes; the gateway closes a connection that sends a larger one. */
export const MAX_FRAME = 32 * 1024;
const MAX_FAULTS = 5; // so often may a server fail, until it is believed

interface Call {
  readonly action: string;
  readonly members: object;
  readonly options: CallOptions;
  /** It may be carried out twice. */
  isIdempotent: unknown;
  expiresAt: number;
  /** Where it waits for an answer. */
  conn?: Connection | undefined;
  /** How often it was sent. */
  sends: number;
  faults: number;
  /** It may have been carried out. */
  isUncertain?: boolean;
  /** Ends the time in which it may be sent. */
  stop?: () => void;
  settle(error: unknown, data?: unknown): void;
}

export type Calls = ReturnType<typeof newCalls>;

/** Returns an outbox. */
export function newCalls(
  { maxQueue = 256, idempotent = [], fragments }: Options,
  env: Environment,
  after: (ms: number, f: () => void) => () => void,
  ask: (conn: Connection, action: string, members: object, ms: number, answer: Answer, hasResult?: boolean) => void,
  current: () => Connection | undefined,
) {
  const calls = new Set<Call>(); // in the order of calling; also those that were ended, while their answer may come
  const pauses = new Set<[unknown]>(); // of an action, or of one call
  let isClosed = false;
  const serial = new Set<string>(); // actions whose calls are made one after the other (23)

  // Sends what can be sent, in order.
  function pump(): void {
    const conn = current();
    if (!conn) return;
    const held = new Set<unknown>(); // calls, actions, and lanes, which begin with $
    const unsent = new Set<string>();
    for (const [what] of pauses) held.add(what);
    for (const call of calls) {
      const { action } = call;
      const lane = call.options.lane && `$${call.options.lane}`;
      if (!call.conn && !held.has(call) && !held.has(action) && !held.has(lane)) transmit(call, conn);
      if (!call.conn) unsent.add(action);
      if (lane) held.add(lane);
      if (serial.has(action)) held.add(action);
    }
    for (const action of serial) if (!unsent.has(action)) serial.delete(action);
  }

  function transmit(call: Call, conn: Connection): void {
    const { action, members, options } = call;
    call.stop!();
    call.conn = conn;
    call.sends++;
    const answer = (frame?: Frame) => {
      if (frame?.error) refused(call, serverError(frame.error, fragments && frame.action));
      else if (frame) call.settle(undefined, frame.data ?? null);
      else {
        pause(call, backoff(call));
        putBack(call, unknown());
      }
    };
    ask(conn, action, members, options.timeout ?? ANSWER, answer, options.result);
  }

  function pause(what: unknown, ms: number): void {
    const one: [unknown] = [what];
    pauses.add(one);
    after(ms, () => pauses.delete(one));
  }

  function backoff(call: Call): number {
    return env.random() * Math.min(30_000, 250 * 2 ** call.sends);
  }

  // The server has answered with an error (23, 24).
  function refused(call: Call, error: GatesockError): void {
    const { code, retryAfterMs } = error;
    const more = 1 + env.random() / 4;
    let ms = retryAfterMs ? retryAfterMs * more : backoff(call);
    if (code == "rate_limited") {
      ms = (retryAfterMs ?? 1_000) * more;
      serial.add(call.action);
      pause(call.action, ms);
      putBack(call, error, true, ms);
    } else if (code == "stale_connection") putBack(call, error);
    else if (isLasting(code) || (code != "unavailable" && ++call.faults == MAX_FAULTS)) call.settle(error);
    else {
      pause(call, ms);
      putBack(call, error, false, ms);
    }
  }

  // The call waits to be sent, in its place, for some time at least. It was not answered, or
  // refused: if it may have been carried out, it is settled unless it is idempotent (19, 22).
  function putBack(call: Call, error?: GatesockError, isHarmless?: boolean, ms = -1): void {
    const rest = call.expiresAt - env.now();
    call.stop?.();
    call.conn = undefined;
    if (!isHarmless && !call.isIdempotent) return call.settle(error);
    if (ms >= rest) return call.settle(call.isUncertain ? unknown() : error);
    call.isUncertain ||= !isHarmless;
    call.stop = after(rest, () => call.settle(call.isUncertain ? unknown() : new GatesockError("expired", "The call was not sent in time.")));
  }

  return {
    pump,
    /** Puts a call into the outbox. */
    call(action: string, input: unknown, options: CallOptions = {}): Promise<any> {
      return new Promise((resolve, reject) => {
        const { signal } = options;
        signal?.throwIfAborted();
        if (isClosed) throw closed();
        if (calls.size >= maxQueue) throw new GatesockError("queue_full", "Too many calls wait for their answers.");
        const key = options.key === true ? env.key() : options.key;
        const members = compose(action, input, key, fragments);
        const call: Call = {
          action,
          members,
          options,
          isIdempotent: options.idempotent || key || idempotent.includes(action),
          expiresAt: env.now() + (options.expires ?? 300_000),
          sends: 0,
          faults: 0,
          settle(error, data) {
            calls.delete(call);
            call.stop!();
            signal?.removeEventListener("abort", abort);
            if (error === undefined) resolve(data);
            else reject(error);
          },
        };
        // What was sent stays until it is answered, or can't be any more, and is not sent again
        // (26).
        const abort = () => {
          reject(signal!.reason);
          call.isIdempotent = call.expiresAt = 0;
          if (!call.conn) call.settle(0);
          pump();
        };
        calls.add(call);
        signal?.addEventListener("abort", abort);
        putBack(call, undefined, true);
        pump();
      });
    },
    /** A connection has ended (22). */
    closed(conn: Connection): void {
      for (const call of calls) if (call.conn == conn) putBack(call, unknown());
      pump();
    },
    /** Reports whether a call waits for an answer on a connection. */
    waitOn(conn: Connection): boolean {
      return [...calls].some((call) => call.conn == conn && call.expiresAt);
    },
    /** The client was closed (29). */
    end(): void {
      isClosed = true;
      for (const call of calls) call.settle(call.conn || call.isUncertain ? unknown() : closed());
    },
  };
}

const unknown = () => new GatesockError("unknown_outcome", "There was no answer. The call may have been carried out.");

/** The error of what comes after `close`. */
export const closed = () => new GatesockError("closed", "The client is closed.");

/** Returns a copy of the members of a message. It throws if there can be no such message. */
export function compose(action: unknown, input: unknown = {}, key?: string, split?: Options["fragments"]): object {
  let members: any;
  let cause: unknown;
  try {
    members = JSON.parse(JSON.stringify(input));
  } catch (e) {
    cause = e;
  }
  if (
    typeof action != "string" || !/^[^$]/.test(action) || !isObject(members) ||
    ["action", "id"].some((name) => Object.hasOwn(members, name))
  ) {
    throw new GatesockError("invalid_argument", `The message ${String(action)} needs a name, and an object of JSON without action and id.`, { cause });
  }
  if (key) members.key = key;
  const id = "0123456789";
  const text = JSON.stringify({ action, id, ...members });
  const size = bytes(text);
  if (split) split(text, id);
  else if (size > MAX_FRAME) throw new GatesockError("too_large", `The message has ${size} bytes, of at most ${MAX_FRAME}.`);
  return members;
}

/** Returns how many bytes a text has in UTF-8. */
export const bytes = (text: string) => new TextEncoder().encode(text).length;

/** Reports whether a value of JSON is an object. */
export function isObject(value: unknown): value is Frame {
  return Object(value) === value && !Array.isArray(value);
}
