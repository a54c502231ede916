import { Container, Graphics, Sprite } from "pixi.js";
import { BOOST_RETURN_TICKS, PACK_RETURN_TICKS, PICKUP } from "../../../arena/rules.ts";
import type { SeenPickup, SeenWorld } from "../feed.ts";
import { PAINTED } from "./brush.ts";
import { signal } from "./palette.ts";
import type { Textures } from "./textures.ts";

interface Token {
  readonly body: Sprite;
  readonly light: Sprite;
  readonly socket: Container;
  /** Filling hand of the clock that says when it comes back. */
  readonly dial: Graphics;
  /** What the dial shows, in steps of a 48th, so that it is drawn only when it moves. */
  dialStep: number;
}

const DIAL_STEPS = 48;
/** The dial is drawn this much larger and scaled down, because Pixi cuts corners on circles of few units. */
const FINE = 48;
const DIAL_RADIUS = 0.62 * FINE;

export function pickupColour(kind: number): number {
  return kind === PICKUP.health ? signal.health : signal.boost;
}

/** What lies on the floor: pulsing while it is there, a filling dial while it is not. */
export class PickupTokens {
  readonly lights = new Container({ interactiveChildren: false, blendMode: "add" });
  readonly bodies = new Container({ interactiveChildren: false });
  readonly #textures: Textures;
  readonly #tokens: Token[] = [];

  constructor(textures: Textures) {
    this.#textures = textures;
  }

  update(world: SeenWorld, tick: number, time: number): void {
    for (let index = 0; index < world.pickups.size; index++) {
      const pickup = world.pickups.get(String(index));
      if (pickup === undefined) continue;
      const token = this.#tokens[index] ?? this.#make(pickup, index);
      draw(token, pickup, tick, time + index * 0.7);
    }
  }

  #make(pickup: SeenPickup, index: number): Token {
    const { glow, medkit, bolt } = this.#textures;
    const tint = pickupColour(pickup.kind);
    const light = new Sprite({ texture: glow, anchor: 0.5, tint });
    const body = new Sprite({ texture: pickup.kind === PICKUP.health ? medkit : bolt, anchor: 0.5, tint });
    const dial = new Graphics();
    const socket = new Container({ alpha: 0.55, scale: 1 / FINE });
    socket.addChild(
      new Graphics().circle(0, 0, DIAL_RADIUS).stroke({ width: 0.04 * FINE, color: tint, alpha: 0.35 }),
      dial,
    );
    for (const part of [light, body, socket]) part.position.set(pickup.x, pickup.y);
    this.lights.addChild(light);
    this.bodies.addChild(socket, body);
    const token = { light, body, socket, dial, dialStep: -1 };
    this.#tokens[index] = token;
    return token;
  }
}

function draw(token: Token, pickup: SeenPickup, tick: number, time: number): void {
  const isThere = tick >= pickup.availableAtTick;
  const { body, light, socket, dial } = token;
  body.visible = isThere;
  light.visible = isThere;
  socket.visible = !isThere;
  if (isThere) {
    const pulse = Math.sin(time * 3);
    body.scale.set((0.92 + pulse * 0.06) / PAINTED);
    if (pickup.kind === PICKUP.boost) body.rotation = Math.sin(time * 0.9) * 0.18;
    light.scale.set((1.9 + pulse * 0.25) / PAINTED);
    light.alpha = 0.34 + pulse * 0.08;
    return;
  }
  const total = pickup.kind === PICKUP.health ? PACK_RETURN_TICKS : BOOST_RETURN_TICKS;
  const share = 1 - Math.min(1, (pickup.availableAtTick - tick) / total);
  const step = Math.floor(share * DIAL_STEPS);
  if (step === token.dialStep) return;
  token.dialStep = step;
  dial.clear();
  if (step === 0) return;
  const start = -Math.PI / 2;
  const end = start + (step / DIAL_STEPS) * Math.PI * 2;
  dial.arc(0, 0, DIAL_RADIUS, start, end).stroke({ width: 0.09 * FINE, color: pickupColour(pickup.kind), alpha: 0.9 });
}
