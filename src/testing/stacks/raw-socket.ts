import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

/** WebSocket opcodes of RFC 6455. */
export const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const FIN = 0x80;
const MASKED = 0x80;
/** Nobody answered the upgrade with 101: what came instead is in the message. */
export class UpgradeRefused extends Error {
  override readonly name = "UpgradeRefused";
  readonly status: number;
  constructor(answer: string) {
    super(`the upgrade was refused: ${answer.split("\r\n", 1)[0]}`);
    this.status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
  }
}

interface DialOptions {
  readonly port: number;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A WebSocket client that does what an honest one never does: it sends any bytes, stops reading while it goes on
 * writing, and answers pings only when told to. Frames are masked with zeros, which is valid and leaves them readable.
 */
export class RawSocket {
  /** Every binary frame, in order. */
  onFrame: (payload: Buffer) => void = () => {};
  /** The close code, 1006 when the connection just broke. */
  readonly closed: Promise<number>;
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #code = 1006;
  #isClosed = false;

  constructor(socket: Socket, rest: Buffer) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#isClosed = true;
        resolve(this.#code);
      });
    });
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    // What came with the answer is read once the caller has had the chance to set onFrame.
    if (rest.length > 0) setImmediate(() => this.#read(rest));
  }

  static dial({ port, path, headers = {} }: DialOptions): Promise<RawSocket> {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const key = randomBytes(16).toString("base64");
    const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${lines.join("")}\r\n`;
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => socket.write(request));
      let answer: Buffer = Buffer.alloc(0);
      const onEnd = () => reject(new UpgradeRefused(answer.toString("latin1")));
      const onData = (chunk: Buffer) => {
        answer = Buffer.concat([answer, chunk]);
        const end = answer.indexOf("\r\n\r\n");
        if (end < 0) return;
        socket.off("data", onData);
        socket.off("close", onEnd);
        socket.off("error", reject);
        if (answer.toString("latin1", 0, 12) === "HTTP/1.1 101") {
          resolve(new RawSocket(socket, answer.subarray(end + 4)));
          return;
        }
        reject(new UpgradeRefused(answer.toString("latin1")));
        socket.on("error", () => {});
        socket.destroy();
      };
      socket.on("data", onData);
      socket.on("close", onEnd);
      socket.on("error", reject);
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Bytes that wait because the other end does not read. */
  get bytesWaiting(): number {
    return this.#socket.writableLength;
  }

  send(payload: Uint8Array, opcode: number = opcodes.binary): void {
    if (!this.#isClosed) this.#socket.write(clientFrame(payload, opcode));
  }

  /** Frames built beforehand by `clientFrame`, many in one write. */
  sendFramed(frames: Uint8Array): void {
    if (!this.#isClosed) this.#socket.write(frames);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Breaks the connection without a word. */
  destroy(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let frame = firstFrame(bytes); frame !== null; frame = firstFrame(bytes)) {
      bytes = bytes.subarray(frame.end);
      this.#take(frame.opcode, frame.payload);
    }
    this.#rest = bytes;
  }

  #take(opcode: number, payload: Buffer): void {
    if (opcode === opcodes.binary) this.onFrame(payload);
    else if (opcode === opcodes.ping) this.send(payload, opcodes.pong);
    else if (opcode === opcodes.close) {
      this.#code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.send(payload.subarray(0, 2), opcodes.close);
      this.#socket.end();
    }
  }
}

/** One whole masked frame, as a client sends it. */
export function clientFrame(payload: Uint8Array, opcode: number = opcodes.binary): Buffer {
  const length = payload.length;
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.alloc(head + 4 + length);
  frame[0] = FIN | opcode;
  if (head === 2) frame[1] = MASKED | length;
  else if (head === 4) {
    frame[1] = MASKED | 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = MASKED | 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.set(payload, head + 4);
  return frame;
}

/** The first whole frame of a server, which are never masked, or null when more bytes have to come. */
function firstFrame(bytes: Buffer): { opcode: number; payload: Buffer; end: number } | null {
  if (bytes.length < 2) return null;
  const short = (bytes[1] ?? 0) & 0x7f;
  const head = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < head) return null;
  const length = head === 2 ? short : head === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const end = head + length;
  if (bytes.length < end) return null;
  return { opcode: (bytes[0] ?? 0) & 0x0f, payload: bytes.subarray(head, end), end };
}
