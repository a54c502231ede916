import { nearest, touchesWall } from "./geometry.ts";
import { walls } from "./map.ts";
import {
  ACCELERATION,
  BUTTON,
  DASH_COOLDOWN_INPUTS,
  DASH_INPUTS,
  DASH_SPEED,
  FIRE_COOLDOWN_INPUTS,
  FRICTION,
  PLAYER_RADIUS,
  RUN_SPEED,
  STEP_SECONDS,
  STICK_MAX,
  snap,
} from "./rules.ts";
import { cosine, sine } from "./trigonometry.ts";
import type { Body, MoveInput } from "./world.ts";

/** What an input did beside moving: bits of `movePlayer`'s answer. */
export const ACT = { shot: 1, dash: 2 } as const;

/** What `movePlayer` reads or writes: the fields that a browser's reconciler predicts. */
export const predictedFields = [
  "x",
  "y",
  "vx",
  "vy",
  "aim",
  "fireCooldown",
  "dashCooldown",
  "alive",
  "frozen",
] as const satisfies readonly (keyof Body)[];

/**
 * Applies one input to one player: 25 ms of turning, dashing, running, sliding along walls and cooling down. The server
 * and the browser's predictor call this same function, so it looks at nothing but the body and the walls. Players pass
 * through each other, because a body that depended on the others' could not be predicted. Cooldowns count inputs, not
 * time: whoever sends more inputs gets no more shots per input.
 *
 * @returns bits of ACT. A shot leaves from where the body then stands; the step finds out whom it hits.
 */
export function movePlayer(body: Body, input: MoveInput): number {
  if (!body.alive) return 0;
  body.aim = input.aim;
  if (body.frozen) return 0;
  if (body.fireCooldown > 0) body.fireCooldown -= 1;
  if (body.dashCooldown > 0) body.dashCooldown -= 1;

  const tilt = Math.sqrt(input.moveX * input.moveX + input.moveY * input.moveY);
  const reach = tilt > STICK_MAX ? tilt : STICK_MAX;
  let acts = 0;
  if ((input.buttons & BUTTON.dash) !== 0 && body.dashCooldown === 0) {
    body.dashCooldown = DASH_COOLDOWN_INPUTS;
    const headingX = tilt > 0 ? input.moveX / tilt : cosine(input.aim);
    const headingY = tilt > 0 ? input.moveY / tilt : sine(input.aim);
    move(body, headingX * DASH_SPEED, headingY * DASH_SPEED);
    acts = ACT.dash;
  } else if (isDashing(body)) {
    move(body, body.vx, body.vy);
  } else {
    accelerate(body, (input.moveX / reach) * RUN_SPEED, (input.moveY / reach) * RUN_SPEED);
  }

  // Nobody fires out of a dash: it is for getting away or getting close, not for both at once.
  if ((input.buttons & BUTTON.fire) !== 0 && body.fireCooldown === 0 && !isDashing(body)) {
    body.fireCooldown = FIRE_COOLDOWN_INPUTS;
    acts |= ACT.shot;
  }
  return acts;
}

/** The first inputs of the dash's cooldown are the dash. Nothing steers it but walls. */
export function isDashing(body: Pick<Body, "dashCooldown">): boolean {
  return body.dashCooldown > DASH_COOLDOWN_INPUTS - DASH_INPUTS;
}

/** Brings the velocity nearer to the wanted one, by acceleration, or by friction when the stick is let go. */
function accelerate(body: Body, wantedX: number, wantedY: number): void {
  const changeX = wantedX - body.vx;
  const changeY = wantedY - body.vy;
  const change = Math.sqrt(changeX * changeX + changeY * changeY);
  const strongest = (wantedX === 0 && wantedY === 0 ? FRICTION : ACCELERATION) * STEP_SECONDS;
  const share = change > strongest ? strongest / change : 1;
  move(body, body.vx + changeX * share, body.vy + changeY * share);
}

/** Snapping moves a body by at most 0.0007. Contact begins at twice that depth, so that a body at rest stays there. */
const CONTACT = PLAYER_RADIUS - 0.0015;
/** No body is ever deeper in a wall than this leaves. */
export const CLEARANCE = PLAYER_RADIUS - 0.002;
/** Two walls can hold a body in a corner, and the second may push it back into the first. */
const PUSHES = 3;

/**
 * Moves a circle for one step and pushes it out of the walls it met; the part of its velocity that went into a wall is
 * lost, so the rest slides along. Where even that leaves no room, the body stays where it was, which had room.
 */
function move(body: Body, vx: number, vy: number): void {
  let speedX = vx;
  let speedY = vy;
  let x = body.x + vx * STEP_SECONDS;
  let y = body.y + vy * STEP_SECONDS;
  for (let push = 0; push < PUSHES; push++) {
    let touched = false;
    for (const wall of walls) {
      const edgeX = nearest(x, wall.left, wall.right);
      const edgeY = nearest(y, wall.top, wall.bottom);
      const square = (x - edgeX) * (x - edgeX) + (y - edgeY) * (y - edgeY);
      if (square >= CONTACT * CONTACT || square === 0) continue;
      const depth = Math.sqrt(square);
      const outX = (x - edgeX) / depth;
      const outY = (y - edgeY) / depth;
      const into = speedX * outX + speedY * outY;
      if (into < 0) {
        speedX -= into * outX;
        speedY -= into * outY;
      }
      x = edgeX + outX * PLAYER_RADIUS;
      y = edgeY + outY * PLAYER_RADIUS;
      touched = true;
    }
    if (!touched) break;
  }
  x = snap(x);
  y = snap(y);
  const stuck = touchesWall(x, y, CLEARANCE);
  body.x = stuck ? body.x : x;
  body.y = stuck ? body.y : y;
  body.vx = stuck ? 0 : snap(speedX);
  body.vy = stuck ? 0 : snap(speedY);
}
