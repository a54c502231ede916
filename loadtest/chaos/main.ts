/** `npm run chaos -- economy [--quick] [--verb purchase] [--seed N] [--json FILE]`: kills what can be killed and counts what is left. */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { ChaosRow } from "./economy.ts";
import { runEconomy } from "./suite.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    verb: { type: "string" },
    seed: { type: "string", default: "1" },
    json: { type: "string" },
  },
});
const seed = Number(values.seed);
if (positionals.join() !== "economy" || !Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
  process.stderr.write(
    "Usage: npm run chaos -- economy [--quick] [--verb NAME] [--seed N] [--json FILE], N from 0 to 4294967295\n",
  );
  process.exit(64);
}

const columns = ["acknowledged", "unanswered", "lost", "doubled", "changed", "discrepancies"] as const;
const head = ["acked", "unanswered", "lost", "doubled", "changed", "discrepant"];
const line = (id: string, fault: string, cells: readonly string[], rest: string) =>
  `${id.padEnd(16)} ${fault.padEnd(48)} ${cells.map((cell) => cell.padStart(10)).join(" ")}  ${rest}\n`;

function show(row: ChaosRow): void {
  const { id, fault, ok, measured, trouble, ...verdict } = row;
  const cells = columns.map((column) => String(verdict[column] ?? "-"));
  const words = Object.entries(measured).map(([name, value]) => `${name} ${Math.round(value)}`);
  process.stdout.write(line(id, fault, cells, `${ok ? "ok" : "FAILED"}  ${words.join(", ")}`));
  if (trouble !== undefined) process.stdout.write(`  ${trouble}\n`);
  if (row.void !== undefined) process.stdout.write(`  void: ${row.void}\n`);
}

process.stdout.write(`economy, seed ${seed}\n${line("verb", "fault", head, "")}`);
const length = values.quick ? "quick" : "full";
const result = await runEconomy({ length, seed, only: values.verb, onRow: show });
const text = `${JSON.stringify(result)}\n`;
if (values.json !== undefined) await writeFile(values.json, text);
process.stdout.write(text);
process.exitCode = result.void === null && result.rows.every(({ ok }) => ok) ? 0 : 1;
