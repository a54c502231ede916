import { createServer, type Server, type ServerOptions, STATUS_CODES } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { ErrorCode } from "../../schema/errors/codes.ts";
import { AppError, type TranslateError } from "./errors.ts";
import { API_POLICY } from "./response-headers.ts";
import type { TlsFiles } from "./tls-files.ts";

export interface Timeouts {
  /** From the first moment of a connection, or the end of the request before, to the end of the headers. */
  readonly headersMs: number;
  /** Likewise to the end of the body. */
  readonly requestMs: number;
  /** Without a byte sent or taken: a peer that asks for much and reads nothing. */
  readonly stallMs: number;
  /** How often connections are looked through for those that are late. */
  readonly checkEveryMs: number;
}

/**
 * A connection that says nothing, or half of what it has to say, is closed within 5 s; a body that trickles in, within
 * 30 s. Node's own 60 s and 300 s are looked at only twice a minute.
 */
export const TIMEOUTS: Timeouts = { headersMs: 4_000, requestMs: 28_000, stallMs: 30_000, checkEveryMs: 500 };
const HANDSHAKE_TIMEOUT_MS = 4_000;
/** A connection between two requests. */
export const KEEP_ALIVE_MS = 5_000;
const REQUESTS_PER_CONNECTION_MAX = 1_000;
/** All headers and the request line. A header that carries a session and a ticket is below 1 KB. */
const HEAD_BYTES_MAX = 16 * 1024;
/** How long a peer that is turned away may take to read why. */
const LAST_WORDS_MS = 1_000;

interface HttpListenerParts {
  readonly tls: TlsFiles | null;
  readonly translate: TranslateError;
  readonly timeouts?: Timeouts;
}

/** The public listener, plain or with TLS, not yet listening: what it takes at most, and how it turns away the rest. */
export function createHttpListener({ tls, translate, timeouts = TIMEOUTS }: HttpListenerParts): Server {
  const options: ServerOptions = {
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    connectionsCheckingInterval: timeouts.checkEveryMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEAD_BYTES_MAX,
    insecureHTTPParser: false,
  };
  const server: Server =
    tls === null
      ? createServer(options)
      : createTlsServer({ ...options, ...tls, handshakeTimeout: HANDSHAKE_TIMEOUT_MS, minVersion: "TLSv1.2" });
  // Only while a request is served: a timer of the server's would be wound up again by every frame of a socket.
  server.on("request", ({ socket }) => void socket.setTimeout(timeouts.stallMs));
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX;
  // Node leaves out what is over this number without a word, an Origin perhaps: the head's size is the limit.
  server.maxHeadersCount = 0;
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => turnAway(error, socket, translate));
  server.on("checkExpectation", (request, response) => {
    // Whatever a client expects, it gets an ordinary answer from the ordinary door.
    server.emit("request", request, response);
  });
  return server;
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: "REQUEST_HEADERS_TOO_LARGE",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "REQUEST_TOO_LARGE",
  ERR_HTTP_REQUEST_TIMEOUT: "REQUEST_TIMEOUT",
};

/** Answers what is no request, or came too late to be one, in the same form as everything else. */
function turnAway(
  error: NodeJS.ErrnoException,
  socket: Socket & { _httpMessage?: unknown },
  translate: TranslateError,
) {
  // Once an answer has begun, more bytes could be taken for a part of it.
  const isAnswering = (socket._httpMessage as { headersSent?: boolean } | null | undefined)?.headersSent === true;
  if (!socket.writable || isAnswering || error.code === "ECONNRESET") return void socket.destroy();
  const shown = translate(new AppError(CODES[error.code ?? ""] ?? "REQUEST_INVALID"), { door: "listener" });
  const body = JSON.stringify(shown.body);
  const lines = [
    `HTTP/1.1 ${shown.status} ${STATUS_CODES[shown.status] ?? ""}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "cache-control: no-store",
    "x-content-type-options: nosniff",
    `content-security-policy: ${API_POLICY}`,
    "connection: close",
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
  setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref();
}
