import type { ContentSource } from "../../schema/content.ts";

/** Gold is earned by playing, gems are bought. Amounts are whole: there is no half a coin. */
export const currencies = {
  gold: { title: "Gold", max: 1_000_000 },
  gems: { title: "Gems" },
} satisfies ContentSource["currencies"];
