import type { ContentSource } from "../../../schema/content.ts";

/** What a thing costs in gold wherever the suite of crashes buys or makes one. */
export const PRICE = 5;
/** What the suite's chest costs in money. */
export const CHEST = { offer: "chest", currency: "EUR", amount: 499 } as const;

const priced = { kind: "currency", currency: "gold", amount: PRICE } as const;

/** Just enough for each verb to have something to do, without limits per player that would end a run early. */
export const economyContent = {
  levels: { base: 100, growth: 50, max: 100 },
  currencies: { gold: { title: "Gold" }, gems: { title: "Gems" } },
  items: {
    sword: { title: "Sword", kind: "unique" },
    blade: { title: "Blade", kind: "unique" },
    medal: { title: "Medal", kind: "unique" },
    scrap: { title: "Scrap", kind: "stack" },
    token: { title: "Token", kind: "stack", tradable: true },
  },
  recipes: {
    blade: {
      title: "Blade",
      takes: { items: { scrap: 1 }, currencies: { gold: PRICE } },
      gives: { items: { blade: 1 } },
    },
    "two-blades": { title: "Two blades", takes: { items: { scrap: 2 } }, gives: { items: { blade: 2 } } },
  },
  offers: {
    crate: {
      title: "Crate",
      gives: { items: { scrap: 1_000_000, token: 1_000_000 } },
      price: { ...priced, amount: 1 },
    },
    sword: { title: "Sword", gives: { items: { sword: 1 } }, price: priced },
    scraps: { title: "Scraps", gives: { items: { scrap: 1 } }, price: priced },
    "two-scraps": { title: "Two scraps", gives: { items: { scrap: 2 } }, price: priced },
    "two-swords": { title: "Two swords", gives: { items: { sword: 2 } }, price: priced },
    chest: {
      title: "Chest",
      gives: { items: { medal: 1 }, currencies: { gems: 100 } },
      price: { kind: "money", money: { currency: CHEST.currency, amount: CHEST.amount } },
    },
  },
  rewards: { chaos: { byPlacement: [{ currencies: { gold: 1 }, items: { scrap: 1 } }] } },
} satisfies ContentSource;
