import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import { createTestDatabase, type TestPostgres } from "./postgres.ts";

const first = await createTestDatabase();
const second = await createTestDatabase();

test("[DATA15] each test database has all migrations and is nobody else's", async () => {
  await first.sql`create table mine (value int)`;
  await expect(second.sql`select * from mine`).rejects.toThrow("does not exist");
  expect(await second.sql`select min_compatible from umpire.compatibility`).toHaveLength(1);
  expect(first.url).toContain(inject("postgres").prefix);
});

test("[DATA15] a test run that is killed leaves neither its server nor a file behind", async () => {
  const scratch = await mkdtemp(join(tmpdir(), "umpire-run-"));
  onTestFinished(() => rm(scratch, { recursive: true, force: true }));
  const code = `
    import { startTestPostgres } from "${import.meta.resolve("./postgres.ts")}";
    const { postgres } = await startTestPostgres({ givenUrl: undefined });
    console.log(JSON.stringify(postgres));`;
  const env = { ...process.env, TMPDIR: scratch };
  const preflight = ["--import", import.meta.resolve("../preflight.mjs")];
  const child = spawn(process.execPath, [...preflight, "--input-type=module", "-e", code], { env });
  child.stderr.pipe(process.stderr);
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = await once(createInterface(child.stdout), "line");
  const { url }: TestPostgres = JSON.parse(line);
  const postmaster = await readFile(join(decodeURIComponent(new URL(url).hostname), "data", "postmaster.pid"), "utf8");
  const command = () => readFile(`/proc/${Number.parseInt(postmaster, 10)}/cmdline`, "utf8").catch(() => "");
  expect(await command()).toContain(scratch);

  child.kill("SIGKILL");
  await vi.waitFor(async () => expect(await readdir(scratch)).toEqual([]), { timeout: 10_000 });
  expect(await command()).not.toContain(scratch);
});
