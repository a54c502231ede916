import type { ContentSource } from "../../schema/content.ts";
import { currencies } from "./currencies.ts";
import { items, recipes } from "./items.ts";
import { levels } from "./levels.ts";
import { offers } from "./offers.ts";
import { leaderboards, rewards, stats } from "./rewards.ts";

/** The game's data, validated as a whole when the server starts. */
export const catalogue = {
  levels,
  currencies,
  items,
  recipes,
  offers,
  rewards,
  stats,
  leaderboards,
} satisfies ContentSource;
