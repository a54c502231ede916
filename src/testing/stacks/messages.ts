import { Packr } from "msgpackr";

/** What a frame between client and server is, in the low five bits of its first byte; from @colyseus/shared-types. */
export const frameCodes = {
  join: 10,
  error: 11,
  leave: 12,
  data: 13,
  state: 14,
  patch: 15,
  bytes: 17,
  ping: 18,
  input: 19,
  inputRing: 20,
  request: 21,
  response: 22,
} as const;

const packr = new Packr({ useRecords: false });

/** A room message as the SDK would send it. */
export function dataFrame(type: string, payload?: unknown): Buffer {
  return rawDataFrame(type, payload === undefined ? Buffer.alloc(0) : packr.pack(payload));
}

/** A room message whose payload is any bytes at all. */
export function rawDataFrame(type: string, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([frameCodes.data]), typeName(type), payload]);
}

/** A message that asks for an answer. */
export function rawRequestFrame(id: number, type: string, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([frameCodes.request, id & 0x7f]), typeName(type), payload]);
}

/** A type or payload of a message that came in: `[13][string][msgpack]`. Only short names occur here. */
export function readData(frame: Buffer): { type: string; payload: unknown } | null {
  if ((frame[0] ?? 0) % 32 !== frameCodes.data) return null;
  const length = (frame[1] ?? 0) & 0x1f;
  const rest = frame.subarray(2 + length);
  return { type: frame.toString("utf8", 2, 2 + length), payload: rest.length === 0 ? undefined : packr.unpack(rest) };
}

/** A name of up to 31 bytes, as msgpack's short string. */
function typeName(type: string): Buffer {
  const bytes = Buffer.from(type);
  return Buffer.concat([Buffer.from([0xa0 | bytes.length]), bytes]);
}
