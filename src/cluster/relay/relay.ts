import type { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { Caller } from "../../platform/client-address.ts";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { HopSeal } from "./hop.ts";
import { callOwner, headOf, requestLineOf } from "./owner-call.ts";
import { type Splice, type SpliceEnd, splice } from "./splice.ts";
import type { TrunkChannel } from "./trunk-channel.ts";
import { createTrunks } from "./trunks.ts";

/** Where a room lives now: the relay listener of its process as `host:port`, or null while nobody runs it. */
export type OwnerOf = (roomId: string) => Promise<{ readonly relay: string } | null>;

/** An upgrade that came in at this process and is meant for a room that does not live here. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What the client has sent behind its request. */
  readonly head: Buffer;
  readonly roomId: string;
  readonly caller: Caller;
  /** A player who has proved that it sat in the room: it may wait for a room that has no owner at the moment. */
  readonly isRedial: boolean;
}

/**
 * What became of it: the connection is the owner's now; the room lives here after all; nobody runs the room any more; the
 * client has hung up.
 */
export type Carried = "carried" | "here" | "lost" | "gone";

export interface Relay {
  /**
   * Passes a connection to the process where its room lives, as raw bytes. A redial whose room has no owner waits for one
   * up to 8 s: an unmodified SDK backs off for seconds after a refusal. Whatever the owner answers, the client gets.
   *
   * Errors: UNAVAILABLE where the owner does not answer or too many wait, REDIS_UNAVAILABLE where nobody knows the owner.
   */
  carry(upgrade: Upgrade): Promise<Carried>;
  /** Breaks what is relayed, and passes on nothing any more: those clients redial, by another process. */
  stop(): void;
}

interface RelayParts {
  readonly ownerOf: OwnerOf;
  readonly isHere: (roomId: string) => boolean;
  readonly seal: HopSeal;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "relayed" | "relayTrunks" | "relayClosed" | "relayHeld">;
  readonly heldMax?: number;
  readonly heldMs?: number;
}

/** How long a room may have no owner before its players are told that it is lost. */
const HELD_MS = 8_000;
/** Redials that wait at once, each of which holds a socket and nothing else. */
const HELD_MAX = 2_000;
/** Between two looks for an owner; all who wait for the same room share them. */
const LOOK_EVERY_MS = 40;
/** A pair without a byte for so long is dead: the owner pings each of its clients every few seconds. */
const IDLE_MS = 60_000;

export function createRelay({ heldMax = HELD_MAX, heldMs = HELD_MS, ...parts }: RelayParts): Relay {
  const { clock, metrics } = parts;
  const lookUp = sharing(parts.ownerOf, clock);
  const trunks = createTrunks(parts);
  const splices = new Set<Splice>();
  const stopLooking = cutIdle(splices, clock);
  let held = 0;

  const join = ({ socket: client, head: rest }: Upgrade, owner: TrunkChannel, bytes: Buffer) => {
    const onClosed = (reason: SpliceEnd) => {
      splices.delete(joined);
      metrics.relayed.dec();
      metrics.relayClosed.inc({ reason });
    };
    const joined = splice({ client, owner, clock, onClosed });
    splices.add(joined);
    metrics.relayed.inc();
    if (client instanceof Socket) client.setNoDelay(true).setTimeout(0);
    owner.ear.data(bytes);
    if (rest.length > 0) client.unshift(rest);
    client.resume();
  };

  /** One look and, where there is an owner, one call. Null when the room has no owner that is known to live. */
  const attempt = async (upgrade: Upgrade): Promise<Carried | null> => {
    const { request, socket, roomId, caller } = upgrade;
    if (parts.isHere(roomId)) return "here";
    const owner = await lookUp(roomId);
    if (socket.destroyed) return "gone";
    if (owner === null) return null;
    const head = headOf(request, parts.seal.seal(caller, requestLineOf(request)));
    const onAnswered = (channel: TrunkChannel, bytes: Buffer) => {
      if (socket.destroyed) channel.break();
      else join(upgrade, channel, bytes);
    };
    const answer = await callOwner({ trunks, relay: owner.relay, head, clock, onAnswered });
    if (answer === "silent") throw new AppError("UNAVAILABLE", { reason: "room process", retryAfterSeconds: 1 });
    if (answer === "absent") return null;
    return socket.destroyed ? "gone" : "carried";
  };

  const hold = async (upgrade: Upgrade): Promise<Carried> => {
    if (held >= heldMax) throw new AppError("UNAVAILABLE", { reason: "waiting", retryAfterSeconds: 1 });
    const deadlineMs = clock.monotonicMs() + heldMs;
    held += 1;
    try {
      for (;;) {
        await pause(LOOK_EVERY_MS);
        if (upgrade.socket.destroyed) return "gone";
        const isLast = clock.monotonicMs() >= deadlineMs;
        // An owner who is silent, and a Redis that is away, may be back at the next look.
        const carried = await attempt(upgrade).catch((failure: unknown) => (isLast ? Promise.reject(failure) : null));
        if (carried !== null) return carried;
        if (isLast) return "lost";
      }
    } finally {
      held -= 1;
    }
  };

  return {
    async carry(upgrade) {
      const { isRedial } = upgrade;
      const first = await attempt(upgrade).catch((failure: unknown) => (isRedial ? null : Promise.reject(failure)));
      if (first !== null || !isRedial) return first ?? "lost";
      try {
        const outcome = await hold(upgrade);
        metrics.relayHeld.inc({ outcome });
        return outcome;
      } catch (failure) {
        metrics.relayHeld.inc({ outcome: "refused" });
        throw failure;
      }
    },
    stop() {
      stopLooking();
      for (const each of splices) each.cut("stop");
      trunks.stop();
    },
  };
}

/** Those who ask about the same room within a moment get the same answer: a thousand redials are one question. */
function sharing(ownerOf: OwnerOf, clock: Clock): OwnerOf {
  const recent = new Map<string, ReturnType<OwnerOf>>();
  return (roomId) => {
    const known = recent.get(roomId);
    if (known !== undefined) return known;
    const asked = ownerOf(roomId);
    recent.set(roomId, asked);
    clock.after(LOOK_EVERY_MS / 2, () => recent.delete(roomId));
    return asked;
  };
}

/** Looks at all of them now and then, because a timer in each would be wound up again by every frame. */
function cutIdle(splices: ReadonlySet<Splice>, clock: Clock): () => void {
  const seen = new WeakMap<Splice, number>();
  return clock.every(IDLE_MS, () => {
    for (const each of splices) {
      const bytes = each.bytes();
      if (seen.get(each) === bytes) each.cut("idle");
      else seen.set(each, bytes);
    }
  });
}
