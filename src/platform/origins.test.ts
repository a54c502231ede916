import { expect, test } from "vitest";
import { createOrigins, hasOneHost, parseOrigin } from "./origins.ts";

const host = "game.example:2567";
const origins = createOrigins({ allowed: ["https://partner.example"], publicUrl: "https://play.example/lobby" });

test("[HTTP1] S12: an origin is equal or it is foreign; no prefix, suffix, port or scheme makes it ours", () => {
  const judge = (origin: string) => origins.judge({ host, origin }, "http");
  expect(judge("http://game.example:2567")).toBe("same");
  expect(judge("https://play.example")).toBe("same");
  expect(judge("https://partner.example")).toBe("allowed");
  const foreign = [
    "null",
    "",
    "https://evil.example",
    "https://game.example:2567",
    "http://game.example",
    "http://game.example:2568",
    "http://game.example:2567.evil.example",
    "http://sub.game.example:2567",
    "http://partner.example",
    "https://partner.example:444",
    "https://partner.example.evil.example",
    "https://evilpartner.example",
    "https://PARTNER.example/",
    "https://partner.example, https://evil.example",
    "https://play.example/lobby",
  ];
  for (const origin of foreign) expect([origin, judge(origin)]).toEqual([origin, "foreign"]);
});

test("[HTTP1] S12: without an Origin the browser's own word about the page counts, and without both nobody's", () => {
  const judge = (site?: string) => origins.judge({ host, ...(site && { "sec-fetch-site": site }) }, "http");
  expect(judge()).toBe("absent");
  expect(judge("none")).toBe("absent");
  expect(judge("same-origin")).toBe("same");
  expect(judge("same-site")).toBe("foreign");
  expect(judge("cross-site")).toBe("foreign");
  expect(judge("made-up")).toBe("foreign");
  expect(origins.judge({ origin: "http://undefined" }, "http")).toBe("foreign");
});

test("[HTTP1] S13: only an exact origin may stand in ALLOWED_ORIGINS", () => {
  expect(parseOrigin("https://partner.example")).toBe("https://partner.example");
  expect(parseOrigin("HTTPS://Partner.example/")).toBe("https://partner.example");
  expect(parseOrigin("http://localhost:5173")).toBe("http://localhost:5173");
  const refused = ["*", "null", "", "partner.example", "https://*.partner.example", "https://partner.example/path"];
  refused.push("file:///etc", "https://partner.example:443x", "javascript:alert(1)", "https://a@partner.example");
  for (const text of refused) expect([text, parseOrigin(text)]).toEqual([text, null]);
});

test("[HTTP13] a request is for one server, and its name is one that a URL can stand on", () => {
  const isTaken = (...hosts: string[]) =>
    hasOneHost({ rawHeaders: ["Accept", "host", ...hosts.flatMap((host) => ["Host", host])] });
  for (const name of ["game.example", "game.example:2567", "127.0.0.1:1", "[::1]:2567", "a_b"]) {
    expect([name, isTaken(name)]).toEqual([name, true]);
  }
  const refused = ["", "[[[", "a b", "a/b", "user@game", "a:99999", "256.256.256.256", "[::g]", "a?b", "a#b"];
  for (const name of refused) expect([name, isTaken(name)]).toEqual([name, false]);
  expect(isTaken()).toBe(false);
  expect(isTaken("game.example", "evil.example")).toBe(false);
});
