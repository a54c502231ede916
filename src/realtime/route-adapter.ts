import type { ServerResponse } from "node:http";
import type { Router } from "@colyseus/core";
import type { BufferedRequest } from "../platform/http.ts";

/**
 * Calls the router for a request whose body the front door has read, and writes its answer. The engine's own adapter
 * never ends an answer that is larger than the socket's buffer, so whoever asked for it waits for ever.
 */
export function createRouteAdapter({ handler }: Pick<Router, "handler">) {
  return async (request: BufferedRequest, response: ServerResponse): Promise<void> => {
    const { method = "GET", url = "/", body = "" } = request;
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers)) {
      if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
    }
    const address = `http://${request.headers.host}${url}`;
    const hasBody = body !== "" && method !== "GET";
    const answer = await handler(new Request(address, { method, headers, ...(hasBody && { body }) }));
    const bytes = Buffer.from(await answer.arrayBuffer());
    for (const [name, value] of answer.headers) if (name !== "set-cookie") response.setHeader(name, value);
    response.setHeader("set-cookie", answer.headers.getSetCookie());
    response.writeHead(answer.status, { "content-length": bytes.length }).end(bytes);
  };
}
