import type { ErrorTable } from "./table.ts";

/** Failures that any door can answer with, whatever the feature behind it. */
export const platformErrors = {
  INTERNAL: { status: 500, message: "Something went wrong on our side. Quote the error id when you report it." },
  REQUEST_INVALID: { status: 400, message: "The request does not have the expected form." },
  REQUEST_TOO_LARGE: { status: 413, message: "The request body is larger than this server accepts." },
  REQUEST_UNSUPPORTED: { status: 415, message: "Send the body as application/json." },
  REQUEST_FOREIGN: { status: 403, message: "This page may not act with the session of another site." },
  REQUEST_TIMEOUT: { status: 408, message: "The request took too long to arrive." },
  REQUEST_URL_TOO_LONG: { status: 414, message: "The address is longer than this server accepts." },
  REQUEST_HEADERS_TOO_LARGE: { status: 431, message: "The request's headers are larger than this server accepts." },
  LOADTEST_REFUSED: { status: 403, message: "The load test header is not signed with this server's LOADTEST_KEY." },
  ROUTE_NOT_FOUND: { status: 404, message: "There is nothing at this address." },
  UNAUTHENTICATED: { status: 401, message: "Sign in first: send a session as bearer token or cookie." },
  RATE_LIMITED: { status: 429, message: "Too many requests. Wait for the time given in Retry-After." },
  UNAVAILABLE: { status: 503, message: "The server cannot answer this now. Try again in a moment." },
  REDIS_UNAVAILABLE: { status: 503, message: "The server cannot reach its Redis now. Try again in a moment." },
  MAIL_UNAVAILABLE: { status: 503, message: "This server sends no mail." },
  IDEMPOTENCY_CONFLICT: { status: 409, message: "This key was used before, for another request." },
} as const satisfies ErrorTable;
