import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";

/** Where what is measured and what measures it run. */
export interface Pinning {
  readonly server: readonly string[];
  readonly bots: readonly string[];
  /** Why they are not on a core each, or null. */
  readonly unpinned: string | null;
}

/** Prefixes of commands: the server on the first core, the bots on the second. */
export function choosePinning(): Pinning {
  const reason = whyUnpinned();
  if (reason !== null) return { server: [], bots: [], unpinned: reason };
  return { server: ["taskset", "-c", "0"], bots: ["taskset", "-c", "1"], unpinned: null };
}

function whyUnpinned(): string | null {
  if (cpus().length < 2) return "this machine has one core";
  try {
    execFileSync("taskset", ["-c", "0,1", "true"], { stdio: "ignore" });
    return null;
  } catch {
    return "taskset is missing, or the first two cores are not ours";
  }
}

/** Moves this process, whose probes are clients too, to the bots' core. */
export function pinOurselves({ unpinned }: Pinning): void {
  if (unpinned === null) execFileSync("taskset", ["-pc", "1", String(process.pid)], { stdio: "ignore" });
}

/** Gives this process all cores again: a suite before may have left it on one, and what it starts inherits that. */
export function unpinOurselves(): void {
  if (whyUnpinned() !== null) return;
  execFileSync("taskset", ["-pc", `0-${cpus().length - 1}`, String(process.pid)], { stdio: "ignore" });
}

/** Whether CPU time can be read here at all. */
export function canMeasure(): boolean {
  return existsSync("/proc/self/stat");
}

export function describeMachine(): string {
  return `${cpus()[0]?.model.trim() ?? "unknown processor"} × ${cpus().length}, Node ${process.version}`;
}

export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** In clock ticks: in user and kernel mode, with that of children that have ended and were waited for. */
  readonly ticks: number;
}

/** Reads a line of /proc/PID/stat. The name in it may contain anything, so fields count from its closing bracket. */
export function parseProcessStat(line: string): ProcessStat {
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  const field = (number: number) => Number(fields[number - 3]);
  return { pid: Number.parseInt(line, 10), parent: field(4), ticks: field(14) + field(15) + field(16) + field(17) };
}

/** The roots and all processes below them, each once, also where one root descends from another. */
export function treeOf(roots: readonly number[], all: readonly ProcessStat[]): ProcessStat[] {
  const tree = new Set(all.filter(({ pid }) => roots.includes(pid)));
  for (const { pid } of tree) for (const child of all) if (child.parent === pid) tree.add(child);
  return [...tree];
}

let ticksPerSecond = 0;

/** Milliseconds of CPU that some processes and their descendants have used so far. */
export function cpuMsOf(roots: readonly number[]): number {
  ticksPerSecond ||= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  const ticks = treeOf(roots, readProcesses()).reduce((total, process) => total + process.ticks, 0);
  return (ticks * 1000) / ticksPerSecond;
}

function readProcesses(): ProcessStat[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [parseProcessStat(readFileSync(`/proc/${pid}/stat`, "utf8"))];
      } catch {
        // It has ended since the folder was listed.
        return [];
      }
    });
}

export interface MachineTimes {
  readonly total: number;
  readonly stolen: number;
}

/** Reads the first line of /proc/stat: user nice system idle iowait irq softirq steal; what follows is counted in user. */
export function parseMachineTimes(text: string): MachineTimes {
  const times = (text.split("\n", 1)[0] ?? "").trim().split(/\s+/).slice(1, 9).map(Number);
  return { total: times.reduce((sum, time) => sum + time, 0), stolen: times[7] ?? 0 };
}

export function machineTimes(): MachineTimes {
  return parseMachineTimes(readFileSync("/proc/stat", "utf8"));
}
