// Section 13 of docs/protocol.md: the numbers in parentheses are those of its rules.

import { bytes, MAX_FRAME } from "./calls.js";
import { GatesockError } from "./error.js";

const MAX_BYTES = 1024 * 1024; // no server takes more
const MAX_COUNT = 128;
const MAX_PIECE = MAX_FRAME - 256; // the rest of the frame, and more

/**
 * The value of the option `fragments` of `connect`, with which messages above 32 KiB are sent in
 * several frames. The server needs package `fragment`; one without it refuses them with
 * `too_large`.
 *
 *     import { connect } from "gatesock";
 *     import { fragments } from "gatesock/fragments";
 *     const client = connect({ url, fragments });
 *
 * It takes the text of a message and its id, and returns the texts of the frames. It throws
 * `too_large` if there would be too many.
 */
export function fragments(message: string, id: string): string[] {
  const size = bytes(message);
  if (size <= MAX_FRAME) return [message];
  const pieces = size > MAX_BYTES ? [] : cut(message);
  const count = pieces.length;
  if (!count || count > MAX_COUNT) throw new GatesockError("too_large", `The message has ${size} bytes, which is too much even in fragments.`);
  return pieces.map((piece, index) => JSON.stringify({ action: "fragment", id, index, count, piece }));
}

// Cuts a text in halves until each part fits, and never in a character (13.1.1, 13.1.3).
function cut(text: string): string[] {
  if (bytes(JSON.stringify(text)) <= MAX_PIECE) return [text];
  let middle = text.length >> 1;
  if (/[\udc00-\udfff]/.test(text[middle]!)) middle++;
  return [...cut(text.slice(0, middle)), ...cut(text.slice(middle))];
}
