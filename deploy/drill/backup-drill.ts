import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { countParts, isLacking } from "../../loadtest/chaos/judge.ts";
import { type ChaosVerb, verbs } from "../../loadtest/chaos/verbs.ts";
import { World } from "../../loadtest/chaos/world.ts";
import { answerText, ask, type KeyRecord, runWriters } from "../../loadtest/chaos/writers.ts";
import { connect, type DatabaseSql } from "../../src/platform/database.ts";
import { restoreBackup, takeBackup } from "./backups.ts";

export interface DrillRow {
  readonly id: "T26";
  /** What was done, and by which means. */
  readonly fault: string;
  readonly ok: boolean;
  /** Acknowledged before the backup began, and not in the copy. */
  readonly lost: number;
  /** In the copy more than once. */
  readonly doubled: number;
  /** Asked once more of a server on the copy, and answered differently. */
  readonly changed: number;
  /** Movements in the copy that nobody asked for. */
  readonly strangers: number;
  /** Rows of wallet_discrepancies and inventory_discrepancies. */
  readonly discrepancies: number;
  readonly measured: Readonly<Record<string, number>>;
}

export interface DrillResult {
  readonly suite: "drill";
  /** Why the run does not count, or null. */
  readonly void: string | null;
  readonly rows: readonly DrillRow[];
}

interface DrillOptions {
  /** Each writes as fast as it is answered. */
  readonly writers: number;
  /** How long they write before the backup begins. */
  readonly seconds: number;
}

const GOLD = 100_000;
const written = verbs.filter(({ name }) => ["purchase", "transfer", "match-result"].includes(name));

/** A backup of a server under load, restored into a fresh database and asked for everything that was acknowledged (T26). */
export async function drillBackup({ writers, seconds }: DrillOptions): Promise<DrillResult> {
  const world = await World.start();
  const folder = await mkdtemp(join(tmpdir(), "umpire-backup-"));
  try {
    const before = await startLoad(world, "before", writers);
    await pause(seconds * 1000);
    // Whoever is answered here is answered before the backup begins, and the others never stop.
    const during = await startLoad(world, "during", writers);
    const known = await before.end();
    const answeredAtStart = during.answered();
    const beganMs = performance.now();
    const means = await takeBackup({ url: world.postgres.url, folder });
    const backupMs = performance.now() - beganMs;
    const answeredMeanwhile = during.answered() - answeredAtStart;
    const later = await during.end();
    const restoreBeganMs = performance.now();
    const copyUrl = await createDatabase(world.sql, world.postgres.url);
    await restoreBackup({ url: copyUrl, folder });
    const restoreMs = performance.now() - restoreBeganMs;
    const verdict = await judgeCopy(world, copyUrl, { known, later });
    const row: DrillRow = {
      id: "T26",
      fault: `backup by ${means} under ${written.length * writers} writers, restored`,
      ok: Object.values(verdict).every((count) => count === 0),
      ...verdict,
      measured: { acknowledged: known.length, answeredMeanwhile, backupMs, restoreMs },
    };
    return { suite: "drill", void: answeredMeanwhile === 0 ? "nobody wrote during the backup" : null, rows: [row] };
  } finally {
    await world.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

type Asked = KeyRecord & { readonly verb: ChaosVerb };

interface Load {
  /** How many writes were acknowledged so far. */
  answered(): number;
  /** Lets everybody finish what they began; all of it is acknowledged then. */
  end(): Promise<readonly Asked[]>;
}

async function startLoad(world: World, label: string, writers: number): Promise<Load> {
  let isOver = false;
  let answered = 0;
  const onAcknowledged = () => (answered += 1);
  // Whoever gives needs somebody to give to.
  const each = Math.max(2, writers);
  const actors = await world.actors(written.length * each, GOLD);
  const running = written.map(async (verb, number) => {
    const mine = actors.slice(number * each, (number + 1) * each);
    const options = { verb, actors: mine, label: `${label}-${verb.name}`, goesOn: () => !isOver, onAcknowledged };
    return (await runWriters(world, options)).map((record) => ({ ...record, verb }));
  });
  return {
    answered: () => answered,
    async end() {
      isOver = true;
      return (await Promise.all(running)).flat();
    },
  };
}

async function judgeCopy(world: World, url: string, asked: { known: readonly Asked[]; later: readonly Asked[] }) {
  const sql = connect(url, { max: 1 });
  try {
    const all = [...asked.known, ...asked.later];
    const counts = new Map<string, readonly number[]>();
    for (const verb of written) {
      const records = all.filter((record) => record.verb === verb);
      for (const [key, parts] of await countParts({ sql }, verb, records)) counts.set(key, parts);
    }
    const discrepancies = await countDiscrepancies(sql);
    const strangers = await sql`
      select 1 from umpire.wallet_lines l
      where l.reference <> all(${all.map(({ key }) => key)}::text[]) and not starts_with(l.reference, 'endowment-')
        and not exists (
          select 1 from umpire.idempotency i
          where i.answer ->> 'purchaseId' = l.reference
            and (starts_with(i.key, 'crate-') or i.key = any(${all.map(({ key }) => key)}::text[])))`;
    await world.startServer({ databaseUrl: url });
    const again = await Promise.all(asked.known.map((record) => ask(world, record.verb, record)));
    return {
      lost: asked.known.filter(({ key }) => isLacking(counts.get(key))).length,
      doubled: [...counts.values()].filter((parts) => parts.some((count) => count > 1)).length,
      changed: asked.known.filter(({ answer }, index) => answerText(again[index]?.body) !== answer).length,
      strangers: strangers.length,
      discrepancies: discrepancies + (await countDiscrepancies(sql)),
    };
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** What I1 and I2 find in a database. */
export async function countDiscrepancies(sql: DatabaseSql): Promise<number> {
  const rows = await sql`
    select subject from umpire.wallet_discrepancies union all select subject from umpire.inventory_discrepancies`;
  return rows.length;
}

async function createDatabase(sql: DatabaseSql, url: string): Promise<string> {
  await sql.unsafe("create database umpire_copy");
  const address = new URL(url);
  address.pathname = "/umpire_copy";
  return address.href;
}
