import type { Page } from "playwright-core";
import { isClear } from "../arena/geometry.ts";
import { waypoints } from "../arena/map.ts";
import { hopTowards, nearestWaypoint } from "../arena/navigation.ts";
import type { Point } from "../arena/world.ts";
import type { UmpireHook } from "./test-hook.ts";

/** How the page's tests see a match, and play it with mouse and keys. */

interface Tab {
  readonly page: Page;
}

/** Reads the page's own picture of the match; the function runs in the browser. */
export const read = <T>({ page }: Tab, ask: (hook: UmpireHook) => T): Promise<T> =>
  page.evaluate(`(${ask.toString()})(window.umpire)`) as Promise<T>;

interface Sight {
  self: Point | null;
  other: Point | null;
  onPage: (Point & { isVisible: boolean }) | null;
  kills: number;
  isOtherAlive: boolean;
}

export const look = (tab: Tab): Promise<Sight> =>
  read(tab, (hook) => {
    const other = hook.players.find((player) => player.slot !== hook.slot);
    return {
      self: hook.position(hook.slot),
      other: other === undefined ? null : hook.position(other.slot),
      onPage: other === undefined ? null : hook.screenOf(other.slot),
      kills: hook.score()?.kills ?? 0,
      isOtherAlive: other?.alive ?? false,
    };
  });

const KEYS = ["KeyA", "KeyD", "KeyW", "KeyS"] as const;

/** Holds exactly the keys that lead from here to there. */
async function walk({ page }: Tab, held: Set<string>, from: Point, to: Point | null): Promise<void> {
  const dx = to === null ? 0 : to.x - from.x;
  const dy = to === null ? 0 : to.y - from.y;
  const wanted = [dx < -0.5, dx > 0.5, dy < -0.5, dy > 0.5];
  for (const [index, key] of KEYS.entries()) {
    const isWanted = wanted[index] === true;
    if (isWanted === held.has(key)) continue;
    if (isWanted) await page.keyboard.down(key);
    else await page.keyboard.up(key);
    if (isWanted) held.add(key);
    else held.delete(key);
  }
}

/** Plays with mouse and keys as a person does: walks until the other is in sight, then aims and fires. */
export async function hunt(tab: Tab, kills: number): Promise<void> {
  const held = new Set<string>();
  let isFiring = false;
  const fire = async (isOn: boolean) => {
    if (isOn && !isFiring) await tab.page.mouse.down();
    if (!isOn && isFiring) await tab.page.mouse.up();
    isFiring = isOn;
  };
  for (let sight = await look(tab); sight.kills < kills; sight = await look(tab)) {
    const { self, other, onPage, isOtherAlive } = sight;
    if (self === null || other === null || onPage === null || !isOtherAlive) {
      await fire(false);
      continue;
    }
    await tab.page.mouse.move(onPage.x, onPage.y);
    // A mouse outside the page reaches nobody.
    const isInSight = onPage.isVisible && isClear(self.x, self.y, other.x, other.y, 0.3);
    const hop = waypoints[hopTowards(nearestWaypoint(self.x, self.y), nearestWaypoint(other.x, other.y))];
    await walk(tab, held, self, isInSight ? null : (hop ?? other));
    await fire(isInSight);
  }
  await fire(false);
  await walk(tab, held, { x: 0, y: 0 }, null);
}
