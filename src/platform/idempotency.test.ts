import { expect, test } from "vitest";
import { createTestDatabase } from "../testing/postgres.ts";
import { TestClock } from "./clock.ts";
import { KEY_DAYS, once, removeOldKeys } from "./idempotency.ts";

const { db, sql } = await createTestDatabase({ connectionsMax: 8 });
const clock = new TestClock();
const DAY_MS = 24 * 60 * 60_000;
let done = 0;
const ask = (scope: string, key: string, request = "a") =>
  once({ db, clock }, { scope, key, verb: "test.ask", request }, async () => ++done);
const remove = () => removeOldKeys({ db, clock });

test("[KEYS1] a key is known for 180 days, a job's for ever, and what is removed is not known any more", async () => {
  expect(KEY_DAYS).toBe(180);
  const first = await ask("acc_1", "k");
  const job = await ask("job", "k");
  clock.advance(DAY_MS);
  const later = await ask("acc_1", "later");
  clock.advance(179 * DAY_MS);
  expect(await remove()).toBe(0);
  expect(await ask("acc_1", "k")).toBe(first);
  await expect(ask("acc_1", "k", "b")).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
  clock.advance(1);
  expect(await remove()).toBe(1);
  const again = await ask("acc_1", "k", "b");
  expect(again).toBeGreaterThan(later);
  expect([await ask("acc_1", "later"), await ask("job", "k")]).toEqual([later, job]);
  clock.advance(1000 * DAY_MS);
  expect(await remove()).toBe(2);
  expect(await ask("job", "k")).toBe(job);
});

test("[KEYS1] many old keys go in batches, each once, whoever else removes them or asks at that moment", async () => {
  await sql`insert into umpire.idempotency (scope, key, verb, request_hash, answer, created_at)
    select 'acc_2', 'k' || n, 'test.ask', repeat('0', 64), '1', ${clock.date()} from generate_series(1, 5500) as n`;
  clock.advance(KEY_DAYS * DAY_MS + 1);
  const fresh = await ask("acc_2", "fresh");
  const removed = await Promise.all([remove(), remove(), ask("acc_2", "fresh")]);
  expect([removed[0] + removed[1], removed[2]]).toEqual([5500, fresh]);
  expect(await sql`select key from umpire.idempotency where scope = 'acc_2'`).toEqual([{ key: "fresh" }]);
});
