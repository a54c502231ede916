import { wearables } from "../../../../schema/state/arena.ts";
import { SLOT_COUNT } from "../../../arena/rules.ts";
import { between } from "../chance.ts";
import { type Feed, playerAt } from "../feed.ts";
import type { Particles } from "./particles.ts";
import type { PlayerTokens } from "./player-tokens.ts";
import type { Textures } from "./textures.ts";
import { type Trail, trails } from "./trails.ts";

/** From one speck to the next, in units. */
const STEP = 0.2;
/** Further than anybody goes in a frame: whoever did was put there. */
const JUMP = 3;
/** Specks begin here behind the middle, so that they do not cover the body. */
const BEHIND = 0.35;

/** What players leave behind as they move, if they wear such a thing. A stretch is as full at 30 frames a second as at 144. */
export class WornTrails {
  readonly #textures: Textures;
  readonly #particles: Particles;
  /** Where each slot's last speck lies. */
  readonly #x = new Float64Array(SLOT_COUNT).fill(Number.NaN);
  readonly #y = new Float64Array(SLOT_COUNT).fill(Number.NaN);
  readonly #byCode = wearables.trail.map((item) => (item === null ? undefined : trails[item]));

  constructor(textures: Textures, particles: Particles) {
    this.#textures = textures;
    this.#particles = particles;
  }

  update(feed: Feed, players: PlayerTokens): void {
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const place = players.shown(slot);
      const trail = this.#byCode[playerAt(feed.world, slot)?.trail ?? 0];
      if (place === undefined || trail === undefined) this.#x[slot] = Number.NaN;
      else this.#follow(slot, place.x, place.y, trail);
    }
  }

  #follow(slot: number, toX: number, toY: number, trail: Trail): void {
    const fromX = this.#x[slot] ?? Number.NaN;
    const fromY = this.#y[slot] ?? Number.NaN;
    const way = Math.hypot(toX - fromX, toY - fromY);
    // Not a number where there was no speck before.
    if (!(way <= JUMP)) {
      this.#x[slot] = toX;
      this.#y[slot] = toY;
      return;
    }
    const angle = Math.atan2(toY - fromY, toX - fromX);
    const steps = Math.floor(way / STEP);
    for (let step = 1; step <= steps; step++) {
      const share = (step * STEP) / way;
      this.#leave(fromX + (toX - fromX) * share, fromY + (toY - fromY) * share, angle, trail);
    }
    if (steps === 0) return;
    const reached = (steps * STEP) / way;
    this.#x[slot] = fromX + (toX - fromX) * reached;
    this.#y[slot] = fromY + (toY - fromY) * reached;
  }

  #leave(x: number, y: number, angle: number, { head, tail }: Trail): void {
    const { glow, spark, shard } = this.#textures;
    const at = { x: x - Math.cos(angle) * BEHIND, y: y - Math.sin(angle) * BEHIND };
    this.#particles.add(glow, { ...at, tint: tail, life: 0.9, scale: 0.78, scaleTo: 0.2, alpha: 0.62 });
    this.#particles.add(spark, { ...at, tint: head, life: 0.42, scale: 1.9, scaleTo: 0.35, alpha: 0.85 });
    if (between(0, 1) > 0.45) return;
    const aside = between(-1, 1);
    this.#particles.add(shard, {
      x: at.x - Math.sin(angle) * aside * 0.4,
      y: at.y + Math.cos(angle) * aside * 0.4,
      tint: aside > 0 ? head : tail,
      rotation: angle,
      isStreak: true,
      life: between(0.5, 0.95),
      scale: between(0.35, 0.65),
      scaleTo: 0.1,
      vx: -Math.sin(angle) * aside * 0.9 - Math.cos(angle) * 1.2,
      vy: Math.cos(angle) * aside * 0.9 - Math.sin(angle) * 1.2,
      drag: 1.5,
      alpha: 0.9,
    });
  }
}
