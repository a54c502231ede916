import { afterAll, expect, test } from "vitest";
import { createTestDatabase } from "../testing/postgres.ts";
import { census, cyclePlayers, cycleRooms, expectReturned, holdings } from "../testing/room-cycles.ts";
import { Stack } from "../testing/stacks/stack.ts";

const database = await createTestDatabase();
const server = await Stack.start("umpire", { settings: { DATABASE_URL: database.url, BOT_FILL: "0" } });
afterAll(() => server.stop());
const callers = await Promise.all(Array.from({ length: 5 }, () => server.caller()));

const ROOMS = ["arena", "yard", "walk", "warehouse", "plugged"];

async function someCycles(): Promise<void> {
  for (const room of ROOMS) await cycleRooms(server, room, 30);
  for (const room of ROOMS) await cyclePlayers(server, room, 2, callers);
}

test("[CYCLE1] T28: some hundred rooms come and go, and leave no timer, handle, listener, table entry or metric behind", {
  timeout: 60_000,
}, async () => {
  // The first rooms of each kind make what is made once: label values, compiled encoders, pooled connections.
  await someCycles();
  const first = await census(server);
  const before = holdings(first);
  expect(before.rooms).toMatchObject({ open: 0, listed: 0 });
  await someCycles();
  await expectReturned(server, before);
  // A label of its own for each room would make hundreds of series.
  expect((await census(server)).metrics - first.metrics).toBeLessThan(60);
});
