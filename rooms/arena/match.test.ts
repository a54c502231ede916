import fc from "fast-check";
import { expect, test } from "vitest";
import type { ArenaMatchEnded } from "../../schema/state/arena.ts";
import {
  BUTTON,
  COUNTDOWN_TICKS,
  HEALTH_MAX,
  LIMITS,
  PHASE,
  PLACES_MATCH_TICKS_MIN,
  RESULTS_TICKS,
  SHOT_DAMAGE,
} from "./rules.ts";
import { freeSlot, removePlayer, seated } from "./seats.ts";
import { aBot, aMatch, anInput, aPerson, aWorld, inputsOf, place, run } from "./test-world.ts";
import type { World } from "./world.ts";

const phasesIn = (events: World["events"]) => events.flatMap((event) => (event.type === "phase" ? [event.phase] : []));
const endings = (events: World["events"]) =>
  events.filter((event): event is ArenaMatchEnded => event.type === "matchEnded");

function endingOf(world: World): ArenaMatchEnded {
  const [ending] = endings(
    run(world, COUNTDOWN_TICKS + LIMITS.ffa.ticks + 2, { until: () => world.phase === PHASE.results }),
  );
  if (ending === undefined) throw new Error("the match did not end");
  return ending;
}

test("[ARENA11] a match waits for two, counts down, plays, shows its results and begins again", () => {
  const world = aWorld({ mode: "duel" });
  aPerson(world, 0);
  expect(phasesIn(run(world, 200))).toEqual([]);
  aPerson(world, 1);
  const length = COUNTDOWN_TICKS + LIMITS.duel.ticks + RESULTS_TICKS + 1;
  const events = run(world, length);
  expect(phasesIn(events)).toEqual([PHASE.countdown, PHASE.playing, PHASE.results, PHASE.countdown]);
  expect(endings(events).map((ending) => ending.endedTick - ending.startedTick)).toEqual([LIMITS.duel.ticks]);
  expect(world.phaseEndsAtTick).toBe(world.tick + COUNTDOWN_TICKS);
});

test("[ARENA11] the countdown places everyone apart and holds them; the start lets them go", () => {
  const world = aWorld();
  for (let slot = 0; slot < 16; slot++) aPerson(world, slot);
  const go = inputsOf(
    Object.fromEntries(seated(world).map(({ slot }) => [slot, [anInput({ moveX: 127, buttons: 3 })]])),
  );
  run(world, 1, { inputs: go });
  const places = seated(world).map(({ x, y }) => `${x} ${y}`);
  expect(new Set(places).size).toBe(16);
  run(world, COUNTDOWN_TICKS - 1, { inputs: go });
  expect(seated(world).map(({ x, y }) => `${x} ${y}`)).toEqual(places);
  expect(world.phase).toBe(PHASE.countdown);
  run(world, 2, { inputs: go });
  expect(world.phase).toBe(PHASE.playing);
  expect(seated(world).some(({ x, y }, index) => `${x} ${y}` !== places[index])).toBe(true);
});

test("[ARENA11] the score limit ends a match in the very step that reaches it", () => {
  const { world, players } = aMatch({ mode: "duel" });
  const [a, b] = players;
  if (a === undefined || b === undefined) throw new Error("two players are needed");
  a.kills = LIMITS.duel.score - 1;
  place(a, -3, 0.5);
  place(b, 3, 0.5).health = SHOT_DAMAGE;
  run(world, 1, { inputs: inputsOf({ 0: [anInput({ buttons: BUTTON.fire })] }) });
  expect([world.phase, endings(world.events)[0]?.results[0]?.slot]).toEqual([PHASE.results, 0]);
  expect(b.frozen && a.frozen).toBe(true);
});

test("[ARENA11] a new match begins from nothing", () => {
  const { world, players } = aMatch();
  for (const player of players) Object.assign(player, { kills: 3, deaths: 2, shotsFired: 9, shotsHit: 4, health: 30 });
  const taken = world.pickups.get("0");
  if (taken !== undefined) taken.availableAtTick = 1_000_000;
  world.phaseEndsAtTick = world.tick + 1;
  run(world, 1);
  expect(world.phase).toBe(PHASE.results);
  run(world, RESULTS_TICKS, { inputs: inputsOf({ 0: [anInput({ buttons: 3 })] }) });
  expect(world.phase).toBe(PHASE.countdown);
  for (const player of players) {
    expect(player).toMatchObject({ kills: 0, deaths: 0, shotsFired: 0, shotsHit: 0, health: HEALTH_MAX, alive: true });
  }
  expect(taken?.availableAtTick).toBe(0);
});

test("[ARENA11] no phase is stuck: from any coming and going, players left alone get to play", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("ffa" as const, "duel" as const),
      fc.array(fc.tuple(fc.nat(3), fc.nat(200)), { maxLength: 20 }),
      (mode, visits) => {
        const world = aWorld({ mode, botFill: 2 });
        for (const [slot, ticks] of visits) {
          if (world.players.get(String(slot))?.bot === false) removePlayer(world, slot);
          else if (freeSlot(world) >= 0) aPerson(world, freeSlot(world));
          run(world, ticks);
        }
        if (!seated(world).some((player) => !player.bot)) aPerson(world, freeSlot(world));
        const longest = LIMITS[mode].ticks + RESULTS_TICKS + COUNTDOWN_TICKS + 3;
        const reached = new Set(phasesIn(run(world, longest)));
        expect([...reached]).toEqual(expect.arrayContaining([PHASE.playing, PHASE.results, PHASE.countdown]));
        for (const player of seated(world)) removePlayer(world, player.slot);
        run(world, RESULTS_TICKS + 2);
        expect(world.phase).toBe(PHASE.waiting);
      },
    ),
    { numRuns: 8 },
  );
});

test("[ARENA12] the better has more kills, then fewer deaths; equals share; the id is base and number", () => {
  const { world, players } = aMatch({}, 4);
  const scores = [
    [3, 2],
    [5, 9],
    [3, 1],
    [3, 2],
  ] as const;
  for (const [slot, [kills, deaths]] of scores.entries()) Object.assign(players[slot] ?? {}, { kills, deaths });
  const ending = endingOf(world);
  expect(ending).toMatchObject({ matchId: "mat_test-1", mode: "ffa" });
  expect(ending.results.map((result) => [result.placement, result.slot])).toEqual([
    [1, 1],
    [2, 2],
    [3, 0],
    [3, 3],
  ]);
  run(world, RESULTS_TICKS + COUNTDOWN_TICKS + 1);
  expect([world.phase, world.matchNumber]).toEqual([PHASE.playing, 2]);
});

test("[ARENA12] experience is 10 per kill, 8 per minute, and a prize for the first three", () => {
  const { world, players } = aMatch({}, 4);
  for (const [slot, player] of players.entries()) player.kills = 8 - slot;
  expect(endingOf(world).results.map((result) => result.xp)).toEqual([
    80 + 40 + 50,
    70 + 40 + 25,
    60 + 40 + 10,
    50 + 40,
  ]);
});

test("[ARENA12] presence is paid by the minute", () => {
  const { world } = aMatch();
  run(world, LIMITS.ffa.ticks / 2);
  aPerson(world, 2).kills = 1;
  expect(endingOf(world).results.find((result) => result.slot === 2)).toMatchObject({ placement: 1, xp: 10 + 20 + 50 });
});

test("[ARENA12] a match against bots only pays half, and bots nothing", () => {
  const world = aWorld();
  aPerson(world, 0);
  aBot(world, 1);
  run(world, 1000, { until: () => world.phase === PHASE.playing });
  run(world, PLACES_MATCH_TICKS_MIN);
  const [person, bot] = seated(world);
  if (person !== undefined) person.kills = LIMITS.ffa.score;
  if (bot !== undefined) bot.kills = LIMITS.ffa.score - 1;
  expect(endingOf(world).results.map((result) => result.xp)).toEqual([Math.ceil((250 + 4 + 50) / 2) + 1, 0]);
});

test("[ARENA12] who leaves is listed last and paid no place, and neither is anyone in a match under 30 s", () => {
  const { world, players } = aMatch({}, 3);
  for (const player of players) player.kills = 5;
  run(world, PLACES_MATCH_TICKS_MIN - 2);
  removePlayer(world, 1);
  run(world, 10);
  removePlayer(world, 2);
  const paid = endings(run(world, 1))[0]?.results ?? [];
  expect(paid.map((result) => [result.slot, result.left, result.placement, result.xp])).toEqual([
    [0, false, 1, 50 + 5 + 50],
    [1, true, 2, 50 + 4],
    [2, true, 2, 50 + 5],
  ]);
  expect(world.leavers).toEqual([]);

  const short = aMatch({ mode: "duel" });
  run(short.world, PLACES_MATCH_TICKS_MIN - 10);
  removePlayer(short.world, 1);
  expect(endings(run(short.world, 1))[0]?.results.map((result) => result.xp)).toEqual([4, 4]);
});

test("[ARENA12] a match of bots only ends once, with results that add up", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 2, max: 12 }), (seed, count) => {
      const world = aWorld({ seed });
      for (let slot = 0; slot < count; slot++) aBot(world, slot);
      const ending = endingOf(world);
      expect(ending.results.length).toBe(count);
      const sum = (field: "kills" | "deaths") => ending.results.reduce((total, result) => total + result[field], 0);
      expect(sum("kills")).toBe(sum("deaths"));
      expect(ending.results.every((result) => result.xp === 0)).toBe(true);
      expect(ending.results[0]?.placement).toBe(1);
      expect(endings(run(world, RESULTS_TICKS))).toEqual([]);
    }),
    { numRuns: 3 },
  );
});
