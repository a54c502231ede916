import fc from "fast-check";
import { expect, test } from "vitest";
import type { ArenaMatchEnded } from "../../schema/state/arena.ts";
import { PHASE, SEATS } from "./rules.ts";
import { addPlayer, freeSlot, rebalanceBots, removePlayer, seated, setConnected } from "./seats.ts";
import { aMatch, aPerson, aWorld, run } from "./test-world.ts";
import type { World } from "./world.ts";

const bots = (world: World) => seated(world).filter((player) => player.bot).length;
const people = (world: World) => seated(world).length - bots(world);
const results = (world: World) =>
  world.events.find((event): event is ArenaMatchEnded => event.type === "matchEnded")?.results;

test("[ARENA13] who comes back to the match it left has its score again, and is listed once", () => {
  const { world, players } = aMatch({}, 3);
  Object.assign(players[1] ?? {}, { kills: 7, deaths: 2 });
  run(world, 50);
  removePlayer(world, 1);
  run(world, 50);
  expect(world.leavers).toHaveLength(1);
  const back = addPlayer(world, { slot: freeSlot(world), name: "Back", accountId: "acc_1", bot: false });
  expect([back.kills, back.deaths, world.leavers.length]).toEqual([7, 2, 0]);
  world.phaseEndsAtTick = world.tick + 1;
  run(world, 1);
  expect(results(world)?.map((result) => [result.accountId, result.left])).toEqual([
    ["acc_1", false],
    ["acc_0", false],
    ["acc_2", false],
  ]);
});

test("[ARENA13] a duel ends when one leaves for good, and the other has won; a bot that jumps in is not listed", () => {
  const { world, players } = aMatch({ mode: "duel", botFill: 2 });
  Object.assign(players[1] ?? {}, { kills: 9 });
  run(world, 100);
  setConnected(world, 1, false);
  run(world, 100);
  expect(world.phase).toBe(PHASE.playing);
  removePlayer(world, 1);
  expect(bots(world)).toBe(1);
  run(world, 1);
  expect(results(world)?.map(({ slot, placement, left }) => [slot, placement, left])).toEqual([
    [0, 1, false],
    [1, 2, true],
  ]);
});

test("[ARENA13] a second person who comes to a duel against a bot starts it over", () => {
  const world = aWorld({ mode: "duel", botFill: 2 });
  const first = aPerson(world, 0);
  run(world, 1000, { until: () => world.phase === PHASE.playing });
  first.kills = 6;
  expect(bots(world)).toBe(1);
  aPerson(world, freeSlot(world));
  run(world, 1);
  expect([world.phase, first.kills, bots(world), people(world)]).toEqual([PHASE.countdown, 0, 0, 2]);
  expect(results(world)).toBeUndefined();
});

test("[ARENA14] bots and people together are as many as the setting says, whoever comes and goes", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("ffa" as const, "duel" as const),
      fc.nat(20),
      fc.array(fc.nat(40), { maxLength: 60 }),
      (mode, botFill, visits) => {
        const world = aWorld({ mode, botFill });
        const max = SEATS[mode].max;
        for (const visit of visits) {
          const here = seated(world).filter((player) => !player.bot);
          const leaver = here[visit];
          const slot = freeSlot(world);
          if (leaver !== undefined) removePlayer(world, leaver.slot);
          else if (slot >= 0) aPerson(world, slot);
          expect(slot >= 0).toBe(here.length < max);
          expect(people(world)).toBeLessThanOrEqual(max);
          const wanted = people(world) === 0 ? 0 : Math.max(people(world), Math.min(botFill, max));
          expect(world.players.size).toBe(wanted);
          run(world, visit % 3);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("[ARENA14] a newcomer's slot is nobody else's, and the bot that leaves is the last in the score", () => {
  const world = aWorld({ botFill: 4 });
  aPerson(world, 0);
  for (const player of seated(world)) if (player.bot) player.kills = player.slot;
  const slot = freeSlot(world);
  expect(world.players.get(String(slot))).toBeUndefined();
  aPerson(world, slot);
  expect(seated(world).map((player) => [player.slot, player.bot])).toEqual([
    [0, false],
    [2, true],
    [3, true],
    [4, false],
  ]);
});

test("[ARENA14] another setting takes effect at once, and bots alone leave", () => {
  const world = aWorld();
  aPerson(world, 0);
  expect(bots(world)).toBe(0);
  world.botFill = 6;
  rebalanceBots(world);
  rebalanceBots(world);
  expect(bots(world)).toBe(5);
  removePlayer(world, 0);
  expect(world.players.size).toBe(0);
  removePlayer(world, 0);
  setConnected(world, 0, true);
});
