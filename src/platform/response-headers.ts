import { LOADTEST_HEADER } from "../../schema/protocol.ts";

type HeaderLines = Readonly<Record<string, string>>;

/** An answer of the API is data: shown as a page, or framed in one, it may do nothing. */
export const API_POLICY = "default-src 'none'; frame-ancestors 'none'";

const YEAR_SECONDS = 31_536_000;
const PREFLIGHT_SECONDS = 600;

/**
 * What every answer carries, a page as well as a refusal. `isHttps` says that players reach this server by https, which
 * their browsers then insist on for a year.
 */
export function securityHeaders({ isHttps }: { isHttps: boolean }): HeaderLines {
  return {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    // Answers differ by Origin even when no other origin is allowed: a cache in between must not mix them up.
    vary: "Origin",
    ...(isHttps && { "strict-transport-security": `max-age=${YEAR_SECONDS}` }),
  };
}

/** Invites one origin, which the caller has found on the allow-list, to read answers and to send its cookies. */
export function invitation(origin: string): HeaderLines {
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "retry-after",
  };
}

/** What an invited page may send, as a browser asks before it does. */
export const PREFLIGHT_HEADERS: HeaderLines = {
  "access-control-allow-methods": "GET, POST, DELETE",
  "access-control-allow-headers": `authorization, content-type, ${LOADTEST_HEADER}`,
  "access-control-max-age": String(PREFLIGHT_SECONDS),
};
