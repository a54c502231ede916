export interface Row {
  /** The row's name in the benchmark plan, variants as `W4/idle`. */
  readonly id: string;
  /** The contender that the ratio is against, or `absolute` for a plain limit. */
  readonly against: string;
  readonly ratio: number;
  readonly target: number;
  readonly ok: boolean;
  /** Whether missing the target fails the run. A row that is not reached yet is shown and does not. */
  readonly isGate: boolean;
  /** What was measured on either side, with units. */
  readonly measured: Readonly<Record<string, number>>;
}

export interface SuiteResult {
  readonly suite: string;
  /** Why the run does not count, or null. */
  readonly void: string | null;
  readonly rows: readonly Row[];
}

/** Prints a table for people, and as last line one JSON object for scripts. */
export function printSuite(result: SuiteResult): void {
  const lines = result.rows.map((row) => {
    const verdict = row.ok ? "ok" : row.isGate ? "MISSED" : "not reached yet";
    const measured = Object.entries(row.measured).map(([name, value]) => `${name} ${value.toFixed(1)}`);
    return `${row.id.padEnd(10)} ${row.against.padEnd(18)} ${row.ratio.toFixed(2).padStart(7)} of ${row.target.toFixed(2)}  ${verdict.padEnd(16)} ${measured.join(", ")}`;
  });
  process.stdout.write(`${result.suite}\n${lines.join("\n")}\n`);
  if (result.void !== null) process.stdout.write(`void: ${result.void}\n`);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
