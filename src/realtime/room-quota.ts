import { AppError } from "../platform/errors.ts";
import { createTally, takeAll } from "../platform/tally.ts";
import type { Asker } from "./seat-quota.ts";

/** How many rooms there may be, and how many of them by the wish of one account or address. */
export interface RoomQuota {
  /** Fails with ROOM_CREATE_EXCEEDED or UNAVAILABLE. A failing `make` costs nothing. */
  create<T extends { readonly roomId: string }>(asker: Asker, make: () => Promise<T>): Promise<T>;
  closed(roomId: string): void;
  /** The rooms that count. */
  alive(): string[];
}

interface RoomQuotaParts {
  readonly perAccount: number;
  readonly perAddress: number;
  readonly max: number;
}

/** Rooms last as long as somebody sits in them; an attacker's empty ones go with their seats. */
const RETRY_SECONDS = 10;

export function createRoomQuota({ perAccount, perAddress, max }: RoomQuotaParts): RoomQuota {
  const refusal = () => new AppError("ROOM_CREATE_EXCEEDED", { retryAfterSeconds: RETRY_SECONDS });
  const byAccount = createTally({ max: perAccount, refusal });
  const byAddress = createTally({ max: perAddress, refusal });
  const all = createTally({ max, refusal: () => new AppError("UNAVAILABLE", { reason: "rooms" }) });
  const alive = new Map<string, () => void>();
  return {
    async create({ accountId, address }, make) {
      const giveBack = takeAll(
        () => byAccount.take(accountId),
        () => byAddress.take(address),
        () => all.take("rooms"),
      );
      try {
        const room = await make();
        alive.set(room.roomId, giveBack);
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
