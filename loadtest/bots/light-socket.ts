import { createHash, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { Failure } from "./failure.ts";
import { clientFrame, FrameReader, OPCODE } from "./light-frames.ts";

/** Where and how to dial. */
export interface Dial {
  readonly port: number;
  readonly host: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The address to come from. On Linux all of 127.0.0.0/8 is this machine, so a server can be shown many addresses. */
  readonly localAddress?: string | undefined;
}

/** Hears one message of the server: its opcode, and its first bytes in `bytes` from `start` to `end`. */
export type MessageListener = (opcode: number, bytes: Buffer, start: number, end: number) => void;

const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const DIAL_MS_MAX = 10_000;
/** A server that does not answer a close is left by force. */
const CLOSE_MS_MAX = 2000;
const NORMAL = 1000;
/** What RFC 6455 calls a connection that ended without a word. */
const ABNORMAL = 1006;
/** Reading is synchronous, so every socket of the process may use the same memory. */
const chunk = Buffer.alloc(64 * 1024);
const nothing = Buffer.alloc(0);

/** A WebSocket of nothing but a TCP socket: it frames, answers pings and closes as agreed, and decodes nothing. */
export class LightSocket {
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #listener: MessageListener;
  /** The answer to the upgrade, until it is complete. */
  #head: Buffer | undefined = nothing;
  #accept = "";
  #hasSaidGoodbye = false;
  #onUpgraded: (refusal: Error | null) => void = () => {};
  #onClosed: (code: number) => void = () => {};
  #closeCode = ABNORMAL;
  isOpen = false;
  /** Fulfilled when the connection has ended, with the server's close code, or 1006. */
  readonly closed: Promise<number>;

  private constructor({ port, host, localAddress }: Dial, listener: MessageListener) {
    this.#listener = listener;
    this.#reader = new FrameReader((opcode, bytes, start, end) => this.#hear(opcode, bytes, start, end));
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    const onread = { buffer: chunk, callback: (length: number) => this.#read(length) };
    this.#socket = connect({ port, host, onread, noDelay: true, ...(localAddress !== undefined && { localAddress }) });
    this.#socket.on("error", (error) => this.#onUpgraded(failed(error)));
    this.#socket.on("close", () => {
      this.isOpen = false;
      this.#onUpgraded(new Failure("CLOSE_1006", "The connection ended before it was a WebSocket."));
      this.#onClosed(this.#closeCode);
    });
  }

  /** Frames and bytes from the server since the upgrade. */
  get received(): { readonly frames: number; readonly bytes: number } {
    return this.#reader;
  }

  /** Dials and upgrades. Fails with the server's status line when it refuses. */
  static async open(dial: Dial, listener: MessageListener): Promise<LightSocket> {
    const light = new LightSocket(dial, listener);
    const key = randomBytes(16).toString("base64");
    const accept = createHash("sha1").update(`${key}${ACCEPT_SUFFIX}`).digest("base64");
    const upgraded = new Promise<void>((resolve, reject) => {
      light.#onUpgraded = (refusal) => (refusal === null ? resolve() : reject(refusal));
    });
    light.#accept = accept.toLowerCase();
    const headers = Object.entries(dial.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `GET ${dial.path} HTTP/1.1\r\nhost: ${dial.host}:${dial.port}\r\nupgrade: websocket\r\nconnection: upgrade\r\n`;
    light.#socket.write(`${head}sec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n${headers.join("")}\r\n`);
    const timer = setTimeout(
      () => light.#socket.destroy(new Failure("TIMEOUT", "The upgrade took too long.")),
      DIAL_MS_MAX,
    );
    await upgraded.finally(() => clearTimeout(timer));
    return light;
  }

  /** Writes a frame made by `clientFrame`. Does nothing once the connection has ended. */
  send(frame: Uint8Array): void {
    if (this.isOpen) this.#socket.write(frame);
  }

  /** Says goodbye, waits for the answer, and returns the code with which the connection ended. */
  async close(code: number = NORMAL): Promise<number> {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.#sayGoodbye(payload);
    return this.ended();
  }

  /** Waits for the server to end the connection, and ends it by force when that takes too long. */
  async ended(): Promise<number> {
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_MS_MAX);
    return this.closed.finally(() => clearTimeout(timer));
  }

  /** Resets the connection without a word, as a pulled cable would. */
  drop(): void {
    this.#socket.resetAndDestroy();
  }

  #read(length: number): boolean {
    if (this.#head === undefined) this.#reader.read(chunk, length);
    else this.#readHead(length);
    return true;
  }

  #readHead(length: number): void {
    const head = Buffer.concat([this.#head ?? nothing, chunk.subarray(0, length)]);
    const end = head.indexOf("\r\n\r\n");
    this.#head = head;
    if (end === -1) return;
    const text = head.toString("latin1", 0, end);
    if (!text.startsWith("HTTP/1.1 101") || !text.toLowerCase().includes(`sec-websocket-accept: ${this.#accept}`)) {
      const [status = ""] = text.split("\r\n", 1);
      const [, seconds] = /\r\nretry-after: (\d+)/i.exec(text) ?? [];
      const waitSeconds = seconds === undefined ? undefined : Number(seconds);
      this.#onUpgraded(new Failure(`HTTP_${status.split(" ")[1]}`, `The upgrade was refused: ${status}`, waitSeconds));
      this.#socket.destroy();
      return;
    }
    this.#head = undefined;
    this.isOpen = true;
    this.#onUpgraded(null);
    const rest = head.subarray(end + 4);
    if (rest.length > 0) this.#reader.read(rest, rest.length);
  }

  #hear(opcode: number, bytes: Buffer, start: number, end: number): void {
    if (opcode === OPCODE.ping) this.send(clientFrame(OPCODE.pong, bytes.subarray(start, end), start));
    else if (opcode === OPCODE.close) this.#beClosed(bytes, start, end);
    else this.#listener(opcode, bytes, start, end);
  }

  #beClosed(bytes: Buffer, start: number, end: number): void {
    if (end - start >= 2) this.#closeCode = bytes.readUInt16BE(start);
    this.#sayGoodbye(bytes.subarray(start, Math.min(end, start + 2)));
    this.isOpen = false;
    this.#socket.end();
  }

  #sayGoodbye(payload: Uint8Array): void {
    if (!this.#hasSaidGoodbye) this.send(clientFrame(OPCODE.close, payload, payload.length));
    this.#hasSaidGoodbye = true;
  }
}

function failed(error: Error): Failure {
  return error instanceof Failure ? error : new Failure("NETWORK", error.message);
}
