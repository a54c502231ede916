import { createSecretKey } from "node:crypto";
import type { AccountId, SessionId } from "../../../schema/ids.ts";
import { ProcessAwayError } from "../../cluster/calls/call-answers.ts";
import { SeatReservationError } from "../../cluster/calls/engine-calls.ts";
import type { Directory, Listing } from "../../cluster/directory/directory.ts";
import { createHoldings } from "../../cluster/holdings.ts";
import { createPlacements } from "../../cluster/processes/placements.ts";
import type { OwnProcesses } from "../../cluster/processes/processes.ts";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import type { Log } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import { createRoomQuota } from "../../realtime/door/room-quota.ts";
import { createSeatQuota } from "../../realtime/door/seat-quota.ts";
import { createMatchmaker, type SeatReservation } from "../../realtime/matchmaking/matchmaker.ts";
import { KINDS, REGION, type Wish } from "./wishes.ts";

export interface SimulatedReservation {
  readonly roomId: string;
  readonly sessionId: string;
  readonly claim: string;
}

/** What the matchmaker asks of the processes. What is not carried out fails with ProcessAwayError. */
export interface SimulatedCalls {
  create(processId: string, roomId: string, wish: Wish): Promise<Listing>;
  /** False where there is no seat. */
  reserve(processId: string, reservation: SimulatedReservation): Promise<boolean>;
}

interface MatchmakerParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly directory: Directory;
  readonly processes: OwnProcesses;
  readonly calls: SimulatedCalls;
}

export interface Join {
  readonly wish: Wish;
  /** A room by its id instead. */
  readonly roomId?: string;
}

/** So much that nobody is refused: quotas have tests of their own. */
const ENOUGH = 1_000_000;

const SECRET = createSecretKey(Buffer.from("only-for-tests-only-for-tests-only-for-tests"));

/** The matchmaker itself, with its quotas and placements, over processes that are simulated: see realtime/matchmaking/matchmaker.ts. */
export function createSimulatedMatchmaker(parts: MatchmakerParts): (join: Join) => Promise<SeatReservation> {
  const { clock, random, log, directory, calls } = parts;
  const holdings = createHoldings({ redis: null, clock, log });
  const placements = createPlacements(parts);
  let accounts = 0;
  const reserveSeat = createMatchmaker({
    kinds: KINDS,
    clock,
    random,
    directory,
    metrics: { joinSeconds: { observe() {} } } as never,
    rateLimit: { take: async () => {}, takeForAddress: async () => {} },
    admission: { admit: (join) => join() },
    admit: async () => ({
      accountId: `acc_${++accounts}` as AccountId,
      accountSessionId: "ses_1" as SessionId,
      name: "",
      kind: "guest",
      ticketId: null,
    }),
    seatQuota: createSeatQuota({ clock, random, holdings, openPerAddress: ENOUGH, roomsPerAccount: ENOUGH }),
    secret: SECRET,
    region: REGION,
    services: {} as never,
    roomQuota: createRoomQuota({ holdings, roomsPerAccount: ENOUGH, roomsPerAddress: ENOUGH, roomsMax: ENOUGH }),
    roomCalls: {
      place: () => placements.place(REGION),
      createRoom: ({ name, roomId, processId, options }) =>
        calls.create(processId, roomId, { name, filters: options as Wish["filters"] }),
      async reserveSeatFor(room, _options, { sessionId, claim }) {
        const { roomId, processId } = room;
        const isKept = await calls.reserve(processId, { roomId, sessionId, claim }).catch(tryAnother);
        if (!isKept) throw new SeatReservationError("the room is full");
        return { roomId, processId, sessionId } as unknown as SeatReservation;
      },
      reconnect: async () => Promise.reject(new AppError("ROOM_SEAT_LOST")),
    },
  });
  return ({ wish: { name, filters: options }, roomId }) =>
    reserveSeat({
      method: roomId === undefined ? "joinOrCreate" : "joinById",
      target: roomId ?? name,
      options: roomId === undefined ? options : {},
      proof: { headers: {}, origin: "absent" },
      address: "",
      signal: new AbortController().signal,
    });
}

/** As cluster/calls/engine-calls.ts has it. */
function tryAnother(thrown: unknown): never {
  const isGone = thrown instanceof ProcessAwayError && thrown.reason === "gone";
  if (isGone || (thrown instanceof AppError && thrown.code === "ROOM_NOT_FOUND")) {
    throw new SeatReservationError("the room is gone");
  }
  if (thrown instanceof ProcessAwayError) throw new AppError("UNAVAILABLE");
  throw thrown;
}
