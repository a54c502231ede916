import { BitmapText, Container } from "pixi.js";
import { between } from "../chance.ts";

interface Rising {
  readonly text: BitmapText;
  age: number;
  vx: number;
  size: number;
}

const SECONDS = 0.75;
const PIXELS = 48;
const UNITS = 0.85;

/** Damage that rises from whom the own player hit. */
export class RisingNumbers {
  readonly container = new Container({ interactiveChildren: false });
  readonly #live: Rising[] = [];
  readonly #free: Rising[] = [];

  add(amount: string, x: number, y: number, tint: number, size = 1): void {
    const rising = this.#free.pop() ?? this.#make();
    rising.age = 0;
    rising.vx = between(-1.4, 1.4);
    rising.size = size;
    rising.text.text = amount;
    rising.text.tint = tint;
    rising.text.position.set(x + rising.vx * 0.2, y - 0.9);
    rising.text.visible = true;
    this.#live.push(rising);
    place(rising, 0);
  }

  update(dt: number): void {
    let kept = 0;
    for (const rising of this.#live) {
      rising.age += dt;
      if (rising.age < SECONDS) {
        this.#live[kept++] = rising;
        place(rising, dt);
      } else {
        rising.text.visible = false;
        this.#free.push(rising);
      }
    }
    this.#live.length = kept;
  }

  #make(): Rising {
    const text = new BitmapText({
      text: "",
      style: { fontFamily: "ui-monospace, Menlo, Consolas, monospace", fontSize: PIXELS, fontWeight: "700" },
      anchor: 0.5,
    });
    this.container.addChild(text);
    return { text, age: 0, vx: 0, size: 1 };
  }
}

function place(rising: Rising, dt: number): void {
  const { text, age } = rising;
  const share = age / SECONDS;
  text.x += rising.vx * dt;
  text.y -= (1 - share) * 3.2 * dt;
  const pop = share < 0.12 ? 1.35 - share * 3 : 1;
  text.scale.set((rising.size * UNITS * pop) / PIXELS);
  text.alpha = share < 0.6 ? 1 : (1 - share) / 0.4;
}
