import { writeFileSync } from "node:fs";
import { benchBytes } from "./bytes.ts";
import type { SuiteResult } from "./report.ts";
import { printSuite } from "./report.ts";

/** `npm run bench -- NAME`: one suite; without a name, all of them. `--quick` shortens, `--json FILE` keeps the result. */
const suites: Readonly<Record<string, (options: { quick: boolean }) => SuiteResult>> = {
  bytes: benchBytes,
};

function main(args: readonly string[]): void {
  const quick = args.includes("--quick");
  const jsonAt = args.indexOf("--json");
  const file = jsonAt === -1 ? undefined : args[jsonAt + 1];
  const names = args.filter((word, index) => !word.startsWith("--") && (jsonAt === -1 || index !== jsonAt + 1));
  const unknown = names.find((name) => suites[name] === undefined);
  if (unknown !== undefined || (jsonAt !== -1 && file === undefined)) {
    process.stderr.write(`Usage: npm run bench -- [${Object.keys(suites).join(" | ")}] [--quick] [--json FILE]\n`);
    process.exitCode = 64;
    return;
  }
  const chosen = Object.entries(suites).filter(([name]) => names.length === 0 || names.includes(name));
  const results = chosen.map(([, run]) => run({ quick }));
  for (const result of results) printSuite(result);
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(results)}\n`);
  const isBroken = results.some((result) => result.void !== null || result.rows.some((row) => row.isGate && !row.ok));
  process.exitCode = isBroken ? 1 : 0;
}

main(process.argv.slice(2));
