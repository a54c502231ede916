import type { ContentSource } from "../schema/content.ts";
import type { AccountId } from "../schema/ids.ts";
import { createSystemClock } from "../src/platform/clock.ts";
import type { Database } from "../src/platform/database.ts";
import { createIds } from "../src/platform/ids.ts";
import { createLog } from "../src/platform/log.ts";
import { cryptoRandom } from "../src/platform/random.ts";
import { createCatalogue } from "../src/services/catalogue/service.ts";
import { createInventory } from "../src/services/inventory/service.ts";
import { createPostgresRanking } from "../src/services/leaderboards/ranking.ts";
import { createLeaderboards } from "../src/services/leaderboards/service.ts";
import { createProgression } from "../src/services/progression/service.ts";
import { createStore } from "../src/services/store/service.ts";

/** As many as in the frozen script. */
export const ACCOUNTS = 1000;
const PRICE = 100;
const content: ContentSource = {
  levels: { base: 100, growth: 50, max: 100 },
  currencies: { gold: { title: "Gold" } },
  items: { gem: { title: "Gem", kind: "stack" } },
  offers: {
    gem: { title: "Gem", gives: { items: { gem: 1 } }, price: { kind: "currency", currency: "gold", amount: PRICE } },
  },
  stats: { kills: { title: "Kills", kind: "counter" }, points: { title: "Points", kind: "last" } },
  leaderboards: { points: { title: "Points", stat: "points", score: "last", periods: ["all"] } },
  rewards: { duel: { byPlacement: [{ currencies: { gold: 10 } }] } },
};

/** Each is one call of a service, for the nth account. */
export type Verb = "buy" | "grant" | "match" | "rank";

/** The services as the server has them, on a database with accounts that can afford anything. */
export async function openProperty({
  db,
  sql,
}: Database): Promise<Record<Verb, (account: number) => Promise<unknown>>> {
  const [clock, log] = [createSystemClock(), createLog({ level: "silent" })];
  const ids = createIds({ clock, random: cryptoRandom });
  const catalogue = createCatalogue({ db, clock, log, source: content });
  await catalogue.bring();
  const parts = { db, clock, ids, log, random: cryptoRandom, content: catalogue.content };
  const store = createStore({ ...parts, secret: "b".repeat(32), catalogue });
  const inventory = createInventory({ ...parts, contentVersion: catalogue.version });
  const names = { displayNames: async () => new Map() };
  const leaderboards = createLeaderboards({ ...parts, ranking: createPostgresRanking({ db }), accounts: names });
  const progression = createProgression({ ...parts, leaderboards, giveItems: inventory.giveForMatch });
  const accounts = Array.from({ length: ACCOUNTS }, (): AccountId => ids.mint("account"));
  await sql`insert into umpire.accounts ${sql(accounts.map((id) => ({ id, display_name: "Bench", kind: "guest", created_at: clock.date() })))}`;
  await sql`insert into umpire.wallet_balances select id, 'gold', 1000000000, 0, 0 from umpire.accounts`;

  const played = (room: string, account: number, stats: Record<string, number>) => {
    const [matchId, endedAt] = [ids.mint("match"), clock.date()];
    const player = { accountId: accounts[account] as AccountId, placement: 1, kills: 3, deaths: 1, xp: 50, stats };
    return progression.recordMatch({ matchId, room, mode: "any", startedAt: endedAt, endedAt, players: [player] });
  };
  return {
    buy: (account) =>
      store.buy({
        key: ids.mint("purchase"),
        accountId: accounts[account] as AccountId,
        offer: "gem",
        price: { currency: "gold", amount: PRICE },
      }),
    grant: (account) => {
      const key = ids.mint("purchase");
      const why = { scope: "bench", reason: "bench", reference: key };
      return inventory.grant({ key, accountId: accounts[account] as AccountId, items: { gem: 1 }, ...why });
    },
    match: (account) => played("duel", account, { kills: 3, points: clock.date().getTime() % 100_000 }),
    rank: (account) => played("practice", account, { points: clock.date().getTime() % 100_000 }),
  };
}
