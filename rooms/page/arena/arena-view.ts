import { ACT } from "../../arena/movement.ts";
import { FULL_TURN, PHASE } from "../../arena/rules.ts";
import { element, setClass } from "../dom.ts";
import type { View } from "../view.ts";
import type { Controls } from "./controls/controls.ts";
import { isBoosted, soundOf } from "./event-sounds.ts";
import { type Feed, playerAt } from "./feed.ts";
import { Hud } from "./hud/hud.ts";
import { PLAY_MARGIN } from "./picture/camera.ts";
import type { Picture } from "./picture/picture.ts";
import type { Scene } from "./picture/scene.ts";
import type { Sounds } from "./sounds.ts";

const RADIANS = (Math.PI * 2) / FULL_TURN;
/** How far the camera looks ahead when the pointer is at the edge of the screen, in units. */
const LEAD = 4.5;
/** Pointer to centre, as a share of half the screen, from which on the lead is full. */
const LEAD_FULL = 0.9;
const STICK_LEAD = 0.6;
const START_ZOOM = 0.2;

interface ArenaParts {
  readonly feed: Feed;
  readonly controls: Controls;
  readonly picture: Picture;
  readonly sounds: Sounds;
  readonly onLeave: () => void;
  /** Development only: what else lies over the match. */
  readonly extras?: readonly HTMLElement[];
}

/** The match: one frame after another, from hands to picture. */
export class ArenaView implements View {
  readonly element: HTMLElement;
  readonly feed: Feed;
  readonly scene: Scene;
  readonly #parts: ArenaParts;
  readonly #hud: Hud;
  readonly #ear = { x: 0, y: 0 };
  readonly #target = { x: 0, y: 0, leadX: 0, leadY: 0 };
  #wasAlive = false;
  #zoom = 0;

  constructor(parts: ArenaParts) {
    const { feed, picture, sounds, onLeave, extras = [] } = parts;
    this.#parts = parts;
    this.feed = feed;
    this.scene = picture.show(feed);
    picture.camera.margin = PLAY_MARGIN;
    this.#hud = new Hud({ feed, sounds, onLeave });
    this.element = element("div", { class: "arena" }, this.#hud.element, ...extras);
  }

  frame(nowMs: number, dt: number): void {
    const { feed, controls, picture, sounds } = this.#parts;
    const { camera } = picture;
    picture.fit();
    controls.poll(camera.screenX(this.#target.x), camera.screenY(this.#target.y));
    feed.advance(nowMs);
    this.scene.update(dt);
    this.#playActs();
    for (const event of feed.takeEvents()) {
      this.scene.play(event);
      soundOf(event, feed, this.#ear, sounds);
      this.#hud.play(event);
    }
    this.#moveCamera(dt);
    this.#hud.update(nowMs);
    setClass(this.element, "has-pointer", controls.pointer !== null && feed.world.phase !== PHASE.results);
    picture.draw(dt);
  }

  close(): void {
    this.#hud.close();
    this.#parts.controls.close();
    this.feed.leave();
  }

  /** What the own player does is seen and heard in the frame of the click, long before the server has answered. */
  #playActs(): void {
    const { feed, sounds } = this.#parts;
    const acts = feed.takeActs();
    if ((acts & ACT.shot) !== 0) {
      this.scene.shoot();
      sounds.play(isBoosted(feed, feed.slot) ? "boostedShot" : "shot", 0.8);
    }
    if ((acts & ACT.dash) !== 0) {
      this.scene.dash();
      sounds.play("dash", 0.9);
    }
  }

  #moveCamera(dt: number): void {
    const { feed, controls, picture } = this.#parts;
    const { camera } = picture;
    const place = this.scene.lastPlace(feed.slot);
    const isAlive = playerAt(feed.world, feed.slot)?.alive ?? false;
    if (place !== undefined) {
      this.#target.x = place.x;
      this.#target.y = place.y;
      if (isAlive && !this.#wasAlive) camera.jump(place.x, place.y);
    }
    this.#wasAlive = isAlive;
    this.#lead();
    // A countdown begins a little closer and opens up as it ends.
    const zoom = feed.world.phase === PHASE.countdown ? START_ZOOM : 0;
    this.#zoom += (zoom - this.#zoom) * (1 - Math.exp(-dt / 0.6));
    camera.zoom = 1 + this.#zoom;
    camera.update(this.#target, dt);
    this.#ear.x = this.#target.x;
    this.#ear.y = this.#target.y;
    const { pointer } = controls;
    if (pointer !== null) this.scene.pointAt(camera.worldX(pointer.x), camera.worldY(pointer.y));
    else this.scene.pointAhead(controls.aim * RADIANS);
  }

  #lead(): void {
    const { controls } = this.#parts;
    const { pointer } = controls;
    if (pointer === null) {
      this.#target.leadX = Math.cos(controls.aim * RADIANS) * LEAD * STICK_LEAD;
      this.#target.leadY = Math.sin(controls.aim * RADIANS) * LEAD * STICK_LEAD;
      return;
    }
    const x = (pointer.x / window.innerWidth) * 2 - 1;
    const y = (pointer.y / window.innerHeight) * 2 - 1;
    const length = Math.max(LEAD_FULL, Math.hypot(x, y));
    this.#target.leadX = (x / length) * LEAD;
    this.#target.leadY = (y / length) * LEAD * 0.7;
  }
}
