import type { AccountId, SessionId } from "../../../schema/ids.ts";
import { TICKET_PATTERN } from "../../../schema/protocol.ts";
import { AppError } from "../../platform/errors.ts";
import { bearerToken, type Principal, refuseUnknownPage } from "../../platform/http.ts";
import type { OriginVerdict } from "../../platform/origins.ts";
import type { SessionHeaders } from "./cookie.ts";
import type { Sessions } from "./sessions.ts";
import type { Tickets } from "./tickets.ts";

/** What a request for a seat shows: a ticket or a session as bearer token, or a session's cookie. */
export interface SeatProof {
  readonly headers: SessionHeaders;
  readonly origin: OriginVerdict;
}

/** Who asks for a seat; rooms keep it as the player's admission. */
export interface SeatBearer {
  readonly accountId: AccountId;
  readonly accountSessionId: SessionId;
  readonly name: string;
  readonly kind: "guest" | "registered";
  /** Of a ticket, which is spent as the seat is taken; null where a session was shown. */
  readonly ticketId: string | null;
}

/** Fails with ACCOUNTS_TICKET_INVALID, UNAUTHENTICATED or REQUEST_FOREIGN. */
export type Admit = (proof: SeatProof, roomName: string) => Promise<SeatBearer>;

interface AdmissionsParts {
  readonly sessions: Sessions;
  readonly tickets: Tickets;
  readonly principalOf: (headers: SessionHeaders) => Promise<Principal | null>;
}

/**
 * Who may take a seat. A client that writes its own requests shows its session, and saves itself the way to the ticket
 * office; one that writes whatever it shows into the socket's URL, as the engine's does, buys a ticket.
 */
export function createAdmissions({ sessions, tickets, principalOf }: AdmissionsParts): Admit {
  return async ({ headers, origin }, roomName) => {
    const token = bearerToken(headers.authorization);
    if (token !== null && TICKET_PATTERN.test(token)) return tickets.check(token, roomName);
    const principal = await principalOf(headers);
    if (principal === null) throw new AppError("UNAUTHENTICATED");
    if (principal.via === "cookie") refuseUnknownPage(origin);
    const { sessionId: accountSessionId } = principal;
    const bearer = await sessions.bearerOf(accountSessionId);
    if (bearer === null) throw new AppError("UNAUTHENTICATED");
    const { accountId, displayName: name, kind } = bearer;
    return { accountId, accountSessionId, name, kind, ticketId: null };
  };
}
