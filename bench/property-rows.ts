import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../src/platform/database.ts";
import { startOwnPostgres } from "../src/platform/dev-services.ts";
import { createLog } from "../src/platform/log.ts";
import { migrate } from "../src/platform/migrations.ts";
import { createSeededRandom } from "../src/platform/random.ts";
import { findPgbench, pgbench } from "./pgbench.ts";
import { ACCOUNTS, openProperty, type Verb } from "./property.ts";
import type { Length, Row } from "./report.ts";
import { halfWidth, median, ratioOf, voidEstimate } from "./statistics.ts";

/** As many connections on either side. */
const CLIENTS = 8;
/** The exponent of the frozen script's `random_zipfian`. */
const ZIPF = 1.2;
const PLANS: Readonly<Record<Length, { repetitions: number; seconds: number }>> = {
  quick: { repetitions: 3, seconds: 2 },
  usual: { repetitions: 5, seconds: 4 },
  full: { repetitions: 5, seconds: 15 },
};

interface Variant {
  readonly id: string;
  readonly verb: Verb;
  readonly file: string;
  readonly target: number;
  /** Below it something was lost that had been won. Without one the row is shown. */
  readonly gate?: number;
  readonly pick: () => number;
}

/**
 * W9: what is done to players' property, a second, beside four statements by hand under pgbench, on one server with fsync
 * on. A match's result is the work of a purchase and more: its line, its stats, a reward, and a place on a leaderboard.
 */
export async function propertyRows({ length }: { length: Length }): Promise<Row[] | string> {
  const missing = findPgbench();
  if (missing !== null) return missing;
  const folder = await mkdtemp(join(tmpdir(), "umpire-bench-"));
  const log = createLog({ level: "silent" });
  const server = await startOwnPostgres({ folder, fsync: true, log });
  const database = openDatabase({ url: server.url, log, connectionsMax: CLIENTS });
  try {
    await migrate({ url: server.url, folder: join(import.meta.dirname, "../migrations"), log });
    await database.sql.unsafe(await readFile(join(import.meta.dirname, "frozen/schema.sql"), "utf8"));
    const property = await openProperty(database);
    const uniform = createSeededRandom(9);
    const hot = zipf(createSeededRandom(10));
    const spread = { file: "purchase.sql", target: 0.8, pick: () => uniform.below(ACCOUNTS) };
    const crowded = { file: "purchase-hot.sql", target: 0.5, pick: hot };
    const variants: Variant[] = [
      { ...spread, id: "W9/purchase", verb: "buy", gate: 0.3 },
      { ...crowded, id: "W9/purchase-hot", verb: "buy", gate: 0.35 },
      { ...spread, id: "W9/grant", verb: "grant" },
      { ...crowded, id: "W9/grant-hot", verb: "grant" },
      { ...spread, id: "W9/match", verb: "match" },
      { ...spread, id: "W9/leaderboard", verb: "rank" },
      { ...crowded, id: "W9/leaderboard-hot", verb: "rank" },
    ];
    const rows: Row[] = [];
    const analyze = () => database.sql`analyze`;
    for (const variant of variants) {
      rows.push(await compare(variant, { url: server.url, run: property[variant.verb], analyze, ...PLANS[length] }));
    }
    return rows;
  } finally {
    await database.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Contest {
  readonly url: string;
  readonly run: (account: number) => Promise<unknown>;
  readonly analyze: () => Promise<unknown>;
  readonly repetitions: number;
  readonly seconds: number;
}

async function compare(
  { id, file, target, gate, pick }: Variant,
  { url, run, analyze, repetitions, seconds }: Contest,
): Promise<Row> {
  const place = placeOf(url);
  const script = join(import.meta.dirname, "frozen", file);
  const theirs = () => pgbench(place, { file: script, clients: CLIENTS, seconds });
  const ours = () => perSecond(() => run(pick()), seconds);
  await perSecond(() => run(pick()), 1);
  // As the server does by itself, some time after so much was written: plans that were made for empty tables read them whole.
  await analyze();
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
    isGate: gate !== undefined,
    // On a shared machine it is missed only when the whole interval lies below.
    ...(gate !== undefined && { gate: { limit: gate, isMet: estimate.high >= gate } }),
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
