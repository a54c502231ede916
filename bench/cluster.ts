import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { startOwnRedis } from "../src/platform/redis-server.ts";
import { canMeasure, choosePinning, describeMachine, type Pinning, pinOurselves } from "./machine.ts";
import { type Measurement, measure } from "./measurement.ts";
import { type OwnDatabase, startOwnDatabase } from "./own-database.ts";
import { type CrowdProcess, type ServerProcess, startCrowd, startServer } from "./processes.ts";
import type { Length, Row, SuiteResult } from "./report.ts";
import { abbaOrder, median, quantile, ratioOf, voidEstimate, voidMeasurement } from "./statistics.ts";

interface Plan {
  readonly repetitions: number;
  readonly seconds: number;
  readonly secondTries: number;
  readonly clients: number;
  /** Sizes of the cluster in W14, the smallest first. */
  readonly processes: readonly number[];
}

const PLANS: Readonly<Record<Length, Plan>> = {
  quick: { repetitions: 3, seconds: 3, secondTries: 1, clients: 96, processes: [1, 2] },
  usual: { repetitions: 5, seconds: 6, secondTries: 4, clients: 160, processes: [1, 2, 4] },
  full: { repetitions: 5, seconds: 20, secondTries: 6, clients: 160, processes: [1, 2, 4, 8] },
};
/** Three full rooms. With 40 the last room would be half empty in a small cluster and full in a large one. */
const CLIENTS_PER_PROCESS = 48;
const RELAYED_CPU_MAX = 1.7;
const RELAYED_P99_MS_MAX = 2;
const SCALED_CPU_MAX = 1.1;
const REDIS_CACHE = join(import.meta.dirname, "../.cache/redis");

/** W14 and W15: what it costs that a game is several processes, and that players come in by any of them. */
export async function benchCluster({ length }: { length: Length }): Promise<SuiteResult> {
  const suite = { suite: "cluster", isTimed: true } as const;
  if (!canMeasure()) return { ...suite, void: "CPU time is read from /proc: this needs Linux", rows: [] };
  const plan = PLANS[length];
  const bench = await openClusters();
  try {
    const rows = [...(await benchRelay(bench, plan)), ...(await benchScale(bench, plan))];
    return { ...suite, void: null, rows };
  } finally {
    await bench.stop();
  }
}

/** What all clusters of a run share. */
interface Clusters {
  readonly crowd: CrowdProcess;
  readonly loadtestKey: string;
  start(settings: readonly Readonly<Record<string, string>>[]): Promise<readonly ServerProcess[]>;
  stop(): Promise<void>;
}

async function openClusters(): Promise<Clusters> {
  const pinning: Pinning = choosePinning();
  pinOurselves(pinning);
  process.stdout.write(`${describeMachine()}; ${pinning.unpinned ?? "servers on core 0, bots on core 1"}\n`);
  const loadtestKey = randomBytes(32).toString("base64url");
  const database: OwnDatabase = await startOwnDatabase();
  const redis = await startOwnRedis({ cacheFolder: REDIS_CACHE });
  const crowd = startCrowd(pinning);
  const started: ServerProcess[] = [];
  let clusters = 0;
  return {
    crowd,
    loadtestKey,
    async start(settings) {
      const shared = {
        LOADTEST_KEY: loadtestKey,
        BENCH_DATABASE_URL: database.url,
        REDIS_URL: redis.url,
        REDIS_PREFIX: `cluster_${clusters++}`,
      };
      const servers: ServerProcess[] = [];
      for (const own of settings) {
        const server = await startServer("umpire", { pinning, environment: { ...shared, ...own } });
        servers.push(server);
        started.push(server);
      }
      return servers;
    },
    async stop() {
      await Promise.all([...started, crowd].map((each) => each.stop()));
      await redis.stop();
      await database.remove();
    },
  };
}

/** Several processes as one server to measure: players ask at `entrance`, and all that any of them costs counts. */
function asOne(servers: readonly ServerProcess[], entrance: ServerProcess): ServerProcess {
  return {
    ...entrance,
    cpuMs: () => servers.reduce((total, server) => total + server.cpuMs(), 0),
    companionsCpuMs: () => 0,
    async truth() {
      const truths = await Promise.all(servers.map((server) => server.truth()));
      return Object.assign({}, ...truths);
    },
  };
}

interface Side {
  readonly name: string;
  readonly server: ServerProcess;
  readonly clients: number;
}

let number = 0;

/** Measures the sides in turns: the values of each, one per repetition. */
async function inTurns({ crowd, loadtestKey }: Clusters, sides: readonly Side[], plan: Plan, id: string) {
  const values = new Map<Side, Measurement[]>(sides.map((side) => [side, []]));
  let { secondTries } = plan;
  const measureOnce = async ({ name, server, clients }: Side): Promise<Measurement> => {
    const task = { server, crowd, loadtestKey, size: 16, clients, seconds: plan.seconds, waves: 1 } as const;
    const measured = await measure({ ...task, isPlaying: true, number: number++ });
    const reason = voidMeasurement(measured.conditions);
    const cost = `${measured.cpuMsPerKiloTick.toFixed(1)} ms per 1000 client-ticks`;
    process.stderr.write(`${id} ${name}: ${cost}${reason === null ? "" : `; void: ${reason}`}\n`);
    if (reason === null || secondTries === 0) return measured;
    secondTries -= 1;
    return measureOnce({ name, server, clients });
  };
  // Everybody's code has been compiled before it counts.
  for (const side of sides) await measureOnce(side);
  for (const side of abbaOrder(sides, plan.repetitions).flat()) values.get(side)?.push(await measureOnce(side));
  return (side: Side) => values.get(side) ?? [];
}

/** W15: the same rooms of one process, whose players come to it directly or by another that runs none. */
async function benchRelay(clusters: Clusters, plan: Plan): Promise<Row[]> {
  const servers = await clusters.start([{}, { ROLE: "api" }]);
  const [owner, other] = servers as [ServerProcess, ServerProcess];
  const direct = { name: "direct", server: asOne(servers, owner), clients: plan.clients };
  const relayed = { name: "relayed", server: asOne(servers, other), clients: plan.clients };
  const of = await inTurns(clusters, [direct, relayed], plan, "W15");
  const cpu = cpuRow("W15", { ours: of(relayed), theirs: of(direct), against: "direct", target: RELAYED_CPU_MAX });
  const p99 = (side: Side) =>
    quantile(
      of(side).flatMap(({ latenciesMs }) => latenciesMs),
      0.99,
    );
  const addedMs = p99(relayed) - p99(direct);
  const latency: Row = {
    id: "W15/p99",
    against: "direct",
    ratio: addedMs,
    target: RELAYED_P99_MS_MAX,
    ok: addedMs <= RELAYED_P99_MS_MAX,
    isGate: false,
    measured: { "relayed, ms": p99(relayed), "direct, ms": p99(direct) },
    note: "what is compared is added, in ms",
    ...(cpu.void !== undefined && { void: cpu.void }),
  };
  await Promise.all(servers.map((server) => server.stop()));
  return [cpu, latency];
}

/** W14: so many players for each process, in clusters of one to several, each player dialling its room's process. */
async function benchScale(clusters: Clusters, plan: Plan): Promise<Row[]> {
  const sides: Side[] = [];
  for (const count of plan.processes) {
    const settings: Record<string, string>[] = [];
    for (let index = 0; index < count; index++) {
      const port = await freePort();
      settings.push({ BENCH_PORT: String(port), PUBLIC_ADDRESS: `127.0.0.1:${port}` });
    }
    const servers = await clusters.start(settings);
    const [first] = servers as [ServerProcess];
    sides.push({ name: `${count}`, server: asOne(servers, first), clients: count * CLIENTS_PER_PROCESS });
  }
  const of = await inTurns(clusters, sides, plan, "W14");
  const [alone, ...others] = sides as [Side, ...Side[]];
  return others.map((side) =>
    cpuRow(`W14/${side.name}`, { ours: of(side), theirs: of(alone), against: "1 process", target: SCALED_CPU_MAX }),
  );
}

interface Compared {
  readonly ours: readonly Measurement[];
  readonly theirs: readonly Measurement[];
  readonly against: string;
  readonly target: number;
}

function cpuRow(id: string, { ours, theirs, against, target }: Compared): Row {
  const cpu = ({ cpuMsPerKiloTick }: Measurement) => cpuMsPerKiloTick;
  const estimate = ratioOf(ours.map(cpu), theirs.map(cpu));
  const spoilt = [...ours, ...theirs].map(({ conditions }) => voidMeasurement(conditions)).find((why) => why !== null);
  const reason = spoilt ?? voidEstimate(estimate);
  return {
    id,
    against,
    ratio: estimate.median,
    interval: [estimate.low, estimate.high],
    target,
    ok: estimate.median <= target,
    isGate: false,
    measured: { "ms per 1000 client-ticks": median(ours.map(cpu)), theirs: median(theirs.map(cpu)) },
    ...(reason != null && { void: reason }),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
