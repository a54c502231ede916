/**
 * `npm run drill -- backup [--seconds 5] [--writers 8] [--json FILE]` backs a server up that is written to, and asks the copy.
 * `npm run drill -- backup --of URL --into URL [--folder FOLDER]` does it with a database of yours and an empty one, and
 * keeps the backup in the folder, if one is given.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "../../src/platform/database.ts";
import { countDiscrepancies, drillBackup } from "./backup-drill.ts";
import { restoreBackup, takeBackup } from "./backups.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "5" },
    writers: { type: "string", default: "8" },
    json: { type: "string" },
    of: { type: "string" },
    into: { type: "string" },
    folder: { type: "string" },
  },
});
const [seconds, writers] = [Number(values.seconds), Number(values.writers)];
const isGiven = values.of !== undefined || values.into !== undefined;
const isWhole = (number: number, most: number) => Number.isInteger(number) && number >= 1 && number <= most;
if (
  positionals.join() !== "backup" ||
  !isWhole(seconds, 3600) ||
  !isWhole(writers, 256) ||
  (isGiven && (values.of === undefined || values.into === undefined))
) {
  process.stderr.write(`Usage: npm run drill -- backup [--seconds 1 to 3600] [--writers 1 to 256] [--json FILE]
       npm run drill -- backup --of URL --into URL [--folder FOLDER]\n`);
  process.exit(64);
}

const line = (text: string) => process.stdout.write(`${text}\n`);
if (values.of !== undefined && values.into !== undefined) await drillGiven(values.of, values.into);
else await drillOwn();

async function drillOwn(): Promise<void> {
  const result = await drillBackup({ seconds, writers });
  for (const { id, fault, ok, measured, ...verdict } of result.rows) {
    line(`${id}  ${fault}: ${ok ? "ok" : "FAILED"}`);
    for (const [name, value] of Object.entries({ ...verdict, ...measured })) {
      line(`  ${name.padEnd(18)} ${Math.round(value)}`);
    }
  }
  const isFine = result.void === null && result.rows.every(({ ok }) => ok);
  line(
    isFine
      ? "Everything that was acknowledged before the backup is in the copy, once, and its books balance."
      : `This backup would not have saved you${result.void === null ? "" : `: ${result.void}`}.`,
  );
  const json = JSON.stringify(result);
  if (values.json !== undefined) await writeFile(values.json, json);
  line(json);
  process.exitCode = isFine ? 0 : 1;
}

async function drillGiven(of: string, into: string): Promise<void> {
  const folder = values.folder ?? (await mkdtemp(join(tmpdir(), "umpire-backup-")));
  try {
    const means = await takeBackup({ url: of, folder });
    await restoreBackup({ url: into, folder });
    const sql = connect(into, { max: 1 });
    const discrepancies = await countDiscrepancies(sql).finally(() => sql.end());
    const ok = discrepancies === 0;
    line(`Backup by ${means}, restored: ${ok ? "the books balance" : `${discrepancies} discrepancies`}.`);
    const row = { id: "T26", fault: `backup by ${means} of a given database, restored`, ok, discrepancies };
    const json = JSON.stringify({ suite: "drill", void: null, rows: [row] });
    if (values.json !== undefined) await writeFile(values.json, json);
    line(json);
    process.exitCode = ok ? 0 : 1;
  } finally {
    if (values.folder === undefined) await rm(folder, { recursive: true, force: true });
  }
}
