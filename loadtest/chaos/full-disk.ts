import { execFileSync } from "node:child_process";
import { appendFile, chmod, mkdtemp, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChaosRow } from "./economy.ts";
import { isFaultless, judge } from "./judge.ts";
import type { ChaosVerb } from "./verbs.ts";
import { World } from "./world.ts";
import { answerText, aRecord, ask, runWriters } from "./writers.ts";

const DISK_MB = 160;
const WRITES_MAX = 6000;

/** Only root may mount a small disk. Without it this row cannot be played. */
export function canFillDisk(): boolean {
  return process.platform === "linux" && process.getuid?.() === 0;
}

/**
 * Postgres on a disk that is full to the last byte (T16): writes are refused with 503, reads go on, and when there is
 * space again the same keys go through, nobody having touched anything.
 */
export async function fillDisk(verb: ChaosVerb): Promise<ChaosRow> {
  const disk = await mkdtemp(join(tmpdir(), "umpire-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MB}m`, "tmpfs", disk]);
  await chmod(disk, 0o711);
  let world: World | null = null;
  try {
    world = await World.start(disk);
    return await playFullDisk(world, verb, join(disk, "ballast"));
  } finally {
    await world?.stop();
    execFileSync("umount", [disk]);
    await rmdir(disk);
  }
}

async function playFullDisk(world: World, verb: ChaosVerb, ballast: string): Promise<ChaosRow> {
  const actors = await world.actors(4, 900_000);
  const [actor, other] = actors;
  if (actor === undefined || other === undefined) throw new Error("two actors are needed");
  const records = await runWriters(world, { verb, actors, label: "roomy", goesOn: (keys) => keys < 5 });
  await fill(ballast);
  const statuses = new Map<number, number>();
  let refusedReads = 0;
  for (let write = 0; write < WRITES_MAX && (statuses.get(503) ?? 0) < 20; write++) {
    const record = aRecord(`full-${write}`, actor, other);
    const reply = await ask(world, verb, record);
    statuses.set(reply?.status ?? 0, (statuses.get(reply?.status ?? 0) ?? 0) + 1);
    if (reply?.status === 200) continue;
    records.push(record);
    const read = await world.sql`select sum(balance) from umpire.wallet_balances`.catch(() => null);
    if (read === null) refusedReads += 1;
  }
  await rm(ballast);
  const freedMs = performance.now();
  const late = await runWriters(world, { verb, actors, label: "freed", goesOn: (keys) => keys < 2 });
  const recoveredMs = performance.now() - freedMs;
  for (const record of records.filter(({ answer }) => answer === null)) {
    const reply = await ask(world, verb, record);
    if (reply?.status === 200) record.answer = answerText(reply.body);
  }
  const verdict = await judge(world, verb, [...records, ...late]);
  const [refused = 0, others] = [
    statuses.get(503),
    [...statuses.keys()].filter((status) => ![200, 503].includes(status)),
  ];
  return {
    id: `T16/${verb.name}`,
    fault: `Postgres on a full disk of ${DISK_MB} MB`,
    ...verdict,
    ok: isFaultless(verdict) && refused > 0 && others.length === 0 && refusedReads === 0,
    measured: { written: statuses.get(200) ?? 0, refused, refusedReads, recoveredMs },
  };
}

/** In ever smaller pieces, until not one byte fits. */
async function fill(path: string): Promise<void> {
  await writeFile(path, "");
  for (const bytes of [1 << 20, 1 << 12, 1]) {
    const piece = Buffer.alloc(bytes, 1);
    while (
      await appendFile(path, piece).then(
        () => true,
        () => false,
      )
    ) {}
  }
}
