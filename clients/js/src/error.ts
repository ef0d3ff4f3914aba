/** The codes of a {@link GatesockError}: those of the server first, see section 4 of docs/protocol.md. */
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
  | "credentials"
  | "expired"
  | "gateway"
  | "protocol"
  | "queue_full"
  | "refused"
  | "slow_consumer"
  | "unknown_outcome";

/** What went wrong, in the server or in the client. The message is for people. */
export class GatesockError extends Error {
  /** What kind of error it is. */
  readonly code: Code;
  /** How long to wait before the next attempt, in ms, if the server says so. */
  readonly retryAfterMs: number | undefined;
  /** What the server adds to the error, as the action defines it. */
  readonly details: unknown;

  constructor(code: Code, message: string, more: { retryAfterMs?: number; details?: unknown; cause?: unknown } = {}) {
    super(message, { cause: more.cause });
    this.code = code;
    this.retryAfterMs = more.retryAfterMs;
    this.details = more.details;
  }

  /** The class, and the code. */
  override get name(): string {
    return `GatesockError ${this.code}`;
  }
}

// What another attempt does not change.
const lasting =
  "invalid_argument unauthenticated permission_denied not_found already_exists failed_precondition too_large".split(" ");
const passing = "stale_connection rate_limited unavailable deadline_exceeded internal".split(" ");

/** Reports whether a request that was refused with the code will be refused again. */
export function isLasting(code: unknown): boolean {
  return lasting.includes(code as string);
}

/** Makes an error of the member `error` of a frame, which may be anything. */
export function serverError(error: unknown): GatesockError {
  const { code, message, retryAfterMs: ms, details } = Object(error);
  return new GatesockError(
    isLasting(code) || passing.includes(code) ? code : "internal",
    typeof message == "string" && message ? message : "The server has failed, and does not say why.",
    { retryAfterMs: ms > 0 && typeof ms == "number" ? ms : undefined, details },
  );
}
