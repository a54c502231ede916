import { randomBytes } from "node:crypto";
import type { RoomSize } from "./contenders/movement.ts";
import { choosePinning, describeMachine, pinOurselves } from "./machine.ts";
import { type Measurement, measure } from "./measurement.ts";
import { type CrowdProcess, type ServerProcess, startCrowd, startServer } from "./processes.ts";
import { abbaOrder, voidMeasurement } from "./statistics.ts";

export const CONTENDERS = ["ws-floor", "socket-io", "stock-defaults", "stock-best", "umpire"] as const;
export type Contender = (typeof CONTENDERS)[number];

export interface Workload {
  readonly name: string;
  readonly contenders: readonly Contender[];
  readonly size: RoomSize;
  readonly clients: (contender: Contender) => number;
  readonly repetitions: number;
  readonly seconds: number;
  /** How often the rooms are filled in each repetition, by default once. */
  readonly waves?: number;
  readonly isPlaying: boolean;
  /** How many measurements that do not count may be made again. */
  readonly secondTries: number;
}

/** What was measured of each contender, a value per repetition, and why one could not be. */
export interface Samples {
  readonly of: ReadonlyMap<Contender, readonly Measurement[]>;
  /** By contender: it did not play the game, or refused the bots. */
  readonly failures: ReadonlyMap<Contender, string>;
}

export interface Bench {
  /** Measures every contender in every repetition, in turns, and says on standard error how it goes. */
  measure(workload: Workload): Promise<Samples>;
  stop(): Promise<void>;
}

/**
 * Starts all contenders, each in a process of its own, and keeps them to the end: only the one that is measured has
 * players, and an idle one costs nothing.
 */
export async function openBench(contenders: readonly Contender[]): Promise<Bench> {
  const pinning = choosePinning();
  pinOurselves(pinning);
  process.stdout.write(`${describeMachine()}; ${pinning.unpinned ?? "server on core 0, bots on core 1"}\n`);
  const loadtestKey = randomBytes(32).toString("base64url");
  const crowd = startCrowd(pinning);
  const servers = new Map<Contender, ServerProcess>();
  const stop = async () => {
    await Promise.all([...servers.values(), crowd].map((child) => child.stop()));
  };
  try {
    for (const contender of contenders) {
      servers.set(contender, await startServer(contender, { pinning, environment: { LOADTEST_KEY: loadtestKey } }));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { measure: createMeasurer({ servers, crowd, loadtestKey }), stop };
}

interface Parties {
  readonly servers: ReadonlyMap<Contender, ServerProcess>;
  readonly crowd: CrowdProcess;
  readonly loadtestKey: string;
}

function createMeasurer({ servers, crowd, loadtestKey }: Parties): Bench["measure"] {
  let number = 0;
  return async (workload) => {
    const samples = new Map<Contender, Measurement[]>();
    const failures = new Map<Contender, string>();
    const { name, size, seconds, isPlaying, waves = 1 } = workload;
    let { secondTries } = workload;
    const measureOnce = async (contender: Contender, server: ServerProcess): Promise<Measurement> => {
      const clients = workload.clients(contender);
      const measurement = await measure({
        server,
        crowd,
        loadtestKey,
        size,
        seconds,
        waves,
        isPlaying,
        clients,
        number: number++,
      });
      const reason = voidMeasurement(measurement.conditions);
      process.stderr.write(
        `${name} ${contender}: ${summary(measurement)}${reason === null ? "" : `; void: ${reason}`}\n`,
      );
      if (reason === null || secondTries === 0) return measurement;
      secondTries -= 1;
      return measureOnce(contender, server);
    };
    for (const contender of abbaOrder(workload.contenders, workload.repetitions).flat()) {
      const server = servers.get(contender);
      if (server === undefined || failures.has(contender)) continue;
      try {
        samples.set(contender, [...(samples.get(contender) ?? []), await measureOnce(contender, server)]);
      } catch (thrown) {
        failures.set(contender, String(thrown));
        process.stderr.write(`${name} ${contender}: ${thrown}\n`);
      }
    }
    return { of: samples, failures };
  };
}

function summary(measurement: Measurement): string {
  const { cpuMsPerKiloTick, bytesPerSecond, botMicros, joinsPerCpuSecond, accountCpuMs, conditions } = measurement;
  return [
    `${cpuMsPerKiloTick.toFixed(1)} ms per 1000 client-ticks`,
    `${bytesPerSecond.toFixed(0)} B/s per client`,
    `${joinsPerCpuSecond.toFixed(0)} joins per CPU-s`,
    ...(accountCpuMs > 0.05 ? [`${accountCpuMs.toFixed(1)} ms per account`] : []),
    `delivered ${(conditions.delivered * 100).toFixed(1)} %`,
    `bots ${botMicros.toFixed(1)} µs a tick (${(conditions.botCpu * 100).toFixed(0)} %)`,
  ].join(", ");
}
