// The outbox: every call waits in it until its promise is settled. The numbers in parentheses are
// those of the rules in section 12 of docs/protocol.md.

import type { Environment } from "./env.js";
import { GatesockError, isLasting, serverError } from "./error.js";
import type { Frame } from "./extension.js";
import { ANSWER, type Connection, type Link } from "./link.js";
import type { CallOptions, Options } from "./types.js";

const MAX_FRAME = 32 * 1024; // bytes; the gateway closes a connection that sends a larger one
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
  /** Ends the timer: of the time to be sent, or of the time to be answered. */
  stop(): void;
  settle(error: unknown, data?: unknown): void;
}

export type Calls = ReturnType<typeof newCalls>;

/** Returns an outbox. */
export function newCalls(options: Options, env: Environment, link: () => Link, nextId: () => string) {
  const calls = new Set<Call>(); // in the order of calling; also those that were ended, while their answer may come
  const pauses = new Set<{ what: unknown; stop: () => void }>(); // of an action, or of one call
  const serial = new Set<string>(); // actions whose calls are made one after the other (23)

  // Sends what can be sent, in order.
  function pump(): void {
    const conn = link().current;
    if (!conn) return;
    const held = new Set<unknown>(); // calls, actions, and lanes, which begin with $
    const unsent = new Set<string>();
    for (const { what } of pauses) held.add(what);
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

  const after = (ms: number, f: () => void) =>
    link().after(ms, () => {
      f();
      pump();
    });

  function pause(what: unknown, ms: number): void {
    const one = { what, stop: after(ms, () => pauses.delete(one)) };
    pauses.add(one);
  }

  function transmit(call: Call, conn: Connection): void {
    const id = nextId();
    const timeout = call.options.timeout ?? ANSWER;
    call.stop();
    call.conn = conn;
    call.sends++;
    call.stop = after(timeout, () => {
      link().forget(conn, id, ANSWER - timeout);
      pause(call, backoff(call));
      again(call, unknown());
    });
    const answer = (frame: Frame) => {
      if (frame.event && !call.options.result) return;
      conn.waiting.delete(id);
      conn.results.delete(id);
      if (frame.error) refused(call, serverError(frame.error));
      else if (call.options.result && !frame.event && frame.data == null) conn.results.set(id, answer);
      else call.settle(undefined, frame.data ?? null);
    };
    link().ask(conn, id, JSON.stringify({ action: call.action, id, ...call.members }), answer);
  }

  function backoff(call: Call): number {
    return env.random() * Math.min(30_000, 250 * 2 ** call.sends);
  }

  // The server has answered with an error (23, 24).
  function refused(call: Call, error: GatesockError): void {
    const { code, retryAfterMs } = error;
    const more = 1 + env.random() / 4;
    if (code == "rate_limited") {
      const ms = (retryAfterMs ?? 1_000) * more;
      serial.add(call.action);
      pause(call.action, ms);
      wait(call, error, ms);
    } else if (!call.isIdempotent || isLasting(code)) call.settle(error);
    else if (code == "stale_connection") again(call, error);
    else if (code != "unavailable" && ++call.faults == MAX_FAULTS) call.settle(error);
    else again(call, error, retryAfterMs ? retryAfterMs * more : backoff(call));
  }

  // The call may have been carried out. It is sent again if it is idempotent.
  function again(call: Call, error: GatesockError, ms?: number): void {
    if (!call.isIdempotent) return call.settle(error);
    if (ms != undefined) pause(call, ms);
    wait(call, error, ms);
    call.isUncertain = true;
  }

  // The call waits to be sent (19), for some time at least, because of an error.
  function wait(call: Call, error?: GatesockError, ms = -Infinity): void {
    const rest = call.expiresAt - env.now();
    call.stop();
    call.conn = undefined;
    if (ms >= rest) call.settle(call.isUncertain ? unknown() : error);
    else call.stop = after(rest, () => call.settle(call.isUncertain ? unknown() : new GatesockError("expired", "The call was not sent in time.")));
  }

  return {
    pump,
    /** Puts a call into the outbox. */
    call(action: string, input: unknown, o: CallOptions = {}): Promise<any> {
      return new Promise((resolve, reject) => {
        const { signal } = o;
        signal?.throwIfAborted();
        if (link().state.name == "closed") throw closed();
        if (calls.size >= (options.maxQueue ?? 256)) throw new GatesockError("queue_full", "Too many calls wait. Wait for their answers.");
        const key = o.key === true ? env.key() : o.key;
        const members = { ...checkInput(action, input), ...(key && { key }) };
        checkSize({ action, id: "0123456789", ...members });
        const call: Call = {
          action,
          members,
          options: o,
          isIdempotent: o.idempotent || key || options.idempotent?.includes(action),
          expiresAt: env.now() + (o.expires ?? 300_000),
          sends: 0,
          faults: 0,
          stop() {},
          settle(error, data) {
            calls.delete(call);
            call.stop();
            signal?.removeEventListener("abort", abort);
            if (error === undefined) resolve(data);
            else reject(error);
          },
        };
        // What was sent stays until it is answered, or can't be any more, and is not sent again (26).
        const abort = () => {
          reject(signal!.reason);
          call.isIdempotent = call.expiresAt = 0;
          if (!call.conn) call.settle(0);
          pump();
        };
        calls.add(call);
        signal?.addEventListener("abort", abort);
        wait(call);
        pump();
      });
    },
    /** A connection has ended (22). */
    closed(conn: Connection): void {
      for (const call of calls) if (call.conn == conn) again(call, unknown());
      pump();
    },
    /** Reports whether a call waits for an answer on a connection. */
    waitOn(conn: Connection): boolean {
      return [...calls].some((call) => call.conn == conn && call.expiresAt);
    },
    /** The client was closed (29). */
    end(): void {
      for (const call of calls) call.settle(call.conn || call.isUncertain ? unknown() : closed());
      for (const { stop } of pauses) stop();
    },
  };
}

const unknown = () => new GatesockError("unknown_outcome", "There was no answer. The call may have been carried out: ask the server.");

/** The error of what comes after `close`. */
export const closed = () => new GatesockError("closed", "The client is closed.");

/** Returns a copy of the members of a message. It throws if there can be no such message. */
export function checkInput(action: unknown, input: unknown = {}): object {
  let members: any;
  let cause: unknown;
  try {
    members = JSON.parse(JSON.stringify(input));
  } catch (e) {
    cause = e;
  }
  if (typeof action == "string" && /^[^$]/.test(action) && isObject(members) && !Object.hasOwn(members, "action") && !Object.hasOwn(members, "id")) {
    return members;
  }
  throw new GatesockError("invalid_argument", `A call has an action, and an object without the members action and id that JSON can express (${String(action)})`, { cause });
}

/** Returns the text of a message. It throws if it is too large. */
export function checkSize(message: object): string {
  const text = JSON.stringify(message);
  const size = new TextEncoder().encode(text).length;
  if (size > MAX_FRAME) throw new GatesockError("too_large", `The message has ${size} bytes, of at most ${MAX_FRAME}.`);
  return text;
}

/** Reports whether a value of JSON is an object. */
export function isObject(value: unknown): value is Frame {
  return typeof value == "object" && !!value && !Array.isArray(value);
}
