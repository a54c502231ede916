import { customType } from "drizzle-orm/pg-core";

/**
 * Values that Postgres itself refuses when they are out of range. Tables that are written to in every purchase take them
 * instead of CHECKs: Postgres reads a table's CHECKs anew for every statement, which doubled the price of writing a line of
 * the ledger, and a domain's once for each connection. What relates two columns is still a CHECK.
 */
function domain<Data extends string | bigint>(name: string) {
  return customType<{ data: Data; driverData: Data }>({ dataType: () => `umpire.${name}` });
}

/** 0 or more. */
export const amount = domain<bigint>("amount");
/** 1 or more. */
export const positiveAmount = domain<bigint>("positive_amount");
/** 1 or more, and no more than a number in JSON can say exactly. */
export const quantity = domain<bigint>("quantity");
/** The books of the ledger: a player's `wallet` and `debt`, and the house's. */
export const book = domain<"wallet" | "debt" | "mint" | "store" | "sink" | "overflow">("book");
/** How an item moved. */
export const moveKind = domain<"granted" | "consumed" | "traded-out" | "traded-in">("move_kind");
/** Why something moved, in one word of the code: up to 32 of a-z and -, a letter first. */
export const reason = domain<string>("reason");
/** What a movement belongs to, or a request's key: 1 to 128 characters. */
export const reference = domain<string>("reference");
/** A SHA-256 in hex. */
export const sha256 = domain<string>("sha256");
