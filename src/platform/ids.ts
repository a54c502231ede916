import { z } from "zod";
import { type Id, type IdKind, idPrefixes } from "../../schema/ids.ts";
import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

export interface Ids {
  /** A new id of this kind: `acc_` + 10 characters of time + 16 of randomness. Ids sort by the time they were minted. */
  mint<K extends IdKind>(kind: K): Id<K>;
}

const TIME_CHARS = 10;
const RANDOM_BYTES = 10;
/** Crockford's base 32 in lower case: no i, l, o, u. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** The layout is ULID's (48 bits of milliseconds, 80 random bits), in lower case behind the kind's prefix. */
export function createIds({ clock, random }: { clock: Clock; random: Random }): Ids {
  return {
    mint: (kind) => `${idPrefixes[kind]}_${timeText(clock.now())}${randomText(random)}` as never,
  };
}

/** An id of this kind, as a door takes it. */
export function idShape<K extends IdKind>(kind: K) {
  return z
    .string()
    .regex(new RegExp(`^${idPrefixes[kind]}_[0-9a-z]{26}$`))
    .transform((id) => id as Id<K>);
}

function timeText(nowMs: number): string {
  let rest = Math.floor(nowMs);
  let text = "";
  for (let index = 0; index < TIME_CHARS; index++) {
    text = ALPHABET[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function randomText(random: Random): string {
  let bits = 0n;
  for (const byte of random.bytes(RANDOM_BYTES)) bits = (bits << 8n) | BigInt(byte);
  let text = "";
  for (let index = 0; index < (RANDOM_BYTES * 8) / 5; index++) {
    text = ALPHABET[Number(bits & 31n)] + text;
    bits >>= 5n;
  }
  return text;
}
