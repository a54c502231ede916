import { element } from "../dom.ts";
import { numberText } from "../words.ts";
import { pictureOf } from "./pictures.ts";
import type { Catalogue, Goods } from "./property.ts";

/** A bundle in words: `Ember`, `100 gems, 5 scrap`. */
export function goodsText({ items, currencies }: Goods, catalogue: Catalogue): string {
  const given = [
    ...Object.entries(items).map(([item, count]) => ({ title: catalogue.items[item]?.title ?? item, count })),
    ...Object.entries(currencies).map(([key, count]) => ({ title: titleOf(key, catalogue).toLowerCase(), count })),
  ];
  return given.map(({ title, count }) => (count === 1 ? title : `${numberText(count)} ${title}`)).join(", ");
}

/** What stands for a bundle on a card: its first item, or else its first currency. */
export function faceOf({ items, currencies }: Goods): string {
  return Object.keys(items)[0] ?? Object.keys(currencies)[0] ?? "";
}

export function titleOf(currency: string, catalogue: Catalogue): string {
  return catalogue.currencies[currency]?.title ?? currency;
}

/** An amount of a currency with its picture in front. Whoever hears the page hears the currency's name. */
export function amountOf(currency: string, amount: number | bigint, catalogue: Catalogue): HTMLElement {
  const title = titleOf(currency, catalogue);
  return element(
    "span",
    { class: "amount", title },
    pictureOf(currency),
    element("b", {}, numberText(amount)),
    element("span", { class: "unseen" }, ` ${title.toLowerCase()}`),
  );
}
