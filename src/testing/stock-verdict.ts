/**
 * `npm run test:stock`: runs the tests of the engine's defects against the unmodified engine and wants each row to fail
 * there. A row that passes is no defect, or its test shows nothing; a test that could not be set up shows nothing either.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The rows of one process. */
const ROWS = "A B C D E F J K L F1 F2 F7 F8 F9 F10 F11 F12 F13 F14 F15 F16 F17 F18 F19".split(" ");
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
for (const row of ROWS) {
  const found = outcomes.filter(({ title }) => title.startsWith(`[DEFECT1] ${row}: `));
  process.stdout.write(`${row.padEnd(4)} ${found[0]?.title.replace(/^.*?: /, "") ?? "no test"}\n`);
  const isProved = found.length > 0 && found.every(failsHonestly);
  if (isProved) proved += 1;
  for (const outcome of found) process.stdout.write(`     ${verdict(outcome)}\n`);
}
process.stdout.write(`${proved} of ${ROWS.length} rows fail on the unmodified engine.\n`);
process.exitCode = proved === ROWS.length ? 0 : 1;

function failsHonestly({ status, failureMessages = [] }: Outcome): boolean {
  return status === "failed" && !failureMessages.some((text) => text.includes("SetupFailed"));
}

function verdict(outcome: Outcome): string {
  const evidence = (outcome.failureMessages?.[0] ?? "").split("\n", 1)[0]?.slice(0, EVIDENCE_CHARS_MAX) ?? "";
  if (outcome.status !== "failed") return `DOES NOT FAIL on stock (${outcome.status})`;
  return failsHonestly(outcome) ? `fails on stock: ${evidence}` : `NOT SHOWN: ${evidence}`;
}
