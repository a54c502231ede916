import { setTimeout as pause } from "node:timers/promises";
import { type RoomSize, TICK_HZ } from "./contenders/movement.ts";
import type { Goal } from "./dialects.ts";
import { machineTimes } from "./machine.ts";
import { type Probe, probes as probesOf } from "./probes.ts";
import { checkProbes, measureLatency } from "./probing.ts";
import type { CrowdProcess, ServerProcess } from "./processes.ts";
import { type Conditions, quantile } from "./statistics.ts";

export interface Task {
  readonly server: ServerProcess;
  readonly crowd: CrowdProcess;
  readonly loadtestKey: string;
  readonly size: RoomSize;
  /** Clients in all, of which one in a hundred, and three at least, are probes. */
  readonly clients: number;
  readonly seconds: number;
  /** How often the rooms are filled; the last that join stay and play. */
  readonly waves: number;
  /** Whether anybody sends inputs. */
  readonly isPlaying: boolean;
  /** Different for each measurement of a run. */
  readonly number: number;
}

/** What one contender did in one repetition. */
export interface Measurement {
  /** CPU of the server and its database, in ms per 1000 ticks of one client. */
  readonly cpuMsPerKiloTick: number;
  /** All of them, probes included. */
  readonly clients: number;
  /** Of one core. */
  readonly serverCpu: number;
  readonly bytesPerSecond: number;
  /** CPU of the bots' process per bot and tick. */
  readonly botMicros: number;
  readonly conditions: Conditions;
  readonly latenciesMs: readonly number[];
  readonly joinsPerCpuSecond: number;
  readonly joinMsP99: number;
  /** The database's part of a join's CPU, in percent. */
  readonly databasePercent: number;
  /** CPU of making an account and its session, in ms; 0 where there are none. */
  readonly accountCpuMs: number;
}

const PROBES_MIN = 3;
const WARM_UP_MS = 1000;
/** /proc counts CPU in steps of this. */
const CPU_RESOLUTION_MS = 10;
/** How long a full room's cost at rest is measured. */
const REST_MS = 700;
/** Between the last bot's leaving and the next contender's turn: what is left is cleaned up, and nobody else pays for it. */
const COOL_DOWN_MS = 300;

/** Fills the rooms, lets them play, measures, and checks that the game was played as it should. Fails when it was not. */
export async function measure(task: Task): Promise<Measurement> {
  const { server, crowd, clients, size, loadtestKey, number, isPlaying, waves } = task;
  const goal: Goal = { endpoint: server.endpoint, size, loadtestKey, name: `bench-${number}` };
  const probeCount = Math.max(PROBES_MIN, Math.round(clients / 100));
  const bots = clients - probeCount;
  const joins: Joins[] = [];
  const probes: Probe[] = [];
  try {
    for (let wave = 0; wave < waves; wave++) {
      if (wave > 0) await clearOut(crowd);
      joins.push(await measureJoins(task, bots, { ...goal, name: `${goal.name}-${wave}` }));
    }
    for (let probe = 0; probe < probeCount; probe++) probes.push(await makeProbe(server.contender, goal, probe));
    await crowd.ask({ do: "play", isPlaying });
    await pause(WARM_UP_MS);
    const played = await measurePlay(task, bots, probes);
    const problem = await checkProbes(probes, server.truth);
    if (problem !== null) throw new Error(problem);
    return { clients, ...costOf(joins, bots), ...played };
  } finally {
    await Promise.all(probes.map((probe) => probe.leave()));
    await clearOut(crowd);
  }
}

async function clearOut(crowd: CrowdProcess): Promise<void> {
  await crowd.ask({ do: "leave" });
  await pause(COOL_DOWN_MS);
}

async function makeProbe(contender: string, goal: Goal, number: number): Promise<Probe> {
  const make = probesOf[contender];
  if (make === undefined) throw new Error(`There is no probe for ${contender}.`);
  return make(goal, number);
}

/** One wave of players: CPU of their joins and of their accounts, and how long each waited for its seat. */
interface Joins {
  readonly cpuMs: number;
  readonly databaseMs: number;
  readonly accountsCpuMs: number;
  readonly joinMs: readonly number[];
}

/**
 * What joins cost. Rooms tick while they fill, and the longer that takes the more ticks fall into it, so the cost of a
 * tick at rest is measured right after, and taken off for as long as people were seated: for half of them on average.
 */
async function measureJoins({ server, crowd }: Task, bots: number, goal: Goal): Promise<Joins> {
  await crowd.ask({ do: "open", contender: server.contender, goal });
  await crowd.ask({ do: "play", isPlaying: false });
  const accounts = await cpuDuring(server, () => crowd.ask({ do: "signIn", count: bots }));
  const joining = await cpuDuring(server, () => crowd.ask({ do: "join", count: bots }));
  const resting = await cpuDuring(server, () => pause(REST_MS));
  const restingMs = ((resting.cpuMs / resting.elapsedMs) * joining.elapsedMs) / 2;
  return {
    cpuMs: joining.cpuMs - restingMs,
    databaseMs: joining.databaseMs,
    accountsCpuMs: accounts.cpuMs,
    joinMs: joining.result.joinMs,
  };
}

function costOf(joins: readonly Joins[], bots: number) {
  const sum = (value: (wave: Joins) => number) => joins.reduce((total, wave) => total + value(wave), 0);
  const cpuMs = Math.max(
    sum((wave) => wave.cpuMs),
    CPU_RESOLUTION_MS,
  );
  return {
    joinsPerCpuSecond: (bots * joins.length * 1000) / cpuMs,
    joinMsP99: quantile(
      joins.flatMap(({ joinMs }) => joinMs),
      0.99,
    ),
    databasePercent: (sum(({ databaseMs }) => databaseMs) * 100) / cpuMs,
    accountCpuMs: sum(({ accountsCpuMs }) => accountsCpuMs) / joins.length / bots,
  };
}

async function cpuDuring<T>(server: ServerProcess, task: () => Promise<T>) {
  const beforeMs = server.cpuMs();
  const companionsMs = server.companionsCpuMs();
  const startedMs = performance.now();
  const result = await task();
  const elapsedMs = performance.now() - startedMs;
  const databaseMs = server.companionsCpuMs() - companionsMs;
  return { result, elapsedMs, databaseMs, cpuMs: server.cpuMs() - beforeMs };
}

async function measurePlay(
  { server, crowd, seconds, number, isPlaying }: Task,
  bots: number,
  probes: readonly Probe[],
) {
  const look = async () => ({
    counts: await crowd.ask({ do: "count" }),
    atMs: performance.now(),
    serverMs: server.cpuMs(),
    botsMs: crowd.cpuMs(),
    times: machineTimes(),
  });
  const before = await look();
  const deadlineMs = before.atMs + seconds * 1000;
  const latencies = isPlaying
    ? await Promise.all(probes.map((probe, index) => measureLatency(probe, deadlineMs, number * 100 + index)))
    : await pause(seconds * 1000, []);
  const after = await look();
  const elapsedMs = after.atMs - before.atMs;
  const patches = after.counts.patches - before.counts.patches;
  // Per tick that came about: a server that is held up and leaves ticks out has not done their work.
  const ticks = Math.max(patches, 1);
  const due = (bots * TICK_HZ * elapsedMs) / 1000;
  const serverMs = after.serverMs - before.serverMs;
  const botsMs = after.botsMs - before.botsMs;
  return {
    cpuMsPerKiloTick: (serverMs * 1000) / ticks,
    serverCpu: serverMs / elapsedMs,
    bytesPerSecond: ((after.counts.bytes - before.counts.bytes) * 1000) / elapsedMs / bots,
    botMicros: (botsMs * 1000) / ticks,
    conditions: {
      // At rest nothing is due: a server may be silent.
      delivered: isPlaying ? patches / due : 1,
      botCpu: botsMs / elapsedMs,
      steal: (after.times.stolen - before.times.stolen) / (after.times.total - before.times.total),
    },
    latenciesMs: latencies.flat(),
  };
}
