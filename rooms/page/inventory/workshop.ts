import { button, element } from "../dom.ts";
import { faceOf, goodsText, titleOf } from "../property/goods.ts";
import { pictureOf } from "../property/pictures.ts";
import type { Belonging, Catalogue, Purse, Recipe } from "../property/property.ts";
import type { SectionParts } from "../sheet/section.ts";
import { numberText } from "../words.ts";

interface WorkshopParts extends SectionParts {
  readonly catalogue: Catalogue;
  readonly belongings: readonly Belonging[];
  readonly purse: Purse;
}

/** Every recipe, with how much of what it takes is there. Null for a game without recipes. */
export function workshop(parts: WorkshopParts): HTMLElement | null {
  const recipes = Object.entries(parts.catalogue.recipes);
  if (recipes.length === 0) return null;
  return element("ul", { class: "recipes" }, ...recipes.map(([key, recipe]) => card(key, recipe, parts)));
}

interface Need {
  readonly key: string;
  readonly title: string;
  readonly needed: number;
  readonly there: bigint;
}

function card(key: string, recipe: Recipe, parts: WorkshopParts): HTMLElement {
  const needs = needsOf(recipe, parts);
  const isPossible = needs.every(({ there, needed }) => there >= BigInt(needed));
  const make = button("Craft", "primary", () => askToCraft(key, recipe, parts));
  make.dataset["focus"] = `craft ${key}`;
  make.setAttribute("aria-label", `Craft ${recipe.title}`);
  make.disabled = !isPossible;
  return element(
    "li",
    { class: "recipe" },
    pictureOf(faceOf(recipe.gives)),
    element("div", {}, element("b", {}, recipe.title), element("ul", { class: "needs" }, ...needs.map(line))),
    make,
  );
}

function line({ key, title, needed, there }: Need): HTMLElement {
  const isThere = there >= BigInt(needed);
  return element(
    "li",
    { class: isThere ? "is-there" : "" },
    pictureOf(key),
    element("span", {}, `${numberText(there)} / ${numberText(needed)}`),
    ` ${title.toLowerCase()}`,
  );
}

function needsOf({ takes }: Recipe, { catalogue, belongings, purse }: WorkshopParts): Need[] {
  const items = Object.entries(takes.items).map(([key, needed]) => {
    const { quantity = 0 } = belongings.find(({ item }) => item === key) ?? {};
    return { key, title: catalogue.items[key]?.title ?? key, needed, there: BigInt(quantity) };
  });
  const currencies = Object.entries(takes.currencies).map(([key, needed]) => {
    return { key, title: titleOf(key, catalogue), needed, there: purse[key] ?? 0n };
  });
  return [...items, ...currencies];
}

function askToCraft(key: string, recipe: Recipe, { property, ask, onChange, catalogue }: WorkshopParts): void {
  const gives = goodsText(recipe.gives, catalogue);
  ask({
    title: `Craft ${gives}?`,
    children: [
      pictureOf(faceOf(recipe.gives)),
      element("p", {}, `This uses up ${goodsText(recipe.takes, catalogue)}.`),
    ],
    action: "Craft",
    async onYes() {
      await property.intents(`recipe ${key}`, "craft", (intent) =>
        property.client.api("POST /api/inventory/craft", { body: { key: intent, recipe: key } }),
      );
      onChange(`${gives} is yours.`);
    },
  });
}
