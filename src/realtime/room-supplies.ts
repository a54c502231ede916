import type { KeyObject } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { AccountId, SessionId } from "../../schema/ids.ts";
import type { Directory } from "../cluster/directory/directory.ts";
import type { Clock } from "../platform/clock.ts";
import type { TranslateError } from "../platform/errors.ts";
import type { Ids } from "../platform/ids.ts";
import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { OriginVerdict } from "../platform/origins.ts";
import type { Random } from "../platform/random.ts";
import type { Activity } from "./guard/activity.ts";
import type { LiveSessions } from "./live-sessions.ts";
import type { OnWriteFault } from "./sync/strict-writes.ts";

/** Who asked for a seat. The engine keeps it as `client.auth`; no player sees it. */
export interface Admission {
  readonly accountId: AccountId;
  readonly accountSessionId: SessionId;
  readonly name: string;
  readonly kind: "guest" | "registered";
  /** Of a ticket, which is spent as the seat is taken; null where a session was shown. */
  readonly ticketId: string | null;
}

/** What a reservation brings along to the room, and the room keeps to itself. */
export interface Reservation extends Admission {
  /** Ends in the directory with the count of this seat. */
  readonly claim?: string;
}

/** What a request for a seat shows of whose it is. */
export interface SeatProof {
  readonly headers: IncomingHttpHeaders;
  readonly origin: OriginVerdict;
}

/** Whose a request for a seat in a room of this name is. Fails with ACCOUNTS_TICKET_INVALID, UNAUTHENTICATED or REQUEST_FOREIGN. */
export type Admit = (proof: SeatProof, roomName: string) => Promise<Admission>;

/** The ticket office, as rooms need it. */
export interface TicketOffice {
  /** Spends the ticket as its seat is taken. Fails with ACCOUNTS_TICKET_INVALID the second time. */
  spend(ticketId: string): void;
  /** Makes a spent ticket good again: the seat was not to be had after all. */
  giveBack(ticketId: string): void;
}

/** What every room is given by the server it runs on. */
export interface RoomSupplies {
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly translate: TranslateError;
  readonly activity: Activity;
  /** What becomes of a write to the state that its field cannot carry. */
  readonly onWriteFault: OnWriteFault;
  readonly admit: Admit;
  /** Which rooms there are, everywhere. */
  readonly directory: Directory;
  readonly tickets: TicketOffice;
  readonly liveSessions: LiveSessions;
  /** Signs reconnection tokens, so that they need not be stored and another process can tell a true one. */
  readonly secret: KeyObject;
  readonly botFill: number;
  readonly reconnectSeconds: number;
  readonly drainSeconds: number;
}
