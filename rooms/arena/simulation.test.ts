import { isDeepStrictEqual } from "node:util";
import { Decoder, Encoder } from "@colyseus/schema";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as wire from "../../schema/state/arena.ts";
import { touchesWall } from "./geometry.ts";
import { CLEARANCE, predictedFields } from "./movement.ts";
import { draw, drawBelow } from "./random.ts";
import { DASH_SPEED, HALF_HEIGHT, HALF_WIDTH, HEALTH_MAX, PHASE, snap } from "./rules.ts";
import { addPlayer, freeSlot, prepareWorld, removePlayer, seated, setConnected } from "./seats.ts";
import { step } from "./simulation.ts";
import { aBot, anInput, aWorld, copyOf, createPast, dataOf, inputsOf } from "./test-world.ts";
import type { Dice, PlayerInput, World } from "./world.ts";

/** What the world outside does before one step, drawn from dice: the same for every copy of the world. */
type Happening = (world: World) => void;

function drawHappening(dice: Dice, world: World): Happening {
  const people = seated(world).filter((player) => !player.bot);
  const someone = people[drawBelow(dice, Math.max(1, people.length))]?.slot ?? 0;
  const account = `acc_${drawBelow(dice, 6)}`;
  const slot = freeSlot(world);
  switch (drawBelow(dice, 120)) {
    case 0:
      return people.some((player) => player.accountId === account) || slot < 0
        ? () => {}
        : (target) => addPlayer(target, { slot, name: account, accountId: account, bot: false });
    case 1:
      return (target) => removePlayer(target, someone);
    case 2:
      return (target) => setConnected(target, someone, false);
    case 3:
    case 4:
      return (target) => setConnected(target, someone, true);
    default:
      return () => {};
  }
}

function drawInputs(dice: Dice, world: World): Record<number, PlayerInput[]> {
  const inputs: Record<number, PlayerInput[]> = {};
  for (const player of seated(world)) {
    inputs[player.slot] = Array.from({ length: drawBelow(dice, 3) }, () => ({
      moveX: drawBelow(dice, 255) - 127,
      moveY: drawBelow(dice, 255) - 127,
      aim: draw(dice) & 65_535,
      buttons: drawBelow(dice, 4),
      viewTick: world.tick - drawBelow(dice, 24) + 2,
    }));
  }
  return inputs;
}

test("[ARENA1] a Schema world and a plain copy stay equal in every field, whatever happens", () => {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(...wire.modes), fc.nat(16), (seed, mode, botFill) => {
      const dice = { seed };
      const settings = { mode, seed, matchBase: "mat_test", botFill };
      const state = new wire.ArenaWorld();
      prepareWorld(state, settings);
      let plain = aWorld(settings);
      const past = createPast();
      for (let count = 0; count < 500; count++) {
        const happening = drawHappening(dice, plain);
        const inputs = inputsOf(drawInputs(dice, plain));
        // A copy made in the middle of a match goes on alike, so nothing hides outside the world.
        if (count % 97 === 0) plain = copyOf(state);
        for (const world of [state, plain]) {
          happening(world);
          step(world, inputs, past);
        }
        past.record(plain);
        if (!isDeepStrictEqual(dataOf(state), dataOf(plain))) expect(dataOf(state)).toEqual(dataOf(plain));
        expectSoundness(plain);
      }
    }),
    { numRuns: 8 },
  );
});

function expectSoundness(world: World): void {
  expect(world.seed >>> 0).toBe(world.seed);
  for (const player of seated(world)) {
    const { health, alive, x, y, vx, vy } = player;
    const sound =
      Number.isInteger(health) &&
      health >= 0 &&
      health <= HEALTH_MAX &&
      alive === health > 0 &&
      Math.hypot(vx, vy) < DASH_SPEED + 0.01 &&
      !(alive && touchesWall(x, y, CLEARANCE));
    if (!sound) expect.fail(`unsound: ${JSON.stringify(player)}`);
  }
}

test("[ARENA1] the same seed and inputs give the same match again, and another seed another one", () => {
  const play = (seed: number) => {
    const world = aWorld({ seed });
    for (let slot = 0; slot < 8; slot++) aBot(world, slot);
    for (let count = 0; count < 2000; count++) step(world, inputsOf({}), { at: () => null });
    return dataOf(world);
  };
  expect(play(1)).toEqual(play(1));
  expect(play(1)).not.toEqual(play(2));
});

test("[ARENA1] what the simulation repeats of the schema is the same", () => {
  expect(HALF_WIDTH * 2).toBe(wire.WORLD_WIDTH);
  expect(HALF_HEIGHT * 2).toBe(wire.WORLD_HEIGHT);
  expect(PHASE).toEqual(wire.phases);
  expect(Object.keys(new wire.ArenaInput().toJSON())).toEqual(Object.keys(wire.inputRanges));
  expect(wire.SLOT_COUNT).toBeGreaterThanOrEqual(2 * wire.MAX_PLAYERS);
});

test("[ARENA2] the simulation snaps exactly as the wire does, and a snapped value stays", () => {
  const player = new wire.ArenaPlayer();
  const agrees = (value: number) => {
    player.x = value;
    if (!Object.is(player.x, snap(value)) || snap(snap(value)) !== snap(value))
      expect.fail(`${value} snaps differently`);
  };
  fc.assert(fc.property(fc.double({ min: -40, max: 40 }), agrees), { numRuns: 20_000 });
  for (let code = 0; code <= 65_534; code++) agrees(-32 + (code / 65_534) * 64);
  for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) agrees(odd);
  expect(snap(0)).toBe(0);
});

test("[ARENA2] what a client decodes is what the server computed, for every predicted field", () => {
  const state = new wire.ArenaWorld();
  prepareWorld(state, { mode: "ffa", seed: 21, matchBase: "mat_test", botFill: 0 });
  for (let slot = 0; slot < 6; slot++) aBot(state, slot);
  const encoder = new Encoder(state);
  const client = new wire.ArenaWorld();
  const decoder = new Decoder(client);
  for (let count = 0; count < 600; count++) {
    step(state, inputsOf({}), { at: () => null });
    if (count % wire.PATCH_EVERY !== 0) continue;
    decoder.decode(encoder.encode({ offset: 0 }));
    encoder.discardChanges();
    for (const player of seated(state)) {
      const decoded = client.players.get(String(player.slot));
      for (const field of predictedFields) expect([field, decoded?.[field]]).toEqual([field, player[field]]);
    }
  }
  // Nothing that a client must not know travels.
  expect([client.seed, client.players.get("0")?.spawnedAtTick]).toEqual([0, undefined]);
});

test("[ARENA4] a player who sends nothing in a step does not move, and one who is cut off coasts to a stop", () => {
  const world = aWorld();
  const player = addPlayer(world, { slot: 0, name: "A", accountId: "acc_a", bot: false });
  step(world, inputsOf({}), createPast());
  for (let count = 0; count < 20; count++) step(world, inputsOf({ 0: [anInput({ moveY: 127 })] }), createPast());
  const { x, y, vy } = player;
  step(world, inputsOf({}), createPast());
  expect([player.x, player.y, player.vy]).toEqual([x, y, vy]);
  setConnected(world, 0, false);
  for (let count = 0; count < 20; count++) step(world, inputsOf({ 0: [anInput({ moveY: 127 })] }), createPast());
  expect([player.vx, player.vy]).toEqual([0, 0]);
});
