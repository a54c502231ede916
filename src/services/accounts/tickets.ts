import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { AccountId, SessionId } from "../../../schema/ids.ts";
import { TICKET_TTL_MS } from "../../../schema/protocol.ts";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import { type Random, secretText } from "../../platform/random.ts";
import { createShortMemory } from "../../platform/short-memory.ts";
import type { SeatBearer } from "./admissions.ts";
import type { Sessions } from "./sessions.ts";

export interface Tickets {
  /** A ticket for one room name, good for TICKET_TTL_MS and one seat. */
  issue(holder: { accountId: AccountId; sessionId: SessionId; room: string }): string;
  /** Who bears this ticket, as often as one asks. Fails with ACCOUNTS_TICKET_INVALID. */
  check(ticket: string, roomName: string): Promise<SeatBearer & { readonly ticketId: string }>;
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

type Claims = z.infer<typeof claimsSchema>;

/** Far more than are shown a moment after they were issued; whoever comes later shows the signature. */
const KNOWN_MAX = 10_000;

/**
 * Tickets travel in a socket's URL, where the session token must never be: each is signed, names one room, lives a
 * minute and dies with its session. Spent tickets are remembered by this process, in memory. They are JSON Web Tokens,
 * written and read here: a library that signs beside the event loop takes a hundred times as long as the signature does.
 * One that this process has signed itself it knows again, once, without reading it.
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
  const spent = createShortMemory<true>({ clock, keepMs: TICKET_TTL_MS });
  const known = createShortMemory<Claims>({ clock, keepMs: TICKET_TTL_MS, max: KNOWN_MAX });
  return {
    issue({ accountId, sessionId, room }) {
      const jti = secretText(random, TICKET_ID_BITS);
      const exp = (clock.now() + TICKET_TTL_MS) / 1000;
      const claims = { sid: sessionId, sub: accountId, aud: room, jti, exp };
      const signed = `${HEADER}.${encode(claims)}`;
      const ticket = `${signed}.${signatureOf(signed, key)}`;
      known.set(ticket, claims);
      return ticket;
    },

    async check(ticket, roomName) {
      const claims = known.get(ticket) ?? readClaims(ticket, key);
      known.delete(ticket);
      const isGood = claims !== null && claims.aud === roomName && claims.exp * 1000 > clock.now();
      if (!isGood || spent.get(claims.jti) === true) throw new AppError("ACCOUNTS_TICKET_INVALID");
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
      if (spent.get(ticketId) === true) throw new AppError("ACCOUNTS_TICKET_INVALID");
      spent.set(ticketId, true);
    },

    giveBack: spent.delete,
  };
}

/** What a ticket of ours says, or null. Nothing of it is looked at before its signature. */
function readClaims(ticket: string, key: KeyObject): Claims | null {
  if (ticket.length > TICKET_CHARS_MAX) return null;
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
