import { afterAll, expect, test } from "vitest";
import { ask, metricOf, untilSo } from "../testing/cluster-matches.ts";
import { createTestDatabase } from "../testing/postgres.ts";
import { gatherStorm } from "../testing/reconnect-storm.ts";
import { aPrefix, testRedisUrl } from "../testing/redis.ts";
import { Stack } from "../testing/stacks/stack.ts";

const PLAYERS = 1000;
const BACK_MS_MAX = 15_000;
const CPU_MS_MAX = 2500;
const STRIKES = 3;
const KILLS = 20;
const JOINS_PER_KILL = 6;

const database = await createTestDatabase();
const settings = { DATABASE_URL: database.url, REDIS_URL: testRedisUrl(), REDIS_PREFIX: aPrefix() };
const cluster = await Promise.all([Stack.start("cluster", { settings }), Stack.start("cluster", { settings })]);
afterAll(() => Promise.all(cluster.map((stack) => stack.stop())));
const tell = (row: object) => process.stdout.write(`${JSON.stringify(row)}\n`);

/** All that the database has been asked to do, as far as it has counted it. */
async function transactions(): Promise<number> {
  const [row] = await database.sql<{ count: string }[]>`
    select xact_commit as count from pg_stat_database where datname = current_database()`;
  return Number(row?.count);
}

test("T22: of a thousand whose connections break at once all are back within 15 s, for 2.5 s of processor time and no query", async () => {
  await untilSo(async () => (await metricOf(cluster[0], "umpire_processes")) === 2, 10_000);
  const storm = await gatherStorm(cluster, PLAYERS);
  const relayed = await Promise.all(cluster.map((stack) => metricOf(stack, "umpire_relayed_sockets")));
  for (let strike = 0; strike < STRIKES; strike++) {
    const asked = await transactions();
    const figures = await storm.strike();
    tell({ ...figures, relayed, transactions: (await transactions()) - asked });
    expect(figures.lastMs).toBeLessThan(BACK_MS_MAX);
    expect(figures.cpuMs).toBeLessThan(CPU_MS_MAX);
    // What two processes' jobs ask meanwhile is in it.
    expect((await transactions()) - asked).toBeLessThan(PLAYERS / 2);
  }
  storm.leave();
  // Nobody is counted twice, and no seat is lost.
  const players = async () =>
    (await Promise.all(cluster.map((stack) => stack.ask<number>("players")))).reduce((a, b) => a + b, 0);
  await untilSo(async () => (await players()) === 0, 15_000);
  expect((await ask(cluster[0], "after")).status).toBe(200);
});

test("F5: after kill -9 of a process the next joins take no longer than 100 ms, and none is led to a room of the dead", async () => {
  const control: number[] = [];
  const after: number[] = [];
  const victims = [await Stack.start("cluster", { settings })];
  const [first] = cluster as [Stack, Stack];
  for (let kill = 0; kill < KILLS; kill++) {
    const victim = victims.pop() as Stack;
    const dead = await victim.ask<string>("processId");
    const lanes = Array.from({ length: JOINS_PER_KILL }, (_, index) => `kill-${kill}-${index}`);
    const callers = await Promise.all(lanes.flatMap(() => [first.caller(), first.caller()]));
    // Rooms of the dead are what the next would be led to.
    await untilSo(async () => (await metricOf(first, "umpire_processes")) === 3, 10_000);
    for (const lane of lanes) {
      const as = callers.pop();
      control.push((await ask(first, lane, as === undefined ? {} : { as })).tookMs);
    }
    await victim.stop();
    for (const lane of lanes) {
      const as = callers.pop();
      const asked = await ask(first, lane, as === undefined ? {} : { as });
      expect(asked.status).toBe(200);
      expect(asked.by).not.toBe(dead);
      after.push(asked.tookMs);
    }
    victims.push(await Stack.start("cluster", { settings }));
  }
  await Promise.all(victims.map((victim) => victim.stop()));
  const p99 = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] ?? 0;
  const figures = { kills: KILLS, joins: after.length, afterMsP99: p99(after), controlMsP99: p99(control) };
  tell(figures);
  expect(figures.afterMsP99).toBeLessThan(Math.max(100, 1.5 * figures.controlMsP99));
});
