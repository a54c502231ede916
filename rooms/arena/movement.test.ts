import fc from "fast-check";
import { expect, test } from "vitest";
import { ArenaPlayer } from "../../schema/state/arena.ts";
import { touchesWall } from "./geometry.ts";
import { spawnPoints, walls } from "./map.ts";
import { ACT, CLEARANCE, isDashing, movePlayer, predictedFields } from "./movement.ts";
import {
  BUTTON,
  DASH_COOLDOWN_INPUTS,
  DASH_INPUTS,
  DASH_SPEED,
  FIRE_COOLDOWN_INPUTS,
  FRICTION,
  HALF_HEIGHT,
  HALF_WIDTH,
  PLAYER_RADIUS,
  RUN_SPEED,
  STEP_SECONDS,
} from "./rules.ts";
import { aWorld } from "./test-world.ts";
import type { Body, MoveInput } from "./world.ts";

/** The largest step that the wire's rounding adds to a speed. */
const ROUNDING = 0.002;

/** After a dash the speed is that of a run again at the latest when even a full turnabout would be done. */
const SLOWDOWN_INPUTS = Math.ceil((DASH_SPEED + RUN_SPEED) / (FRICTION * STEP_SECONDS));

const someInput = fc.record({
  moveX: fc.integer({ min: -128, max: 127 }),
  moveY: fc.integer({ min: -128, max: 127 }),
  aim: fc.nat(65_535),
  buttons: fc.nat(3),
});
/** Holds one input for a while, as people do; alternating at random would go nowhere. */
const someInputs = fc
  .array(fc.tuple(someInput, fc.integer({ min: 1, max: 40 })), { minLength: 1, maxLength: 25 })
  .map((held) => held.flatMap(([input, times]) => Array.from({ length: times }, () => input)));
const somewhere = fc.constantFrom(...spawnPoints);

function aBody(changes: Partial<Body> = {}): Body {
  return { ...aWorld().createPlayer(), x: 0, y: 0, alive: true, ...changes };
}

const still: MoveInput = { moveX: 0, moveY: 0, aim: 0, buttons: 0 };

test("[ARENA2] a browser that holds only the predicted fields computes what the server does", () => {
  fc.assert(
    fc.property(somewhere, someInputs, (point, inputs) => {
      const server = Object.assign(new ArenaPlayer(), { ...point, alive: true, health: 60, kills: 3 });
      const pick = () => Object.fromEntries(predictedFields.map((field) => [field, server[field]]));
      const browser = pick() as unknown as Body;
      for (const input of inputs) {
        expect(movePlayer(browser, input)).toBe(movePlayer(server, input));
        expect(browser).toEqual(pick());
      }
      expect([server.health, server.kills]).toEqual([60, 3]);
    }),
    { numRuns: 40 },
  );
});

test("[ARENA3] no sequence of inputs brings anybody into a wall or out of the arena", () => {
  fc.assert(
    fc.property(somewhere, someInputs, (point, inputs) => {
      const body = aBody(point);
      for (const input of inputs) {
        movePlayer(body, input);
        if (touchesWall(body.x, body.y, CLEARANCE)) expect.fail(`in a wall at ${body.x}, ${body.y}`);
        if (Math.abs(body.x) > HALF_WIDTH || Math.abs(body.y) > HALF_HEIGHT) expect.fail("out of the arena");
      }
    }),
    { numRuns: 300 },
  );
});

test("[ARENA3] a dash cannot jump over a wall, and every wall is thicker than a dash's step", () => {
  expect(DASH_SPEED * STEP_SECONDS).toBeLessThan(PLAYER_RADIUS);
  const thinnest = Math.min(...walls.map((wall) => Math.min(wall.right - wall.left, wall.bottom - wall.top)));
  expect(thinnest).toBeGreaterThan(DASH_SPEED * STEP_SECONDS);
});

test("[ARENA3] a body without room is held where it is, rather than let through", () => {
  const body = aBody({ x: 13, y: 0 }); // the middle of a block
  for (let count = 0; count < 60; count++) movePlayer(body, { ...still, moveX: 127, buttons: BUTTON.dash });
  expect([body.x, body.y, body.vx, body.vy]).toEqual([13, 0, 0, 0]);
});

test("[ARENA3] a wall takes the speed into it and leaves the speed along it", () => {
  // The top wall of the arena is at y = -23.
  const body = aBody({ x: 20, y: -22 });
  for (let count = 0; count < 40; count++) movePlayer(body, { ...still, moveX: 90, moveY: -90 });
  expect(body.y).toBeCloseTo(-23 + PLAYER_RADIUS, 2);
  expect(Math.abs(body.vy)).toBeLessThan(2.3);
  expect(body.vx).toBeGreaterThan(6);
  expect(body.x).toBeGreaterThan(24);
});

test("[ARENA4] nobody runs faster than RUN_SPEED, on a diagonal neither, nor dashes faster than DASH_SPEED", () => {
  fc.assert(
    fc.property(somewhere, someInputs, (point, inputs) => {
      const body = aBody(point);
      let sinceDash = Number.POSITIVE_INFINITY;
      for (const input of inputs) {
        const before = { x: body.x, y: body.y };
        sinceDash = (movePlayer(body, input) & ACT.dash) !== 0 ? 0 : sinceDash + 1;
        const limit = sinceDash < DASH_INPUTS + SLOWDOWN_INPUTS ? DASH_SPEED : RUN_SPEED;
        expect(Math.hypot(body.vx, body.vy)).toBeLessThan(limit + ROUNDING);
        // Being pushed around a corner adds up to a sixth to one step's way, to none of the speed.
        expect(Math.hypot(body.x - before.x, body.y - before.y)).toBeLessThan(DASH_SPEED * STEP_SECONDS * 1.17);
      }
    }),
    { numRuns: 150 },
  );
});

test("[ARENA4] full speed takes a tenth of a second, and letting go of the stick stops at exactly nothing", () => {
  const body = aBody({ y: -1 });
  for (let count = 0; count < 5; count++) movePlayer(body, { ...still, moveX: 127 });
  expect(body.vx).toBeCloseTo(RUN_SPEED, 2);
  for (let count = 0; count < 7; count++) movePlayer(body, still);
  expect([body.vx, body.vy]).toEqual([0, 0]);
  for (let count = 0; count < 5; count++) movePlayer(body, { ...still, moveX: 127, moveY: 127 });
  expect(Math.hypot(body.vx, body.vy)).toBeCloseTo(RUN_SPEED, 2);
});

test("[ARENA5] whatever is pressed, two shots or two dashes are a whole cooldown of own inputs apart", () => {
  fc.assert(
    fc.property(fc.array(someInput, { minLength: 1, maxLength: 400 }), (inputs) => {
      const body = aBody({ y: -1 });
      const last = { shot: -1000, dash: -1000 };
      inputs.forEach((input, count) => {
        const acts = movePlayer(body, input);
        if ((acts & ACT.shot) !== 0) {
          expect(count - last.shot).toBeGreaterThanOrEqual(FIRE_COOLDOWN_INPUTS);
          expect(count - last.dash).toBeGreaterThanOrEqual(DASH_INPUTS);
          expect(isDashing(body)).toBe(false);
          last.shot = count;
        }
        if ((acts & ACT.dash) !== 0) {
          expect(count - last.dash).toBeGreaterThanOrEqual(DASH_COOLDOWN_INPUTS);
          last.dash = count;
        }
      });
    }),
  );
});

test("[ARENA5] held buttons fire and dash exactly once per cooldown", () => {
  const count = (button: number, inputs: number, act: number) => {
    const body = aBody({ y: -1 });
    let acts = 0;
    for (let turn = 0; turn < inputs; turn++)
      acts += (movePlayer(body, { ...still, buttons: button }) & act) !== 0 ? 1 : 0;
    return acts;
  };
  expect(count(BUTTON.fire, FIRE_COOLDOWN_INPUTS * 10, ACT.shot)).toBe(10);
  expect(count(BUTTON.dash, DASH_COOLDOWN_INPUTS * 3, ACT.dash)).toBe(3);
});

test("[ARENA5] a dash goes where the stick points, or where the player aims", () => {
  const steered = aBody({ y: -1 });
  movePlayer(steered, { moveX: -127, moveY: 0, aim: 0, buttons: BUTTON.dash });
  expect([steered.vx, steered.vy]).toEqual([-DASH_SPEED, 0].map((speed) => expect.closeTo(speed, 2)));
  const aimed = aBody({ y: -1 });
  movePlayer(aimed, { ...still, aim: 16_384, buttons: BUTTON.dash });
  expect([aimed.vx, aimed.vy]).toEqual([0, DASH_SPEED].map((speed) => expect.closeTo(speed, 2)));
});

test("[ARENA5] the dead and the frozen neither move, fire nor dash", () => {
  const all: MoveInput = { moveX: 127, moveY: 0, aim: 9, buttons: BUTTON.fire | BUTTON.dash };
  const dead = aBody({ alive: false });
  const frozen = aBody({ frozen: true });
  expect([movePlayer(dead, all), movePlayer(frozen, all)]).toEqual([0, 0]);
  expect(dead).toEqual(aBody({ alive: false }));
  expect(frozen).toEqual(aBody({ frozen: true, aim: 9 }));
});
