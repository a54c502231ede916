import { setTimeout as pause } from "node:timers/promises";
import type { ChaosVerb } from "./verbs.ts";
import type { World } from "./world.ts";
import { answerText, ask, type KeyRecord } from "./writers.ts";

export interface Verdict {
  readonly acknowledged: number;
  /** Keys that were never acknowledged, whatever the patience. */
  readonly unanswered: number;
  /** Acknowledged and not there, or there by half, whoever was told. */
  readonly lost: number;
  /** There more than once, in whole or in part. */
  readonly doubled: number;
  /** Asked once more, and answered differently. */
  readonly changed: number;
  /** Books that do not balance, and movements that belong to no key. */
  readonly discrepancies: number;
}

/** How often each part of a key's effect is there. */
type Parts = readonly number[];

const ASKED_AT_ONCE = 50;
/** For effects that come after their answer, from the moment of the judgement. */
const PATIENCE_MS = 90_000;

/** Whatever moved belongs to a key: a purchase, a thing that was made or given leads to no key more than once. */
const STRAYS = `
  select 'purchase' from umpire.store_purchases p
  left join umpire.idempotency i on i.verb = 'store.buy' and i.answer->>'purchaseId' = p.id where i.key is null
  union all
  select 'price' from umpire.wallet_lines w left join umpire.store_purchases p on p.id = w.reference
  where w.reason = 'purchase' and p.id is null
  union all
  select 'goods' from umpire.inventory_moves m left join umpire.store_purchases p on p.id = m.reference
  where m.reason = 'purchase' and p.id is null
  union all
  select m.reason from umpire.inventory_moves m where m.reason in ('craft', 'transfer') group by m.reason
  having count(distinct m.reference) <> (select count(*) from umpire.idempotency where verb = 'inventory.' || m.reason)
  union all
  select 'cost' from umpire.wallet_lines w where w.reason = 'craft'
  having count(*) <> (select count(*) from umpire.idempotency where verb = 'inventory.craft')`;

/** What the tables say about these keys; each that was answered is asked for once more. */
export async function judge(world: World, verb: ChaosVerb, records: readonly KeyRecord[]): Promise<Verdict> {
  const known = records.filter(({ answer }) => answer !== null);
  let changed = 0;
  for (let first = 0; first < known.length; first += ASKED_AT_ONCE) {
    const some = known.slice(first, first + ASKED_AT_ONCE);
    const again = await Promise.all(some.map((record) => ask(world, verb, record)));
    changed += some.filter(({ answer }, index) => answerText(again[index]?.body) !== answer).length;
  }
  const deadlineMs = performance.now() + (verb.withinSeconds === undefined ? 0 : PATIENCE_MS);
  let counts = await countParts(world, verb, records);
  while (known.some(({ key }) => isLacking(counts.get(key))) && performance.now() < deadlineMs) {
    await pause(100);
    counts = await countParts(world, verb, records);
  }
  const isLost = ({ key, answer }: KeyRecord) => {
    const parts = counts.get(key) ?? [];
    return isLacking(parts) && (answer !== null || parts.some((count) => count > 0));
  };
  // A server that was killed has forgotten how large its tables are, and would join them row by row.
  await world.sql`analyze`;
  const problems = await world.sql.unsafe(`
    select kind from umpire.wallet_discrepancies union all select kind from umpire.inventory_discrepancies
    union all ${STRAYS}`);
  return {
    acknowledged: known.length,
    unanswered: records.length - known.length,
    lost: records.filter(isLost).length,
    doubled: [...counts.values()].filter((parts) => parts.some((count) => count > 1)).length,
    changed,
    discrepancies: problems.length,
  };
}

/** For each key that has any effect, how often each of its parts is there. */
export async function countParts(
  { sql }: Pick<World, "sql">,
  { parts }: ChaosVerb,
  records: readonly KeyRecord[],
): Promise<ReadonlyMap<string, Parts>> {
  const joins = parts.map(
    (part, index) =>
      `left join (select key, count(*)::int as times from (${part}) as found group by key) as p${index} using (key)`,
  );
  const counts = parts.map((_, index) => `coalesce(p${index}.times, 0)`);
  const rows = await sql.unsafe<{ key: string; counts: number[] }[]>(
    `select key, array[${counts.join()}] as counts from unnest($1::text[]) as asked (key) ${joins.join(" ")}`,
    [records.map(({ key }) => key)] as never,
  );
  return new Map(rows.filter((row) => row.counts.some((count) => count > 0)).map((row) => [row.key, row.counts]));
}

export function isLacking(parts: Parts = []): boolean {
  return parts.length === 0 || parts.includes(0);
}

export function isFaultless({ unanswered, lost, doubled, changed, discrepancies }: Verdict): boolean {
  return unanswered + lost + doubled + changed + discrepancies === 0;
}

/** What to tell of keys that nobody answered. */
export function troubleOf(records: readonly KeyRecord[]): string | undefined {
  const [first, ...others] = records.filter(({ answer }) => answer === null);
  if (first === undefined) return undefined;
  return `${1 + others.length} keys unanswered, such as ${first.key} after ${first.attempts} attempts: ${first.trouble}`;
}
