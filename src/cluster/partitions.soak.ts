import { expect, test } from "vitest";
import {
  aMatchAt,
  ask,
  expectToldLater,
  pause,
  seeEachOther,
  untilSo,
  watchMachine,
} from "../testing/cluster-matches.ts";
import { breaks, heal, type LinkName, type PartedProcess, startPartedCluster } from "../testing/parted-cluster.ts";
import { createTestDatabase } from "../testing/postgres.ts";
import { startKillableRedis } from "../testing/redis.ts";

const AVOIDED_MS_MAX = 6000;
const HEALED_MS_MAX = 10_000;
/** Longer than the lease of the process, and than an owner waits for a player who says nothing. */
const BROKEN_MS = 12_000;
/** A call to a process that does not answer takes a second and a quarter. */
const TOLD_MS_MAX = 2500;

const [database, killable] = await Promise.all([createTestDatabase(), startKillableRedis()]);
const cluster = await startPartedCluster({ count: 2, redisUrl: killable.url, databaseUrl: database.url });
const [one, two] = cluster as [PartedProcess, PartedProcess];
const ways = Object.entries(breaks);
const tell = (row: object) => process.stdout.write(`${JSON.stringify(row)}\n`);

/** Both are well, and what the test before has left is gone. */
const isCalm = () =>
  untilSo(async () => (await seeEachOther(cluster)) && (await ask(two.stack, "calm")).status === 200, 15_000);

test.each(ways)(
  "T12: a process whose link to Redis is %s goes on with its matches, and joins avoid it within 6 s",
  async (how, part) => {
    await isCalm();
    const match = await aMatchAt(two, one, `redis ${how.slice(0, 8)}`);
    const machine = watchMachine();
    const fromMs = performance.now();
    part(two.links.redis);
    let avoidedMs = 0;
    while (performance.now() - fromMs < BROKEN_MS) {
      const askedMs = performance.now() - fromMs;
      const [asked, cutOff] = await Promise.all([ask(one.stack, match.lane), ask(two.stack, match.lane)]);
      if (asked.status !== 200) expectToldLater(asked, TOLD_MS_MAX);
      // A link of which only the connections have ended is made again at once.
      if (cutOff.status !== 200) expectToldLater(cutOff, TOLD_MS_MAX);
      if (asked.status !== 200) avoidedMs = askedMs + asked.tookMs;
      if (how !== "half closed" && askedMs > AVOIDED_MS_MAX)
        expect(asked).toMatchObject({ status: 200, by: one.processId });
      await pause(250);
    }
    expect(match.longestGapMs(fromMs)).toBeLessThan(machine.patchGapMsMax());
    const healMs = performance.now();
    heal(two.links.redis);
    await untilSo(
      async () => (await ask(one.stack, "", { roomId: match.seat.roomId })).by === two.processId,
      HEALED_MS_MAX,
    );
    await untilSo(() => seeEachOther(cluster), HEALED_MS_MAX);
    await untilSo(async () => (await ask(two.stack, match.lane)).status === 200, HEALED_MS_MAX);
    tell({
      link: "redis",
      how,
      avoidedMs,
      healedMs: performance.now() - healMs,
      gapMs: match.longestGapMs(fromMs),
      limitMs: machine.patchGapMsMax(),
    });
    expect(match.longestGapMs(fromMs)).toBeLessThan(machine.patchGapMsMax());
    expect(two.stack.output).not.toContain("room.fenced");
    await match.leave();
  },
);

test.each(ways)(
  "T12: a process whose link to Postgres is %s goes on with its matches and takes players from the others",
  async (how, part) => {
    await isCalm();
    const match = await aMatchAt(two, one, `postgres ${how.slice(0, 8)}`);
    const machine = watchMachine();
    const fromMs = performance.now();
    part(two.links.postgres);
    const acknowledged: string[] = [];
    let refusals = 0;
    while (performance.now() - fromMs < BROKEN_MS) {
      const asked = await ask(one.stack, "", { roomId: match.seat.roomId });
      expect(asked).toMatchObject({ status: 200, by: two.processId });
      const guest = await two.stack.call("POST", "/api/accounts/guest", { body: {} }).catch(() => null);
      if (guest?.status === 200) acknowledged.push(String(guest.body["token"]));
      else refusals += 1;
      await pause(1000);
    }
    const healMs = performance.now();
    heal(two.links.postgres);
    const isBack = async () => Boolean((await two.stack.caller()).token);
    await untilSo(isBack, HEALED_MS_MAX);
    const healedMs = performance.now() - healMs;
    // What was acknowledged is there, whoever is asked.
    for (const token of acknowledged) {
      const asPlayer = { headers: { authorization: `Bearer ${token}` } };
      expect((await one.stack.call("GET", "/api/accounts/sessions", asPlayer)).status).toBe(200);
    }
    tell({
      link: "postgres",
      how,
      healedMs,
      acknowledged: acknowledged.length,
      refusals,
      gapMs: match.longestGapMs(fromMs),
      limitMs: machine.patchGapMsMax(),
    });
    expect(match.longestGapMs(fromMs)).toBeLessThan(machine.patchGapMsMax());
    await match.leave();
  },
);

test.each(ways)(
  "T12: a player who is relayed over a link that is %s is back in the same seat within 6 s of its healing",
  async (how, part) => {
    await isCalm();
    const match = await aMatchAt(two, one, `relay ${how.slice(0, 8)}`);
    // An unmodified SDK beside the two that only listen.
    const room = await one.stack.joinSdk<{ tick: number }>("plain", { lane: match.lane });
    const { sessionId, roomId } = room;
    expect(roomId).toBe(match.seat.roomId);
    await untilSo(async () => room.state.tick > 0, 5000);
    const direct = match.players[1];
    const fromMs = performance.now();
    part(two.links.relay);
    await pause(BROKEN_MS);
    expect(direct?.socket.isClosed).toBe(false);
    const link: LinkName = "relay";
    heal(two.links[link]);
    const healMs = performance.now();
    const { tick } = room.state;
    await untilSo(async () => room.connection.isOpen && room.state.tick > tick, 6000);
    tell({ link, how, healedMs: performance.now() - healMs, gapMs: direct?.longestGapMs(fromMs) });
    expect([room.sessionId, room.roomId]).toEqual([sessionId, roomId]);
    expect((await ask(one.stack, match.lane)).by).toBe(two.processId);
    await room.leave();
    await match.leave();
  },
);
