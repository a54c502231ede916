import type { IncomingMessage } from "node:http";
import { TICKET_PATTERN } from "../../../schema/protocol.ts";
import type { Holdings } from "../../cluster/holdings.ts";
import type { ClientAddress } from "../../platform/client-address.ts";
import { AppError } from "../../platform/errors.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { hasOneHost, type Origins } from "../../platform/origins.ts";
import { type Random, secretText } from "../../platform/random.ts";
import { createInFlight, type RateLimit } from "../../platform/rate-limit.ts";

/** The seat that a socket's URL lays claim to: the only thing that lets a socket in. */
export interface SeatClaim {
  readonly roomId: string;
  /** The secret of 128 bits that the matchmaker handed out with the seat. */
  readonly sessionId: string;
  /** Present when a dropped player dials again. */
  readonly reconnectionToken: string | null;
  /** The client still has the description of the state from when it first joined. */
  readonly skipHandshake: boolean;
}

/** A place for one socket, until it is given back. */
export interface UpgradePass {
  readonly claim: SeatClaim;
  leave(): void;
}

export interface UpgradeGate {
  /**
   * Decides on an upgrade before the handshake, so that a page of another site never holds an open socket. One that another
   * process has passed on was counted for all of them there, and counts here against what this process takes.
   *
   * Errors: REQUEST_INVALID, REQUEST_FOREIGN, LOADTEST_REFUSED, RATE_LIMITED, UNAVAILABLE.
   */
  enter(request: IncomingMessage, how?: { readonly isRelayed: boolean }): Promise<UpgradePass>;
}

interface UpgradeGateParts {
  readonly clientAddress: ClientAddress;
  readonly origins: Origins;
  readonly rateLimit: RateLimit;
  readonly random: Random;
  readonly holdings: Holdings;
  readonly metrics: Metrics;
  readonly socketsPerAddress: number;
  readonly socketsMax: number;
}

/** Whoever may hold so many sockets may dial each of them this often in a minute: a restart, then a shaky link. */
const DIALS_PER_SOCKET = 4;

const PATH_PATTERN = /^\/[\w-]{1,64}\/([\w-]{1,64})$/;
const SOCKET_ID_BITS = 96;
/** 128 bits, as `supplyRoom` and `reconnectionToken` write them. */
const SECRET_PATTERN = /^[\w-]{22}$/;

export function createUpgradeGate(parts: UpgradeGateParts): UpgradeGate {
  const { clientAddress, rateLimit, random, holdings, metrics, socketsPerAddress, socketsMax } = parts;
  const perMinute = { count: socketsPerAddress * DIALS_PER_SOCKET, perSeconds: 60 };
  const refusal = () => new AppError("RATE_LIMITED", { retryAfterSeconds: 1 });
  const quota = { name: "sockets of address", max: socketsPerAddress, refusal };
  const open = createInFlight({ perKeyMax: socketsPerAddress, max: socketsMax });
  return {
    async enter(request, { isRelayed } = { isRelayed: false }) {
      const { address, scheme } = clientAddress.of(request);
      refuseForeign(request, parts.origins.judge(request.headers, scheme));
      const claim = readClaim(request.url ?? "");
      // Held from here on: two that ask at once must not both take the last place.
      const leaveHere = open.enter(address);
      let leaveAll = () => {};
      const leave = once(() => {
        leaveHere();
        leaveAll();
      });
      metrics.sockets.inc();
      const release = () => void (leave() && metrics.sockets.dec());
      try {
        await rateLimit.takeForAddress("socket", { ...perMinute, isPerProcess: isRelayed }, address);
        if (!isRelayed) leaveAll = await holdings.take(secretText(random, SOCKET_ID_BITS), [{ quota, key: address }]);
        return { claim, leave: release };
      } catch (refusal) {
        release();
        throw refusal;
      }
    },
  };
}

/** Runs `task` the first time it is called, and says whether it did. */
function once(task: () => void): () => boolean {
  let isDone = false;
  return () => {
    if (isDone) return false;
    isDone = true;
    task();
    return true;
  };
}

/**
 * A browser names the page that dials, and does not let the page lie. Whoever names none is a program, which has no
 * cookies to be misused; one that shows cookies all the same is something in between, and is turned away.
 */
function refuseForeign(request: IncomingMessage, verdict: ReturnType<Origins["judge"]>): void {
  if (!hasOneHost(request)) throw new AppError("REQUEST_INVALID", { problems: ["Host header"] });
  if (verdict === "foreign" || (verdict === "absent" && request.headers.cookie !== undefined))
    throw new AppError("REQUEST_FOREIGN");
}

/** The room that a socket's URL names, before anything else of it is believed. Null where it names none. */
export function roomIdOf(url: string): string | null {
  return PATH_PATTERN.exec(url.split("?", 1)[0] ?? "")?.[1] ?? null;
}

/** The engine's one form of URL: `/<process>/<room>?sessionId=…`. Whatever else stands in the query is not looked at. */
function readClaim(url: string): SeatClaim {
  const [path = "", query = ""] = url.split("?", 2);
  const roomId = PATH_PATTERN.exec(path)?.[1];
  const fields = new URLSearchParams(query);
  const sessionId = readSecret(fields, "sessionId");
  refuseSessionToken(fields.get("_authToken"));
  if (roomId === undefined || sessionId === null) throw new AppError("REQUEST_INVALID", { problems: ["socket URL"] });
  return {
    roomId,
    sessionId,
    reconnectionToken: readSecret(fields, "reconnectionToken"),
    skipHandshake: fields.has("skipHandshake"),
  };
}

/**
 * The engine's client writes the token that it was given into the URL, and URLs end up in logs. It ought to be a ticket;
 * whoever gives it a session token is told before anybody builds on it.
 */
function refuseSessionToken(token: string | null): void {
  if (token === null || TICKET_PATTERN.test(token)) return;
  throw new AppError("REQUEST_INVALID", { problems: ["_authToken: give the client a ticket, never a session token"] });
}

/** A field that is given twice could mean one thing to a proxy and another to us. */
function readSecret(fields: URLSearchParams, name: string): string | null {
  const [value, ...more] = fields.getAll(name);
  if (value === undefined) return null;
  if (more.length > 0 || !SECRET_PATTERN.test(value)) throw new AppError("REQUEST_INVALID", { problems: [name] });
  return value;
}
