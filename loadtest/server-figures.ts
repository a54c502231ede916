import { readFile } from "node:fs/promises";
import { type Bucket, bucketsBetween, mergeBuckets, parseScrape, quantile, type Scrape } from "./prometheus.ts";
import type { ServerFigures } from "./result.ts";

export interface ServerWatch {
  /** What has been since the last reading; the first begins the count and knows only what is true at a moment. Never fails. */
  read(): Promise<ServerFigures>;
  /** Gives up what is under way. */
  stop(): void;
}

export interface WatchedServer {
  /** `http://host:METRICS_PORT/metrics` of each process, or of the supervisors that say where theirs are. */
  readonly metricsUrls: readonly string[];
  /** Of a server on this machine: CPU and memory are then the kernel's figures of these, and known while a loop stands still. */
  readonly pids?: readonly number[];
}

/** A process that does not answer within this is unknown for now. */
const ANSWER_MS_MAX = 900;
/** A hundred times what a process says. */
const BODY_BYTES_MAX = 4 * 1024 * 1024;
const PROCESSES_MAX = 256;
/** What a server samples its loop by (`LOOP_SAMPLE_MS`): it publishes the time between two samples, not by how much one was late. */
const LOOP_SAMPLE_MS = 50;
/** The kernel's clock ticks per second, the same on every Linux. */
const KERNEL_HZ = 100;

/**
 * Follows a server's processes by their metrics: cores, loop, ticks and memory, one reading after the other. A figure of
 * which any process has not told its part is null, because half of a sum looks like a good result.
 */
export function watchServer({ metricsUrls, pids = [] }: WatchedServer): ServerWatch {
  const former = new Map<string, Sample>();
  const stopped = new AbortController();
  let underWay: Promise<ServerFigures> | null = null;
  async function read(): Promise<ServerFigures> {
    const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
    const [processes, kernel] = await Promise.all([
      Promise.all(metricsUrls.map((url) => sampleServer(url, signal))),
      Promise.all(pids.map((pid) => sampleKernel(pid))),
    ]);
    const scraped = processes.flat().map((sample) => differenceOf(sample, former));
    const counted = kernel.map((sample) => differenceOf(sample, former));
    return mergeFigures(scraped, counted.length > 0 && counted.every(({ cpu }) => cpu !== null) ? counted : scraped);
  }
  return {
    read() {
      underWay ??= read().finally(() => {
        underWay = null;
      });
      return underWay;
    },
    stop: () => stopped.abort(),
  };
}

/** What one process said at a moment. */
interface Sample {
  /** Its URL or pid. */
  readonly key: string;
  readonly atMs: number;
  readonly cpuSeconds: number | null;
  readonly rssMiB: number | null;
  readonly loopMs: number | null;
  readonly late: readonly Bucket[] | null;
  readonly players: number | null;
  readonly rooms: number | null;
}

type Difference = Omit<Sample, "key" | "atMs" | "cpuSeconds"> & { readonly cpu: number | null };

const FIRST_READING_MS_MAX = 5000;
const UNKNOWN = { cpuSeconds: null, rssMiB: null, loopMs: null, late: null, players: null, rooms: null };

/** Whether figures of an Umpire process, or of a supervisor, are told at this address. */
export async function tellsFigures(url: string): Promise<boolean> {
  const samples = await sampleServer(url, AbortSignal.timeout(FIRST_READING_MS_MAX));
  return samples.some(({ cpuSeconds }) => cpuSeconds !== null);
}

/** One process, or all of a supervisor's. */
async function sampleServer(url: string, signal: AbortSignal): Promise<Sample[]> {
  const scrape = await scrapeText(url, signal);
  if (scrape === null || scrape.sum("umpire_processes_ready") === null) return [sampleOf(url, scrape)];
  const urls = await metricsOfProcesses(url, signal);
  if (urls === null) return [sampleOf(url, null)];
  return Promise.all(urls.map(async (each) => sampleOf(each, await scrapeText(each, signal))));
}

function sampleOf(key: string, scrape: Scrape | null): Sample {
  const atMs = performance.now();
  if (scrape === null) return { key, atMs, ...UNKNOWN };
  const rss = scrape.sum("process_resident_memory_bytes");
  const loop = scrape.sum("nodejs_eventloop_lag_p99_seconds");
  return {
    key,
    atMs,
    cpuSeconds: scrape.sum("process_cpu_seconds_total"),
    rssMiB: rss === null ? null : rss / 2 ** 20,
    loopMs: loop === null ? null : Math.max(0, loop * 1000 - LOOP_SAMPLE_MS),
    late: scrape.buckets("umpire_step_late_seconds"),
    players: scrape.sum("umpire_players"),
    rooms: scrape.sum("umpire_rooms"),
  };
}

/** Without those that the supervisor has not started yet, or again. */
async function metricsOfProcesses(supervisorUrl: string, signal: AbortSignal): Promise<string[] | null> {
  const text = await textOf(new URL("/processes", supervisorUrl).href, signal);
  try {
    const { processes } = JSON.parse(text ?? "") as { processes?: unknown };
    if (!Array.isArray(processes)) return null;
    const ports = processes.slice(0, PROCESSES_MAX).map((each: { metricsPort?: unknown } | null) => each?.metricsPort);
    return ports.filter(isPort).map((port) => Object.assign(new URL("/metrics", supervisorUrl), { port }).href);
  } catch {
    return null;
  }
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536;
}

async function scrapeText(url: string, signal: AbortSignal): Promise<Scrape | null> {
  const text = await textOf(url, signal);
  return text === null ? null : parseScrape(text);
}

/** Null for whatever is no answer: the reading goes on without it. */
async function textOf(url: string, signal: AbortSignal): Promise<string | null> {
  try {
    const reply = await fetch(url, { signal, redirect: "error" });
    if (!reply.ok || reply.body === null) {
      await reply.body?.cancel();
      return null;
    }
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of reply.body) {
      bytes += chunk.byteLength;
      // Leaving the loop cancels the body.
      if (bytes > BODY_BYTES_MAX) return null;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  } catch {
    return null;
  }
}

async function sampleKernel(pid: number): Promise<Sample> {
  const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => null);
  const [stat, status] = await Promise.all([read("stat"), read("status")]);
  const sample = { ...UNKNOWN, key: String(pid), atMs: performance.now() };
  if (stat === null || status === null) return sample;
  // The name, in brackets, may hold anything: fields are counted from its end.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const rssKiB = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return {
    ...sample,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / KERNEL_HZ,
    rssMiB: rssKiB === undefined ? null : Number(rssKiB) / 1024,
  };
}

/** What is new since the last time that this process told anything. A process that was begun anew begins its count anew. */
function differenceOf(sample: Sample, former: Map<string, Sample>): Difference {
  const { key, atMs, cpuSeconds, ...now } = sample;
  const before = former.get(key);
  if (cpuSeconds === null) return { ...now, cpu: null };
  former.set(key, sample);
  const isNew = before === undefined || before.cpuSeconds === null || before.cpuSeconds > cpuSeconds;
  // A loop's first figure is that of the start, when modules are compiled.
  if (isNew) return { ...now, cpu: null, loopMs: null, late: null };
  const cpu = (cpuSeconds - (before.cpuSeconds ?? 0)) / Math.max(0.001, (atMs - before.atMs) / 1000);
  return { ...now, cpu, late: now.late && bucketsBetween(before.late ?? [], now.late) };
}

function mergeFigures(scraped: readonly Difference[], counted: readonly Difference[]): ServerFigures {
  const late = known(scraped, "late");
  const lateP99 = late === null ? null : quantile(mergeBuckets(late), 0.99);
  return {
    cpu: fold(known(counted, "cpu"), sum),
    cpuBusiest: fold(known(counted, "cpu"), max),
    rssMiB: fold(known(counted, "rssMiB"), sum),
    loopMsP99: fold(known(scraped, "loopMs"), max),
    tickLateMsP99: lateP99 === null ? null : lateP99 * 1000,
    players: fold(known(scraped, "players"), sum),
    rooms: fold(known(scraped, "rooms"), sum),
  };
}

/** The figure of every process, or null when one is missing or there is none. */
function known<Key extends keyof Difference>(
  all: readonly Difference[],
  key: Key,
): NonNullable<Difference[Key]>[] | null {
  const values = all.map((each) => each[key]).filter((value) => value !== null && value !== undefined);
  return values.length === all.length && all.length > 0 ? (values as NonNullable<Difference[Key]>[]) : null;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const max = (values: readonly number[]) => Math.max(...values);

function fold(values: readonly number[] | null, how: (values: readonly number[]) => number): number | null {
  return values === null ? null : how(values);
}
