import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase } from "../src/testing/postgres.ts";
import { type OwnServer, startOwnServer } from "./own-server.ts";
import { stretch } from "./population.ts";
import type { RunResult } from "./result.ts";
import type { Budgets } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";
import { watchServer } from "./server-figures.ts";
import { runSwarm } from "./swarm.ts";

const sabotages = ["none", "block", "leak", "errors", "wrong-state"] as const;
type Sabotage = (typeof sabotages)[number];

const file = join(import.meta.dirname, "../src/testing/stacks/sabotaged-server.ts");
const databases = await Promise.all(sabotages.map(() => createTestDatabase()));
const servers = new Map<Sabotage, OwnServer>();
const results = new Map<Sabotage, RunResult>();

beforeAll(async () => {
  const start = async (sabotage: Sabotage, index: number) => {
    const settings = { DATABASE_URL: databases[index]?.url ?? "", SABOTAGE: sabotage };
    servers.set(sabotage, await startOwnServer({ file, settings }));
  };
  await Promise.all(sabotages.map(start));
}, 60_000);

afterAll(() => Promise.all([...servers.values()].map((server) => server.stop())));

test("[SCENARIO1] smoke passes on a healthy server", async () => {
  const result = await smoke("none", {});
  expect(result.bots).toBe(25);
  expect(result.budgets.map(({ budget }) => budget).sort()).toEqual(
    Object.keys(scenarios["smoke"]?.budgets ?? {}).sort(),
  );
  // A machine that is busy with something else makes a run void, and says nothing of the budgets that are about time.
  const broken = result.budgets.filter(({ ok }) => !ok).map(({ words }) => words);
  if (result.void === null) expect(broken).toEqual([]);
  expect(verdict("none", "violations").words).toContain("was 0 times");
  for (const budget of ["errorRate", "violations", "rssMiBPerMinute", "disconnectsPerClientMinute"] as const) {
    expect(verdict("none", budget)).toMatchObject({ budget, ok: true });
  }
  // A griefer that was sent away may have come again.
  expect(result.counters.joins).toBeGreaterThanOrEqual(24);
}, 40_000);

test("[SCENARIO2] smoke fails and names the budget: 40 ms of every step, a leak, 5 % errors, a wrong state value", async () => {
  await Promise.all((["block", "leak", "errors", "wrong-state"] as const).map((each) => smoke(each, { seconds: 6 })));
  expect(verdict("block", "loopMsP99")).toMatchObject({ ok: false });
  expect(verdict("block", "tickLateMsP99")).toMatchObject({ ok: false });
  expect(verdict("leak", "rssMiBPerMinute")).toMatchObject({ ok: false });
  expect(verdict("leak", "rssMiBPerMinute").words).toMatch(/^growth of the server's memory was \d+ MiB per minute/);
  expect(verdict("errors", "errorRate")).toMatchObject({ ok: false });
  expect(verdict("errors", "errorRate").words).toMatch(
    /^the rate of errors was [\d.]+ %, allowed are 1 % \(HTTP_502 × \d/,
  );
  expect(verdict("wrong-state", "violations")).toMatchObject({ ok: false });
  expect(verdict("wrong-state", "violations").words).toMatch(/^things that must never be was \d+ times.*I7: /);
  // Each is found for what it is, and the others are not blamed for it.
  for (const other of ["block", "leak", "errors"] as const) expect(verdict(other, "violations").ok).toBe(true);
  for (const other of ["leak", "wrong-state"] as const) expect(verdict(other, "errorRate").ok).toBe(true);
  for (const other of ["block", "errors", "wrong-state"] as const) {
    expect(verdict(other, "rssMiBPerMinute").ok).toBe(true);
  }
}, 40_000);

/** The scenario as it is, but for its length. */
async function smoke(sabotage: Sabotage, { seconds }: { seconds?: number }): Promise<RunResult> {
  const server = servers.get(sabotage);
  const scenario = scenarios["smoke"];
  if (server === undefined || scenario === undefined) throw new Error("There is nothing to run.");
  const watch = watchServer(server);
  const result = await runSwarm({
    name: "smoke",
    scenario: seconds === undefined ? scenario : stretch(scenario, seconds),
    seed: 1,
    endpoint: server.endpoint,
    isOwnServer: true,
    loadtestKey: server.loadtestKey,
    workers: 1,
    readServer: watch.read,
    command: "npm run loadtest -- --scenario smoke",
  });
  watch.stop();
  results.set(sabotage, result);
  // Shown for a test that fails.
  for (const { ok, words } of result.budgets) console.log(sabotage, ok ? "kept" : "BROKEN", words);
  console.log(sabotage, result.void);
  return result;
}

function verdict(sabotage: Sabotage, budget: keyof Budgets) {
  const found = results.get(sabotage)?.budgets.find((each) => each.budget === budget);
  if (found === undefined) throw new Error(`Nobody judged ${budget}.`);
  return found;
}
