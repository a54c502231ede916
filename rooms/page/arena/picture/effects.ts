import { Container, Sprite } from "pixi.js";
import { between } from "../chance.ts";
import { PAINTED } from "./brush.ts";
import { ink } from "./palette.ts";
import { Particles } from "./particles.ts";
import type { Textures } from "./textures.ts";

interface Tracer {
  readonly sprite: Sprite;
  x: number;
  y: number;
  toX: number;
  toY: number;
  age: number;
  width: number;
}

const TRACER_SECONDS = 0.16;
/** The painted beam is this long. */
const BEAM_UNITS = 4;
/** From the middle of a body to the end of its barrel. */
export const BARREL_END = 1.1;
const FLASH_HALF = 0.9;

/** Everything that flashes, flies and fades. Each method is one thing that can happen; places are in world units. */
export class Effects {
  /** On the floor, under everybody. */
  readonly floor = new Particles({ isLight: false });
  /** Light that falls on the floor and not on walls. */
  readonly light = new Particles({ isLight: true });
  /** Behind the players: trails. */
  readonly trails = new Particles({ isLight: true });
  /** Over the players. */
  readonly sparks = new Particles({ isLight: true });
  readonly tracers = new Container({ interactiveChildren: false, blendMode: "add" });
  readonly #textures: Textures;
  readonly #live: Tracer[] = [];
  readonly #free: Tracer[] = [];

  constructor(textures: Textures) {
    this.#textures = textures;
  }

  update(dt: number): void {
    this.floor.update(dt);
    this.light.update(dt);
    this.trails.update(dt);
    this.sparks.update(dt);
    let kept = 0;
    for (const tracer of this.#live) {
      tracer.age += dt;
      if (tracer.age < TRACER_SECONDS) {
        this.#live[kept++] = tracer;
        drawTracer(tracer);
      } else {
        tracer.sprite.visible = false;
        this.#free.push(tracer);
      }
    }
    this.#live.length = kept;
  }

  clear(): void {
    this.update(Number.POSITIVE_INFINITY);
  }

  tracer(line: { x: number; y: number; toX: number; toY: number }, tint: number, isStrong: boolean): void {
    const tracer = this.#free.pop() ?? this.#makeTracer();
    Object.assign(tracer, line, { age: 0, width: isStrong ? 1.5 : 0.85 });
    tracer.sprite.tint = tint;
    tracer.sprite.visible = true;
    drawTracer(tracer);
    this.#live.push(tracer);
  }

  muzzle(x: number, y: number, angle: number, tint: number): void {
    const { flash, glow } = this.#textures;
    for (const [colour, life, scale] of [
      [tint, 0.09, 0.85],
      [ink.white, 0.06, 0.55],
    ] as const) {
      // The flame is painted around its middle, and begins where the barrel ends.
      const reach = BARREL_END + FLASH_HALF * scale;
      const ahead = { x: x + Math.cos(angle) * reach, y: y + Math.sin(angle) * reach };
      this.sparks.add(flash, { ...ahead, tint: colour, rotation: angle, life, scale });
    }
    this.light.add(glow, { x, y, tint, life: 0.12, scale: 2.6, alpha: 0.45 });
  }

  /** Sparks off a wall, back towards where the shot came from. */
  wallHit(x: number, y: number, angle: number, tint: number): void {
    this.#spray({ x, y, angle: angle + Math.PI, spread: 1.1, count: 7, speed: 9 }, tint);
    this.sparks.add(this.#textures.spark, { x, y, tint: ink.white, life: 0.14, scale: 1.6, scaleTo: 0.6 });
    this.sparks.add(this.#textures.glow, { x, y, tint, life: 0.22, scale: 0.5, scaleTo: 0.8, alpha: 0.7 });
  }

  bodyHit(x: number, y: number, angle: number, tint: number): void {
    this.#spray({ x, y, angle, spread: 0.9, count: 10, speed: 13 }, tint);
    this.#spray({ x, y, angle: angle + Math.PI, spread: 1.3, count: 5, speed: 7 }, ink.white);
    this.sparks.add(this.#textures.ring, { x, y, tint, life: 0.22, scale: 0.45, scaleTo: 0.95, alpha: 0.9 });
    this.sparks.add(this.#textures.glow, { x, y, tint, life: 0.18, scale: 1, scaleTo: 1.3, alpha: 0.65 });
  }

  shieldHit(x: number, y: number, tint: number): void {
    this.sparks.add(this.#textures.shield, { x, y, tint, life: 0.3, scale: 1, scaleTo: 1.35 });
  }

  death(x: number, y: number, tint: number): void {
    const { cross, glow, ring, shard, spark } = this.#textures;
    this.sparks.add(glow, { x, y, tint: ink.white, life: 0.16, scale: 1.8, alpha: 0.9 });
    this.sparks.add(glow, { x, y, tint, life: 0.55, scale: 1.6, scaleTo: 3.4, alpha: 0.7 });
    this.light.add(glow, { x, y, tint, life: 0.8, scale: 4.5, alpha: 0.5 });
    this.sparks.add(ring, { x, y, tint, life: 0.5, scale: 0.5, scaleTo: 3.2 });
    this.sparks.add(ring, { x, y, tint: ink.white, life: 0.32, scale: 0.3, scaleTo: 1.9 });
    for (let piece = 0; piece < 26; piece++) {
      const angle = between(0, Math.PI * 2);
      const speed = between(3, 17);
      const flight = { vx: Math.cos(angle) * speed, vy: Math.sin(angle) * speed, drag: 4.2 };
      const life = between(0.45, 1.05);
      const texture = piece % 3 === 0 ? spark : shard;
      const turn = { rotation: between(0, Math.PI), spin: between(-12, 12) };
      this.sparks.add(texture, {
        x,
        y,
        tint: piece % 5 === 0 ? ink.white : tint,
        life,
        scale: 1.1,
        scaleTo: 0.5,
        ...flight,
        ...turn,
      });
    }
    this.floor.add(cross, { x, y, tint, life: 7, scale: 1.15, alpha: 0.7, rotation: between(-0.3, 0.3) });
  }

  spawn(x: number, y: number, tint: number): void {
    const { glow, ring, spark } = this.#textures;
    for (let wave = 0; wave < 3; wave++) {
      this.sparks.add(ring, { x, y, tint, life: 0.45, scale: 2.6, scaleTo: 0.7, alpha: 0.8, delay: wave * 0.1 });
    }
    this.light.add(glow, { x, y, tint, life: 0.9, scale: 3, alpha: 0.5 });
    for (let speck = 0; speck < 14; speck++) {
      const angle = (speck / 14) * Math.PI * 2;
      const far = { x: x + Math.cos(angle) * 2.1, y: y + Math.sin(angle) * 2.1 };
      const flight = { vx: Math.cos(angle) * -5, vy: Math.sin(angle) * -5 };
      this.sparks.add(spark, { ...far, tint, life: 0.4, scale: 0.7, ...flight, delay: between(0, 0.15) });
    }
  }

  dash(x: number, y: number, angle: number, tint: number): void {
    this.#spray({ x, y, angle: angle + Math.PI, spread: 0.7, count: 9, speed: 8 }, tint);
    this.sparks.add(this.#textures.ring, { x, y, tint, life: 0.3, scale: 0.8, scaleTo: 1.7, alpha: 0.6 });
  }

  /** What a dashing body leaves behind, many times in a row. */
  ghost(x: number, y: number, tint: number): void {
    this.trails.add(this.#textures.hull, { x, y, tint, life: 0.28, scale: 1, scaleTo: 0.55, alpha: 0.5 });
    this.trails.add(this.#textures.glow, { x, y, tint, life: 0.3, scale: 1, scaleTo: 0.5, alpha: 0.3 });
  }

  pickup(x: number, y: number, tint: number): void {
    const { glow, ring } = this.#textures;
    this.sparks.add(ring, { x, y, tint, life: 0.4, scale: 0.6, scaleTo: 1.8 });
    this.sparks.add(glow, { x, y, tint, life: 0.35, scale: 1.2, scaleTo: 2, alpha: 0.7 });
    this.#spray({ x, y, angle: 0, spread: Math.PI, count: 12, speed: 6 }, tint);
  }

  #spray(
    cone: { x: number; y: number; angle: number; spread: number; count: number; speed: number },
    tint: number,
  ): void {
    for (let speck = 0; speck < cone.count; speck++) {
      const angle = cone.angle + between(-cone.spread, cone.spread);
      const speed = cone.speed * between(0.35, 1.2);
      this.sparks.add(this.#textures.shard, {
        x: cone.x,
        y: cone.y,
        tint,
        rotation: angle,
        isStreak: true,
        life: between(0.16, 0.42),
        scale: between(0.5, 1),
        scaleTo: 0.15,
        vx: Math.cos(angle) * speed,
        vy: Math.sin(angle) * speed,
        drag: 5,
      });
    }
  }

  #makeTracer(): Tracer {
    const sprite = new Sprite({ texture: this.#textures.beam, anchor: { x: 1, y: 0.5 } });
    this.tracers.addChild(sprite);
    return { sprite, x: 0, y: 0, toX: 0, toY: 0, age: 0, width: 1 };
  }
}

/** The whole line at once, since the shot is there at once; then its tail runs after its head. */
function drawTracer({ sprite, x, y, toX, toY, age, width }: Tracer): void {
  const share = age / TRACER_SECONDS;
  const length = Math.hypot(toX - x, toY - y) * (1 - share * share);
  sprite.position.set(toX, toY);
  sprite.rotation = Math.atan2(toY - y, toX - x);
  sprite.scale.set(length / (BEAM_UNITS * PAINTED), (width * (1 - share * 0.75)) / PAINTED);
  sprite.alpha = 1 - share * share;
}
