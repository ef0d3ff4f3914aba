// The outbox: every call waits in it until its promise is settled.

import { GatesockError, isLasting, serverError } from "./error.js";
import type { Frame } from "./extension.js";
import { ANSWER, type Connection, type Link } from "./link.js";
import type { Environment } from "./env.js";
import type { CallOptions, Options } from "./types.js";

export const MAX_FRAME = 32 * 1024; // bytes; the gateway closes a connection that sends a larger one

interface Call {
  action: string;
  members: object;
  options: CallOptions;
  /** It may be sent again. */
  isIdempotent: boolean;
  expiresAt: number;
  /** The connection on which it waits for an answer, and the id that it has there. */
  conn: Connection | undefined;
  id: string;
  tries: number;
  /** It may have been carried out. */
  isUncertain?: boolean;
  /** Ends the timer: of the time to be sent, or of the time to be answered. */
  stop: () => void;
  settle(error: unknown, data?: unknown): void;
}

export type Calls = ReturnType<typeof newCalls>;

const unknown = () =>
  new GatesockError("unknown_outcome", "There was no answer: the call may have been carried out. Ask the server before you repeat it.");

/** Returns an outbox. */
export function newCalls(options: Options, env: Environment, link: () => Link, nextId: () => string) {
  const calls = new Set<Call>(); // in the order of calling
  const pauses = new Set<{ what: unknown; stop: () => void }>(); // of an action, or of one call

  // Sends what can be sent, in order.
  function pump(): void {
    const conn = link().current;
    if (!conn) return;
    const held = new Set([...pauses].map((pause) => pause.what));
    const lanes = new Set<unknown>([undefined]);
    for (const call of calls) {
      const { lane } = call.options;
      const isFree = !lane || !lanes.has(lane);
      lanes.add(lane);
      if (isFree && !call.conn && !held.has(call) && !held.has(call.action)) transmit(call, conn);
    }
  }

  function pause(what: unknown, ms: number): void {
    const one = {
      what,
      stop: link().after(ms, () => {
        pauses.delete(one);
        pump();
      }),
    };
    pauses.add(one);
  }

  function transmit(call: Call, conn: Connection): void {
    call.stop();
    call.conn = conn;
    call.id = nextId();
    call.stop = link().after(call.options.timeout ?? ANSWER, () => {
      giveUp(call);
      again(call, true);
    });
    link().ask(conn, call.id, JSON.stringify({ action: call.action, id: call.id, ...call.members }), (frame) => answer(call, frame));
  }

  // Waits for the answer no more.
  function giveUp(call: Call): void {
    if (call.conn) link().forget(call.conn, call.id);
  }

  // The call was not answered, or refused. It is sent again if that is certain to do no harm.
  function again(call: Call, isUncertain: boolean, error: GatesockError = unknown()): void {
    call.stop();
    call.conn = undefined;
    call.isUncertain ||= isUncertain;
    if (isUncertain && !call.isIdempotent) return call.settle(error);
    expire(call);
    pump();
  }

  function expire(call: Call): void {
    call.stop = link().after(call.expiresAt - env.now(), () =>
      call.settle(
        call.isUncertain ? unknown() : new GatesockError("expired", "The call was not sent in time: there was no connection, or the server was busy."),
      ),
    );
  }

  function answer(call: Call, frame: Frame): void {
    const { conn, id } = call;
    if (!frame.error) {
      if (call.options.result && !frame.event) return; // the result follows
      conn!.waiting.delete(id);
      return call.settle(undefined, frame.data ?? null);
    }
    conn!.waiting.delete(id);
    const error = serverError(frame.error);
    const backoff = env.random() * Math.min(30_000, 500 * 2 ** call.tries);
    if (isLasting(error.code)) return call.settle(error);
    if (error.code == "rate_limited") {
      pause(call.action, (error.retryAfterMs ?? 1_000) * (1 + env.random() / 4));
      return again(call, false);
    }
    call.tries++;
    if (error.code != "stale_connection") pause(call, error.retryAfterMs ?? backoff);
    again(call, true, error);
  }

  return {
    pump,
    /** Puts a call into the outbox. */
    call(action: string, input: unknown, o: CallOptions = {}): Promise<any> {
      return new Promise((resolve, reject) => {
        const { signal } = o;
        signal?.throwIfAborted();
        if (link().state.name == "closed") throw closedError();
        if (calls.size >= (options.maxQueue ?? 256)) {
          throw new GatesockError("queue_full", "Too many calls wait already. Wait for their promises.");
        }
        const key = o.key === true ? (env.random().toString(36) + env.random().toString(36)).replaceAll("0.", "") : o.key;
        const members = { ...checkInput(action, input), ...(key && { key }) };
        checkSize({ action, id: "0123456789", ...members });
        const abort = () => {
          giveUp(call);
          call.settle(signal!.reason);
        };
        const call: Call = {
          action,
          members,
          options: o,
          isIdempotent: !!(o.idempotent || key || options.idempotent?.includes(action)),
          expiresAt: env.now() + (o.expires ?? 300_000),
          conn: undefined,
          id: "",
          tries: 0,
          stop() {},
          settle(error, data) {
            calls.delete(call);
            call.stop();
            signal?.removeEventListener("abort", abort);
            if (error === undefined) resolve(data);
            else reject(error);
            pump();
          },
        };
        calls.add(call);
        signal?.addEventListener("abort", abort);
        expire(call);
        pump();
      });
    },
    /** The connection has ended. */
    closed(conn: Connection): void {
      for (const call of calls) if (call.conn == conn) again(call, true);
    },
    /** The client was closed. */
    end(): void {
      for (const call of calls) call.settle(call.conn || call.isUncertain ? unknown() : closedError());
      for (const one of pauses) one.stop();
    },
  };
}

/** The error of what comes after `close`. */
export const closedError = () => new GatesockError("closed", "The client was closed.");

/** Returns a copy of the members of a message. It throws if there can be no such message. */
export function checkInput(action: unknown, input: unknown = {}): object {
  let members: any;
  let cause: unknown;
  try {
    members = JSON.parse(JSON.stringify(input));
  } catch (e) {
    cause = e;
  }
  const what =
    typeof action != "string" || !action || action[0] == "$"
      ? "The action has to be a name"
      : Object.prototype.toString.call(members) != "[object Object]"
        ? "The input has to be an object that JSON can express"
        : ["action", "id"].find((name) => Object.hasOwn(members, name)) && "The input must not have the members action and id";
  if (what) throw new GatesockError("invalid_argument", `${what} (call of ${String(action)})`, { cause });
  return members;
}

/** Returns the text of a message. It throws if it is too large. */
export function checkSize(message: object): string {
  const text = JSON.stringify(message);
  const size = new TextEncoder().encode(text).length;
  if (size > MAX_FRAME) throw new GatesockError("too_large", `The message has ${size} bytes. ${MAX_FRAME} are the limit: send less, or in parts.`);
  return text;
}
