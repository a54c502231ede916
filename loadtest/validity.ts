/** How the swarm itself did while the server was judged. */
export interface SwarmConditions {
  /** What became of workers and agents that ended too early. */
  readonly lost: readonly string[];
  /** Of the busiest worker in each second, in parts of one core. */
  readonly cpus: readonly number[];
  readonly lateMsP99: number;
  /** Of the machine in each second, from 0 to 1. */
  readonly steals: readonly number[];
  readonly wasCutShort: boolean;
  /** How many seconds were judged. */
  readonly seconds: number;
}

/** A worker that is busier answers late, and what it measures is itself. */
const CPU_MAX = 0.85;
/** A patch's interval: bots whose timers are later than that do not play at the pace of players. */
const LATE_MS_MAX = 50;
const STEAL_MAX = 0.02;

/** Why nothing is proved by a run, in words that say what to do about it, or null. */
export function whyVoid({ lost, cpus, lateMsP99, steals, wasCutShort, seconds }: SwarmConditions): string | null {
  const cpu = mean(cpus);
  const steal = mean(steals);
  if (lost.length > 0) return lost.join("; ");
  if (wasCutShort) return "the run was ended early";
  if (seconds === 0) return "no second was left to judge behind the warm-up";
  if (cpu > CPU_MAX) {
    return `the busiest worker used ${percent(cpu)} of its core, and ${percent(CPU_MAX)} is the most at which it still measures: add --workers or agents`;
  }
  if (lateMsP99 > LATE_MS_MAX) {
    return `the bots' timers were ${Math.round(lateMsP99)} ms late (p99, at most ${LATE_MS_MAX}): the swarm's machine is too busy; add agents on other machines or take fewer bots`;
  }
  if (steal > STEAL_MAX) {
    return `the host took ${percent(steal)} of the machine's time for others (at most ${percent(STEAL_MAX)}): try again on a quieter machine`;
  }
  return null;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}
