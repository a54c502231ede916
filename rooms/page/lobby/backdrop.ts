import { type Feed, listPlayers, type SeenPlayer } from "../arena/feed.ts";
import type { Picture } from "../arena/picture/picture.ts";
import type { Scene } from "../arena/picture/scene.ts";

/** The camera takes its time, so that the eye stays with the words in front. */
const SLOWNESS = 8;
const STAY_MS = 4000;
const ZOOM = 0.92;
/** On a wide screen the words are on the left, so the fight is kept this far to the right of the middle, in units. */
const ASIDE = 9;
/** What lies beyond the walls on that account is behind the words, where it is dark anyway. */
const MARGIN = 16;
/** Seconds of fight that have happened before anybody looks. */
const WARM_UP_SECONDS = 9;
const STEP_MS = 25;

/** A fight among bots behind the lobby. The camera drifts to whoever is about to meet. */
export class Backdrop {
  readonly #picture: Picture;
  readonly #feed: Feed;
  readonly #scene: Scene;
  readonly #seated: SeenPlayer[] = [];
  readonly #target = { x: 0, y: 0, leadX: 0, leadY: 0 };
  #offsetMs: number | undefined;
  #clockMs = 0;
  #pair: readonly number[] = [];
  #chooseAtMs = 0;

  constructor(picture: Picture, feed: Feed) {
    this.#picture = picture;
    this.#feed = feed;
    for (; this.#clockMs < WARM_UP_SECONDS * 1000; this.#clockMs += STEP_MS) feed.advance(this.#clockMs);
    feed.takeEvents();
    this.#scene = picture.show(feed);
    picture.camera.margin = MARGIN;
    this.#findFight(this.#clockMs);
    picture.camera.jump(this.#target.x, this.#target.y);
  }

  frame(nowMs: number, dt: number): void {
    const { camera } = this.#picture;
    this.#picture.fit();
    this.#offsetMs ??= this.#clockMs - nowMs;
    this.#feed.advance(nowMs + this.#offsetMs);
    for (const event of this.#feed.takeEvents()) this.#scene.play(event);
    this.#scene.update(dt);
    this.#findFight(nowMs + this.#offsetMs);
    this.#target.leadX = window.innerWidth > window.innerHeight * 1.2 ? -ASIDE : 0;
    camera.zoom = ZOOM;
    camera.update(this.#target, dt, SLOWNESS);
    this.#picture.draw(dt);
  }

  /** Between the two who are nearest to each other: there will be shooting. It stays with them for a while. */
  #findFight(nowMs: number): void {
    const seated = listPlayers(this.#feed.world, this.#seated);
    const isOver = this.#pair.some((slot) => !seated.some((player) => player.slot === slot && player.alive));
    if (isOver || nowMs > this.#chooseAtMs) {
      this.#chooseAtMs = nowMs + STAY_MS;
      this.#pair = nearestPair(seated);
    }
    const places = seated.filter((player) => this.#pair.includes(player.slot));
    if (places.length === 0) return;
    this.#target.x = places.reduce((sum, { x }) => sum + x, 0) / places.length;
    this.#target.y = places.reduce((sum, { y }) => sum + y, 0) / places.length;
  }
}

/** The slots of the two living players with the least distance between them, where the middle of the arena counts as near. */
function nearestPair(players: readonly SeenPlayer[]): readonly number[] {
  let best: readonly number[] = [];
  let least = Number.POSITIVE_INFINITY;
  const living = players.filter((player) => player.alive);
  living.forEach((one, index) => {
    for (const other of living.slice(index + 1)) {
      const apart = Math.hypot(one.x - other.x, one.y - other.y);
      const outside = Math.hypot(one.x + other.x, one.y + other.y) / 4;
      if (apart + outside >= least) continue;
      least = apart + outside;
      best = [one.slot, other.slot];
    }
  });
  return best;
}
