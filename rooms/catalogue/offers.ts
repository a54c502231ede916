import type { ContentSource } from "../../schema/content.ts";

/** What the shop sells, for gold or for money. Prices in money are in its smallest unit: 499 is 4.99. */
export const offers = {
  "skin-ember": {
    title: "Ember",
    gives: { items: { "skin-ember": 1 } },
    price: { kind: "currency", currency: "gold", amount: 300 },
    perPlayerMax: 1,
  },
  "skin-frost": {
    title: "Frost",
    gives: { items: { "skin-frost": 1 } },
    price: { kind: "currency", currency: "gems", amount: 80 },
    perPlayerMax: 1,
  },
  gems: {
    title: "100 gems",
    gives: { currencies: { gems: 100 } },
    price: { kind: "money", money: { currency: "EUR", amount: 499 } },
  },
} satisfies ContentSource["offers"];
