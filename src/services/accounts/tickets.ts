import { hkdfSync } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
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
  issue(holder: { accountId: AccountId; sessionId: SessionId; room: string }): Promise<string>;
  /** Who bears this ticket, as often as one asks. Fails with ACCOUNTS_TICKET_INVALID. */
  check(ticket: string, roomName: string): Promise<TicketBearer>;
  /** Uses the ticket up. Fails with ACCOUNTS_TICKET_INVALID the second time. */
  spend(ticketId: string): void;
  /** Makes a spent ticket good again: the seat was not to be had after all. */
  giveBack(ticketId: string): void;
}

const ALGORITHM = "HS256";
const TYPE = "umpire-ticket+jwt";
const TICKET_ID_BITS = 128;
/** Far more than a ticket of ours is long. */
const TICKET_CHARS_MAX = 2048;

const claimsSchema = z.object({
  sub: z.string().startsWith("acc_"),
  sid: z.string().startsWith("ses_"),
  jti: z.string().min(1),
});

/**
 * Tickets travel in a socket's URL, where the session token must never be: each is signed, names one room, lives a
 * minute and dies with its session. Spent tickets are remembered by this process, in memory.
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
  const key = new Uint8Array(hkdfSync("sha256", secret, "", "umpire ticket", 32));
  const spent = createSpentTickets(clock);
  return {
    issue: ({ accountId, sessionId, room }) =>
      new SignJWT({ sid: sessionId })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
        .setSubject(accountId)
        .setAudience(room)
        .setJti(secretText(random, TICKET_ID_BITS))
        .setExpirationTime((clock.now() + TICKET_TTL_MS) / 1000)
        .sign(key),

    async check(ticket, roomName) {
      if (ticket.length > TICKET_CHARS_MAX) throw new AppError("ACCOUNTS_TICKET_INVALID");
      const { sub, sid, jti } = await readClaims(ticket, roomName, key, clock);
      const bearer = spent.has(jti) ? null : await sessions.bearerOf(sid as SessionId);
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

async function readClaims(ticket: string, roomName: string, key: Uint8Array, clock: Clock) {
  try {
    const { payload } = await jwtVerify(ticket, key, {
      algorithms: [ALGORITHM],
      typ: TYPE,
      audience: roomName,
      requiredClaims: ["exp"],
      currentDate: clock.date(),
    });
    return claimsSchema.parse(payload);
  } catch (thrown) {
    if (thrown instanceof errors.JOSEError || thrown instanceof z.ZodError)
      throw new AppError("ACCOUNTS_TICKET_INVALID");
    throw thrown;
  }
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
