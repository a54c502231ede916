import type { PgTable } from "drizzle-orm/pg-core";
import * as accounts from "./accounts.ts";
import * as audit from "./audit.ts";
import * as catalogue from "./catalogue.ts";
import * as idempotency from "./idempotency.ts";
import * as inventory from "./inventory.ts";
import * as leaderboards from "./leaderboards.ts";
import * as migrations from "./migrations.ts";
import * as operators from "./operators.ts";
import * as payments from "./payments.ts";
import * as progression from "./progression.ts";
import * as store from "./store.ts";
import * as wallet from "./wallet.ts";

/**
 * What a table holds about a player, and so what deletion and export do with its rows. `account` is the column that says
 * whose a row is, or the columns, where it is about two. When the account is deleted the row goes with it, or stays under a name that leads to nobody. The owner
 * is shown every column but those `withheld`.
 */
export type PersonalDataRule<Column extends string = string> =
  | { readonly about: "nobody" }
  | {
      readonly about: "player";
      readonly account: Column | readonly Column[];
      readonly onDeletion: "remove" | "pseudonymise";
      readonly withheld: readonly Column[];
    };

/** Every table there is. A new file of tables is added here; `personal-data` fails its test until it is. */
export const storedTables = {
  ...accounts,
  ...audit,
  ...catalogue,
  ...idempotency,
  ...inventory,
  ...leaderboards,
  ...operators,
  ...payments,
  ...progression,
  ...store,
  ...wallet,
  ...migrations,
};

type Tables = {
  [Name in keyof typeof storedTables as (typeof storedTables)[Name] extends PgTable ? Name : never]: never;
};
type ColumnOf<Name extends keyof Tables> = Extract<keyof (typeof storedTables)[Name]["_"]["columns"], string>;

/** The rule of every table, those that lean on others after them. One that lacks its rule here does not compile. */
export const personalDataRules: { readonly [Name in keyof Tables]: PersonalDataRule<ColumnOf<Name>> } = {
  accounts: { about: "player", account: "id", onDeletion: "remove", withheld: [] },
  accountCredentials: { about: "player", account: "accountId", onDeletion: "remove", withheld: ["passwordHash"] },
  accountPasswordResets: { about: "player", account: "accountId", onDeletion: "remove", withheld: ["tokenHash"] },
  accountRegistrations: {
    about: "player",
    account: "accountId",
    onDeletion: "remove",
    withheld: ["tokenHash", "passwordHash"],
  },
  // A session's id is the hash of its token.
  accountSessions: { about: "player", account: "userId", onDeletion: "remove", withheld: ["id"] },
  // The staff's own words may speak of those who reported the player.
  accountBans: { about: "player", account: "accountId", onDeletion: "remove", withheld: ["reason"] },
  progression: { about: "player", account: "accountId", onDeletion: "remove", withheld: [] },
  progressionStats: { about: "player", account: "accountId", onDeletion: "remove", withheld: [] },
  progressionMatches: { about: "nobody" },
  // A match is also the history of the others who played it.
  progressionMatchPlayers: { about: "player", account: "accountId", onDeletion: "pseudonymise", withheld: [] },
  leaderboardScores: { about: "player", account: "accountId", onDeletion: "remove", withheld: ["inverse"] },
  leaderboardCounts: { about: "nobody" },
  catalogueVersions: { about: "nobody" },
  catalogueActive: { about: "nobody" },
  // Its answers hold what the other tables hold, and nobody else's.
  idempotency: { about: "player", account: "scope", onDeletion: "remove", withheld: ["requestHash"] },
  // The books have to balance after a player has gone: they stay, under a name that leads to nobody.
  walletLines: {
    about: "player",
    account: ["fromAccountId", "toAccountId"],
    onDeletion: "pseudonymise",
    withheld: ["metadata"],
  },
  walletBalances: { about: "player", account: "accountId", onDeletion: "pseudonymise", withheld: [] },
  walletHolds: { about: "player", account: "accountId", onDeletion: "pseudonymise", withheld: [] },
  storePurchases: { about: "player", account: "accountId", onDeletion: "pseudonymise", withheld: [] },
  storeLimits: { about: "player", account: "accountId", onDeletion: "remove", withheld: [] },
  // As with money: where an item came from has to be known after one of its owners has gone.
  inventoryStacks: { about: "player", account: "accountId", onDeletion: "pseudonymise", withheld: [] },
  inventoryItems: { about: "player", account: "accountId", onDeletion: "pseudonymise", withheld: [] },
  inventoryMoves: { about: "player", account: "accountId", onDeletion: "pseudonymise", withheld: [] },
  inventoryRolls: { about: "player", account: "accountId", onDeletion: "pseudonymise", withheld: [] },
  inventoryLoadouts: { about: "player", account: "accountId", onDeletion: "remove", withheld: [] },
  inventoryPity: { about: "player", account: "accountId", onDeletion: "remove", withheld: [] },
  // A row names the account that something was done to, by an id that leads to nobody once the account is gone.
  auditLog: { about: "nobody" },
  auditHead: { about: "nobody" },
  operators: { about: "nobody" },
  operatorSessions: { about: "nobody" },
  operatorTotpUses: { about: "nobody" },
  // What was paid has to be accounted for after a player has gone, and a refund has to find what it is about.
  paymentOrders: { about: "player", account: "accountId", onDeletion: "pseudonymise", withheld: [] },
  paymentTransactions: { about: "player", account: "accountId", onDeletion: "pseudonymise", withheld: [] },
  // A provider's message may hold a name and an address.
  paymentEvents: { about: "player", account: "accountId", onDeletion: "remove", withheld: ["rawBody"] },
  compatibility: { about: "nobody" },
};
