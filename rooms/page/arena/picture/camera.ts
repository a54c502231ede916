import { HALF_HEIGHT, HALF_WIDTH } from "../../../arena/rules.ts";

/**
 * What a screen shows, in square units. Every screen shows as much of the arena as any other, whatever its shape, so
 * that a wide one is no advantage: about 38 by 21 units on a common monitor.
 */
const VIEW_AREA = 38 * 21.4;
/** A screen may be this much longer than high, or the reverse, before its long side is cut. */
const ASPECT_MAX = 2.4;
/** How far beyond the outer walls a player may look. */
export const PLAY_MARGIN = 2.5;
/** A tall screen looks further up and down, because its ends lie under the clock and under the thumbs. */
const TALL = 24;
const TALL_MARGIN = 0.3;
const FOLLOW_SECONDS = 0.09;
const LEAD_SECONDS = 0.22;
const SHAKE_UNITS = 0.55;
const SHAKE_SECONDS = 0.5;

/** Looks at a place in the world, a little ahead of it in the direction of aim, and trembles when something is hit. */
export class Camera {
  /** The middle of the picture, in world units. */
  x = 0;
  y = 0;
  /** Pixels of the page per unit. */
  scale = 20;
  /** 1 is the plain view; larger is closer. */
  zoom = 1;
  /** How far beyond the outer walls the camera may look, in units. */
  margin = PLAY_MARGIN;
  #width = 1;
  #height = 1;
  #leadX = 0;
  #leadY = 0;
  #focusX = 0;
  #focusY = 0;
  #trauma = 0;
  #time = 0;

  resize(width: number, height: number): void {
    this.#width = Math.max(1, width);
    this.#height = Math.max(1, height);
  }

  /** Goes there at once: a new match, a new life far away. */
  jump(x: number, y: number): void {
    this.#focusX = x;
    this.#focusY = y;
    this.#leadX = 0;
    this.#leadY = 0;
  }

  /** Adds to the tremble; 1 is as strong as it gets. */
  shake(amount: number): void {
    this.#trauma = Math.min(1, this.#trauma + amount);
  }

  /** Follows a target. `slowness` stretches the time it takes: 1 for a player, more for a calm overview. */
  update(target: { x: number; y: number; leadX: number; leadY: number }, dt: number, slowness = 1): void {
    const follow = 1 - Math.exp(-dt / (FOLLOW_SECONDS * slowness));
    const lead = 1 - Math.exp(-dt / LEAD_SECONDS);
    this.#focusX += (target.x - this.#focusX) * follow;
    this.#focusY += (target.y - this.#focusY) * follow;
    this.#leadX += (target.leadX - this.#leadX) * lead;
    this.#leadY += (target.leadY - this.#leadY) * lead;
    this.scale = this.#plainScale() * this.zoom;
    this.#time += dt;
    this.#trauma = Math.max(0, this.#trauma - dt / SHAKE_SECONDS);
    const shake = this.#trauma * this.#trauma * SHAKE_UNITS;
    // Two waves of unrelated pitch on each axis: it looks random and stays smooth at any frame rate.
    const shakeX = shake * (Math.sin(this.#time * 71) + Math.sin(this.#time * 113.7)) * 0.5;
    const shakeY = shake * (Math.sin(this.#time * 83.3 + 1) + Math.sin(this.#time * 127.1)) * 0.5;
    const height = this.#height / this.scale;
    const marginY = this.margin + Math.max(0, height - TALL) * TALL_MARGIN;
    this.x = bounded(this.#focusX + this.#leadX, HALF_WIDTH + this.margin, this.#width / this.scale) + shakeX;
    this.y = bounded(this.#focusY + this.#leadY, HALF_HEIGHT + marginY, height) + shakeY;
  }

  screenX(x: number): number {
    return (x - this.x) * this.scale + this.#width / 2;
  }

  screenY(y: number): number {
    return (y - this.y) * this.scale + this.#height / 2;
  }

  worldX(screenX: number): number {
    return (screenX - this.#width / 2) / this.scale + this.x;
  }

  worldY(screenY: number): number {
    return (screenY - this.#height / 2) / this.scale + this.y;
  }

  #plainScale(): number {
    const longest = Math.max(this.#width, this.#height);
    const shortest = Math.min(this.#width, this.#height);
    const area = longest * Math.max(shortest, longest / ASPECT_MAX);
    return Math.sqrt(area / VIEW_AREA);
  }
}

/** Keeps a view of this length within the world's half-length; where it is longer than the world, in its middle. */
function bounded(middle: number, half: number, length: number): number {
  const reach = half - length / 2;
  return reach <= 0 ? 0 : Math.max(-reach, Math.min(reach, middle));
}
