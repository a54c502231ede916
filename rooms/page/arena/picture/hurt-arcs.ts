import { Container, Sprite } from "pixi.js";
import { PAINTED } from "./brush.ts";
import { signal } from "./palette.ts";
import type { Textures } from "./textures.ts";

const ARCS = 4;
const SECONDS = 1;

/** Arcs around the own player that point to where shots came from. */
export class HurtArcs {
  readonly container = new Container({ interactiveChildren: false });
  readonly #arcs: { sprite: Sprite; age: number }[];
  #next = 0;

  constructor({ arc }: Textures) {
    this.#arcs = Array.from({ length: ARCS }, () => {
      const sprite = new Sprite({ texture: arc, anchor: 0.5, tint: signal.hurt, visible: false });
      this.container.addChild(sprite);
      return { sprite, age: SECONDS };
    });
  }

  point(angle: number): void {
    const arc = this.#arcs[this.#next % ARCS];
    this.#next += 1;
    if (arc === undefined) return;
    arc.age = 0;
    arc.sprite.rotation = angle;
  }

  update(x: number, y: number, dt: number): void {
    for (const arc of this.#arcs) {
      arc.age += dt;
      const share = arc.age / SECONDS;
      arc.sprite.visible = share < 1;
      arc.sprite.position.set(x, y);
      arc.sprite.alpha = (1 - share) ** 1.5;
      arc.sprite.scale.set((1 + share * 0.12) / PAINTED);
    }
  }
}
