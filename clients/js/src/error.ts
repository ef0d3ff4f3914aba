/**
 * The codes of a {@link GatesockError}: those of the server first, see section 4 of
 * docs/protocol.md.
 */
export type Code =
  | "invalid_argument"
  | "unauthenticated"
  | "permission_denied"
  | "not_found"
  | "already_exists"
  | "stale_connection"
  | "failed_precondition"
  | "too_large"
  | "rate_limited"
  | "unavailable"
  | "deadline_exceeded"
  | "internal"
  // The client's own.
  | "closed"
  | "expired"
  | "gateway"
  | "protocol"
  | "queue_full"
  | "refused"
  | "slow_consumer"
  | "token"
  | "unknown_outcome";

/** What went wrong, in the server or in the client. The message is for people. */
export class GatesockError extends Error {
  /** What kind of error it is. */
  declare readonly code: Code | (string & {});
  /** How long to wait before the next attempt, in ms, if the server says so. */
  declare readonly retryAfterMs: number | undefined;
  /** What the server adds to the error, as the action defines it. */
  declare readonly details: unknown;

  constructor(
    code: Code | (string & {}),
    message: string,
    more: { retryAfterMs?: number | undefined; details?: unknown; cause?: unknown } = {},
  ) {
    super(message);
    Object.assign(this, more, { code, name: `GatesockError ${code}` });
  }
}

const lasting =
  "invalid_argument unauthenticated permission_denied not_found already_exists failed_precondition too_large".split(" ");

/** Reports whether a request that was refused with the code will be refused again. */
export function isLasting(code: unknown): boolean {
  return lasting.includes(code as string);
}

/**
 * Makes an error of the member `error` of a frame, which may be anything. A code may be one that is
 * not known here. The action is that of the frame, if messages may be sent in fragments: a server
 * without fragments does not take so large a message.
 */
export function serverError(error: unknown, action?: unknown): GatesockError {
  const { code, message, retryAfterMs: ms, details } = Object(error);
  let known = code && typeof code == "string" ? code : "internal";
  if (action == "fragment" && known == "not_found") known = "too_large";
  return new GatesockError(known, typeof message == "string" ? message : known, {
    retryAfterMs: ms > 0 && typeof ms == "number" ? ms : undefined,
    details,
  });
}
