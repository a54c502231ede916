import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { AccountId } from "../../../schema/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";

/** A price that holds for a while for one player, whatever becomes of the offer. */
export interface Quote {
  readonly offer: string;
  readonly contentVersion: number;
}

export interface Quotes {
  issue(accountId: AccountId, quote: Quote): { quote: string; expiresAt: Date };
  /** Fails with STORE_QUOTE_INVALID. */
  read(accountId: AccountId, text: string): Quote;
}

const QUOTE_TTL_MS = 10 * 60_000;
const claims = z.strictObject({
  account: z.string(),
  offer: z.string(),
  version: z.number().int(),
  /** Milliseconds since the epoch. */
  until: z.number(),
});

/** Signed and stored nowhere: a server that starts anew, or another one, honours it. */
export function createQuotes({ clock, secret }: { clock: Clock; secret: string }): Quotes {
  const key = createSecretKey(Buffer.from(hkdfSync("sha256", secret, "", "umpire quote", 32)));
  const signatureOf = (payload: string) => createHmac("sha256", key).update(payload).digest();
  return {
    issue(account, { offer, contentVersion: version }) {
      const until = Math.floor(clock.now()) + QUOTE_TTL_MS;
      const payload = Buffer.from(JSON.stringify({ account, offer, version, until })).toString("base64url");
      return { quote: `${payload}.${signatureOf(payload).toString("base64url")}`, expiresAt: new Date(until) };
    },

    read(accountId, text) {
      const [payload = "", signature = ""] = text.split(".");
      const [given, right] = [Buffer.from(signature, "base64url"), signatureOf(payload)];
      const isOurs = given.length === right.length && timingSafeEqual(given, right);
      const read = isOurs ? claims.safeParse(JSON.parse(Buffer.from(payload, "base64url").toString())).data : undefined;
      if (read === undefined || read.account !== accountId || read.until <= clock.now()) {
        throw new AppError("STORE_QUOTE_INVALID");
      }
      return { offer: read.offer, contentVersion: read.version };
    },
  };
}
