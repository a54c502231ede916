import type { ArenaEvent } from "../../../schema/state/arena.ts";
import { PICKUP } from "../../arena/rules.ts";
import { type Feed, playerAt } from "./feed.ts";
import type { Sounds } from "./sounds.ts";

/** Beyond this many units nothing is heard. */
const EARSHOT = 30;
const SIDE_UNITS = 18;

interface Ear {
  readonly x: number;
  readonly y: number;
}

/** What an event of the match sounds like to somebody at `ear`. Own shots and dashes are heard when they are predicted. */
export function soundOf(event: ArenaEvent, feed: Feed, ear: Ear, sounds: Sounds): void {
  const { slot } = feed;
  const playAt = (name: Parameters<Sounds["play"]>[0], place: Ear | undefined, loudness = 1) => {
    if (place === undefined) return;
    const distance = Math.hypot(place.x - ear.x, place.y - ear.y);
    const nearness = Math.max(0, 1 - distance / EARSHOT);
    sounds.play(name, nearness * nearness * loudness, (place.x - ear.x) / SIDE_UNITS);
  };
  switch (event.type) {
    case "shot":
      if (event.slot !== slot) playAt(isBoosted(feed, event.slot) ? "boostedShot" : "shot", event, 0.7);
      return;
    case "hit":
      if (event.by === slot) sounds.play(event.damage === 0 ? "blocked" : "hit");
      else if (event.slot === slot && event.damage > 0) sounds.play("hurt");
      return;
    case "kill":
      if (event.slot === slot) sounds.play("death");
      else if (event.by === slot) sounds.play("kill");
      if (event.slot !== slot) playAt("burst", playerAt(feed.world, event.slot), 0.6);
      return;
    case "dash":
      if (event.slot !== slot) playAt("dash", event, 0.6);
      return;
    case "spawn":
      playAt("spawn", event, event.slot === slot ? 1 : 0.3);
      return;
    case "pickup":
      playAt(
        event.kind === PICKUP.health ? "health" : "boost",
        playerAt(feed.world, event.slot),
        event.slot === slot ? 1 : 0.5,
      );
  }
}

export function isBoosted(feed: Feed, slot: number): boolean {
  return (playerAt(feed.world, slot)?.boostUntilTick ?? 0) > feed.tickNow();
}
