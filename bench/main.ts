import { writeFileSync } from "node:fs";
import { benchBytes } from "./bytes.ts";
import { benchCluster } from "./cluster.ts";
import { benchEconomy } from "./economy.ts";
import { unpinOurselves } from "./machine.ts";
import { benchMatchmaking } from "./matchmaking.ts";
import { hasFailed, type Length, printSuite, type SuiteResult } from "./report.ts";
import { benchRoom } from "./room.ts";

/**
 * `npm run bench -- NAME`: one suite; without a name, all of them. `--quick` is for a gate and takes a minute, `--full`
 * measures for longer than the usual ten minutes; `--json FILE` keeps the result.
 */
const suites: Readonly<Record<string, (options: { length: Length }) => SuiteResult | Promise<SuiteResult>>> = {
  bytes: benchBytes,
  cluster: benchCluster,
  economy: benchEconomy,
  matchmaking: benchMatchmaking,
  room: benchRoom,
};

async function main(args: readonly string[]): Promise<void> {
  const length = args.includes("--quick") ? "quick" : args.includes("--full") ? "full" : "usual";
  const jsonAt = args.indexOf("--json");
  const file = jsonAt === -1 ? undefined : args[jsonAt + 1];
  const names = args.filter((word, index) => !word.startsWith("--") && (jsonAt === -1 || index !== jsonAt + 1));
  const unknown = names.find((name) => suites[name] === undefined);
  if (unknown !== undefined || (jsonAt !== -1 && file === undefined)) {
    const usage = `Usage: npm run bench -- [${Object.keys(suites).join(" | ")}] [--quick | --full] [--json FILE]`;
    process.stderr.write(`${usage}\n`);
    process.exitCode = 64;
    return;
  }
  const chosen = Object.entries(suites).filter(([name]) => names.length === 0 || names.includes(name));
  const results: SuiteResult[] = [];
  for (const [, run] of chosen) {
    unpinOurselves();
    const result = await run({ length });
    results.push(result);
    printSuite(result);
  }
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(results)}\n`);
  process.exitCode = results.some((result) => hasFailed(result, length)) ? 1 : 0;
}

await main(process.argv.slice(2));
