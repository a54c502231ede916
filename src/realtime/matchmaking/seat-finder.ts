import type { KeyObject } from "node:crypto";
import { ProcessAwayError } from "../../cluster/calls/call-answers.ts";
import type { RoomCalls } from "../../cluster/calls/engine-calls.ts";
import type { Claim, Directory, Listing } from "../../cluster/directory/directory.ts";
import { AppError } from "../../platform/errors.ts";
import { type Random, secretText } from "../../platform/random.ts";
import type { RateLimit } from "../../platform/rate-limit.ts";
import type { RoomQuota } from "../door/room-quota.ts";
import type { Asker, SeatHold } from "../door/seat-quota.ts";
import type { Admission } from "../room-supplies.ts";
import { drawCode, hashPassword, invitationOf, isPassword, PASSWORD_LIMIT, readCode, roomIdOf } from "./invitations.ts";
import {
  type CreatePolicy,
  type FilterValues,
  isWanted,
  type RoomKind,
  type Stage,
  wantedAt,
  widest,
} from "./matchmaking.ts";

/** What is asked of the directory. */
export type SeatDirectory = Pick<Directory, "take" | "takeIn" | "giveBack" | "failed" | "findOne" | "has">;

export interface SeatFinderParts {
  readonly directory: SeatDirectory;
  readonly random: Random;
  readonly roomQuota: RoomQuota;
  readonly rateLimit: Pick<RateLimit, "take">;
  /** Rooms, wherever they are. */
  readonly roomCalls: Pick<RoomCalls, "createRoom" | "place">;
  readonly secret: KeyObject;
}

/** A seat to be had, by somebody of whom is known who it is. */
export interface Search {
  readonly kind: RoomKind;
  readonly values: FilterValues;
  readonly bearer: Admission;
  readonly asker: Asker;
  readonly hold: SeatHold;
  /** Whether a room may be made for it. */
  readonly mayMake: boolean;
}

/** A claimed seat; `later` where a better one, or any, may turn up; `again` where a process has just been lost. */
export type Found = Listing | "later" | "again";

/** Names a room that is to be made. As the session id it is no secret, and unlike the engine's own nobody guesses it. */
const ROOM_ID_BITS = 96;
/** Of 30^6 codes a second one is hardly ever taken. */
const CODES_TRIED_MAX = 5;

export async function takeById(claim: Claim, directory: Pick<Directory, "takeIn">): Promise<Listing> {
  const taken = await directory.takeIn(claim);
  if (taken.state === "found") return taken.listing;
  throw new AppError(taken.state === "full" ? "ROOM_FULL" : "ROOM_NOT_FOUND");
}

/**
 * A seat in a room that is good enough at this stage. Only where not even the widest wish finds one, a room is made, in the
 * same step of the directory: so as many are made as are needed, whoever comes at once and however picky they are. Who
 * finds a room that is not good enough yet comes back later, and gives the seat back until then.
 */
export async function takeOrMake(search: Search, stage: Stage, claim: string, parts: SeatFinderParts): Promise<Found> {
  const { kind, values, bearer, mayMake, hold } = search;
  const wanted = wantedAt(kind, stage, values);
  const found = await parts.directory.take(wanted, { claim });
  if (found.state === "found") return found.listing;
  const isLast = stage === widest(kind);
  if (!mayMake) {
    if (!isLast) return "later";
    throw new AppError("ROOM_NOT_FOUND");
  }
  if (!mayCreate(kind.create, bearer)) {
    if (!isLast) return "later";
    throw new AppError("ROOM_CREATE_REFUSED");
  }
  const { directory, random } = parts;
  const roomId = secretText(random, ROOM_ID_BITS);
  await hold.inRoom(roomId);
  return placed(search, parts, async (processId) => {
    const plan = { roomId, processId, seats: kind.seats, metadata: values };
    try {
      const taken = await directory.take(wantedAt(kind, widest(kind), values), { claim, plan });
      if (taken.state !== "found") return await make(search, { roomId, processId, options: values }, parts);
      if (isLast || isWanted(taken.listing, wanted)) return taken.listing;
      await directory.giveBack({ roomId: taken.listing.roomId, claim });
      return "later";
    } catch (thrown) {
      await directory.failed(roomId);
      throw thrown;
    }
  });
}

/** A private room, which nobody finds, and a seat in it. Fails with ROOM_METHOD_REFUSED or ROOM_CREATE_REFUSED. */
export async function makePrivately(
  search: Search,
  password: string | undefined,
  claim: string,
  parts: SeatFinderParts,
): Promise<Found> {
  const { kind, values, bearer, hold } = search;
  const { directory, random, secret } = parts;
  if (kind.invite === "nobody") throw new AppError("ROOM_METHOD_REFUSED");
  if (!mayCreate(kind.invite, bearer)) throw new AppError("ROOM_CREATE_REFUSED");
  for (let tries = 1; tries <= CODES_TRIED_MAX; tries++) {
    const code = drawCode(random);
    const roomId = roomIdOf(secret, { name: kind.name, code });
    if (await directory.has(roomId)) continue;
    await hold.inRoom(roomId);
    const passwordHash = password === undefined ? null : hashPassword(secret, { roomId, password });
    const options = { ...values, invitation: { code, nonce: claim, passwordHash } };
    const made = await placed(search, parts, (processId) => make(search, { roomId, processId, options }, parts)).catch(
      (thrown: unknown) => {
        if (thrown instanceof CodeTaken) return null;
        throw thrown;
      },
    );
    if (made === null) continue;
    return made === "again" ? made : takeById({ roomId, claim }, directory);
  }
  throw new AppError("UNAVAILABLE", { reason: "codes" });
}

/** A seat in the private room that has this code. A code that is wrong and one whose room has ended are the same to all. */
export async function takeByCode(
  { kind }: Pick<Search, "kind">,
  given: { readonly code: string; readonly password?: string | undefined },
  claim: string,
  { directory, secret, rateLimit }: SeatFinderParts,
): Promise<Listing> {
  const roomId = roomIdOf(secret, { name: kind.name, code: readCode(given.code) });
  const invitation = invitationOf(await directory.findOne({ roomId }));
  if (invitation === null) throw new AppError("ROOM_CODE_UNKNOWN");
  const { passwordHash } = invitation;
  if (passwordHash !== null) {
    await rateLimit.take("room password", PASSWORD_LIMIT, roomId);
    const password = given.password ?? "";
    if (!isPassword(secret, { roomId, password }, passwordHash)) throw new AppError("ROOM_PASSWORD_WRONG");
  }
  const taken = await directory.takeIn({ roomId, claim });
  if (taken.state === "found") return taken.listing;
  throw new AppError(taken.state === "full" ? "ROOM_FULL" : "ROOM_CODE_UNKNOWN");
}

function mayCreate(policy: CreatePolicy, { kind }: Admission): boolean {
  return policy === "players" || (policy === "registered" && kind === "registered");
}

/** Somebody else's room has got the id. */
class CodeTaken extends Error {
  override readonly name = "CodeTaken";
}

/** Makes a room, or finds one to be there, in a process that has room for it. */
async function placed<T>(
  { values }: Search,
  { roomCalls }: SeatFinderParts,
  run: (processId: string) => Promise<T>,
): Promise<T | "again"> {
  const placement = roomCalls.place(values);
  try {
    return await run(placement.processId);
  } catch (thrown) {
    if (!(thrown instanceof ProcessAwayError)) throw thrown;
    placement.failed();
    return "again";
  } finally {
    placement.done();
  }
}

interface Order {
  readonly roomId: string;
  readonly processId: string;
  /** What is told to its `onCreate`; an invitation is kept from it. */
  readonly options: object & { readonly invitation?: { readonly nonce: string } };
}

function make({ kind, asker }: Search, order: Order, { roomCalls, roomQuota }: SeatFinderParts): Promise<Listing> {
  return roomQuota.create(asker, order.roomId, async () => {
    const room = await roomCalls.createRoom({ ...order, name: kind.name });
    // Who makes a room whose id is there already is given the one that is there.
    if (invitationOf(room)?.nonce !== order.options.invitation?.nonce) throw new CodeTaken();
    return room;
  });
}
