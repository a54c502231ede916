import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { LOADTEST_HEADER } from "../../schema/protocol.ts";
import { createClientAddress, signLoadtestName } from "./client-address.ts";

const KEY = "a-key-for-load-tests-of-32-letters-or-more";

function aRequest(peer: string, headers: Record<string, string> = {}): IncomingMessage {
  return { socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage;
}

const plain = createClientAddress({ trustedProxies: [], loadtestKey: null });
const proxied = createClientAddress({ trustedProxies: ["10.0.0.0/8", "fd00::/8"], loadtestKey: KEY });

test("[HTTP2] S16: forwarding headers of a stranger change nothing and are gone afterwards", () => {
  const claims = {
    "x-real-ip": "1.1.1.1",
    "x-forwarded-for": "2.2.2.2, 3.3.3.3",
    "x-client-ip": "4.4.4.4",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "evil.example",
    "x-forwarded-port": "1",
    forwarded: "for=5.5.5.5",
  };
  const request = aRequest("203.0.113.7", { ...claims, host: "game" });
  expect(plain.of(request)).toEqual({ address: "203.0.113.7", isLoadTest: false, scheme: "http" });
  expect(request.headers).toEqual({ host: "game", "x-real-ip": "203.0.113.7" });
  expect(plain.of(request).address).toBe("203.0.113.7");
});

test("[HTTP2] S16: behind trusted proxies the address is the nearest that is not one of theirs", () => {
  const from = (chain: string, peer = "10.1.2.3") => proxied.of(aRequest(peer, { "x-forwarded-for": chain })).address;
  expect(from("198.51.100.9")).toBe("198.51.100.9");
  expect(from("1.1.1.1, 198.51.100.9, 10.9.9.9")).toBe("198.51.100.9");
  expect(from("198.51.100.9", "::ffff:10.1.2.3")).toBe("198.51.100.9");
  expect(from("2001:DB8::1", "fd00::1")).toBe("2001:db8::1");
  expect(from("198.51.100.9:4711")).toBe("198.51.100.9");
  expect(from("[2001:db8::1]:4711")).toBe("2001:db8::1");
  expect(from("not an address")).toBe("10.1.2.3");
  expect(from("198.51.100.9", "192.0.2.1")).toBe("192.0.2.1");
  expect(proxied.of(aRequest("::ffff:192.0.2.1")).address).toBe("192.0.2.1");
  expect(proxied.of(aRequest("10.1.2.3", { "x-forwarded-proto": "https" })).scheme).toBe("https");
  expect(proxied.of(aRequest("192.0.2.1", { "x-forwarded-proto": "https" })).scheme).toBe("http");
});

test("[HTTP2] a load test's bot is counted under its signed name, and anything else under that header is refused", () => {
  const as = (value: string, door = proxied) => door.of(aRequest("192.0.2.1", { [LOADTEST_HEADER]: value }));
  expect(as(signLoadtestName(KEY, "bot-17"))).toEqual({ address: "loadtest:bot-17", isLoadTest: true, scheme: "http" });
  const refused = [
    "",
    "bot-17",
    "bot-17.",
    signLoadtestName("another key", "bot-17"),
    signLoadtestName(KEY, "bot-17").replace("bot-17", "bot-18"),
    signLoadtestName(KEY, "a bot"),
    signLoadtestName(KEY, "b".repeat(33)),
  ];
  for (const value of refused) expect(() => as(value)).toThrow(expect.objectContaining({ code: "LOADTEST_REFUSED" }));
  const isOff = () => as(signLoadtestName(KEY, "bot-17"), plain);
  expect(isOff).toThrow(expect.objectContaining({ code: "LOADTEST_REFUSED" }));
});
