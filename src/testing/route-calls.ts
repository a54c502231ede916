import type { IncomingHttpHeaders } from "node:http";
import type { JudgedCaller, Routes } from "../platform/http.ts";

interface RouteCallOptions {
  readonly headers?: IncomingHttpHeaders;
  readonly body?: unknown;
  /** As the front door would judge who calls; by default a program at some address. */
  readonly caller?: Partial<JudgedCaller>;
}

/** Calls a route as the front door does, without a socket in between. What it answers has been JSON on its way. */
export async function callRoute(routes: Routes, method: string, path: string, options: RouteCallOptions = {}) {
  const { headers = {}, body, caller } = options;
  const [name = "", query = ""] = path.split("?");
  const door = routes.find(method, name);
  if (door === null) throw new Error(`there is no ${method} ${name}`);
  const answer = await door.answer({
    caller: { address: "192.0.2.1", isLoadTest: false, origin: "absent", ...caller },
    headers,
    query,
    body: body === undefined ? "" : JSON.stringify(body),
  });
  return { status: answer.status, headers: answer.headers, body: JSON.parse(JSON.stringify(answer.body)) };
}
