import { wearables } from "../../schema/state/arena.ts";
import { NO_SLOT, PHASE } from "../arena/rules.ts";
import { type Feed, listPlayers, playerAt } from "./arena/feed.ts";
import type { Camera } from "./arena/picture/camera.ts";
import type { Scene } from "./arena/picture/scene.ts";

/**
 * What the page shows, readable for a browser test as `window.umpire`. It is read-only and says no more than the picture
 * does: a test aims by moving the real mouse to where a player is drawn.
 */
export interface UmpireHook {
  readonly view: "lobby" | "arena";
  /** Name of the match's phase; null in the lobby. */
  readonly phase: keyof typeof PHASE | null;
  /** Own slot, -1 in the lobby. */
  readonly slot: number;
  /** The server's tick as this page has heard of it. */
  readonly tick: number;
  readonly isConnected: boolean;
  /** Everyone seated, own player included. */
  readonly players: readonly SeenByTests[];
  /** Kills and deaths of the player in `slot`, by default the own one. */
  score(slot?: number): { kills: number; deaths: number } | null;
  /** Where the player is drawn, in world units; null while it is not drawn. */
  position(slot: number): { x: number; y: number } | null;
  /** The same place on the page, in CSS pixels, for `page.mouse.move(x, y)`. */
  screenOf(slot: number): { x: number; y: number; isVisible: boolean } | null;
  /** null without a server: in the lobby and in practice. */
  readonly latency: { rttMs: number; jitterMs: number } | null;
  /** Units by which the newest patch corrected the own player. */
  readonly correctionUnits: number | null;
}

interface SeenByTests {
  readonly slot: number;
  readonly name: string;
  readonly bot: boolean;
  readonly alive: boolean;
  readonly health: number;
  /** The item that is drawn on it; null for none. */
  readonly skin: string | null;
  /** The item that it leaves behind as it moves; null for none. */
  readonly trail: string | null;
}

interface Shown {
  readonly feed: Feed;
  readonly scene: Scene;
  readonly camera: Camera;
}

declare global {
  interface Window {
    umpire?: UmpireHook;
  }
}

/** Points the hook at the match that is on; undefined for the lobby. */
export function showToTests(shown: Shown | undefined): void {
  window.umpire = shown === undefined ? lobbyHook : arenaHook(shown);
}

const lobbyHook: UmpireHook = {
  view: "lobby",
  phase: null,
  slot: -1,
  tick: 0,
  isConnected: false,
  players: [],
  score: () => null,
  position: () => null,
  screenOf: () => null,
  latency: null,
  correctionUnits: null,
};

function arenaHook({ feed, scene, camera }: Shown): UmpireHook {
  const phaseNames = Object.keys(PHASE) as (keyof typeof PHASE)[];
  return {
    view: "arena",
    get phase() {
      return phaseNames.find((name) => PHASE[name] === feed.world.phase) ?? null;
    },
    get slot() {
      return feed.slot === NO_SLOT ? -1 : feed.slot;
    },
    get tick() {
      return feed.world.tick;
    },
    get isConnected() {
      return feed.isConnected;
    },
    get players() {
      return listPlayers(feed.world, []).map(({ slot, name, bot, alive, health, trail }) => ({
        ...{ slot, name, bot, alive, health },
        skin: scene.skinOn(slot),
        trail: wearables.trail[trail] ?? null,
      }));
    },
    score(slot = feed.slot) {
      const player = playerAt(feed.world, slot);
      return player === undefined ? null : { kills: player.kills, deaths: player.deaths };
    },
    position(slot) {
      const place = scene.shown(slot);
      return place === undefined ? null : { x: place.x, y: place.y };
    },
    screenOf(slot) {
      const place = scene.shown(slot);
      if (place === undefined) return null;
      const x = camera.screenX(place.x);
      const y = camera.screenY(place.y);
      return { x, y, isVisible: x >= 0 && y >= 0 && x < window.innerWidth && y < window.innerHeight };
    },
    get latency() {
      const net = feed.net();
      return net === null ? null : { rttMs: net.rttMs, jitterMs: net.jitterMs };
    },
    get correctionUnits() {
      return feed.net()?.correctionUnits ?? null;
    },
  };
}
