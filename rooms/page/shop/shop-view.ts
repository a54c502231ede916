import { button, element, setBusy } from "../dom.ts";
import { amountOf, faceOf, goodsText } from "../property/goods.ts";
import { pictureOf } from "../property/pictures.ts";
import type { Belonging, Catalogue, Offer, Provider, Purse } from "../property/property.ts";
import type { Section, SectionParts } from "../sheet/section.ts";
import { part, Sheet } from "../sheet/sheet.ts";
import { moneyText, nowMs, textOf } from "../words.ts";
import { askToBuy } from "./buying.ts";
import { askToPay } from "./checkout.ts";

/** All that one card has to know. */
export interface Shelf extends SectionParts {
  readonly catalogue: Catalogue;
  readonly purse: Purse;
  readonly belongings: readonly Belonging[];
  readonly providers: readonly Provider[];
}

/** What is on sale, for what was earned and for money. */
export class ShopView implements Section {
  readonly element: HTMLElement;
  readonly #parts: SectionParts;
  readonly #sheet = new Sheet({
    name: "shop",
    title: "Shop",
    line: "Gold is earned by playing. Nothing here makes anybody shoot straighter.",
  });

  constructor(parts: SectionParts) {
    this.#parts = parts;
    this.element = this.#sheet.element;
  }

  focus(): void {
    this.#sheet.focus();
  }

  load(): Promise<void> {
    return this.#sheet.show(async () => {
      const { property } = this.#parts;
      const [catalogue, purse, belongings, providers] = await Promise.all([
        property.catalogue(),
        property.purse(),
        property.belongings(),
        property.providers(),
      ]);
      const shelf: Shelf = { ...this.#parts, catalogue, purse, belongings, providers };
      const offers = Object.entries(catalogue.offers).filter(([, offer]) => isOpen(offer));
      const forMoney = offers.filter(([, { price }]) => price.kind === "money" && providers.includes("local"));
      const forCoins = offers.filter(([, { price }]) => price.kind === "currency");
      return [shelfOf("To wear", forCoins, shelf), shelfOf("For money", forMoney, shelf)].filter(
        (made) => made !== null,
      );
    });
  }
}

function isOpen({ from, until }: Offer): boolean {
  const now = nowMs();
  return (from === undefined || Date.parse(from) <= now) && (until === undefined || now < Date.parse(until));
}

function shelfOf(title: string, offers: readonly [string, Offer][], shelf: Shelf): HTMLElement | null {
  if (offers.length === 0) return null;
  return part(
    title,
    element("ul", { class: "cards offers" }, ...offers.map(([key, offer]) => card(key, offer, shelf))),
  );
}

function card(key: string, offer: Offer, shelf: Shelf): HTMLElement {
  const { catalogue } = shelf;
  const items = Object.keys(offer.gives.items);
  const kind = items.map((item) => catalogue.items[item]?.slot ?? "item")[0] ?? "currency";
  const isOwned =
    offer.perPlayerMax !== undefined &&
    items.length > 0 &&
    items.every((item) => shelf.belongings.some((owned) => owned.item === item));
  return element(
    "li",
    { class: isOwned ? "card is-worn" : "card" },
    pictureOf(faceOf(offer.gives)),
    element("b", {}, offer.title),
    element("small", {}, kind.slice(0, 1).toUpperCase() + kind.slice(1)),
    ...(isOwned ? [element("span", { class: "card-mark" }, "Yours")] : priceOf(key, offer, shelf)),
  );
}

/** The button says what it costs; below it what is missing. */
function priceOf(key: string, offer: Offer, shelf: Shelf): HTMLElement[] {
  const { price } = offer;
  const gives = goodsText(offer.gives, shelf.catalogue);
  if (price.kind === "money") {
    const problem = element("small", { class: "card-problem", role: "alert" });
    const pay = button(moneyText(price.money), "secondary price", () => void begin());
    const begin = async () => {
      setBusy(pay, true);
      problem.textContent = "";
      await askToPay(key, offer, shelf).catch((thrown: unknown) => {
        problem.textContent = textOf(thrown);
      });
      setBusy(pay, false);
    };
    pay.dataset["focus"] = `offer ${key}`;
    pay.setAttribute("aria-label", `Buy ${gives} for ${moneyText(price.money)}`);
    return [pay, problem];
  }
  const there = shelf.purse[price.currency] ?? 0n;
  const missing = BigInt(price.amount) - there;
  const buy = button("", "secondary price", () => askToBuy(key, offer, price, shelf));
  buy.append(
    element("span", { class: "unseen" }, `Buy ${gives} for `),
    amountOf(price.currency, price.amount, shelf.catalogue),
  );
  buy.dataset["focus"] = `offer ${key}`;
  buy.disabled = missing > 0n;
  if (missing <= 0n) return [buy];
  return [
    buy,
    element("small", { class: "card-missing" }, amountOf(price.currency, missing, shelf.catalogue), "missing"),
  ];
}
