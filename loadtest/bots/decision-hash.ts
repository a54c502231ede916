import { createHash } from "node:crypto";
import { createSeededRandom } from "../random.ts";
import type { BotPlan } from "./bot.ts";
import { DECISIONS } from "./full-seat.ts";
import { rehearsal } from "./light-inputs.ts";
import { type BotView, moodOf } from "./room-bot.ts";
import { type AnyState, roomBotOf } from "./rooms.ts";
import { errandsOf } from "./shopper.ts";

/** What a bot saw at one moment, but for its mood. */
export type RecordedView = Omit<BotView<AnyState, object>, "mood">;

/**
 * A fingerprint of what this bot does by its plan alone: its inputs while it sees nothing and a shopper's errands; and, given
 * views, what it decides on them. The same plan and views give the same one.
 */
export function decisionHash(plan: BotPlan, views: readonly RecordedView[] = []): string {
  const room = roomBotOf(plan.room);
  const mood = moodOf(plan.persona);
  const random = createSeededRandom(plan.seed, DECISIONS);
  const memory = room.remember(random);
  const decided = views.map((view) => (mood === "idle" ? room.still : room.decide({ ...view, mood }, memory, random)));
  const errands = plan.persona === "shopper" ? errandsOf(plan) : [];
  const parts = [rehearsal(plan), errands, random.uint32(), decided];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}
