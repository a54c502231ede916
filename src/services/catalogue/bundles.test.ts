import { expect, test } from "vitest";
import { bundle, contentShape } from "../../../schema/content.ts";
import { inventoryContent } from "../../testing/inventory.ts";
import { addBundles, takenOf } from "./bundles.ts";

const content = contentShape.parse(inventoryContent);

test("[INVENTORY9] a bundle's items are taken by their kind", () => {
  expect(takenOf(content, { items: { stone: 2, pass: 1 } })).toEqual([
    { item: "stone", kind: "stack", quantity: 2 },
    { item: "pass", kind: "unique", quantity: 1 },
  ]);
});

test("[INVENTORY10] bundles add up", () => {
  const one = bundle.parse({ items: { wood: 2, axe: 1 }, currencies: { gold: 1 } });
  const other = bundle.parse({ items: { wood: 3 }, currencies: { gem: 4 } });
  expect(addBundles([one, other])).toEqual({ items: { wood: 5, axe: 1 }, currencies: { gold: 1, gem: 4 } });
  expect(addBundles([])).toEqual({ items: {}, currencies: {} });
  expect(addBundles([bundle.parse({ items: { constructor: 2 } })]).items["constructor"]).toBe(2);
});
