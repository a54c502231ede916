import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { until } from "../src/testing/app.ts";
import { useStack } from "../src/testing/stacks/stack-under-test.ts";
import { TIMED } from "../src/testing/timed.ts";
import { playAsAgent } from "./agent.ts";
import { AGENT_VERSION, openAgentChannel } from "./agent-channel.ts";
import { toAgent } from "./agent-messages.ts";
import type { RunResult, Second } from "./result.ts";
import type { Scenario } from "./scenario.ts";
import { runSwarm, type SwarmOptions } from "./swarm.ts";

const stack = await (await useStack())();
/** The stacks' own. */
const loadtestKey = "only-for-tests-only-for-tests-only-for-tests";
const scenario: Scenario = {
  about: "A few who walk about.",
  bots: 8,
  population: [
    { kind: "ramp", seconds: 1, to: 1 },
    { kind: "steady", seconds: 4 },
  ],
  rooms: [{ room: "arena", share: 1 }],
  personas: { casual: 1 },
  networks: { none: 1 },
  fullShare: 0.01,
  // Behind it everybody is seated, so a late join changes none of what is compared.
  warmUpSeconds: 2,
  budgets: { errorRate: 0, patchGapMsP99: 1000, violations: 0, cpuMsPerKiloTick: 1000 },
};
const options: SwarmOptions = {
  name: "walk",
  scenario,
  seed: 5,
  endpoint: stack.url,
  isOwnServer: false,
  loadtestKey,
  workers: 2,
  command: "npm run loadtest -- --scenario walk",
};
let alone: RunResult;

test("[SWARM5] two threads play one plan: every bot once, every second once, all figures added up", async () => {
  const seconds: Second[] = [];
  alone = await runSwarm(options, (second) => seconds.push(second));
  expect(seconds.map(({ at }) => at)).toEqual([0, 1, 2, 3, 4]);
  expect(alone.series).toEqual(seconds);
  expect(seconds.map(({ planned }) => planned)).toEqual([8, 8, 8, 8, 8]);
  // At the very end everybody is on the way out.
  expect(seconds[3]?.seated).toBe(8);
  const joins = seconds.reduce((sum, { counters }) => sum + (counters.joins ?? 0), 0);
  expect(joins).toBe(8);
  expect(alone.counters.patches).toBeGreaterThan(8 * 20 * 2.5);
  expect(alone.measures.patchGapMs?.p50).toBeGreaterThan(30);
  expect(alone.errors).toEqual({});
  expect(alone).toMatchObject({ version: 1, scenario: "walk", seed: 5, bots: 8, workers: 2, agents: 0, seconds: 5 });
  const verdicts = Object.fromEntries(alone.budgets.map(({ budget, ok }) => [budget, ok]));
  // Nobody read the server's metrics, and what is not measured is not kept.
  expect(verdicts).toEqual({ errorRate: true, patchGapMsP99: true, violations: true, cpuMsPerKiloTick: false });
});

test(
  "[SWARM7] two agents under one coordinator give the merged figures of one swarm of the same size",
  TIMED,
  async () => {
    const players: Promise<void>[] = [];
    const onWord = (_words: string, port: number) => {
      while (players.length < 2) players.push(playAsAgent({ host: "127.0.0.1", port, key: loadtestKey, workers: 1 }));
    };
    const agents = { count: 2, host: "127.0.0.1", port: 0, key: loadtestKey, onWord };
    const merged = await runSwarm({ ...options, agents });
    await Promise.all(players);
    expect(merged.planHash).toBe(alone.planHash);
    expect(merged.agents).toBe(2);
    expect(merged.void ?? "").not.toMatch(/lost|ended/);
    expect(merged.series.map(({ at }) => at)).toEqual([0, 1, 2, 3, 4]);
    expect(merged.series[3]?.seated).toBe(8);
    expect(merged.errors).toEqual({});
    const share = (figure: (result: RunResult) => number) => figure(merged) / figure(alone);
    expect(share(({ series }) => series.reduce((sum, { counters }) => sum + (counters.joins ?? 0), 0))).toBe(1);
    for (const figure of ["patches", "inputsSent", "clientTicks"] as const) {
      expect(Math.abs(share(({ counters }) => counters[figure]) - 1)).toBeLessThan(0.05);
    }
    expect(Math.abs(share(({ measures }) => measures.patchGapMs?.p50 ?? 0) - 1)).toBeLessThan(0.1);
  },
);

test("[SWARM8] an agent that is lost takes its bots with it: the run goes on, and is void in words", async () => {
  const leaving = new AbortController();
  const players: Promise<unknown>[] = [];
  const onWord = (_words: string, port: number) => {
    const agent = { host: "127.0.0.1", port, key: loadtestKey, workers: 1 };
    if (players.length > 0) return;
    players.push(
      playAsAgent(agent),
      playAsAgent({ ...agent, signal: leaving.signal }).catch((error: unknown) => error),
    );
  };
  const agents = { count: 2, host: "127.0.0.1", port: 0, key: loadtestKey, onWord };
  const result = await runSwarm({ ...options, agents }, ({ at }) => at === 1 && leaving.abort());
  expect(result.void).toMatch(/^agent [12] \(127\.0\.0\.1:\d+\) was lost after 2 s, and its bots with it: /);
  expect(result.series.map(({ at }) => at)).toEqual([0, 1, 2, 3, 4]);
  expect(result.series[3]?.seated).toBe(4);
  expect(await players[1]).toBeInstanceOf(Error);
  await players[0];
});

test("[SWARM9] who does not know the key, is another version, draws another plan or talks nonsense is sent away", async () => {
  const said: string[] = [];
  const ending = new AbortController();
  let port = 0;
  const agents = {
    count: 1,
    host: "127.0.0.1",
    port: 0,
    key: loadtestKey,
    onWord: (words: string, taken: number) => {
      said.push(words);
      port = taken;
    },
  };
  const run = runSwarm({ ...options, agents, signal: ending.signal });
  run.catch(() => {});
  await until(() => port > 0);
  const stranger = playAsAgent({ host: "127.0.0.1", port, key: "another key, of thirty-two characters" });
  await expect(stranger).rejects.toThrow("does not know this LOADTEST_KEY");
  const hello = `umpire-loadtest ${AGENT_VERSION + 1} ${"0".repeat(64)}\n`;
  for (const [words, answer] of [
    [hello, /speaks version 2 and this one 1/],
    ["GET / HTTP/1.1\r\n\r\n", /no agent of a load test/],
    ["x".repeat(600 * 1024), /longer than any/],
  ] as const) {
    const before = said.length;
    const socket = await dial(port);
    // What nobody reads keeps a socket from closing.
    socket.resume().write(words);
    await closed(socket);
    expect(said.slice(before).join()).toMatch(answer);
  }
  // One who knows the key, and plays the wrong plan or breaks off a signature.
  const socket = await dial(port);
  const channel = await openAgentChannel(socket, { side: "agent", secret: loadtestKey, incoming: toAgent });
  expect(await channel.receive()).toMatchObject({ is: "task", bots: 8, share: { index: 0, of: 1 } });
  channel.send({ is: "refused", words: "this agent draws another plan" });
  await closed(socket);
  expect(said.at(-1)).toContain("draws another plan");
  const forger = await dial(port);
  const honest = await openAgentChannel(forger, { side: "agent", secret: loadtestKey, incoming: toAgent });
  await honest.receive();
  forger.write(`${"A".repeat(43)} {"is":"ready"}\n`);
  await closed(forger);
  expect(said.at(-1)).toContain("was not signed");
  ending.abort();
  await expect(run).rejects.toThrow("called off");
});

test("[SWARM10] a run that is called off ends at once, its bots leave, and it proves nothing", async () => {
  const ending = new AbortController();
  const startedMs = performance.now();
  const long: Scenario = {
    ...scenario,
    population: [
      { kind: "ramp", seconds: 1, to: 1 },
      { kind: "steady", seconds: 600 },
    ],
  };
  const result = await runSwarm({ ...options, scenario: long, bots: 4, signal: ending.signal }, ({ at }) => {
    if (at === 1) ending.abort();
  });
  expect(performance.now() - startedMs).toBeLessThan(8000);
  expect(result.void).toBe("the run was ended early");
  const guests = await stack.ask<number>("rooms");
  expect(guests).toBeLessThanOrEqual(1);
});

async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Also of a socket that was reset. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}
