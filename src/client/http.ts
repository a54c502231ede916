import { ClientError, networkError, readRefusal } from "./errors.ts";
import { between, type RandomFraction } from "./random.ts";

export interface Call {
  readonly method: "GET" | "POST" | "DELETE";
  /** Begins with a slash. */
  readonly path: string;
  readonly body?: object;
  /** How long the answer may take, by default 10 s. */
  readonly answerMsMax?: number;
}

/** Typed JSON calls. `Reply` is what the server's route declares; the server checks each reply against it. */
export interface Http {
  call<Reply>(call: Call): Promise<Reply>;
  /**
   * An answer that has no end, as it comes, until it ends or `signal` aborts. Fails like a call when there is none.
   */
  stream(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
}

interface HttpParts {
  /** Where the server is, as a URL. A path in it is kept. */
  readonly endpoint: string;
  /** Whether the browser's cookies go with the call. */
  readonly credentials: "same-origin" | "omit";
  readonly token: () => string | null;
  /** Called when the server does not know the session token that it was just sent. */
  readonly onTokenUnknown: (token: string) => void;
  readonly random: RandomFraction;
  /** Sent with every call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long an answer may take, by default 10 s. */
  readonly answerMsMax?: number;
}

const ANSWER_MS_MAX = 10_000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 500;
/** A server may ask for a longer wait than a person would sit through; such a wait is left to the caller. */
const RETRY_AFTER_SECONDS_MAX = 2;

/**
 * Calls time out after 10 s. A GET that met no server, or one that was unavailable (503), is tried once more after a
 * random short wait, or the wait that the server asked for; every other call is sent once, because it may have been
 * carried out although no answer came.
 *
 * Errors: any code of the server's tables, NETWORK, PROTOCOL.
 */
export function createHttp(parts: HttpParts): Http {
  const base = parts.endpoint.replace(/\/+$/, "");
  return {
    async call<Reply>(call: Call): Promise<Reply> {
      const attempt = () => send(call, base, parts) as Promise<Reply>;
      if (call.method !== "GET") return attempt();
      return attempt().catch(async (thrown: unknown) => {
        const waitMs = retryWaitMs(thrown, parts.random);
        if (waitMs === null) throw thrown;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        return attempt();
      });
    },
    stream: (path, signal) => openStream(`${base}${path}`, signal, parts),
  };
}

async function openStream(url: string, signal: AbortSignal, { credentials, token }: HttpParts) {
  const bearer = token();
  const headers = { accept: "text/event-stream", ...(bearer !== null && { authorization: `Bearer ${bearer}` }) };
  const response = await fetch(url, { headers, credentials, signal }).catch((thrown: unknown) => {
    throw networkError("The server could not be reached.", thrown);
  });
  if (response.ok && response.body !== null) return response.body;
  throw refusalOf(response, parseJson(await response.text()));
}

/** How long to wait before the second attempt, or null when there should be none. */
function retryWaitMs(thrown: unknown, random: RandomFraction): number | null {
  if (!(thrown instanceof ClientError)) return null;
  const { code, status, retryAfterSeconds = 0 } = thrown;
  const mayHelp = status === 503 || (code === "NETWORK" && status === 0);
  if (!mayHelp || retryAfterSeconds > RETRY_AFTER_SECONDS_MAX) return null;
  return retryAfterSeconds * 1000 + between(random, RETRY_MS_MIN, RETRY_MS_MAX);
}

async function send({ method, path, body, answerMsMax }: Call, base: string, parts: HttpParts): Promise<unknown> {
  const token = parts.token();
  const headers: Record<string, string> = { ...parts.headers, accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (token !== null) headers["authorization"] = `Bearer ${token}`;
  const { response, reply } = await exchange(`${base}${path}`, {
    signal: AbortSignal.timeout(answerMsMax ?? parts.answerMsMax ?? ANSWER_MS_MAX),
    method,
    headers,
    credentials: parts.credentials,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.ok) {
    if (reply === undefined) throw unreadable(response.status);
    return reply;
  }
  const refusal = refusalOf(response, reply);
  if (refusal.code === "UNAUTHENTICATED" && token !== null) parts.onTokenUnknown(token);
  throw refusal;
}

function refusalOf({ headers, status }: Response, body: unknown): ClientError {
  const retryAfter = Number(headers.get("retry-after") ?? Number.NaN);
  const retryAfterSeconds = Number.isFinite(retryAfter) ? retryAfter : undefined;
  return readRefusal({ body, status, retryAfterSeconds });
}

/** Sends a request and reads the whole answer. `reply` is undefined when the answer is not JSON. */
async function exchange(url: string, request: RequestInit): Promise<{ response: Response; reply: unknown }> {
  try {
    const response = await fetch(url, request);
    const text = await response.text();
    return { response, reply: parseJson(text) };
  } catch (thrown) {
    const isLate = thrown instanceof DOMException && thrown.name === "TimeoutError";
    throw networkError(isLate ? "The server took too long to answer." : "The server could not be reached.", thrown, {
      isLate,
    });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreadable(status: number): ClientError {
  const message = "The server's answer is not one that this client understands. Update it.";
  return new ClientError({ code: "PROTOCOL", message, status });
}
