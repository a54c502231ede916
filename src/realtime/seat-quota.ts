import type { AccountId } from "../../schema/ids.ts";
import type { Clock } from "../platform/clock.ts";
import { AppError } from "../platform/errors.ts";
import { createTally, takeAll } from "../platform/tally.ts";

/** A reserved seat that nobody has taken goes back to its room after this. */
export const SEAT_SECONDS = 5;
/** A double click, or a page that is reloaded in the middle of its join, leaves a seat behind for a moment. */
export const OPEN_SEATS_PER_ACCOUNT = 3;

/** Who asks for a seat: an account, at what limits count addresses by. */
export interface Asker {
  readonly accountId: AccountId;
  readonly address: string;
}

/** A seat on its way from the request to the room. */
export interface SeatHold {
  /** Counts `roomId` among the account's rooms, in place of one that was tried before. Fails with ROOM_SEATS_EXCEEDED. */
  inRoom(roomId: string): void;
  /** Fails with ROOM_SEATS_EXCEEDED where a room that is yet to be made would be one too many. */
  inNewRoom(): void;
  /** The engine keeps the seat for this session id from now on. */
  reservedFor(sessionId: string): void;
  /** Nothing came of it. */
  giveBack(): void;
}

/** How many seats an account or an address may have reserved, and in how many rooms an account may sit. */
export interface SeatQuota {
  /** Fails with ROOM_SEATS_OPEN. */
  hold(asker: Asker): SeatHold;
  /** The player has sat down. */
  seated(sessionId: string): void;
  /** The room's door has turned the player away: its reservation is gone. Does nothing once the player sits. */
  refused(sessionId: string): void;
  /** The player has given up its seat for good. */
  left(sessionId: string): void;
  /** The room is gone, with whoever sat in it or was about to. */
  roomClosed(roomId: string): void;
}

interface SeatQuotaParts {
  readonly clock: Clock;
  readonly openPerAddress: number;
  readonly roomsPerAccount: number;
}

interface Holding {
  readonly roomId: string;
  /** No longer open: it is taken, or it has lapsed. */
  close(): void;
  leaveRoom(): void;
}

export function createSeatQuota({ clock, openPerAddress, roomsPerAccount }: SeatQuotaParts): SeatQuota {
  const refusal = () => new AppError("ROOM_SEATS_OPEN", { retryAfterSeconds: SEAT_SECONDS });
  const openByAccount = createTally({ max: OPEN_SEATS_PER_ACCOUNT, refusal });
  const openByAddress = createTally({ max: openPerAddress, refusal });
  const rooms = createRoomsOfAccounts(roomsPerAccount);
  const open = new Map<string, Holding>();
  const taken = new Map<string, Holding>();
  const giveBack = (sessionId: string) => {
    const holding = open.get(sessionId);
    open.delete(sessionId);
    holding?.close();
    holding?.leaveRoom();
  };
  const left = (sessionId: string) => {
    taken.get(sessionId)?.leaveRoom();
    taken.delete(sessionId);
  };
  return {
    hold({ accountId, address }) {
      const close = takeAll(
        () => openByAccount.take(accountId),
        () => openByAddress.take(address),
      );
      let roomId = "";
      let leaveRoom = () => {};
      return {
        inRoom(found) {
          leaveRoom();
          leaveRoom = rooms.enter(accountId, found);
          roomId = found;
        },
        inNewRoom: () => rooms.refuseIfFull(accountId),
        reservedFor(sessionId) {
          const cancel = clock.after(SEAT_SECONDS * 1000, () => giveBack(sessionId));
          const closeOnce = () => {
            cancel();
            close();
          };
          open.set(sessionId, { roomId, close: closeOnce, leaveRoom });
        },
        giveBack() {
          close();
          leaveRoom();
        },
      };
    },
    seated(sessionId) {
      const holding = open.get(sessionId);
      if (holding === undefined) return;
      open.delete(sessionId);
      holding.close();
      taken.set(sessionId, holding);
    },
    refused: giveBack,
    left,
    roomClosed(roomId) {
      for (const [sessionId, holding] of open) if (holding.roomId === roomId) giveBack(sessionId);
      for (const [sessionId, holding] of taken) if (holding.roomId === roomId) left(sessionId);
    },
  };
}

/**
 * In which rooms each account sits or is about to. Rooms are counted and not seats, so that a page that is reloaded, or
 * opened twice, and takes over its own seat, is never the one too many.
 */
function createRoomsOfAccounts(max: number) {
  const seats = new Map<AccountId, Map<string, number>>();
  const refuseIfFull = (accountId: AccountId) => {
    if ((seats.get(accountId)?.size ?? 0) >= max) throw new AppError("ROOM_SEATS_EXCEEDED", { max });
  };
  return {
    refuseIfFull,
    enter(accountId: AccountId, roomId: string): () => void {
      const rooms = seats.get(accountId) ?? new Map<string, number>();
      if (!rooms.has(roomId)) refuseIfFull(accountId);
      rooms.set(roomId, (rooms.get(roomId) ?? 0) + 1);
      seats.set(accountId, rooms);
      let isIn = true;
      return () => {
        if (!isIn) return;
        isIn = false;
        const left = (rooms.get(roomId) ?? 1) - 1;
        if (left > 0) rooms.set(roomId, left);
        else rooms.delete(roomId);
        if (rooms.size === 0) seats.delete(accountId);
      };
    },
  };
}
