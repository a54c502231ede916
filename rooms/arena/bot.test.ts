import fc from "fast-check";
import { expect, test } from "vitest";
import { ArenaWorld } from "../../schema/state/arena.ts";
import { createBotMemory, decide } from "./bot.ts";
import { touchesWall } from "./geometry.ts";
import { spawnPoints, waypoints } from "./map.ts";
import { hopTowards, NOWHERE } from "./navigation.ts";
import { draw, drawBelow } from "./random.ts";
import { FULL_TURN, NO_SLOT, PHASE, PLAYER_RADIUS, RUN_SPEED, STEP_SECONDS } from "./rules.ts";
import { prepareWorld, seated } from "./seats.ts";
import { step } from "./simulation.ts";
import { aBot, aPerson, aWorld, inputsOf, noPast, place, run } from "./test-world.ts";

test("[ARENA15] from every waypoint a bot finds to every other, and all are clear of walls", () => {
  for (const point of [...waypoints, ...spawnPoints]) expect(touchesWall(point.x, point.y, PLAYER_RADIUS)).toBe(false);
  for (const from of waypoints.keys()) {
    for (const goal of waypoints.keys()) {
      let at = from;
      for (let hops = 0; at !== goal && hops < waypoints.length; hops++) at = hopTowards(at, goal);
      if (at !== goal) expect.fail(`no way from ${from} to ${goal}`);
    }
  }
  expect(waypoints.length).toBeLessThan(NOWHERE);
});

test("[ARENA15] a bot's inputs are within what a client could send, from any view", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const dice = { seed };
      const world = aWorld({ seed });
      const bots = Array.from({ length: 6 }, (_, slot) => aBot(world, slot));
      for (let count = 0; count < 300; count++) {
        run(world, 1);
        for (const bot of bots) {
          const { moveX, moveY, aim, buttons } = decide(world, bot, bot, { seed: draw(dice) });
          const whole = [moveX, moveY, aim, buttons].every(Number.isInteger);
          const legal =
            Math.abs(moveX) <= 127 && Math.abs(moveY) <= 127 && aim >= 0 && aim < 65_536 && buttons >= 0 && buttons < 4;
          if (!whole || !legal) expect.fail(JSON.stringify({ moveX, moveY, aim, buttons }));
        }
      }
    }),
    { numRuns: 8 },
  );
});

test("[ARENA15] a bot keeps moving: nowhere in a match does one stand about for three seconds", () => {
  const world = aWorld({ seed: 3 });
  const bots = Array.from({ length: 8 }, (_, slot) => aBot(world, slot));
  run(world, 1000, { until: () => world.phase === PHASE.playing });
  const still = new Map<number, { x: number; y: number; ticks: number }>();
  run(world, 4000, {
    each: () => {
      for (const { slot, x, y, alive, frozen } of bots) {
        const from = still.get(slot);
        const near = from !== undefined && Math.hypot(from.x - x, from.y - y) < 1;
        still.set(slot, near && alive && !frozen ? { ...from, ticks: from.ticks + 1 } : { x, y, ticks: 0 });
        if ((still.get(slot)?.ticks ?? 0) > 120) expect.fail(`bot ${slot} stands at ${x}, ${y}`);
      }
    },
  });
});

test("[ARENA15] a bot needs a moment before it fires, and hits no more than a person would", () => {
  const world = aWorld({ seed: 11 });
  const person = aPerson(world, 0);
  const bot = aBot(world, 1);
  run(world, 1000, { until: () => world.phase === PHASE.playing });
  place(person, -4, 0);
  Object.assign(place(bot, 4, 0), { botTarget: NO_SLOT, botThinkAtTick: 0, botFireAtTick: 0, aim: FULL_TURN / 2 });
  const from = world.tick;
  run(world, 200, { until: () => bot.shotsFired > 0 });
  expect(world.tick - from).toBeGreaterThanOrEqual(10);
  expect(world.tick - from).toBeLessThan(60);

  // Against eight bots that sidestep, as people do, it hits between a quarter and a half of the time.
  const many = aWorld({ seed: 12 });
  const bots = Array.from({ length: 8 }, (_, slot) => aBot(many, slot));
  run(many, 4000);
  const sum = (field: "shotsHit" | "shotsFired") => bots.reduce((total, one) => total + one[field], 0);
  expect(sum("shotsHit") / sum("shotsFired")).toBeGreaterThan(0.25);
  expect(sum("shotsHit") / sum("shotsFired")).toBeLessThan(0.5);
});

test("[ARENA15] hurt, it goes for health", () => {
  const world = aWorld({ seed: 5 });
  aPerson(world, 0);
  const bot = aBot(world, 1);
  run(world, 1000, { until: () => world.phase === PHASE.playing });
  place(bot, 18, 21).health = 20;
  place(world.players.get("0") ?? bot, -29, -8);
  run(world, 400, { until: () => bot.health > 20 });
  expect(bot.health).toBe(60);
});

test("[ARENA15] the same bot plays from a client's state, which knows nothing that is not sent", () => {
  const state = new ArenaWorld();
  prepareWorld(state, { mode: "ffa", seed: 1, matchBase: "mat_test", botFill: 0 });
  aPerson(state, 0);
  aPerson(state, 1);
  const memories = [createBotMemory(), createBotMemory()];
  const dice = { seed: 99 };
  let travelled = 0;
  for (let count = 0; count < 1500; count++) {
    const seen = state.toJSON();
    const view = {
      tick: state.tick,
      players: { get: (key: string) => seen.players[key] },
      pickups: { get: (key: string) => seen.pickups[key] },
    };
    const inputs = memories.map((memory, slot) => {
      const self = view.players.get(String(slot));
      return self === undefined ? [] : [{ ...decide(view, self, memory, dice), viewTick: state.tick }];
    });
    step(state, inputsOf(inputs), noPast);
    travelled += seated(state).reduce((sum, { vx, vy }) => sum + Math.hypot(vx, vy) * STEP_SECONDS, 0);
  }
  expect(travelled).toBeGreaterThan((RUN_SPEED / 3) * 2 * 30);
  expect(seated(state).reduce((sum, player) => sum + player.shotsFired, 0)).toBeGreaterThan(0);
});

test("[ARENA15] dice are fair enough: every number below a bound comes up about as often", () => {
  const dice = { seed: 1 };
  const counts = new Array<number>(10).fill(0);
  for (let count = 0; count < 20_000; count++) {
    const drawn = drawBelow(dice, 10);
    counts[drawn] = (counts[drawn] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200);
});
