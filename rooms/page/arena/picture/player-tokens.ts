import { Container, Sprite, Text } from "pixi.js";
import { FULL_TURN, HEALTH_MAX, SHOT_DAMAGE, SLOT_COUNT } from "../../../arena/rules.ts";
import { type Feed, listPlayers, type Place, type SeenPlayer } from "../feed.ts";
import { PAINTED } from "./brush.ts";
import { colourOf, ink, signal } from "./palette.ts";
import type { SkinTextures, Textures } from "./textures.ts";

/** Health is shown as the hits it takes. */
const PIPS = HEALTH_MAX / SHOT_DAMAGE;
const NAME_PIXELS = 40;
const NAME_UNITS = 0.5;
const RADIANS = (Math.PI * 2) / FULL_TURN;
const AWAY_ALPHA = 0.4;

/** One player's picture. It outlives deaths, and goes when the seat is given up. */
interface Token {
  readonly body: Container;
  readonly light: Sprite;
  readonly hull: Sprite;
  readonly barrel: Sprite;
  readonly shield: Sprite;
  readonly aura: Sprite;
  /** Of the skin, between the hull and what lies over it. */
  readonly ornament: Sprite;
  readonly core: Sprite;
  readonly tag: Container;
  readonly name: Text;
  readonly pips: readonly Sprite[];
  readonly place: Place;
  tint: number;
  /** The skin that the sprites show now. */
  skin: SkinTextures | undefined;
  /** Seconds since the shot, for the recoil. */
  sinceShot: number;
  sinceHit: number;
}

/** All players: bodies, the light they cast, and the tags above their heads. */
export class PlayerTokens {
  readonly lights = new Container({ interactiveChildren: false, blendMode: "add" });
  readonly bodies = new Container({ interactiveChildren: false });
  readonly tags = new Container({ interactiveChildren: false });
  readonly #textures: Textures;
  readonly #tokens: (Token | undefined)[] = new Array(SLOT_COUNT).fill(undefined);
  readonly #seated: SeenPlayer[] = [];
  readonly #present = new Uint8Array(SLOT_COUNT);

  constructor(textures: Textures) {
    this.#textures = textures;
  }

  /** Where the picture shows the player in `slot`, or undefined when it shows none. */
  shown(slot: number): Readonly<Place> | undefined {
    const token = this.#tokens[slot];
    return token?.body.visible ? token.place : undefined;
  }

  /** Where the player in `slot` was shown last, alive or not. */
  lastPlace(slot: number): Readonly<Place> | undefined {
    return this.#tokens[slot]?.place;
  }

  /** The skin that is drawn on the player in `slot`, as an item; null for none. */
  skinOn(slot: number): string | null {
    return this.#tokens[slot]?.skin?.item ?? null;
  }

  recoil(slot: number): void {
    const token = this.#tokens[slot];
    if (token !== undefined) token.sinceShot = 0;
  }

  flinch(slot: number): void {
    const token = this.#tokens[slot];
    if (token !== undefined) token.sinceHit = 0;
  }

  update(feed: Feed, dt: number, time: number): void {
    this.#present.fill(0);
    const tick = feed.tickNow();
    for (const player of listPlayers(feed.world, this.#seated)) {
      this.#present[player.slot] = 1;
      const token = this.#tokens[player.slot] ?? this.#make(player.slot, feed.slot);
      token.body.visible = player.alive;
      token.light.visible = player.alive;
      token.tag.visible = player.alive;
      if (!player.alive) continue;
      feed.place(player, token.place);
      token.sinceShot += dt;
      token.sinceHit += dt;
      this.#dress(token, player.skin);
      drawBody(token, player, tick, time);
      drawTag(token, player, player.slot === feed.slot);
    }
    this.#tokens.forEach((token, slot) => {
      if (token !== undefined && this.#present[slot] === 0) this.#remove(token, slot);
    });
  }

  /** The skin is known a moment after its wearer has sat down. */
  #dress(token: Token, code: number): void {
    const worn = this.#textures.skins[code];
    if (token.skin === worn) return;
    token.skin = worn;
    token.core.visible = worn !== undefined;
    token.ornament.visible = worn !== undefined;
    if (worn === undefined) return;
    token.core.texture = worn.core;
    token.ornament.texture = worn.ornament;
  }

  #make(slot: number, ownSlot: number): Token {
    const tint = colourOf(slot, ownSlot);
    const { glow, hull, barrel, shield, ring, pip } = this.#textures;
    const sprite = (texture: typeof glow, anchorX = 0.5) => {
      const made = new Sprite({ texture, anchor: { x: anchorX, y: 0.5 }, tint });
      made.scale.set(1 / PAINTED);
      return made;
    };
    const parts = {
      light: sprite(glow),
      hull: sprite(hull),
      barrel: sprite(barrel, 0.04),
      shield: sprite(shield),
      aura: sprite(ring),
      ornament: sprite(hull),
      core: sprite(hull),
    };
    for (const worn of [parts.ornament, parts.core]) {
      worn.tint = ink.white;
      worn.visible = false;
    }
    parts.aura.tint = signal.boost;
    parts.aura.blendMode = "add";
    parts.shield.blendMode = "add";
    parts.light.alpha = slot === ownSlot ? 0.3 : 0.22;
    const body = new Container();
    body.addChild(parts.ornament, parts.barrel, parts.hull, parts.core, parts.shield, parts.aura);
    const name = new Text({
      text: "",
      style: { fontFamily: "system-ui, sans-serif", fontSize: NAME_PIXELS, fontWeight: "600", fill: ink.white },
      anchor: { x: 0.5, y: 1 },
      tint: pale(tint),
      scale: NAME_UNITS / NAME_PIXELS,
      position: { x: 0, y: -1.24 },
    });
    const tag = new Container();
    const pips = Array.from({ length: PIPS }, (_, index) => {
      const made = sprite(pip);
      made.position.set((index - (PIPS - 1) / 2) * 0.3, -1.1);
      return made;
    });
    tag.addChild(name, ...pips);
    this.lights.addChild(parts.light);
    this.bodies.addChild(body);
    this.tags.addChild(tag);
    const place = { x: 0, y: 0, vx: 0, vy: 0, aim: 0 };
    const token: Token = { ...parts, body, tag, name, pips, place, tint, skin: undefined, sinceShot: 9, sinceHit: 9 };
    this.#tokens[slot] = token;
    return token;
  }

  #remove(token: Token, slot: number): void {
    this.#tokens[slot] = undefined;
    token.body.destroy({ children: true });
    token.tag.destroy({ children: true });
    token.light.destroy();
  }
}

/** The colour, mostly white: readable as text and still recognisable. */
function pale(tint: number): number {
  const mix = (shift: number) => Math.round((((tint >> shift) & 0xff) + 255 * 2) / 3) << shift;
  return mix(16) | mix(8) | mix(0);
}

function drawBody(token: Token, player: SeenPlayer, tick: number, time: number): void {
  const { body, light, hull, barrel, shield, aura, place } = token;
  body.position.set(place.x, place.y);
  light.position.set(place.x, place.y);
  light.scale.set((3.1 + Math.sin(time * 2.3 + player.slot) * 0.12) / PAINTED);
  const angle = place.aim * RADIANS;
  const kick = token.sinceShot < 0.12 ? (1 - token.sinceShot / 0.12) * 0.26 : 0;
  barrel.rotation = angle;
  barrel.position.set(Math.cos(angle) * (0.2 - kick), Math.sin(angle) * (0.2 - kick));
  hull.rotation = angle;
  hull.tint = token.sinceHit < 0.09 ? ink.white : token.tint;
  hull.scale.set((1 + (token.sinceHit < 0.14 ? (0.14 - token.sinceHit) * 1.2 : 0)) / PAINTED);
  drawSkin(token, time);
  body.alpha = player.connected ? 1 : AWAY_ALPHA;
  shield.visible = player.shieldUntilTick > tick;
  if (shield.visible) {
    // The ring thins out with the time that is left of it, 1.5 s at most.
    const left = Math.min(1, (player.shieldUntilTick - tick) / 24);
    shield.rotation = time * 1.6;
    shield.alpha = left * (0.75 + Math.sin(time * 12) * 0.2);
    shield.scale.set((1.02 + Math.sin(time * 6) * 0.03) / PAINTED);
  }
  aura.visible = player.boostUntilTick > tick;
  if (aura.visible) {
    const beat = (time * 1.7) % 1;
    aura.scale.set((0.8 + beat * 0.55) / PAINTED);
    aura.alpha = 1 - beat;
  }
}

/** It beats slowly, as something alive, and goes white with the hull when it is hit. */
function drawSkin({ skin: worn, core, ornament, hull, sinceHit }: Token, time: number): void {
  if (worn === undefined) return;
  core.rotation = hull.rotation;
  core.alpha = sinceHit < 0.09 ? 0 : 1;
  core.scale = hull.scale;
  ornament.rotation = time * worn.skin.turns * Math.PI * 2;
  ornament.scale.set((1 + Math.sin(time * 3.1) * 0.03) / PAINTED);
}

function drawTag(token: Token, player: SeenPlayer, isOwn: boolean): void {
  const { tag, name, pips, place } = token;
  tag.position.set(place.x, place.y);
  const text = player.connected ? player.name : `${player.name} · away`;
  if (name.text !== text) name.text = text;
  name.visible = !isOwn;
  name.alpha = player.connected ? 0.85 : AWAY_ALPHA;
  const full = player.health / SHOT_DAMAGE;
  for (let index = 0; index < pips.length; index++) {
    const pip = pips[index];
    if (pip === undefined) continue;
    const share = Math.max(0, Math.min(1, full - index));
    pip.tint = share > 0 ? (player.health <= SHOT_DAMAGE * 2 ? signal.hurt : token.tint) : ink.mark;
    pip.alpha = share > 0 ? 0.35 + share * 0.65 : 0.25;
  }
}
