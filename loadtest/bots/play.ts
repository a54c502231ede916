import type { BotPlan, BotWorld, PlayBot } from "./bot.ts";
import { failureOf } from "./failure.ts";
import { playFull } from "./full-bot.ts";
import { playGriefer } from "./griefer.ts";
import { playLight } from "./light-bot.ts";
import { openLink } from "./link.ts";
import { createStay, type Stay } from "./stay.ts";

/** Plays one bot's part, whoever it is. When it returns, the bot has left and nothing of it is open. */
export const playBot: PlayBot = async (plan, world) => {
  const stay = createStay(plan, world);
  try {
    await playPart(plan, world, stay);
  } catch (thrown) {
    world.recorder.error(failureOf(thrown).code);
  } finally {
    stay.end();
  }
};

async function playPart(plan: BotPlan, world: BotWorld, stay: Stay): Promise<void> {
  if (!(await stay.until(plan.arriveMs))) return;
  const isFull = plan.depth === "full" && plan.persona !== "griefer";
  const link = await openLink(plan, world, isFull);
  const play = plan.persona === "griefer" ? playGriefer : isFull ? playFull : playLight;
  try {
    await play(plan, world, link, stay);
  } finally {
    await link.close();
  }
}
