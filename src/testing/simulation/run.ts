/** What came of a run. */
export interface Run {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly events: readonly string[];
  /** Of all events: two runs of one seed have the same. */
  readonly hash: string;
}

const LAST_EVENTS = 60;

/** What to read when a run has failed: what was wrong, what came before the first of it, and how to see it again. */
export function describeFailure({ seed, violations, events }: Run): string {
  const [first = ""] = violations;
  const upTo = events.filter((event) => Number.parseInt(event, 10) <= Number.parseInt(first, 10));
  const again = `SEED=${seed} npx vitest run --project together src/cluster/simulation.test.ts`;
  return [`seed ${seed}: ${again}`, ...violations.slice(0, 10), "", ...upTo.slice(-LAST_EVENTS)].join("\n");
}

/** A value as a line of events shows it. */
export function briefly(value: unknown): string {
  const text = String(value);
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}
