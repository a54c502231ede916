import type { ContentSource } from "../../schema/content.ts";

/** What a player can own. Skins and trails are worn, and everybody in the match sees them. */
export const items = {
  "skin-ember": { title: "Ember", kind: "unique", slot: "skin", tradable: true },
  "skin-frost": { title: "Frost", kind: "unique", slot: "skin", tradable: true },
  "trail-comet": { title: "Comet", kind: "unique", slot: "trail", tradable: true },
  scrap: { title: "Scrap", kind: "stack", max: 9999, tradable: true },
} satisfies ContentSource["items"];

export const recipes = {
  comet: {
    title: "A comet's trail",
    takes: { items: { scrap: 50 }, currencies: { gold: 200 } },
    gives: { items: { "trail-comet": 1 } },
  },
} satisfies ContentSource["recipes"];
