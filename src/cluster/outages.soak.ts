import { expect, test } from "vitest";
import {
  aMatchAt,
  aSeatAt,
  ask,
  expectToldLater,
  pause,
  seeEachOther,
  untilSo,
  watchMachine,
} from "../testing/cluster-matches.ts";
import { type PartedProcess, startPartedCluster } from "../testing/parted-cluster.ts";
import { createTestDatabase } from "../testing/postgres.ts";
import { startKillableRedis } from "../testing/redis.ts";

const RECOVERED_MS_MAX = 5000;
const REFUSED_MS_MAX = 1000;

const [database, killable] = await Promise.all([createTestDatabase(), startKillableRedis()]);
const cluster = await startPartedCluster({ count: 2, redisUrl: killable.url, databaseUrl: database.url });
const [one, two] = cluster as [PartedProcess, PartedProcess];
const tell = (row: object) => process.stdout.write(`${JSON.stringify(row)}\n`);

test.each([
  ["30 s", 30],
  ["5 minutes", 300],
])(
  "T5: while Redis is dead for %s matches go on and whoever asks is told at once; five seconds later all is as it was",
  async (name, seconds) => {
    await untilSo(() => seeEachOther(cluster), 10_000);
    const match = await aMatchAt(two, one, `outage ${seconds}`);
    const askers = await Promise.all(cluster.map(({ stack }) => stack.caller()));
    const machine = watchMachine();
    const fromMs = performance.now();
    await killable.kill();
    let slowestMs = 0;
    while (performance.now() - fromMs < seconds * 1000) {
      for (const [index, { stack }] of cluster.entries()) {
        const asked = await ask(stack, match.lane, { as: askers[index] as never });
        expectToldLater(asked, REFUSED_MS_MAX);
        slowestMs = Math.max(slowestMs, asked.tookMs);
      }
      await pause(1000);
    }
    await killable.start();
    const healMs = performance.now();
    await untilSo(
      async () => (await ask(one.stack, "", { roomId: match.seat.roomId })).by === two.processId,
      RECOVERED_MS_MAX,
    );
    await untilSo(async () => (await ask(two.stack, match.lane)).roomId === match.seat.roomId, RECOVERED_MS_MAX);
    await untilSo(() => seeEachOther(cluster), RECOVERED_MS_MAX);
    const recoveredMs = performance.now() - healMs;
    tell({
      outage: name,
      slowestRefusalMs: slowestMs,
      recoveredMs,
      gapMs: match.longestGapMs(fromMs),
      limitMs: machine.patchGapMsMax(),
    });
    expect(recoveredMs).toBeLessThan(RECOVERED_MS_MAX);
    expect(match.longestGapMs(fromMs)).toBeLessThan(machine.patchGapMsMax());
    await match.leave();
  },
);

test.each([5, 30])(
  "T4: of a process that stood still for %i s the rooms are as they were, or out of the lists until it is back",
  async (seconds) => {
    await untilSo(() => seeEachOther(cluster), 10_000);
    const { lane, seat, caller } = await aSeatAt(two, one, `pause ${seconds}`);
    // Of its own process alone: whoever hears nothing for nine seconds is found out by the process that it came in by.
    const player = await two.stack.sit(seat, caller);
    const pid = await two.stack.ask<number>("pid");
    process.kill(pid, "SIGSTOP");
    const fromMs = performance.now();
    const isListed = async () => (await one.stack.ask<string[]>("roomIds", "plain")).includes(seat.roomId);
    let unlistedMs = Number.POSITIVE_INFINITY;
    let elsewhere: unknown = null;
    while (performance.now() - fromMs < seconds * 1000) {
      if (unlistedMs === Number.POSITIVE_INFINITY && !(await isListed())) unlistedMs = performance.now() - fromMs;
      const asked = await ask(one.stack, lane);
      if (asked.status === 200) elsewhere = asked.roomId;
      else expectToldLater(asked, 2500);
      await pause(250);
    }
    process.kill(pid, "SIGCONT");
    const backMs = await untilSo(isListed, 10_000);
    const seatedMs = await untilSo(
      async () => (await ask(one.stack, "", { roomId: seat.roomId })).by === two.processId,
      10_000,
    );
    tell({ pauseSeconds: seconds, unlistedMs, backMs, seatedMs, elsewhere, isClosed: player.socket.isClosed });
    // Seven to eight seconds after its last word, and not before.
    if (seconds < 7) expect(unlistedMs).toBe(Number.POSITIVE_INFINITY);
    else expect(unlistedMs).toBeLessThan(10_000);
    // No twin: what was made meanwhile is another room.
    expect(elsewhere).not.toBe(seat.roomId);
    expect(player.socket.isClosed).toBe(false);
    expect(two.stack.output).not.toContain("room.fenced");
    player.socket.destroy();
  },
);
