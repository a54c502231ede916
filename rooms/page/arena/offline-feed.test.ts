import { describe, expect, test } from "vitest";
import { ACT } from "../../arena/movement.ts";
import { BUTTON, PHASE } from "../../arena/rules.ts";
import { listPlayers, type Place, playerAt } from "./feed.ts";
import { createOfflineFeed } from "./offline-feed.ts";

const idle = { aim: 0, take: () => ({ moveX: 0, moveY: 0, aim: 0, buttons: 0 }) };
const newPlace = (): Place => ({ x: 0, y: 0, vx: 0, vy: 0, aim: 0 });

/** Lets `seconds` pass, at 60 frames a second, and returns when the last frame was. */
function pass(feed: ReturnType<typeof createOfflineFeed>, fromMs: number, seconds: number): number {
  let nowMs = fromMs;
  for (let frame = 0; frame < seconds * 60; frame++) {
    nowMs += 1000 / 60;
    feed.advance(nowMs);
  }
  return nowMs;
}

describe("offline feed", () => {
  test("bots alone fight a match to its end, and everyone hears of it", () => {
    const feed = createOfflineFeed({ mode: "ffa", players: 6, seed: 7 });
    pass(feed, 0, 420);
    const heard = new Set(feed.takeEvents().map((event) => event.type));
    expect([...heard].sort()).toEqual(["dash", "hit", "kill", "matchEnded", "phase", "pickup", "shot", "spawn"]);
    expect(listPlayers(feed.world, []).every((player) => player.bot)).toBe(true);
  });

  test("a frame shows a player between its last two steps, and never gliding to a new life", () => {
    const feed = createOfflineFeed({
      mode: "duel",
      players: 2,
      seed: 7,
      hands: { ...idle, take: () => ({ ...idle.take(), moveX: 127 }) },
    });
    let nowMs = pass(feed, 0, 3.2);
    const [before, after] = [newPlace(), newPlace()];
    for (let frame = 0; frame < 600; frame++) {
      const self = playerAt(feed.world, feed.slot);
      if (self === undefined) continue;
      feed.place(self, before);
      const wasAlive = self.alive;
      nowMs += 1000 / 240;
      feed.advance(nowMs);
      feed.place(self, after);
      const moved = Math.hypot(after.x - before.x, after.y - before.y);
      if (wasAlive && self.alive) expect(moved).toBeLessThan(24 / 240 + 0.01);
    }
  });

  test("own shots are reported once each, and missed time is dropped instead of played at once", () => {
    const feed = createOfflineFeed({
      mode: "duel",
      players: 2,
      seed: 7,
      hands: { ...idle, take: () => ({ ...idle.take(), buttons: BUTTON.fire }) },
    });
    const nowMs = pass(feed, 0, 4);
    expect(feed.world.phase).toBe(PHASE.playing);
    expect(feed.takeActs() & ACT.shot).toBe(ACT.shot);
    expect(feed.takeActs()).toBe(0);
    const { tick } = feed.world;
    feed.advance(nowMs + 60_000);
    expect(feed.world.tick - tick).toBeLessThan(10);
  });
});
