import { createHmac } from "node:crypto";
import { Agent, type IncomingMessage, request } from "node:http";
import { LOADTEST_HEADER } from "../../schema/protocol.ts";
import { Failure } from "./failure.ts";
import { createLightCrowd, type Dialect, type InputFrames, type LightCrowd } from "./light-crowd.ts";
import { clientFrame, OPCODE } from "./light-frames.ts";
import type { Dial } from "./light-socket.ts";

export interface LightOptions {
  /** Where the server is: `http://127.0.0.1:2567`. */
  readonly endpoint: string;
  readonly room: string;
  readonly filters?: object;
  /** What the bots play, from `inputFrames`. */
  readonly inputs: InputFrames;
  readonly inputHz: number;
  /** The server's LOADTEST_KEY: each bot then counts as an address of its own. */
  readonly loadtestKey?: string | undefined;
  /** Begins the bots' names in the load test's header. Two crowds on one server need different ones. */
  readonly name?: string;
}

/** What the matchmaker answers with, as far as a bot needs it. */
export interface Seat {
  readonly roomId: string;
  readonly processId: string;
  readonly sessionId: string;
  /** Where the room's process is dialled directly. */
  readonly publicAddress?: string;
}

const CODE_MASK = 0x1f;
/** The engine's codes (Protocol in @colyseus/shared-types). */
const JOIN_ROOM = 10;
const ERROR = 11;
const LEAVE_ROOM = 12;
const ROOM_STATE = 14;
export const ROOM_STATE_PATCH = 15;
const SOCKETS_MAX = 32;
const ANSWER_MS_MAX = 10_000;

/**
 * A crowd that plays on an Umpire server: each bot becomes a guest, asks for a seat and sits down, as a page
 * would, and then sends inputs and counts what it is sent without decoding it. Hundreds fit into a fraction of one core.
 *
 * `const crowd = createLightBots({ endpoint, room: "arena", inputs, inputHz: 40 }); await crowd.join(20);`
 */
export function createLightBots({ inputHz, ...options }: LightOptions): LightCrowd {
  return createLightCrowd({ dialect: umpireDialect(options), inputHz });
}

export function umpireDialect(options: Omit<LightOptions, "inputHz">): Dialect {
  const { endpoint, room, filters = {}, inputs, loadtestKey, name = "bot" } = options;
  const http = createJsonClient(endpoint);
  const tokens = new Map<number, string>();
  const headersOf = (bot: number): Record<string, string> =>
    loadtestKey === undefined ? {} : { [LOADTEST_HEADER]: signedName(`${name}-${bot}`, loadtestKey) };
  const signIn = async (bot: number) => {
    const { token } = await http.post<{ token: string }>("/api/accounts/guest", {}, headersOf(bot));
    tokens.set(bot, token);
  };
  return {
    inputs,
    hear: hearEngine,
    goodbye: engineGoodbye,
    signIn,
    async prepare(bot) {
      if (!tokens.has(bot)) await signIn(bot);
      const headers = headersOf(bot);
      const asPlayer = { ...headers, authorization: `Bearer ${tokens.get(bot)}` };
      const seat = await http.post<Seat>(`/matchmake/joinOrCreate/${room}`, filters, asPlayer);
      return seatDial(endpoint, seat, headers);
    },
  };
}

/** The value of LOADTEST_HEADER: the name and its HMAC-SHA256 under LOADTEST_KEY. */
export function signedName(name: string, loadtestKey: string): string {
  return `${name}.${createHmac("sha256", loadtestKey).update(name).digest("base64url")}`;
}

/** How a reserved seat is taken, on any server of the engine's. */
export function seatDial(endpoint: string, seat: Seat, headers: Readonly<Record<string, string>>): Dial {
  const { hostname, port } = new URL(seat.publicAddress === undefined ? endpoint : `http://${seat.publicAddress}`);
  const path = `/${seat.processId}/${seat.roomId}?sessionId=${seat.sessionId}`;
  return { host: hostname, port: Number(port), path, headers };
}

const acknowledgment = clientFrame(OPCODE.binary, Uint8Array.of(JOIN_ROOM), 0x2b7e1516);
/** Without it the server would keep the seat for a player whose line broke. */
export const engineGoodbye = clientFrame(OPCODE.binary, Uint8Array.of(LEAVE_ROOM), 0x28aed2a6);

/** Of the engine's messages a bot knows the code in the first byte. */
export const hearEngine: Dialect["hear"] = ({ bytes, start }, answer) => {
  const code = kindOf(bytes[start] ?? 0);
  if (code === ROOM_STATE_PATCH) return "patch";
  if (code === JOIN_ROOM) answer(acknowledgment);
  if (code === ERROR) return "refused";
  return code === ROOM_STATE ? "seated" : "other";
};

/** What kind of message of the engine's begins with this byte: the bits above say how it is decorated. */
export function kindOf(first: number): number {
  return first & CODE_MASK;
}

/** The token in the message with which a room lets a client in, or null in any other message. */
export function reconnectionTokenOf(bytes: Buffer, start: number, end: number): string | null {
  if (bytes[start] !== JOIN_ROOM) return null;
  const from = start + 2;
  const to = from + (bytes[start + 1] ?? 0);
  return to <= end ? bytes.toString("latin1", from, to) : null;
}

export interface JsonClient {
  /** Fails with the status and the body when the answer is not a success. */
  post<Reply>(path: string, body: object, headers?: Readonly<Record<string, string>>): Promise<Reply>;
  /** Closes its connections. */
  close(): void;
}

/** Posts JSON over connections that are kept and shared by the whole crowd. */
export function createJsonClient(endpoint: string, { socketsMax = SOCKETS_MAX } = {}): JsonClient {
  const { hostname: host, port } = new URL(endpoint);
  const agent = new Agent({ keepAlive: true, maxSockets: socketsMax });
  const post: JsonClient["post"] = (path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const text = JSON.stringify(body);
      const contentHeaders = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
      const options = { host, port, path, agent, method: "POST", headers: { ...headers, ...contentHeaders } };
      const call = request({ ...options, timeout: ANSWER_MS_MAX }, (response) => {
        let reply = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => {
          reply += part;
        });
        response.on("error", reject);
        response.on("end", () => {
          if (response.statusCode === 200) resolve(JSON.parse(reply));
          else reject(refusalOf(path, response, reply));
        });
      });
      const late = () => call.destroy(new Failure("TIMEOUT", `${path} was not answered in ${ANSWER_MS_MAX} ms.`));
      call.on("timeout", late);
      call.on("error", (error: NodeJS.ErrnoException) => {
        // The server closed a kept connection at the moment that it was used again: it has not seen this call.
        if (call.reusedSocket && error.code === "ECONNRESET") resolve(post(path, body, headers));
        else reject(error instanceof Failure ? error : new Failure("NETWORK", `${path}: ${error.message}`));
      });
      call.end(text);
    });
  return { post, close: () => agent.destroy() };
}

function refusalOf(path: string, { statusCode, headers }: IncomingMessage, reply: string): Failure {
  const [, code = `HTTP_${statusCode}`] = /"code":"([A-Z_]+)"/.exec(reply) ?? [];
  const retryAfter = headers["retry-after"];
  const seconds = retryAfter === undefined ? Number.NaN : Number(retryAfter);
  const message = `${path} was refused: ${statusCode} ${reply}`;
  return new Failure(code, message, Number.isFinite(seconds) ? seconds : undefined);
}
