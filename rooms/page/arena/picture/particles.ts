import { Container, Sprite, type Texture } from "pixi.js";
import { PAINTED } from "./brush.ts";

/** One moving speck. All numbers are in units and seconds. */
interface Particle {
  readonly sprite: Sprite;
  vx: number;
  vy: number;
  /** Share of the speed that is lost in a second. */
  drag: number;
  spin: number;
  age: number;
  life: number;
  alpha: number;
  scaleFrom: number;
  scaleTo: number;
  /** Keeps its height while its length follows the scale: sparks and beams. */
  isStreak: boolean;
}

export interface ParticleLook {
  readonly x: number;
  readonly y: number;
  readonly tint: number;
  /** Seconds until it is gone. */
  readonly life: number;
  /** 1 is the size it was painted in. */
  readonly scale: number;
  readonly scaleTo?: number;
  readonly alpha?: number;
  readonly vx?: number;
  readonly vy?: number;
  readonly drag?: number;
  readonly rotation?: number;
  readonly spin?: number;
  readonly isStreak?: boolean;
  /** Seconds to wait, unseen. */
  readonly delay?: number;
}

/** More than a fight of sixteen has at once; beyond it the oldest speck gives way. */
const PARTICLES_MAX = 900;

/** Specks that fly, grow and fade. Sprites are kept and used again: a fight makes no garbage. */
export class Particles {
  readonly container = new Container({ interactiveChildren: false });
  readonly #live: Particle[] = [];
  readonly #free: Particle[] = [];

  constructor({ isLight }: { isLight: boolean }) {
    if (isLight) this.container.blendMode = "add";
  }

  add(texture: Texture, look: ParticleLook): void {
    const particle = this.#free.pop() ?? this.#make();
    const { sprite } = particle;
    sprite.texture = texture;
    sprite.tint = look.tint;
    sprite.position.set(look.x, look.y);
    sprite.rotation = look.rotation ?? 0;
    particle.vx = look.vx ?? 0;
    particle.vy = look.vy ?? 0;
    particle.drag = look.drag ?? 0;
    particle.spin = look.spin ?? 0;
    particle.age = -(look.delay ?? 0);
    particle.life = look.life;
    particle.alpha = look.alpha ?? 1;
    particle.scaleFrom = look.scale;
    particle.scaleTo = look.scaleTo ?? look.scale;
    particle.isStreak = look.isStreak ?? false;
    sprite.visible = particle.age >= 0;
    show(particle, 0);
    this.#live.push(particle);
  }

  update(dt: number): void {
    const live = this.#live;
    let kept = 0;
    for (const particle of live) {
      particle.age += dt;
      if (particle.age >= particle.life) {
        particle.sprite.visible = false;
        this.#free.push(particle);
        continue;
      }
      live[kept++] = particle;
      if (particle.age < 0) continue;
      particle.sprite.visible = true;
      move(particle, dt);
      show(particle, particle.age / particle.life);
    }
    live.length = kept;
  }

  clear(): void {
    this.update(Number.POSITIVE_INFINITY);
  }

  #make(): Particle {
    const oldest = this.#live.length >= PARTICLES_MAX ? this.#live.shift() : undefined;
    if (oldest !== undefined) return oldest;
    const sprite = new Sprite();
    sprite.anchor.set(0.5);
    this.container.addChild(sprite);
    return {
      sprite,
      vx: 0,
      vy: 0,
      drag: 0,
      spin: 0,
      age: 0,
      life: 1,
      alpha: 1,
      scaleFrom: 1,
      scaleTo: 1,
      isStreak: false,
    };
  }
}

function move(particle: Particle, dt: number): void {
  const { sprite } = particle;
  const kept = Math.exp(-particle.drag * dt);
  particle.vx *= kept;
  particle.vy *= kept;
  sprite.x += particle.vx * dt;
  sprite.y += particle.vy * dt;
  sprite.rotation += particle.spin * dt;
}

function show(particle: Particle, share: number): void {
  const { sprite } = particle;
  // Fast at first, as everything that bursts is.
  const eased = 1 - (1 - share) * (1 - share);
  const scale = (particle.scaleFrom + (particle.scaleTo - particle.scaleFrom) * eased) / PAINTED;
  sprite.alpha = particle.alpha * (1 - share) ** 1.5;
  if (particle.isStreak) sprite.scale.set(scale, (particle.scaleFrom / PAINTED) * (1 - share * 0.6));
  else sprite.scale.set(scale);
}
