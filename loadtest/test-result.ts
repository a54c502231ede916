import type { Counter } from "./measures.ts";
import { counters as counterNames } from "./measures.ts";
import { createSeededRandom, type SeededRandom } from "./random.ts";
import type { Distribution, RunResult, Second, ServerFigures } from "./result.ts";

interface ModelRun {
  readonly seconds?: number;
  readonly bots?: number;
  readonly seed?: number;
  /** Cores that a thousand bots take. A process has one. */
  readonly coresPerThousand?: number;
  readonly errors?: Readonly<Record<string, number>>;
  readonly server?: boolean;
}

/** What a run on a model of a server would have given: it is late as the queue of a server is, the busier the later. */
export function aResult(model: ModelRun = {}, over: Partial<RunResult> = {}): RunResult {
  const { seconds = 60, bots = 400, seed = 7 } = model;
  const random = createSeededRandom(seed);
  const series = Array.from({ length: seconds }, (_, at) => aSecond(at, { ...model, seconds, bots }, random));
  const sum = (name: Counter) => series.reduce((total, { counters }) => total + (counters[name] ?? 0), 0);
  const worst = (name: "joinMs" | "echoMs" | "patchGapMs" | "correctionUnits") =>
    series.reduce<Distribution>((so, { measures }) => larger(so, measures[name]), none);
  const measures = {
    joinMs: worst("joinMs"),
    echoMs: worst("echoMs"),
    patchGapMs: worst("patchGapMs"),
    correctionUnits: worst("correctionUnits"),
  };
  const join = Math.round(measures.joinMs.p99);
  return {
    version: 1,
    scenario: "steady",
    about: "An evening's players in the arena, over the networks that players have.",
    seed,
    bots,
    network: null,
    endpoint: null,
    command: `npm run loadtest -- --scenario steady --bots ${bots} --seed ${seed}`,
    startedAt: "2026-01-01T20:00:00.000Z",
    seconds,
    machine: "Intel Xeon × 2, Node v24.21.0",
    planHash: "9f1c0a7be2d4",
    void: null,
    workers: 1,
    agents: 0,
    counters: Object.fromEntries(counterNames.map((name) => [name, sum(name)])) as RunResult["counters"],
    errors: model.errors ?? {},
    violations: [],
    measures,
    series,
    budgets: [
      verdict("joinMsP99", "join p99", join, 500),
      verdict("patchGapMsP99", "patch gap p99", Math.round(measures.patchGapMs.p99), 120),
      verdict("echoMsP99", "echo p99", Math.round(measures.echoMs.p99), 250),
    ],
    ...over,
  };
}

function verdict(budget: "joinMsP99" | "patchGapMsP99" | "echoMsP99", title: string, measured: number, limit: number) {
  const ok = measured <= limit;
  return { budget, limit, measured, ok, words: `${title} was ${measured} ms, allowed are ${limit}` };
}

const none: Distribution = { count: 0, p50: 0, p95: 0, p99: 0, max: 0 };

function larger(a: Distribution, b: Distribution | undefined): Distribution {
  if (b === undefined) return a;
  const max = (key: keyof Distribution) => Math.max(a[key], b[key]);
  return { count: a.count + b.count, p50: max("p50"), p95: max("p95"), p99: max("p99"), max: max("max") };
}

function aSecond(
  at: number,
  { seconds, bots, coresPerThousand = 1.2, errors = {}, server = true }: ModelRun & { seconds: number; bots: number },
  random: SeededRandom,
): Second {
  const rampSeconds = Math.max(1, Math.round(seconds / 6));
  const share = (second: number) => Math.max(0, Math.min(1, (second + 1) / rampSeconds, (seconds - second) / 3));
  const planned = Math.round(bots * share(at));
  const seated = Math.round(bots * share(at - 1) * (0.995 + random.uniform() * 0.005));
  const cpu = Math.min(0.999, (seated * coresPerThousand) / 1000 + random.uniform() * 0.02);
  // As a queue with one server waits.
  const wait = (base: number): Distribution => {
    const p50 = base * (1 + cpu ** 8 / (1.02 - cpu)) * (0.94 + random.uniform() * 0.12);
    return {
      count: Math.max(1, seated),
      p50,
      p95: p50 * 1.7,
      p99: p50 * (2.1 + random.uniform() * 0.6),
      max: p50 * 3.4,
    };
  };
  const joins = Math.max(0, planned - Math.round(bots * share(at - 1)));
  const figures: ServerFigures = {
    cpu,
    cpuBusiest: cpu,
    loopMsP99: 1 + 12 * cpu ** 3 + random.uniform() * 2,
    tickLateMsP99: 1 + 6 * cpu ** 2 + random.uniform(),
    rssMiB: 140 + seated * 0.06 + at * 0.05,
    players: seated,
    rooms: Math.ceil(seated / 16),
  };
  const times = (count: number) => Math.floor((count / seconds) * 2 * random.uniform() + random.uniform());
  return {
    at,
    planned,
    seated,
    counters: {
      joins,
      inputsSent: seated * 20,
      patches: seated * 20,
      bytesIn: Math.round(seated * 2950 * (0.97 + random.uniform() * 0.06)),
      clientTicks: seated * 40,
    },
    errors: Object.fromEntries(Object.entries(errors).map(([code, count]) => [code, times(count)])),
    measures: {
      ...(joins > 0 && { joinMs: { ...wait(70), count: joins } }),
      echoMs: wait(62),
      patchGapMs: wait(28),
      correctionUnits: { count: seated, p50: 0.002, p95: 0.02, p99: 0.05, max: 0.4 },
    },
    server: server ? figures : null,
    swarm: { cpu: 0.3 + random.uniform() * 0.05, lateMsP99: 1 + random.uniform() },
  };
}
