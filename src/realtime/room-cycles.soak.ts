import { afterAll, expect, test } from "vitest";
import { createTestDatabase } from "../testing/postgres.ts";
import { census, cyclePlayers, cycleRooms, expectReturned, holdings } from "../testing/room-cycles.ts";
import { slopeMiB } from "../testing/slope.ts";
import { type Caller, Stack } from "../testing/stacks/stack.ts";

/** `SOAK_CYCLES=5000 npm run soak room-cycles` takes a tenth of the time. */
const CYCLES = Number(process.env["SOAK_CYCLES"] ?? 50_000);
const ROUND = 500;
/** In each round so many of the rooms are opened and closed by a player. */
const PLAYED = 10;
const PLAYERS = 60;
const ROOMS = ["arena", "yard", "walk", "plugged", "relay"];
/** What is made once and kept is made by then. */
const WARM_SHARE = 0.3;
/** The row gives 50 000 cycles half an hour, so its ten minutes are this many, however fast this machine is. */
const CYCLES_PER_10_MINUTES = 50_000 / 3;
const SLOPE_MIB_MAX = 1;

const database = await createTestDatabase();
const server = await Stack.start("umpire", { settings: { DATABASE_URL: database.url, BOT_FILL: "0" } });
afterAll(() => server.stop());
const callers = await Promise.all(Array.from({ length: PLAYERS }, () => server.caller()));

test("T28: fifty thousand rooms come and go, and the server is as it was", async () => {
  const samples: { at: number; rssBytes: number; heapBytes: number }[] = [];
  await round();
  const before = holdings(await census(server));
  for (let cycles = ROUND; cycles <= CYCLES; cycles += ROUND) {
    await round();
    const { rssBytes, heapBytes } = await server.ask("status", undefined, 10_000);
    samples.push({ at: cycles / CYCLES_PER_10_MINUTES, rssBytes, heapBytes });
    if (cycles % (10 * ROUND) === 0) {
      process.stdout.write(`${cycles} of ${CYCLES} rooms, ${mib(rssBytes)} MiB, in use ${mib(heapBytes)} MiB\n`);
    }
  }
  const warm = samples.slice(Math.floor(samples.length * WARM_SHARE));
  const slope = (bytes: "rssBytes" | "heapBytes") =>
    slopeMiB(warm.map((each) => ({ at: each.at, bytes: each[bytes] })));
  const figures = { rssMiBPer10Minutes: slope("rssBytes"), inUseMiBPer10Minutes: slope("heapBytes") };
  process.stdout.write(`${JSON.stringify({ cycles: CYCLES, ...figures })}\n`);
  await expectReturned(server, before);
  expect(figures.inUseMiBPer10Minutes).toBeLessThan(SLOPE_MIB_MAX);
  expect(figures.rssMiBPer10Minutes).toBeLessThan(SLOPE_MIB_MAX);
});

function mib(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}

/** Each player joins now and then only, below every limit. */
function nextCallers(): Caller[] {
  callers.push(...callers.splice(0, PLAYED));
  return callers.slice(0, PLAYED);
}

async function round(): Promise<void> {
  for (const room of ROOMS) {
    await cycleRooms(server, room, (ROUND - PLAYED) / ROOMS.length);
    await cyclePlayers(server, room, PLAYED / ROOMS.length, nextCallers());
  }
}
