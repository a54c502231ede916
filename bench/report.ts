/** How much time a run may take: `--quick` for a gate, ten minutes by default, `--full` for figures that are quoted. */
export type Length = "quick" | "usual" | "full";

export interface Row {
  /** The row's name in the benchmark plan, variants as `W4/idle`. */
  readonly id: string;
  /** The contender that the ratio is against, or `absolute` for a plain limit. */
  readonly against: string;
  readonly ratio: number;
  /** For what is measured against time: the bootstrap interval of the ratio. */
  readonly interval?: readonly [low: number, high: number];
  readonly target: number;
  readonly ok: boolean;
  /** Whether the row can fail the run: by missing its gate, or its target where it has no gate of its own. */
  readonly isGate: boolean;
  /** A limit that must be kept already, on the way to the target. */
  readonly gate?: { readonly limit: number; readonly isMet: boolean };
  /** Why the row does not count. */
  readonly void?: string;
  /** What was measured on either side, with units. */
  readonly measured: Readonly<Record<string, number>>;
  /** More about it, in words. */
  readonly note?: string;
}

export interface SuiteResult {
  readonly suite: string;
  /** Measured against time, so that a busy machine can spoil it. */
  readonly isTimed?: true;
  /** Why the run does not count, or null. */
  readonly void: string | null;
  readonly rows: readonly Row[];
}

/**
 * Whether a run has failed. A void run has, because it shows nothing; but not a quick one that the machine has spoilt:
 * that one is a gate in a check which others' work shares the machine with, and it would fail by chance. A gate that is
 * missed fails any run, unless the row is void by what the machine did.
 */
export function hasFailed({ void: reason, rows, isTimed = undefined }: SuiteResult, length: Length): boolean {
  if (reason !== null && !(isTimed && length === "quick")) return true;
  return rows.some((row) => row.isGate && row.void === undefined && !(row.gate?.isMet ?? row.ok));
}

/** Prints a table for people, and as last line one JSON object for scripts. */
export function printSuite(result: SuiteResult): void {
  process.stdout.write(`${result.suite}\n${result.rows.map(line).join("\n")}\n`);
  if (result.void !== null) process.stdout.write(`void: ${result.void}\n`);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

function line(row: Row): string {
  const measured = Object.entries(row.measured).map(([name, value]) => `${name} ${value.toFixed(1)}`);
  const interval = row.interval?.map((bound) => bound.toFixed(2)).join("–") ?? "";
  const place = `${row.id.padEnd(10)} ${row.against.padEnd(17)} ${row.ratio.toFixed(2).padStart(7)} ${interval.padEnd(10)}`;
  const notes = [row.note, row.void === undefined ? undefined : `void: ${row.void}`].filter(
    (note) => note !== undefined,
  );
  return `${place} of ${row.target.toFixed(2)}  ${verdict(row).padEnd(24)} ${[measured.join(", "), ...notes].join("; ")}`;
}

function verdict({ ok, isGate, gate, void: reason }: Row): string {
  if (reason !== undefined) return "void";
  if (gate !== undefined && !gate.isMet) return `MISSED the gate ${gate.limit.toFixed(2)}`;
  if (ok) return "ok";
  return isGate && gate === undefined ? "MISSED" : "not reached yet";
}
