import type { AccountId } from "../../../schema/ids.ts";
import type { Holdings } from "../../cluster/holdings.ts";
import type { Clock } from "../../platform/clock.ts";
import { AppError } from "../../platform/errors.ts";
import { type Random, secretText } from "../../platform/random.ts";

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
  /**
   * Counts `roomId`, which may be yet to be made, among the account's rooms, in place of one that was tried before. Fails
   * with ROOM_SEATS_EXCEEDED.
   */
  inRoom(roomId: string): Promise<void>;
  /** The engine keeps the seat for this session id from now on. */
  reservedFor(sessionId: string): void;
  /** Nothing came of it. */
  giveBack(): void;
}

/** Who has sat down, and where. */
export interface Sitter {
  readonly sessionId: string;
  readonly roomId: string;
  /** Absent where nobody asked for the seat. */
  readonly accountId: AccountId | undefined;
}

/** How many seats an account or an address may have reserved, and in how many rooms an account may sit. */
export interface SeatQuota {
  /** Fails with ROOM_SEATS_OPEN. */
  hold(asker: Asker): Promise<SeatHold>;
  /** The player has sat down. What was asked for at another process is counted by this one from now on. */
  seated(sitter: Sitter): void;
  /** The room's door has turned the player away: its reservation is gone. Does nothing once the player sits. */
  refused(sessionId: string): void;
  /** The player has given up its seat for good. */
  left(sessionId: string): void;
  /** The room is gone, with whoever sat in it or was about to. */
  roomClosed(roomId: string): void;
}

interface SeatQuotaParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly holdings: Holdings;
  readonly openPerAddress: number;
  readonly roomsPerAccount: number;
}

interface Holding {
  readonly roomId: string;
  /** No longer open: it is taken, or it has lapsed. */
  close(): void;
  leaveRoom(): void;
}

const HOLD_ID_BITS = 96;

export function createSeatQuota({
  clock,
  random,
  holdings,
  openPerAddress,
  roomsPerAccount: max,
}: SeatQuotaParts): SeatQuota {
  const refusal = () => new AppError("ROOM_SEATS_OPEN", { retryAfterSeconds: SEAT_SECONDS });
  const openByAccount = { name: "seats of account", max: OPEN_SEATS_PER_ACCOUNT, refusal };
  const openByAddress = { name: "seats of address", max: openPerAddress, refusal };
  // Rooms are counted and not seats, so that a page that is reloaded, or opened twice, and takes over its own seat, is never
  // the one too many.
  const rooms = { name: "sat in by", max, refusal: () => new AppError("ROOM_SEATS_EXCEEDED", { max }) };
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
  holdings.onHandedOver(giveBack);
  return {
    async hold({ accountId, address }) {
      const close = await holdings.take(secretText(random, HOLD_ID_BITS), [
        { quota: openByAccount, key: accountId },
        { quota: openByAddress, key: address },
      ]);
      let roomId = "";
      let leaveRoom = () => {};
      return {
        async inRoom(found) {
          if (found === roomId) return;
          leaveRoom();
          roomId = "";
          leaveRoom = await holdings.take(found, [{ quota: rooms, key: accountId }]);
          roomId = found;
        },
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
    seated({ sessionId, roomId, accountId }) {
      const holding = open.get(sessionId);
      if (holding !== undefined) {
        open.delete(sessionId);
        holding.close();
        taken.set(sessionId, holding);
      } else if (accountId !== undefined) {
        const leaveRoom = holdings.add(roomId, [{ quota: rooms, key: accountId }]);
        taken.set(sessionId, { roomId, close() {}, leaveRoom });
        // Whoever was asked would count the seat as open for as long as it was promised.
        holdings.handOver(sessionId);
      }
    },
    refused: giveBack,
    left,
    roomClosed(roomId) {
      for (const [sessionId, holding] of open) if (holding.roomId === roomId) giveBack(sessionId);
      for (const [sessionId, holding] of taken) if (holding.roomId === roomId) left(sessionId);
    },
  };
}
