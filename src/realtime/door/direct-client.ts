import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { ProtocolModifier } from "@colyseus/core";
import { WebSocketClient } from "@colyseus/ws-transport";

/** RFC 6455, 5.2: the first byte of a whole message of bytes in one frame. */
const WHOLE_BINARY = 0x82;
/** The second byte: whether the payload is masked, as all of a client's are, and its length up to 125, */
const MASKED = 0x80;
const LENGTH_MASK = 0x7f;
/** or how many bytes the length that follows has. */
const LENGTH_IN_2_BYTES = 126;
const LENGTH_IN_8_BYTES = 127;
/** Two bytes of header and four of mask stand before a short payload. */
const SHORT_HEADER_BYTES = 6;

/** What is read of `ws` beside its API; a test fails when a release moves one of these. */
interface Innards {
  readonly _socket: Socket | null;
  /** Idle between two messages: at the start of a frame, with nothing left over and no message half told. */
  readonly _receiver: EventEmitter & {
    readonly _state: number;
    readonly _bufferedBytes: number;
    readonly _fragmented: number;
  };
}

type WebSocket = WebSocketClient["ref"] & Innards;

/**
 * The engine's client, with a shorter way from and to the wire. Nothing that a server does for a player costs more than
 * its frames, twenty and more a second each way, and `ws` does for each of them what only large or broken ones need: it
 * passes what comes in through a stream of its own, and writes header and payload as two buffers, which costs Node and
 * the kernel nearly twice as much as one. Short whole frames of bytes are read here, and frames of bytes are written here;
 * everything else is left to `ws`, byte for byte. There is no compression to pass by: it is off.
 */
export class DirectClient extends WebSocketClient {
  /** What the engine knows as `_enqueuedMessages`. */
  declare heldMessages: unknown[] | undefined;

  constructor(sessionId: string, ref: WebSocketClient["ref"]) {
    super(sessionId, ref);
    readDirectly(ref as WebSocket);
  }

  override raw(...[bytes, options, done]: Parameters<WebSocketClient["raw"]>): void {
    const socket = this.#openSocket();
    if (socket === null) {
      super.raw(bytes, options, done);
      return;
    }
    const { out, start } = beginFrame(socket, bytes.length);
    out.set(bytes, start);
    send(socket, out.subarray(0, start + bytes.length), done as (error?: Error | null) => void);
  }

  /** Sends a patch with its stamp: see `writeStamped`. */
  rawStamped(patch: Uint8Array, timeMs: number, inputs: number): void {
    const socket = this.#openSocket();
    if (socket === null) return;
    const length = patch.length + STAMP_BYTES;
    const { out, start } = beginFrame(socket, length);
    writeStamped(out, start, { patch, timeMs, inputs });
    send(socket, out.subarray(0, start + length));
  }

  #openSocket(): Socket | null {
    return this.ref.readyState === this.ref.OPEN ? (this.ref as WebSocket)._socket : null;
  }
}

/**
 * The engine deletes this field when a client has joined. An object that has lost a field becomes a hash table, whose
 * every other field is looked up at each frame; a field of the prototype cannot be lost. Whoever would delete it sets it
 * to undefined: see GuardedRoom.
 */
Object.defineProperty(DirectClient.prototype, "_enqueuedMessages", {
  get(this: DirectClient) {
    return this.heldMessages;
  },
  set(this: DirectClient, messages: unknown[] | undefined) {
    this.heldMessages = messages;
  },
});

/** Room time and acknowledged inputs, four bytes each. */
export const STAMP_BYTES = 8;

/**
 * Writes a patch with the room's time and the number of the player's inputs that it holds, as the engine's
 * SchemaSerializer lays it out: code, time in ms and number as 32-bit integers, then the patch without its code.
 */
export function writeStamped(
  out: Buffer,
  start: number,
  { patch, timeMs, inputs }: { patch: Uint8Array; timeMs: number; inputs: number },
): void {
  out[start] = (patch[0] ?? 0) | ProtocolModifier.TIMED;
  out.writeUInt32LE(timeMs >>> 0, start + 1);
  out.writeUInt32LE(inputs >>> 0, start + 5);
  out.set(patch.subarray(1), start + 1 + STAMP_BYTES);
}

const SCRATCH_BYTES = 64 * 1024;
/** Frames are put together here, one after the other, so that a patch to a thousand players leaves no garbage. */
let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** The header of a frame with a payload of this length, in memory that also has room for the payload. */
function beginFrame(socket: Socket, length: number): { out: Buffer; start: number } {
  const start = length < LENGTH_IN_2_BYTES ? 2 : length < 0x1_0000 ? 4 : 10;
  const out = memoryFor(socket, start + length);
  out[0] = WHOLE_BINARY;
  if (start === 2) out[1] = length;
  else if (start === 4) {
    out[1] = LENGTH_IN_2_BYTES;
    out.writeUInt16BE(length, 2);
  } else {
    out[1] = LENGTH_IN_8_BYTES;
    out.writeBigUInt64BE(BigInt(length), 2);
  }
  return { out, start };
}

function memoryFor(socket: Socket, bytes: number): Buffer {
  // What leaves in a moment, with others.
  if (socket.writableCorked > 0) return Buffer.allocUnsafe(bytes);
  // What has to wait behind others waits in memory of just its size.
  const isFree = socket.writableLength === 0 && bytes <= SCRATCH_BYTES;
  return isFree ? scratch : Buffer.allocUnsafeSlow(bytes);
}

function send(socket: Socket, frame: Buffer, done?: (error?: Error | null) => void): void {
  socket.write(frame, done);
  // What the kernel did not take at once waits in this memory, which therefore is the socket's from now on.
  if (socket.writableLength > 0 && frame.buffer === scratch.buffer) scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
}

/**
 * Calls back for each message of text. They all come by way of `ws`, so asking there, and not on the socket, costs the
 * frames of play nothing.
 */
export function hearText(webSocket: WebSocketClient["ref"], onText: () => void): void {
  (webSocket as WebSocket)._receiver.on("message", (_data: Buffer, isBinary: boolean) => {
    if (!isBinary) onText();
  });
}

/** Puts a reader in front of that of `ws`, which still gets whatever is not a short whole frame of bytes. */
function readDirectly(webSocket: WebSocket): void {
  const socket = webSocket._socket;
  const [readByWs] = (socket?.listeners("data") ?? []) as ((this: Socket, chunk: Buffer) => void)[];
  if (socket === null || readByWs === undefined) return;
  socket.off("data", readByWs);
  socket.on("data", (chunk: Buffer) => {
    // Whatever it makes us answer leaves in one packet.
    socket.cork();
    try {
      let start = 0;
      for (let end = endOfShort(chunk, 0); end > 0 && isIdle(webSocket); end = endOfShort(chunk, start)) {
        webSocket.emit("message", unmask(chunk, start, end), true);
        start = end;
      }
      if (start < chunk.length) readByWs.call(socket, start === 0 ? chunk : chunk.subarray(start));
    } finally {
      socket.uncork();
    }
  });
}

/** Where the short whole frame that begins at `start` ends; 0 when there is none. */
function endOfShort(chunk: Buffer, start: number): number {
  if (chunk.length - start < SHORT_HEADER_BYTES || chunk[start] !== WHOLE_BINARY) return 0;
  const second = chunk[start + 1] ?? 0;
  const length = second & LENGTH_MASK;
  if ((second & MASKED) === 0 || length >= LENGTH_IN_2_BYTES) return 0;
  const end = start + SHORT_HEADER_BYTES + length;
  return end <= chunk.length ? end : 0;
}

function isIdle({ readyState, OPEN, isPaused, _receiver }: WebSocket): boolean {
  const { _state, _bufferedBytes, _fragmented } = _receiver;
  return readyState === OPEN && !isPaused && _state === 0 && _bufferedBytes === 0 && _fragmented === 0;
}

/** The payload, unmasked where it lies: the chunk is this connection's alone. */
function unmask(chunk: Buffer, start: number, end: number): Buffer {
  const mask = start + 2;
  const payload = start + SHORT_HEADER_BYTES;
  for (let at = payload; at < end; at++) {
    chunk[at] = (chunk[at] ?? 0) ^ (chunk[mask + ((at - payload) & 3)] ?? 0);
  }
  return chunk.subarray(payload, end);
}
