import { isWellFormed } from "./payload-scan.ts";

/** What stands before a message's payload. */
export interface MessageHeader {
  /** The type as text, a number too; absent when no handler can have such a type. */
  readonly type: string | undefined;
  /** Of a request: by which the client knows its answer. */
  readonly requestId: number | undefined;
  /** Where the payload begins. */
  readonly end: number;
}

/** Longest type of a message, in bytes. */
const TYPE_BYTES_MAX = 64;

/** The bytes of a whole number behind its first byte, by that first byte. */
const WHOLE_SIZES: Readonly<Record<number, 1 | 2 | 4>> = { 204: 1, 205: 2, 206: 4 };

/** Reads the header of a message or request; `broken` is what no client's encoder writes. */
export function readHeader(frame: Buffer, isRequest: boolean): MessageHeader | "broken" {
  let at = 1;
  let requestId: number | undefined;
  if (isRequest) {
    const end = endOfWhole(frame, at);
    if (end < 0) return "broken";
    requestId = wholeAt(frame, at, end);
    at = end;
  }
  const start = textStart(frame, at);
  if (start < 0) {
    const end = endOfWhole(frame, at);
    return end < 0 ? "broken" : { type: String(wholeAt(frame, at, end)), requestId, end };
  }
  const length = start === at + 1 ? (frame[at] ?? 0) & 0x1f : (frame[at + 1] ?? 0xff);
  const end = start + length;
  if (end > frame.length) return "broken";
  const isType = length > 0 && length <= TYPE_BYTES_MAX && isWellFormed(frame, start, end);
  return { type: isType ? frame.toString("utf8", start, end) : undefined, requestId, end };
}

/** Where a text of at most 255 bytes begins, -1 when there is none. */
function textStart(frame: Buffer, at: number): number {
  const prefix = frame[at] ?? 0;
  if (prefix >= 0xa0 && prefix < 0xc0) return at + 1;
  return prefix === 0xd9 ? at + 2 : -1;
}

function endOfWhole(frame: Buffer, at: number): number {
  const prefix = frame[at];
  if (prefix === undefined) return -1;
  if (prefix < 0x80) return at + 1;
  const size = WHOLE_SIZES[prefix];
  return size === undefined || at + 1 + size > frame.length ? -1 : at + 1 + size;
}

/** Little-endian, as the engine's own numbers are and msgpack's are not. */
function wholeAt(frame: Buffer, at: number, end: number): number {
  return end === at + 1 ? (frame[at] ?? 0) : frame.readUIntLE(at + 1, end - at - 1);
}
