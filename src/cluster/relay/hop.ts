import { createHmac, type KeyObject, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { Caller } from "../../platform/client-address.ts";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import { type Random, secretText } from "../../platform/random.ts";
import { createShortMemory } from "../../platform/short-memory.ts";

/** On a request that one process passes to another: who the client is, signed. From outside it is worth nothing. */
export const HOP_HEADER = "x-umpire-hop";

/** What the process that a client came in by tells the process that it passes it to. */
export interface HopSeal {
  /** The header's value. It counts for this request line, once, for a few seconds. */
  seal(caller: Caller, requestLine: string): string;
  /** Who the client is. Fails with RELAY_REFUSED for whatever was not sealed like that. */
  open(header: string | string[] | undefined, requestLine: string): Caller;
}

interface HopSealParts {
  readonly secret: KeyObject;
  /** Its wall time: the processes of a game take it from the same database. */
  readonly clock: Clock;
  readonly random: Random;
}

/** From the sealing to the end of the request's head, on an inner network, with clocks that differ by some seconds. */
const LIFE_MS = 10_000;
const NONCE_BITS = 96;

const hopSchema = z.strictObject({
  address: z.string().min(1).max(64),
  isLoadTest: z.boolean(),
  scheme: z.enum(["http", "https"]),
  atMs: z.number(),
  nonce: z.string().length(NONCE_BITS / 6),
});

export function createHopSeal({ secret, clock, random }: HopSealParts): HopSeal {
  const key = createHmac("sha256", secret).update("umpire relay hop").digest();
  // Kept for longer than any seal counts, from the earliest clock to the latest.
  const spent = createShortMemory<true>({ clock, keepMs: 2 * LIFE_MS });
  const sign = (payload: string, requestLine: string) =>
    createHmac("sha256", key).update(`${payload}\n${requestLine}`).digest();
  return {
    seal(caller, requestLine) {
      const hop = { ...caller, atMs: clock.now(), nonce: secretText(random, NONCE_BITS) };
      const payload = Buffer.from(JSON.stringify(hop)).toString("base64url");
      return `${payload}.${sign(payload, requestLine).toString("base64url")}`;
    },
    open(header, requestLine) {
      const [, payload = "", signed = ""] = /^([\w-]{1,512})\.([\w-]{43})$/.exec(String(header)) ?? [];
      const isSigned = signed !== "" && timingSafeEqual(Buffer.from(signed, "base64url"), sign(payload, requestLine));
      if (!isSigned) throw new AppError("RELAY_REFUSED");
      const { atMs, nonce, ...caller } = hopSchema.parse(JSON.parse(Buffer.from(payload, "base64url").toString()));
      if (Math.abs(clock.now() - atMs) > LIFE_MS || spent.get(nonce)) throw new AppError("RELAY_REFUSED");
      spent.set(nonce, true);
      return caller;
    },
  };
}
