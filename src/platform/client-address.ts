import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import proxyAddress from "proxy-addr";
import { LOADTEST_HEADER } from "../../schema/protocol.ts";
import { AppError } from "./errors.ts";

/** Who is at the other end of a connection, before anybody has signed in. */
export interface Caller {
  /** What limits count by: an IP address in its shortest form, or `loadtest:<name>` for a bot that may be counted alone. */
  readonly address: string;
  readonly isLoadTest: boolean;
  /** How the client reached us, or the proxy in front of us. */
  readonly scheme: "http" | "https";
}

export interface ClientAddress {
  /**
   * The caller of a request or an upgrade. It also rewrites the request's forwarding headers, so that whoever reads them
   * later, the engine above all, finds this address there and nothing that a client has made up.
   *
   * Errors: LOADTEST_REFUSED.
   */
  of(request: IncomingMessage): Caller;
  /** Takes a caller's word for who it is: that of another process of ours, which has found it out. */
  adopt(request: IncomingMessage, caller: Caller): void;
  /** Whether this peer is a trusted proxy, behind which there are many clients. */
  isProxy(peer: string): boolean;
}

interface ClientAddressParts {
  /** Addresses and CIDR ranges of the proxies whose forwarding headers are believed. */
  readonly trustedProxies: readonly string[];
  /** Null turns load test bots away. */
  readonly loadtestKey: string | null;
}

/** Where clients and proxies write addresses. The engine believes the first three from anyone. */
const FORWARDING_HEADERS = [
  "x-real-ip",
  "x-forwarded-for",
  "x-client-ip",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port",
  "forwarded",
] as const;
/** The first that the engine looks at. */
const ENGINE_HEADER = "x-real-ip";

/** Where a request keeps its caller once it is known: its headers are changed by then. */
const CALLER = Symbol("caller");

export function createClientAddress({ trustedProxies, loadtestKey }: ClientAddressParts): ClientAddress {
  const trust = proxyAddress.compile([...trustedProxies]);
  const botOf = createBotReader(loadtestKey === null ? null : createSecretKey(Buffer.from(loadtestKey)));
  return {
    isProxy: (peer) => trust(peer, 0),
    of(request: IncomingMessage & { [CALLER]?: Caller }) {
      const known = request[CALLER];
      if (known !== undefined) return known;
      const { headers } = request;
      const isBehindProxy = trust(request.socket.remoteAddress ?? "", 0);
      const bot = botOf(headers[LOADTEST_HEADER]);
      const caller: Caller = {
        address: bot === null ? addressOf(request, trust) : `loadtest:${bot}`,
        isLoadTest: bot !== null,
        scheme: schemeOf(request, isBehindProxy),
      };
      remember(request, caller);
      return caller;
    },
    adopt: remember,
  };
}

function remember(request: IncomingMessage & { [CALLER]?: Caller }, caller: Caller): void {
  const { headers } = request;
  for (const name of FORWARDING_HEADERS) if (name in headers) delete headers[name];
  headers[ENGINE_HEADER] = caller.address;
  request[CALLER] = caller;
}

/** The nearest address that is not a trusted proxy's. A proxy that passes on nonsense is taken for the client itself. */
function addressOf(request: IncomingMessage, trust: (address: string, hops: number) => boolean): string {
  const peer = request.socket.remoteAddress ?? "unknown";
  const claimed = withoutPort(proxyAddress(request, trust));
  return shortest(isIP(claimed) === 0 ? peer : claimed);
}

/** Some proxies name the client with its port. */
function withoutPort(claimed: string): string {
  return /^\[([^\]]+)\](:\d+)?$/.exec(claimed)?.[1] ?? claimed.replace(/^([\d.]+):\d+$/, "$1");
}

/** An IPv4 address that came in on an IPv6 socket is the same client as on an IPv4 one. */
function shortest(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return mapped?.[1] ?? address.toLowerCase();
}

function schemeOf(request: IncomingMessage, isBehindProxy: boolean): Caller["scheme"] {
  if ("encrypted" in request.socket) return "https";
  return isBehindProxy && request.headers["x-forwarded-proto"] === "https" ? "https" : "http";
}

/** An address or a CIDR range as it may stand in TRUSTED_PROXIES, or null when `text` is neither. */
export function parseNetwork(text: string): string | null {
  try {
    proxyAddress.compile([text]);
    return text;
  } catch {
    return null;
  }
}

/** A bot's header value: whoever holds LOADTEST_KEY may name bots, and nobody else. */
export function signLoadtestName(key: string, name: string): string {
  return `${name}.${signature(key, name).toString("base64url")}`;
}

function signature(key: string | KeyObject, name: string): Buffer {
  return createHmac("sha256", key).update(name).digest();
}

/** Headers that were found to be rightly signed, so that a load test measures the server and not its own signature. */
const BOTS_MAX = 1000;

/** The name of a load test's bot, or null for everybody else. A header that is not rightly signed is never ignored. */
function createBotReader(key: KeyObject | null): (header: string | string[] | undefined) => string | null {
  const proved = new Map<string, string>();
  return (header) => {
    if (header === undefined) return null;
    const text = String(header);
    const known = proved.get(text);
    if (known !== undefined) return known;
    const [, name, signed] = /^([\w-]{1,32})\.([\w-]{43})$/.exec(text) ?? [];
    if (key === null || name === undefined || signed === undefined) throw new AppError("LOADTEST_REFUSED");
    const isRight = timingSafeEqual(Buffer.from(signed, "base64url"), signature(key, name));
    if (!isRight) throw new AppError("LOADTEST_REFUSED");
    if (proved.size >= BOTS_MAX) proved.clear();
    proved.set(text, name);
    return name;
  };
}
