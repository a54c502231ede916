import { Container, Sprite } from "pixi.js";
import type { ArenaEvent } from "../../../../schema/state/arena.ts";
import { distanceToCircle, distanceToWall } from "../../../arena/geometry.ts";
import { isDashing } from "../../../arena/movement.ts";
import { FULL_TURN, HIT_RADIUS, NO_SLOT, PHASE, SHOT_RANGE, SLOT_COUNT } from "../../../arena/rules.ts";
import { type Feed, type Place, playerAt } from "../feed.ts";
import { drawMap } from "./arena-map.ts";
import { PAINTED } from "./brush.ts";
import type { Camera } from "./camera.ts";
import { BARREL_END, Effects } from "./effects.ts";
import { HurtArcs } from "./hurt-arcs.ts";
import { colourOf, ink, signal } from "./palette.ts";
import { PickupTokens, pickupColour } from "./pickup-tokens.ts";
import { PlayerTokens } from "./player-tokens.ts";
import { RisingNumbers } from "./rising-numbers.ts";
import type { Textures } from "./textures.ts";
import { WornTrails } from "./worn-trails.ts";

const RADIANS = (Math.PI * 2) / FULL_TURN;
const GHOST_SECONDS = 0.022;
const HIT_MARK_SECONDS = 0.22;

type EventOf<Type extends ArenaEvent["type"]> = Extract<ArenaEvent, { type: Type }>;

/** One match as a picture: map, players, and what their deeds look like. */
export class Scene {
  /** A render group: the camera moves it as one, without touching what is inside. */
  readonly world = new Container({ interactiveChildren: false, isRenderGroup: true });
  readonly #feed: Feed;
  readonly #camera: Camera;
  readonly #effects: Effects;
  readonly #players: PlayerTokens;
  readonly #pickups: PickupTokens;
  readonly #trails: WornTrails;
  readonly #numbers = new RisingNumbers();
  readonly #hurt: HurtArcs;
  readonly #hitMark: Sprite;
  #hitMarkAge = HIT_MARK_SECONDS;
  #ghostIn = 0;
  #time = 0;

  constructor(feed: Feed, textures: Textures, camera: Camera) {
    this.#feed = feed;
    this.#camera = camera;
    this.#effects = new Effects(textures);
    this.#players = new PlayerTokens(textures);
    this.#pickups = new PickupTokens(textures);
    this.#trails = new WornTrails(textures, this.#effects.trails);
    this.#hurt = new HurtArcs(textures);
    this.#hitMark = new Sprite({ texture: textures.hitMark, anchor: 0.5, visible: false });
    const map = drawMap(textures);
    const { floor, light, trails, sparks, tracers } = this.#effects;
    this.world.addChild(map.ground, floor.container, this.#players.lights, light.container, map.walls);
    this.world.addChild(this.#pickups.lights, this.#pickups.bodies, trails.container, this.#players.bodies);
    this.world.addChild(tracers, sparks.container, this.#players.tags, this.#hurt.container);
    this.world.addChild(this.#numbers.container, this.#hitMark);
  }

  /** Where the picture shows the player in `slot`, or undefined when it shows none. */
  shown(slot: number): Readonly<Place> | undefined {
    return this.#players.shown(slot);
  }

  skinOn(slot: number): string | null {
    return this.#players.skinOn(slot);
  }

  lastPlace(slot: number): Readonly<Place> | undefined {
    return this.#players.lastPlace(slot);
  }

  update(dt: number): void {
    const feed = this.#feed;
    this.#time += dt;
    this.#players.update(feed, dt, this.#time);
    this.#pickups.update(feed.world, feed.tickNow(), this.#time);
    this.#trails.update(feed, this.#players);
    this.#leaveGhosts(dt);
    this.#effects.update(dt);
    this.#numbers.update(dt);
    const own = this.#players.lastPlace(feed.slot);
    this.#hurt.update(own?.x ?? 0, own?.y ?? 0, dt);
    this.#hitMarkAge += dt;
    this.#hitMark.visible = this.#hitMarkAge < HIT_MARK_SECONDS;
    this.#hitMark.alpha = 1 - this.#hitMarkAge / HIT_MARK_SECONDS;
  }

  /** The marks of a hit appear around the pointer, here as a place in the world. */
  pointAt(x: number, y: number): void {
    this.#hitMark.position.set(x, y);
  }

  /** Without a pointer they appear in front of the barrel, an angle in radians. */
  pointAhead(angle: number): void {
    const own = this.#players.lastPlace(this.#feed.slot);
    if (own !== undefined) this.pointAt(own.x + Math.cos(angle) * 4, own.y + Math.sin(angle) * 4);
  }

  /** The own dash, in the frame in which it began. */
  dash(): void {
    this.#dashOf(this.#feed.slot);
  }

  /** The server has not heard of it yet, so the shot flies here first: to the wall, or to whoever the picture has in its way. */
  shoot(): void {
    const { slot } = this.#feed;
    const from = this.#players.shown(slot);
    if (from === undefined) return;
    const angle = from.aim * RADIANS;
    const dx = Math.cos(angle);
    const dy = Math.sin(angle);
    let reach = distanceToWall(from.x, from.y, dx, dy, SHOT_RANGE);
    let victim: number = NO_SLOT;
    for (let other = 0; other < SLOT_COUNT; other++) {
      const place = other === slot ? undefined : this.#players.shown(other);
      if (place === undefined) continue;
      const distance = distanceToCircle(from.x, from.y, dx, dy, place.x, place.y, HIT_RADIUS);
      if (distance >= reach) continue;
      reach = distance;
      victim = other;
    }
    this.#drawShot({
      slot,
      angle,
      from,
      toX: from.x + dx * reach,
      toY: from.y + dy * reach,
      isHit: victim !== NO_SLOT,
    });
    this.#camera.shake(0.14);
  }

  play(event: ArenaEvent): void {
    switch (event.type) {
      case "shot":
        if (event.slot !== this.#feed.slot) this.#othersShot(event);
        return;
      case "hit":
        this.#hit(event);
        return;
      case "kill":
        this.#kill(event);
        return;
      case "dash":
        if (event.slot !== this.#feed.slot) this.#dashOf(event.slot);
        return;
      case "spawn":
        if (this.#feed.world.phase !== PHASE.results) this.#effects.spawn(event.x, event.y, this.#tint(event.slot));
        return;
      case "pickup":
        this.#pickup(event);
        return;
    }
  }

  #tint(slot: number): number {
    return colourOf(slot, this.#feed.slot);
  }

  /** It leaves from where the picture has the shooter, and ends where the picture has the one it hit. */
  #othersShot({ slot, x, y, toX, toY, hit }: EventOf<"shot">): void {
    const from = this.#players.shown(slot) ?? { x, y };
    const victim = hit === NO_SLOT ? undefined : this.#players.shown(hit);
    const end = victim ?? { x: toX, y: toY };
    const angle = Math.atan2(end.y - from.y, end.x - from.x);
    const short = victim === undefined ? 0 : HIT_RADIUS;
    const edge = { toX: end.x - Math.cos(angle) * short, toY: end.y - Math.sin(angle) * short };
    this.#drawShot({ slot, angle, from, ...edge, isHit: hit !== NO_SLOT });
  }

  #drawShot(shot: {
    slot: number;
    angle: number;
    from: { x: number; y: number };
    toX: number;
    toY: number;
    isHit: boolean;
  }): void {
    const { slot, angle, from, toX, toY, isHit } = shot;
    const tint = this.#tint(slot);
    const isStrong = (playerAt(this.#feed.world, slot)?.boostUntilTick ?? 0) > this.#feed.tickNow();
    const x = from.x + Math.cos(angle) * BARREL_END;
    const y = from.y + Math.sin(angle) * BARREL_END;
    this.#players.recoil(slot);
    this.#effects.muzzle(from.x, from.y, angle, tint);
    // An enemy at arm's length is in front of the muzzle: then there is no line to draw.
    if ((toX - x) * Math.cos(angle) + (toY - y) * Math.sin(angle) > 0) {
      this.#effects.tracer({ x, y, toX, toY }, isStrong ? signal.boost : tint, isStrong);
    }
    if (!isHit) this.#effects.wallHit(toX, toY, angle, tint);
  }

  #hit({ slot, by, damage }: EventOf<"hit">): void {
    const victim = this.#players.shown(slot) ?? this.#players.lastPlace(slot);
    const shooter = this.#players.lastPlace(by);
    if (victim === undefined) return;
    const angle = shooter === undefined ? 0 : Math.atan2(victim.y - shooter.y, victim.x - shooter.x);
    if (damage === 0) this.#effects.shieldHit(victim.x, victim.y, this.#tint(slot));
    else this.#effects.bodyHit(victim.x, victim.y, angle, this.#tint(slot));
    this.#players.flinch(slot);
    if (by === this.#feed.slot) this.#confirm(victim, damage);
    if (slot !== this.#feed.slot || damage === 0) return;
    this.#hurt.point(angle + Math.PI);
    this.#camera.shake(0.4);
  }

  #confirm(victim: Readonly<Place>, damage: number): void {
    this.#hitMarkAge = 0;
    this.#hitMark.scale.set(1.5 / PAINTED);
    this.#hitMark.tint = damage === 0 ? ink.edge : ink.white;
    const isStrong = damage > 20;
    this.#numbers.add(
      damage === 0 ? "0" : String(damage),
      victim.x,
      victim.y,
      isStrong ? signal.boost : ink.white,
      isStrong ? 1.3 : 1,
    );
  }

  #kill({ slot, by }: EventOf<"kill">): void {
    const place = this.#players.lastPlace(slot);
    if (place === undefined) return;
    this.#effects.death(place.x, place.y, this.#tint(slot));
    if (by === this.#feed.slot) {
      this.#hitMarkAge = 0;
      this.#hitMark.scale.set(2.4 / PAINTED);
      this.#hitMark.tint = signal.hurt;
      this.#camera.shake(0.3);
    }
    if (slot === this.#feed.slot) this.#camera.shake(0.85);
  }

  #dashOf(slot: number): void {
    const place = this.#players.shown(slot);
    if (place !== undefined) this.#effects.dash(place.x, place.y, Math.atan2(place.vy, place.vx), this.#tint(slot));
  }

  #pickup({ pickup, kind, slot }: EventOf<"pickup">): void {
    const lying = this.#feed.world.pickups.get(String(pickup));
    const place = lying ?? this.#players.shown(slot);
    if (place !== undefined) this.#effects.pickup(place.x, place.y, pickupColour(kind));
  }

  #leaveGhosts(dt: number): void {
    this.#ghostIn -= dt;
    if (this.#ghostIn > 0) return;
    this.#ghostIn = GHOST_SECONDS;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const place = this.#players.shown(slot);
      if (place === undefined || !this.#isDashing(slot)) continue;
      this.#effects.ghost(place.x, place.y, this.#tint(slot));
    }
  }

  #isDashing(slot: number): boolean {
    if (slot === this.#feed.slot) return isDashing({ dashCooldown: this.#feed.dashCooldown() });
    const player = playerAt(this.#feed.world, slot);
    return player !== undefined && isDashing(player);
  }
}
