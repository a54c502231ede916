import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContentSource } from "../schema/content.ts";
import type { AccountId } from "../schema/ids.ts";
import { createSystemClock } from "../src/platform/clock.ts";
import { type Database, openDatabase } from "../src/platform/database.ts";
import { startOwnPostgres } from "../src/platform/dev-services.ts";
import { createIds } from "../src/platform/ids.ts";
import { createLog } from "../src/platform/log.ts";
import { migrate } from "../src/platform/migrations.ts";
import { createSeededRandom, cryptoRandom } from "../src/platform/random.ts";
import { createCatalogue } from "../src/services/catalogue/service.ts";
import { createStore } from "../src/services/store/service.ts";
import { findPgbench, pgbench } from "./pgbench.ts";
import type { Length, Row } from "./report.ts";
import { halfWidth, median, ratioOf, voidEstimate } from "./statistics.ts";

/** As many connections on either side, and as many accounts as in the frozen script. */
const CLIENTS = 8;
const ACCOUNTS = 1000;
/** The exponent of the frozen script's `random_zipfian`. */
const ZIPF = 1.2;
const PLANS: Readonly<Record<Length, { repetitions: number; seconds: number }>> = {
  quick: { repetitions: 3, seconds: 2 },
  usual: { repetitions: 5, seconds: 4 },
  full: { repetitions: 5, seconds: 15 },
};
const PRICE = 100;
const content: ContentSource = {
  levels: { base: 100, growth: 50, max: 100 },
  currencies: { gold: { title: "Gold" } },
  items: { gem: { title: "Gem", kind: "stack" } },
  offers: {
    gem: { title: "Gem", gives: { items: { gem: 1 } }, price: { kind: "currency", currency: "gold", amount: PRICE } },
  },
};

interface Variant {
  readonly id: string;
  readonly file: string;
  readonly target: number;
  /** Below it something was lost that had been won. */
  readonly gate: number;
  readonly pick: () => number;
}

/** W9: purchases a second, beside four statements by hand under pgbench, on one server with fsync on. */
export async function purchaseRows({ length }: { length: Length }): Promise<Row[] | string> {
  const missing = findPgbench();
  if (missing !== null) return missing;
  const folder = await mkdtemp(join(tmpdir(), "umpire-bench-"));
  const log = createLog({ level: "silent" });
  const server = await startOwnPostgres({ folder, fsync: true, log });
  const database = openDatabase({ url: server.url, log, connectionsMax: CLIENTS });
  try {
    await migrate({ url: server.url, folder: join(import.meta.dirname, "../migrations"), log });
    await database.sql.unsafe(await readFile(join(import.meta.dirname, "frozen/schema.sql"), "utf8"));
    const shop = await openShop(database);
    const uniform = createSeededRandom(9);
    const hot = zipf(createSeededRandom(10));
    const variants: Variant[] = [
      { id: "W9/purchase", file: "purchase.sql", target: 0.8, gate: 0.3, pick: () => uniform.below(ACCOUNTS) },
      { id: "W9/purchase-hot", file: "purchase-hot.sql", target: 0.5, gate: 0.35, pick: hot },
    ];
    const rows: Row[] = [];
    for (const variant of variants) rows.push(await compare(variant, { url: server.url, shop, ...PLANS[length] }));
    return rows;
  } finally {
    await database.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

type Shop = (account: number) => Promise<unknown>;

async function openShop({ db, sql }: Database): Promise<Shop> {
  const clock = createSystemClock();
  const ids = createIds({ clock, random: cryptoRandom });
  const log = createLog({ level: "silent" });
  const catalogue = createCatalogue({ db, clock, log, source: content });
  await catalogue.bring();
  const store = createStore({ db, clock, ids, log, secret: "b".repeat(32), catalogue });
  const accounts = Array.from({ length: ACCOUNTS }, (): AccountId => ids.mint("account"));
  await sql`insert into umpire.accounts ${sql(accounts.map((id) => ({ id, display_name: "Bench", kind: "guest", created_at: clock.date() })))}`;
  await sql`insert into umpire.wallet_balances select id, 'gold', 1000000000, 0, 0 from umpire.accounts`;
  return (account) =>
    store.buy({
      key: ids.mint("purchase"),
      accountId: accounts[account] as AccountId,
      offer: "gem",
      price: { currency: "gold", amount: PRICE },
    });
}

interface Contest {
  readonly url: string;
  readonly shop: Shop;
  readonly repetitions: number;
  readonly seconds: number;
}

async function compare(
  { id, file, target, gate, pick }: Variant,
  { url, shop, repetitions, seconds }: Contest,
): Promise<Row> {
  const place = placeOf(url);
  const script = join(import.meta.dirname, "frozen", file);
  const theirs = () => pgbench(place, { file: script, clients: CLIENTS, seconds });
  const ours = () => perSecond(() => shop(pick()), seconds);
  await perSecond(() => shop(pick()), 1);
  const measured: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  for (let repetition = 0; repetition < repetitions; repetition++) {
    // Every second pair backwards, so that a machine that grows slower favours nobody.
    const order = repetition % 2 === 0 ? (["theirs", "ours"] as const) : (["ours", "theirs"] as const);
    for (const side of order) measured[side].push(await { ours, theirs }[side]());
    process.stderr.write(
      `${id}: ours ${measured.ours.at(-1)?.toFixed(0)}, pgbench ${measured.theirs.at(-1)?.toFixed(0)} a second\n`,
    );
  }
  const estimate = ratioOf(measured.ours, measured.theirs);
  const reason = voidEstimate(estimate);
  return {
    id,
    against: "pgbench",
    ratio: estimate.median,
    interval: [estimate.low, estimate.high],
    target,
    ok: estimate.median >= target,
    isGate: true,
    // On a shared machine it is missed only when the whole interval lies below.
    gate: { limit: gate, isMet: estimate.high >= gate },
    measured: {
      "ours a second": median(measured.ours),
      "pgbench a second": median(measured.theirs),
      "±%": 100 * halfWidth(estimate),
    },
    ...(reason !== null && { void: reason }),
  };
}

/** How often `task` ends within a second, with so many at once. */
async function perSecond(task: () => Promise<unknown>, seconds: number): Promise<number> {
  const startedMs = performance.now();
  const untilMs = startedMs + seconds * 1000;
  let done = 0;
  const worker = async () => {
    for (; performance.now() < untilMs; done++) await task();
  };
  await Promise.all(Array.from({ length: CLIENTS }, worker));
  return (done * 1000) / (performance.now() - startedMs);
}

/** Numbers from 0, the first by far the most frequent, as `random_zipfian` draws them. */
function zipf(random: { below(max: number): number }): () => number {
  const shares: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= ACCOUNTS; rank++) {
    sum += rank ** -ZIPF;
    shares.push(sum);
  }
  return () => {
    const at = (random.below(2 ** 32) / 2 ** 32) * sum;
    return Math.max(
      0,
      shares.findIndex((share) => share >= at),
    );
  };
}

/** Our own server's address is a folder with a unix socket. */
function placeOf(url: string) {
  const address = new URL(url);
  return {
    host: decodeURIComponent(address.hostname) || (address.searchParams.get("host") ?? ""),
    port: address.port || "5432",
    user: decodeURIComponent(address.username),
    database: address.pathname.slice(1),
  };
}
