import { randomBytes } from "node:crypto";
import { createJsonClient, signedName } from "../loadtest/bots/light.ts";
import { LOADTEST_HEADER } from "../schema/protocol.ts";
import { choosePinning, machineTimes, pinOurselves } from "./machine.ts";
import { type ServerProcess, startServer } from "./processes.ts";
import type { Length, Row } from "./report.ts";
import { askOverAndOver, getRequest } from "./requests.ts";
import { abbaOrder, median, ratioOf, voidEstimate, voidMeasurement } from "./statistics.ts";

const TARGET = 0.7;
const CONNECTIONS = 24;
const PLANS: Readonly<Record<Length, { repetitions: number; seconds: number }>> = {
  quick: { repetitions: 3, seconds: 2 },
  usual: { repetitions: 7, seconds: 4 },
  full: { repetitions: 7, seconds: 15 },
};

interface Sample {
  readonly perCpuSecond: number;
  readonly void: string | null;
}

/** W10: requests that a route answers per CPU-second of the server and its database, with a session to check and without. */
export async function sessionRows(length: Length): Promise<Row[]> {
  const { repetitions, seconds } = PLANS[length];
  const pinning = choosePinning();
  pinOurselves(pinning);
  const loadtestKey = randomBytes(32).toString("base64url");
  const server = await startServer("sessions", { pinning, environment: { LOADTEST_KEY: loadtestKey } });
  try {
    const requests = {
      bare: Array.from({ length: CONNECTIONS }, () => getRequest("/api/bench/bare")),
      checked: await Promise.all(Array.from({ length: CONNECTIONS }, (_, n) => checkedRequest(server, loadtestKey, n))),
    };
    const samples: Record<keyof typeof requests, Sample[]> = { bare: [], checked: [] };
    for (const kind of ["bare", "checked"] as const) await measure(server, requests[kind], 1);
    for (const kind of abbaOrder(["bare", "checked"] as const, repetitions).flat()) {
      samples[kind].push(await measure(server, requests[kind], seconds));
    }
    return [rowOf(samples.bare, samples.checked)];
  } finally {
    await server.stop();
  }
}

/** Each connection has a player of its own, as it would be. */
async function checkedRequest({ endpoint }: ServerProcess, loadtestKey: string, number: number): Promise<Buffer> {
  const headers = { [LOADTEST_HEADER]: signedName(`bench-${number}`, loadtestKey) };
  const { token } = await createJsonClient(endpoint).post<{ token: string }>("/api/accounts/guest", {}, headers);
  return getRequest("/api/bench/checked", { authorization: `Bearer ${token}` });
}

async function measure(server: ServerProcess, requests: readonly Buffer[], seconds: number): Promise<Sample> {
  const before = { cpuMs: server.cpuMs(), own: process.cpuUsage(), times: machineTimes(), atMs: performance.now() };
  const answers = await askOverAndOver({ port: server.port, requests, answerEnd: `{"ok":true}`, seconds });
  const own = process.cpuUsage(before.own);
  const times = machineTimes();
  const conditions = {
    delivered: 1,
    botCpu: (own.user + own.system) / 1000 / (performance.now() - before.atMs),
    steal: (times.stolen - before.times.stolen) / (times.total - before.times.total),
  };
  return { perCpuSecond: (answers * 1000) / (server.cpuMs() - before.cpuMs), void: voidMeasurement(conditions) };
}

function rowOf(bare: readonly Sample[], checked: readonly Sample[]): Row {
  const rates = (samples: readonly Sample[]) => samples.map(({ perCpuSecond }) => perCpuSecond);
  const estimate = ratioOf(rates(checked), rates(bare));
  const spoilt = [...bare, ...checked].find((sample) => sample.void !== null)?.void ?? voidEstimate(estimate);
  return {
    id: "W10",
    against: "bare route",
    ratio: estimate.median,
    interval: [estimate.low, estimate.high],
    target: TARGET,
    ok: estimate.median >= TARGET,
    isGate: true,
    ...(spoilt !== null && { void: spoilt }),
    measured: { "checked/CPU-s": median(rates(checked)), "bare/CPU-s": median(rates(bare)) },
  };
}
