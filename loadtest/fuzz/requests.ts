import type { RouteShape } from "../../src/testing/route-table.ts";
import type { SeededRandom } from "../random.ts";
import { pick } from "./frames.ts";

interface RequestSource {
  readonly random: SeededRandom;
  readonly routes: readonly RouteShape[];
  /** Headers of somebody who may ask, for half of the requests. */
  readonly credentials: Readonly<Record<string, string>>;
}

const METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD", "TRACE", "get", "BREW"];
const ODD_PATHS = [
  "/",
  "//",
  "/%00",
  "/%",
  "/..%2f..%2fetc/passwd",
  "/api/",
  "/api//accounts",
  "/api/accounts/../accounts/me",
  "/matchmake/",
  "/matchmake/joinOrCreate/",
  "/matchmake/create/yard",
  "/matchmake/joinById/__proto__",
  "/matchmake/reconnect/x",
  "/matchmake/constructor/yard",
  "/matchmake/joinOrCreate/nothing",
  "/metrics",
  "/__healthcheck",
];
const QUERIES = [
  "",
  "?",
  "?a=1&a=2",
  "?__proto__[x]=1",
  `?q=${"x".repeat(2000)}`,
  "?%",
  "?limit=-1",
  "?limit=1e9&cursor=%00",
];
const HEADERS = [
  "Content-Type: application/json",
  "Content-Type: application/json; charset=utf-16",
  "Content-Type: text/plain",
  "Content-Type: application/x-www-form-urlencoded",
  "Content-Encoding: gzip",
  "Origin: null",
  "Origin: https://evil.example",
  "Cookie: session=; session=x; __proto__=1",
  `Cookie: ${"c=1; ".repeat(100)}`,
  "Authorization: Bearer",
  "Authorization: Basic Og==",
  `Authorization: Bearer ${"a".repeat(500)}`,
  "X-Forwarded-For: 127.0.0.1, 'or 1=1",
  'Forwarded: for="[::1]"',
  "Accept-Language: \u00ff\u00fe",
  "Expect: 100-continue",
  "Range: bytes=-1",
  "X-Http-Method-Override: DELETE",
  "If-None-Match: *",
  "Idempotency-Key: \t",
];
/** What stands where a field is expected. */
const VALUES: readonly string[] = [
  "null",
  "true",
  "0",
  "-1",
  "1.5",
  "1e308",
  "1e999",
  "9007199254740993",
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"\\u202e\\u200b"',
  `"${"x".repeat(3000)}"`,
  '"\'; drop table umpire.accounts; --"',
  '"<script>alert(1)</script>"',
  '"a@b.example"',
  '"acc_00000000000000000000000000"',
  "[]",
  "{}",
  '{"__proto__":{"isAdmin":true}}',
  '{"constructor":{"prototype":{"isAdmin":true}}}',
  '{"toString":1,"hasOwnProperty":1}',
  "[[[[[[[[[[]]]]]]]]]]",
];

/** One request as it goes over the wire: half of them nearly right, so that they get past the first check. */
export function hostileRequest({ random, routes, credentials }: RequestSource): string {
  const route = pick(random, routes);
  const isOdd = random.below(6) === 0;
  const method = random.below(8) === 0 ? pick(random, METHODS) : isOdd ? "POST" : route.method;
  const path = isOdd
    ? pick(random, ODD_PATHS)
    : route.path.replace(/:\w+/g, () => encodeURIComponent(pick(random, VALUES)).slice(0, 200));
  const body = method === "GET" || method === "HEAD" ? "" : hostileBody(random, route.fields);
  const isJson = random.below(5) > 0;
  const headers = [
    ...Object.entries(credentials).map(([name, value]) => `${name}: ${value}`),
    ...(isJson ? ["Content-Type: application/json"] : []),
    ...Array.from({ length: random.below(3) }, () => pick(random, HEADERS)),
    ...(random.below(30) === 0 ? Array.from({ length: 300 }, (_, index) => `X-Filler-${index}: 1`) : []),
  ];
  return [
    `${method} ${path}${pick(random, QUERIES)} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Connection: close",
    ...headers,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n");
}

function hostileBody(random: SeededRandom, fields: readonly string[]): string {
  const kind = random.below(10);
  if (kind === 0) return "";
  if (kind === 1) return "[".repeat(20_000);
  if (kind === 2) return `{"a":${'{"a":'.repeat(5000)}1${"}".repeat(5000)}}`;
  if (kind === 3) return pick(random, ["{", "\ufeff{}", "{}{}", "nul", "NaN", "'", '{"a":1,}', "\u0000"]);
  if (kind === 4) return pick(random, VALUES);
  const names = [...fields, ...(random.below(3) === 0 ? ["__proto__", "isAdmin", "constructor"] : [])];
  const given = names.filter(() => random.below(5) > 0);
  return `{${given.map((name) => `${JSON.stringify(name)}:${pick(random, VALUES)}`).join(",")}}`;
}
