import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll } from "vitest";
import { createOutbound, type Outbound } from "../../platform/outbound.ts";

/** What somebody else's server was asked. */
export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body: unknown;
}

/**
 * A server on the loopback that stands in for all of a provider's: whoever asks by the `outbound` that it gives, gets
 * there, whatever address was meant.
 */
export async function startForeignServer(
  answer: (asked: Asked) => Answer,
): Promise<{ outbound: Outbound; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const url = new URL(request.url ?? "/", `https://${request.headers["x-meant-for"]}`);
      const question = {
        method: request.method ?? "",
        url,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      };
      asked.push(question);
      const { status = 200, headers = {}, body } = answer(question);
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterAll(() => void server.close());
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const outbound = createOutbound({
    fetch(given, init = {}) {
      const meant = new URL(given instanceof Request ? given.url : given);
      const headers = new Headers(init.headers);
      headers.set("x-meant-for", meant.host);
      const { method, body, signal, redirect } = init;
      return fetch(base + meant.pathname + meant.search, {
        ...(method !== undefined && { method }),
        ...(body != null && { body }),
        ...(signal != null && { signal }),
        ...(redirect !== undefined && { redirect }),
        headers,
      });
    },
  });
  return { outbound, asked };
}
