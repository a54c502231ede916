import { PROTOCOL_VERSION } from "../../../schema/protocol.ts";
import type { Asking } from "./matchmaking.ts";

/** Rooms of the region that the process asked for a seat serves. A process makes rooms in its own region. */
export const region = (asking: Asking): string => asking.region;

/** Rooms of servers that speak the same protocol: while processes are replaced, the old and the new do not mix. */
export const version = (): number => PROTOCOL_VERSION;

/** Guests among guests, and who is registered among those. */
export const kind = (asking: Asking): string => asking.kind;

/** The level that the account's XP comes to, as of the last minute: for `near`. */
export const level = ({ services, accountId }: Asking): Promise<number> => services.progression.level(accountId);
