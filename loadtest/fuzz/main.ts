/** `npm run fuzz -- --messages N --seed S`: hostile bytes against a whole server, as many as asked for. */
import { parseArgs } from "node:util";
import { startTestPostgres } from "../../src/testing/postgres.ts";
import { fuzz } from "./fuzz.ts";

const { values } = parseArgs({
  options: { messages: { type: "string", default: "100000" }, seed: { type: "string", default: "1" } },
});
const messages = Number(values.messages);
const seed = Number(values.seed);
if (!Number.isSafeInteger(messages) || messages < 1 || !Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
  process.stderr.write("Usage: npm run fuzz -- [--messages N] [--seed S], S from 0 to 4294967295\n");
  process.exit(64);
}

const end = new AbortController();
process.once("SIGINT", () => end.abort());
process.stdout.write(`seed ${seed}, ${messages} frames\n`);
const { postgres, stop } = await startTestPostgres({ givenUrl: undefined });
try {
  const onProgress = (line: string) => void process.stdout.write(`${line}\n`);
  const report = await fuzz({ messages, seed, databaseUrl: postgres.url, onProgress, signal: end.signal });
  for (const failure of report.failures) process.stdout.write(`FAILED: ${failure}\n`);
  process.stdout.write(`${JSON.stringify(report)}\n`);
  process.exitCode = report.failures.length === 0 ? 0 : 1;
} finally {
  await stop();
}
