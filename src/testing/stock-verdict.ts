/**
 * `npm run test:stock`: runs the tests of the engine's defects against the unmodified engine and wants each row to fail
 * there. A row that passes is no defect, or its test shows nothing; a test that could not be set up shows nothing either.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The rows of the table in src/realtime/SPEC.md: whatever stands there needs a test that fails here. */
const spec = readFileSync(join(import.meta.dirname, "../realtime/SPEC.md"), "utf8");
const [, table = ""] = spec.split("## Defects of the engine");
const rows = [...table.matchAll(/^\| ([A-Z]\d*) \|/gm)].map(([, row = ""]) => row);
const EVIDENCE_CHARS_MAX = 140;

interface Outcome {
  readonly title: string;
  readonly status: string;
  readonly failureMessages?: readonly string[];
}

const folder = mkdtempSync(join(tmpdir(), "umpire-stock-"));
const report = join(folder, "report.json");
const vitest = join(import.meta.dirname, "../../node_modules/vitest/vitest.mjs");
const filters = process.argv.slice(2);
const options = ["run", "--config", "vitest.stock.config.ts", "--reporter=json", `--outputFile=${report}`, ...filters];
const ran = spawnSync(process.execPath, [vitest, ...options], {
  stdio: ["ignore", "ignore", "pipe"],
  encoding: "utf8",
});
let outcomes: Outcome[] = [];
try {
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as {
    testResults: { assertionResults: Outcome[] }[];
  };
  outcomes = testResults.flatMap(({ assertionResults }) => assertionResults);
} catch {
  process.stderr.write(`the tests did not run:\n${ran.stderr}\n`);
}
rmSync(folder, { recursive: true, force: true });

let proved = 0;
for (const row of rows) {
  const found = outcomes.filter(({ title }) => titleRow(title) === row);
  process.stdout.write(`${row.padEnd(4)} ${found[0]?.title.replace(/^.*?: /, "") ?? "no test"}\n`);
  const isProved = found.length > 0 && found.every(failsHonestly);
  if (isProved) proved += 1;
  for (const outcome of found) process.stdout.write(`     ${verdict(outcome)}\n`);
}
process.stdout.write(`${proved} of ${rows.length} rows fail on the unmodified engine.\n`);
process.exitCode = rows.length > 0 && proved === rows.length ? 0 : 1;

/** The first of the rows that stand before a title's colon; the others are rows of attacks. */
function titleRow(title: string): string | undefined {
  return /^\[DEFECT1\] (\w+)/.exec(title)?.[1];
}

function failsHonestly({ status, failureMessages = [] }: Outcome): boolean {
  return status === "failed" && !failureMessages.some((text) => text.includes("SetupFailed"));
}

function verdict(outcome: Outcome): string {
  const evidence = (outcome.failureMessages?.[0] ?? "").split("\n", 1)[0]?.slice(0, EVIDENCE_CHARS_MAX) ?? "";
  if (outcome.status !== "failed") return `DOES NOT FAIL on stock (${outcome.status})`;
  return failsHonestly(outcome) ? `fails on stock: ${evidence}` : `NOT SHOWN: ${evidence}`;
}
