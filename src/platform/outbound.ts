/** A `fetch` towards other people's servers. Tests give one that leads to a server of their own. */
export type Outbound = (url: string | URL | Request, init?: RequestInit) => Promise<Response>;

interface OutboundOptions {
  readonly fetch?: Outbound;
  /** For the whole answer, body included. */
  readonly timeoutMs?: number;
  readonly bytesMax?: number;
}

/**
 * Asks others within limits: an answer that takes longer or is larger than it may be is a failure, and so is one that
 * leads elsewhere: whoever asks with a credential must not hand it on.
 */
export function createOutbound(options: OutboundOptions = {}): Outbound {
  const { fetch: ask = fetch, timeoutMs = 8_000, bytesMax = 1024 * 1024 } = options;
  return async (url, init = {}) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = init.signal == null ? timeout : AbortSignal.any([timeout, init.signal]);
    const response = await ask(url, { ...init, redirect: "error", signal });
    const body = await readWithin(response, bytesMax);
    const { status, statusText, headers } = response;
    const isBodiless = status === 204 || status === 205 || status === 304;
    return new Response(isBodiless ? null : body, { status, statusText, headers: plainHeaders(headers) });
  };
}

/** The body was unpacked on its way in. */
function plainHeaders(headers: Headers): Headers {
  const plain = new Headers(headers);
  plain.delete("content-encoding");
  plain.delete("content-length");
  return plain;
}

async function readWithin(response: Response, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`the answer has more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Uint8Array.from(Buffer.concat(chunks));
}
