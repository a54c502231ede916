import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { AccountId, SessionId } from "../../../schema/ids.ts";
import { TICKET_TTL_MS } from "../../../schema/protocol.ts";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import { type Random, secretText } from "../../platform/random.ts";
import type { Sessions } from "./sessions.ts";

/** What a ticket says of its bearer; rooms keep it as the player's admission. */
interface TicketBearer {
  readonly accountId: AccountId;
  readonly accountSessionId: SessionId;
  readonly name: string;
  readonly kind: "guest" | "registered";
  readonly ticketId: string;
}

export interface Tickets {
  /** A ticket for one room name, good for TICKET_TTL_MS and one seat. */
  issue(holder: { accountId: AccountId; sessionId: SessionId; room: string }): string;
  /** Who bears this ticket, as often as one asks. Fails with ACCOUNTS_TICKET_INVALID. */
  check(ticket: string, roomName: string): Promise<TicketBearer>;
  /** Uses the ticket up. Fails with ACCOUNTS_TICKET_INVALID the second time. */
  spend(ticketId: string): void;
  /** Makes a spent ticket good again: the seat was not to be had after all. */
  giveBack(ticketId: string): void;
}

/** Every ticket begins with these very characters, so that neither an algorithm nor a type is ever read from one. */
const HEADER = encode({ alg: "HS256", typ: "umpire-ticket+jwt" });
const TICKET_ID_BITS = 128;
/** Far more than a ticket of ours is long. */
const TICKET_CHARS_MAX = 2048;

const claimsSchema = z.object({
  sub: z.string().startsWith("acc_"),
  sid: z.string().startsWith("ses_"),
  jti: z.string().min(1),
  aud: z.string(),
  /** Seconds since the epoch, with a fraction. */
  exp: z.number(),
});

/**
 * Tickets travel in a socket's URL, where the session token must never be: each is signed, names one room, lives a
 * minute and dies with its session. Spent tickets are remembered by this process, in memory. They are JSON Web Tokens,
 * written and read here: a library that signs beside the event loop takes a hundred times as long as the signature does,
 * and each join has two.
 */
export function createTickets({
  clock,
  random,
  secret,
  sessions,
}: {
  clock: Clock;
  random: Random;
  secret: string;
  sessions: Sessions;
}): Tickets {
  const key = createSecretKey(Buffer.from(hkdfSync("sha256", secret, "", "umpire ticket", 32)));
  const spent = createSpentTickets(clock);
  return {
    issue({ accountId, sessionId, room }) {
      const jti = secretText(random, TICKET_ID_BITS);
      const exp = (clock.now() + TICKET_TTL_MS) / 1000;
      const signed = `${HEADER}.${encode({ sid: sessionId, sub: accountId, aud: room, jti, exp })}`;
      return `${signed}.${signatureOf(signed, key)}`;
    },

    async check(ticket, roomName) {
      const claims = ticket.length > TICKET_CHARS_MAX ? null : readClaims(ticket, key);
      const isGood = claims !== null && claims.aud === roomName && claims.exp * 1000 > clock.now();
      if (!isGood || spent.has(claims.jti)) throw new AppError("ACCOUNTS_TICKET_INVALID");
      const { sub, sid, jti } = claims;
      const bearer = await sessions.bearerOf(sid as SessionId);
      if (bearer === null || bearer.accountId !== sub) throw new AppError("ACCOUNTS_TICKET_INVALID");
      return {
        accountId: bearer.accountId,
        accountSessionId: sid as SessionId,
        name: bearer.displayName,
        kind: bearer.kind,
        ticketId: jti,
      };
    },

    spend(ticketId) {
      if (!spent.add(ticketId)) throw new AppError("ACCOUNTS_TICKET_INVALID");
    },

    giveBack: spent.remove,
  };
}

/** What a ticket of ours says, or null. Nothing of it is looked at before its signature. */
function readClaims(ticket: string, key: KeyObject): z.infer<typeof claimsSchema> | null {
  const end = ticket.lastIndexOf(".");
  const signed = ticket.slice(0, Math.max(end, 0));
  const [given, right] = [Buffer.from(ticket.slice(end + 1)), Buffer.from(signatureOf(signed, key))];
  if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
  const [header, payload = ""] = signed.split(".");
  if (header !== HEADER) return null;
  return claimsSchema.safeParse(JSON.parse(Buffer.from(payload, "base64url").toString())).data ?? null;
}

function signatureOf(signed: string, key: KeyObject): string {
  return createHmac("sha256", key).update(signed).digest("base64url");
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** Remembers each ticket for as long as it could be shown again. The oldest come first, so forgetting is cheap. */
function createSpentTickets(clock: Clock) {
  const forgetAtMs = new Map<string, number>();
  return {
    has: (ticketId: string) => forgetAtMs.has(ticketId),
    remove: (ticketId: string) => void forgetAtMs.delete(ticketId),
    /** False when it was spent before. */
    add(ticketId: string): boolean {
      const now = clock.now();
      for (const [oldId, atMs] of forgetAtMs) {
        if (atMs > now) break;
        forgetAtMs.delete(oldId);
      }
      if (forgetAtMs.has(ticketId)) return false;
      forgetAtMs.set(ticketId, now + TICKET_TTL_MS + 1000);
      return true;
    },
  };
}
