import type { ContentSource } from "../../schema/content.ts";

/** What a match of each room gives besides its XP, by placement; the last entry holds for everyone behind it. */
export const rewards = {
  arena: {
    byPlacement: [
      { currencies: { gold: 60 }, items: { scrap: 5 } },
      { currencies: { gold: 40 }, items: { scrap: 3 } },
      { currencies: { gold: 20 }, items: { scrap: 1 } },
    ],
  },
} satisfies ContentSource["rewards"];

export const stats = {
  kills: { title: "Kills", kind: "counter" },
  "best-match": { title: "Most kills in a match", kind: "best" },
} satisfies ContentSource["stats"];

export const leaderboards = {
  hunters: { title: "Hunters", stat: "kills", score: "sum", periods: ["daily", "weekly", "all"] },
  "best-match": { title: "Best match", stat: "best-match", score: "best", periods: ["weekly", "all"] },
} satisfies ContentSource["leaderboards"];
