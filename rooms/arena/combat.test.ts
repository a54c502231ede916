import fc from "fast-check";
import { expect, test } from "vitest";
import type { ArenaEvent } from "../../schema/state/arena.ts";
import { distanceToWall } from "./geometry.ts";
import {
  BOOST_FACTOR,
  BOOST_RETURN_TICKS,
  BOOST_TICKS,
  BUTTON,
  FIRE_COOLDOWN_INPUTS,
  FULL_TURN,
  HEALTH_MAX,
  HIT_RADIUS,
  KILL_HEAL,
  NO_SLOT,
  PACK_HEALTH,
  PACK_RETURN_TICKS,
  PHASE,
  RESPAWN_TICKS,
  REWIND_TICKS_MAX,
  SHIELD_TICKS,
  SHOT_DAMAGE,
  SHOT_RANGE,
} from "./rules.ts";
import { step } from "./simulation.ts";
import { aBot, aMatch, anInput, aWorld, createPast, inputsOf, noPast, place, run } from "./test-world.ts";
import type { Past, Player, PlayerInput, World } from "./world.ts";

const RIGHT = 0;
const LEFT = FULL_TURN / 2;

/** One step in which the given players fire. */
function fire(world: World, shots: Readonly<Record<number, Partial<PlayerInput>>>, past: Past = noPast): ArenaEvent[] {
  const inputs = Object.entries(shots).map(([slot, changes]) => [
    slot,
    [anInput({ buttons: BUTTON.fire, ...changes })],
  ]);
  step(world, inputsOf(Object.fromEntries(inputs)), past);
  return world.events;
}

/** Two players face to face, six units apart, in the open space above the plaza's middle row. */
function aFaceOff(people = 2): { world: World; a: Player; b: Player; players: Player[] } {
  const { world, players } = aMatch({}, people);
  for (const [slot, player] of players.entries()) place(player, -20 + slot * 4, 21.5);
  const [a, b] = players;
  if (a === undefined || b === undefined) throw new Error("two players are needed");
  return { world, a: place(a, -3, 0.5), b: place(b, 3, 0.5), players };
}

const only = <T extends ArenaEvent["type"]>(events: readonly ArenaEvent[], type: T) =>
  events.filter((event): event is Extract<ArenaEvent, { type: T }> => event.type === type);

test("[ARENA6] a shot hits the first player on its line, and only that one", () => {
  const { world, a, b, players } = aFaceOff(3);
  const behind = players[2];
  if (behind === undefined) throw new Error("three players are needed");
  place(behind, 5, 0.5);
  const events = fire(world, { 0: { aim: RIGHT } });
  expect(only(events, "shot")).toMatchObject([{ slot: 0, x: a.x, y: a.y, hit: 1 }]);
  expect(only(events, "shot")[0]?.toX).toBeCloseTo(b.x - HIT_RADIUS, 2);
  expect([a.health, b.health, behind.health]).toEqual([HEALTH_MAX, HEALTH_MAX - SHOT_DAMAGE, HEALTH_MAX]);
  expect([a.shotsFired, a.shotsHit]).toEqual([1, 1]);
});

test("[ARENA6] a wall stops a shot, and nothing is hit beyond its range", () => {
  const { world, a, b } = aFaceOff();
  place(b, 10, 4);
  place(a, 4, 4); // the plaza's bracket is between them
  expect(only(fire(world, { 0: { aim: RIGHT } }), "shot")).toMatchObject([{ hit: NO_SLOT }]);
  expect(b.health).toBe(HEALTH_MAX);
  place(a, -28, 8.2);
  place(b, 28, 8.2);
  run(world, FIRE_COOLDOWN_INPUTS, { inputs: inputsOf({ 0: [anInput()] }) });
  const [shot] = only(fire(world, { 0: { aim: RIGHT } }), "shot");
  expect(shot?.hit).toBe(NO_SLOT);
  expect((shot?.toX ?? 0) - (shot?.x ?? 0)).toBeCloseTo(SHOT_RANGE, 1);
});

test("[ARENA6] wherever one aims, a shot ends at a wall, a player or its range, and never hits its shooter", () => {
  const { world, a, b } = aFaceOff();
  fc.assert(
    fc.property(fc.nat(FULL_TURN - 1), fc.double({ min: -6, max: 6, noNaN: true }), (aim, x) => {
      place(a, -3, 0.5).fireCooldown = 0;
      place(b, x, -3.5).health = HEALTH_MAX;
      const [shot] = only(fire(world, { 0: { aim } }), "shot");
      if (shot === undefined) return expect.fail("no shot");
      const length = Math.hypot(shot.toX - shot.x, shot.toY - shot.y);
      expect(length).toBeLessThanOrEqual(SHOT_RANGE * 1.0001);
      expect(distanceToWall(shot.x, shot.y, shot.toX - shot.x, shot.toY - shot.y, 1)).toBeGreaterThan(0.999);
      expect([1, NO_SLOT]).toContain(shot.hit);
      if (shot.hit === 1) expect(Math.hypot(shot.toX - b.x, shot.toY - b.y)).toBeLessThan(HIT_RADIUS + 0.001);
      expect(a.health).toBe(HEALTH_MAX);
    }),
  );
});

test("[ARENA7] a shot hits where the shooter saw the target, not where it is by now", () => {
  for (const [viewed, hit] of [
    ["then", 1],
    ["now", NO_SLOT],
  ] as const) {
    const { world, b } = aFaceOff();
    const past = createPast();
    run(world, 10, { past, each: () => past.record(world) });
    const then = world.tick;
    place(b, 3, 4);
    run(world, 4, { past, each: () => past.record(world) });
    const viewTick = viewed === "then" ? then : world.tick;
    expect(only(fire(world, { 0: { aim: RIGHT, viewTick } }, past), "shot")).toMatchObject([{ hit }]);
    expect(b.health).toBe(viewed === "then" ? HEALTH_MAX - SHOT_DAMAGE : HEALTH_MAX);
  }
});

test("[ARENA7] nobody looks further back than the limit, whatever view tick is claimed", () => {
  for (const age of [REWIND_TICKS_MAX - 1, REWIND_TICKS_MAX + 1, 1_000_000, Number.POSITIVE_INFINITY]) {
    const { world, b } = aFaceOff();
    const past = createPast();
    run(world, 30, { past, each: () => past.record(world) });
    const seen = world.tick;
    place(b, 3, 4);
    run(world, REWIND_TICKS_MAX, { past, each: () => past.record(world), until: () => world.tick === seen + age - 1 });
    const [shot] = only(fire(world, { 0: { aim: RIGHT, viewTick: world.tick + 1 - age } }, past), "shot");
    expect([age, shot?.hit]).toEqual([age, age <= REWIND_TICKS_MAX ? 1 : NO_SLOT]);
  }
});

test("[ARENA7] a life that began after the shooter's view is not hit; without a past the present counts", () => {
  const { world, b } = aFaceOff();
  const past = createPast();
  run(world, 10, { past, each: () => past.record(world) });
  const seen = world.tick - 4;
  b.spawnedAtTick = world.tick - 2;
  expect(only(fire(world, { 0: { aim: RIGHT, viewTick: seen } }, past), "shot")).toMatchObject([{ hit: NO_SLOT }]);
  b.spawnedAtTick = 0;
  run(world, FIRE_COOLDOWN_INPUTS, { inputs: inputsOf({ 0: [anInput()] }) });
  expect(only(fire(world, { 0: { aim: RIGHT, viewTick: seen } }, noPast), "shot")).toMatchObject([{ hit: 1 }]);
  run(world, FIRE_COOLDOWN_INPUTS, { inputs: inputsOf({ 0: [anInput()] }) });
  expect(only(fire(world, { 0: { aim: RIGHT, viewTick: Number.NaN } }, past), "shot")).toMatchObject([{ hit: 1 }]);
});

test("[ARENA8] five hits kill; the dead come back after two seconds, whole, shielded and away from the enemy", () => {
  const { world, a, b } = aFaceOff();
  a.health = 50;
  const hold = inputsOf({ 0: [anInput({ aim: RIGHT, buttons: BUTTON.fire })] });
  const events = run(world, FIRE_COOLDOWN_INPUTS * 5, { inputs: hold, until: () => !b.alive });
  expect(only(events, "hit").map((event) => event.damage)).toEqual([20, 20, 20, 20, 20]);
  expect(only(events, "kill")).toEqual([{ type: "kill", slot: 1, by: 0, streak: 1 }]);
  expect([a.kills, a.deaths, b.kills, b.deaths]).toEqual([1, 0, 0, 1]);
  expect(a.health).toBe(50 + KILL_HEAL);
  run(world, RESPAWN_TICKS - 1);
  expect(b.alive).toBe(false);
  const spawns = only(run(world, 1), "spawn");
  expect(spawns).toMatchObject([{ slot: 1, x: b.x, y: b.y }]);
  expect([b.alive, b.health, b.shieldUntilTick]).toEqual([true, HEALTH_MAX, world.tick + SHIELD_TICKS]);
  expect(Math.hypot(b.x - a.x, b.y - a.y)).toBeGreaterThan(16);
});

test("[ARENA8] a shield lets no harm through, and its wearer's own shot ends it", () => {
  const { world, a, b } = aFaceOff();
  b.shieldUntilTick = world.tick + 1000;
  const events = fire(world, { 0: { aim: RIGHT } });
  expect(only(events, "hit")).toEqual([{ type: "hit", slot: 1, by: 0, damage: 0 }]);
  expect(b.health).toBe(HEALTH_MAX);
  fire(world, { 1: { aim: FULL_TURN / 4 } });
  run(world, FIRE_COOLDOWN_INPUTS, { inputs: inputsOf({ 0: [anInput()] }) });
  a.fireCooldown = 0;
  fire(world, { 0: { aim: RIGHT } });
  expect(b.health).toBe(HEALTH_MAX - SHOT_DAMAGE);
});

test("[ARENA8] nobody is hurt while no match is on", () => {
  const { world, b } = aFaceOff();
  world.phase = PHASE.waiting;
  expect(only(fire(world, { 0: { aim: RIGHT } }), "hit")).toEqual([{ type: "hit", slot: 1, by: 0, damage: 0 }]);
  expect(b.health).toBe(HEALTH_MAX);
});

test("[ARENA9] two players can kill each other in one step, and each keeps the kill", () => {
  const { world, a, b } = aFaceOff();
  a.health = SHOT_DAMAGE;
  b.health = 7;
  const events = fire(world, { 0: { aim: RIGHT }, 1: { aim: LEFT } });
  expect(only(events, "kill").map((event) => [event.by, event.slot])).toEqual([
    [0, 1],
    [1, 0],
  ]);
  expect([a.kills, a.deaths, b.kills, b.deaths]).toEqual([1, 1, 1, 1]);
  expect([a.alive, b.alive, b.health]).toEqual([false, false, 0]);
});

test("[ARENA9] a victim that two shots finish in one step is one kill", () => {
  const { world, a, b, players } = aFaceOff(3);
  const third = players[2];
  if (third === undefined) throw new Error("three players are needed");
  place(third, 3, -2.5);
  b.health = SHOT_DAMAGE;
  fire(world, { 0: { aim: RIGHT }, 2: { aim: FULL_TURN / 4 } });
  expect([b.deaths, a.kills, third.kills]).toEqual([1, 1, 0]);
});

test("[ARENA9] in a match of bots every kill is one death, and every hit a shot", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const world = aWorld({ seed });
      const bots = Array.from({ length: 10 }, (_, slot) => aBot(world, slot));
      const sum = (field: "kills" | "deaths" | "shotsHit" | "shotsFired") =>
        bots.reduce((total, bot) => total + bot[field], 0);
      const events = run(world, 1500, {
        each: () => {
          if (sum("kills") !== sum("deaths")) expect.fail(`${sum("kills")} kills, ${sum("deaths")} deaths`);
        },
      });
      expect(sum("kills")).toBe(only(events, "kill").length);
      expect(sum("shotsHit")).toBeLessThanOrEqual(sum("shotsFired"));
      expect(sum("kills")).toBeGreaterThan(0);
    }),
    { numRuns: 5 },
  );
});

test("[ARENA10] a pack heals the hurt only, up to the full, and comes back after its time", () => {
  const { world, a, b } = aFaceOff();
  const pack = world.pickups.get("1");
  if (pack === undefined) throw new Error("the first pack is missing");
  place(a, pack.x, pack.y);
  run(world, 1);
  expect(pack.availableAtTick).toBe(0);
  a.health = HEALTH_MAX - 10;
  expect(only(run(world, 1), "pickup")).toEqual([{ type: "pickup", slot: 0, pickup: 1, kind: 0 }]);
  expect(a.health).toBe(HEALTH_MAX);
  place(b, pack.x, pack.y).health = 20;
  run(world, PACK_RETURN_TICKS - 1);
  expect(b.health).toBe(20);
  run(world, 1);
  expect(b.health).toBe(20 + PACK_HEALTH);
});

test("[ARENA10] the boost doubles damage for its time, and ends with it", () => {
  const { world, a, b } = aFaceOff();
  const boost = world.pickups.get("0");
  place(a, 0, 0.5);
  run(world, 1);
  expect([a.boostUntilTick, boost?.availableAtTick]).toEqual([
    world.tick + BOOST_TICKS,
    world.tick + BOOST_RETURN_TICKS,
  ]);
  fire(world, { 0: { aim: RIGHT } });
  expect(b.health).toBe(HEALTH_MAX - SHOT_DAMAGE * BOOST_FACTOR);
  world.tick = a.boostUntilTick;
  a.fireCooldown = 0;
  fire(world, { 0: { aim: RIGHT } });
  expect(b.health).toBe(HEALTH_MAX - SHOT_DAMAGE * BOOST_FACTOR - SHOT_DAMAGE);
});
