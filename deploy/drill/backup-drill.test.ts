import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createEmptyDatabase, createTestDatabase } from "../../src/testing/postgres.ts";
import { restoreBackup, takeBackup } from "./backups.ts";

const source = await createTestDatabase();
const target = await createEmptyDatabase();
const folder = await mkdtemp(join(tmpdir(), "umpire-backup-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

test("[DEPLOY9] a backup goes into an empty database alone, whole or not at all, and by a version that it fits", async () => {
  // More than a socket hands over at once: a reader that is slow at the end of a table is no reason to wait for ever.
  await source.sql`
    insert into umpire.wallet_lines (movement_id, currency, amount, from_book, to_book, to_account_id, to_balance, reason, reference, created_at)
    select 'txn_' || i, 'gold', 1, 'mint', 'wallet', 'acc_1', i, 'grant', repeat('x', 100) || i, now() from generate_series(1, 5000) i`;
  expect(await takeBackup({ url: source.url, folder, means: "copy" })).toBe("copy");
  await expect(restoreBackup({ url: source.url, folder })).rejects.toThrow("Give an empty one");

  const lines = join(folder, "umpire.wallet_lines.copy");
  const rows = await readFile(lines, "utf8");
  await writeFile(lines, `${rows}torn\t`);
  await expect(restoreBackup({ url: target.url, folder })).rejects.toThrow("torn");
  expect(await target.sql`select 1 from umpire.wallet_lines`).toEqual([]);
  await writeFile(lines, rows);

  const manifest = join(folder, "backup.json");
  const known = JSON.parse(await readFile(manifest, "utf8"));
  await target.sql.unsafe("drop schema umpire cascade; drop schema umpire_jobs cascade");
  await writeFile(manifest, JSON.stringify({ ...known, migrations: known.migrations.slice(1) }));
  await expect(restoreBackup({ url: target.url, folder })).rejects.toThrow("Restore it with the version that wrote it");

  await target.sql.unsafe("drop schema umpire cascade; drop schema umpire_jobs cascade");
  await writeFile(manifest, JSON.stringify(known));
  await restoreBackup({ url: target.url, folder });
  const [kept] = await target.sql<{ count: number; next: bigint }[]>`
    select count(*)::int, nextval('umpire.wallet_lines_seq_seq') as next from umpire.wallet_lines`;
  expect(kept).toEqual({ count: 5000, next: 5001n });
});
