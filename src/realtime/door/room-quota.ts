import type { Holdings } from "../../cluster/holdings.ts";
import { AppError } from "../../platform/errors.ts";
import { createTally } from "../../platform/tally.ts";
import type { Asker } from "./seat-quota.ts";

/** How many rooms there may be, and how many of them by the wish of one account or address. */
export interface RoomQuota {
  /** Fails with ROOM_CREATE_EXCEEDED or UNAVAILABLE. A failing `make` costs nothing. */
  create<T>(asker: Asker, roomId: string, make: () => Promise<T>): Promise<T>;
  closed(roomId: string): void;
  /** The rooms that count. */
  alive(): string[];
}

interface RoomQuotaParts {
  readonly holdings: Holdings;
  readonly roomsPerAccount: number;
  readonly roomsPerAddress: number;
  /** Of this process alone: what it can bear. */
  readonly roomsMax: number;
}

/** Rooms last as long as somebody sits in them; an attacker's empty ones go with their seats. */
const RETRY_SECONDS = 10;

export function createRoomQuota({ holdings, ...limits }: RoomQuotaParts): RoomQuota {
  const refusal = () => new AppError("ROOM_CREATE_EXCEEDED", { retryAfterSeconds: RETRY_SECONDS });
  const byAccount = { name: "rooms of account", max: limits.roomsPerAccount, refusal };
  const byAddress = { name: "rooms of address", max: limits.roomsPerAddress, refusal };
  const all = createTally({ max: limits.roomsMax, refusal: () => new AppError("UNAVAILABLE", { reason: "rooms" }) });
  const alive = new Map<string, () => void>();
  return {
    async create({ accountId, address }, roomId, make) {
      const leaveAll = all.take("rooms");
      let giveBack = leaveAll;
      try {
        const release = await holdings.take(roomId, [
          { quota: byAccount, key: accountId },
          { quota: byAddress, key: address },
        ]);
        giveBack = () => {
          release();
          leaveAll();
        };
        const room = await make();
        alive.set(roomId, giveBack);
        return room;
      } catch (failure) {
        giveBack();
        throw failure;
      }
    },
    closed(roomId) {
      alive.get(roomId)?.();
      alive.delete(roomId);
    },
    alive: () => [...alive.keys()],
  };
}
