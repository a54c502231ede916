import { ClientError } from "../../../src/client/errors.ts";
import { element } from "../dom.ts";
import { amountOf, faceOf, goodsText, titleOf } from "../property/goods.ts";
import { pictureOf } from "../property/pictures.ts";
import type { Offer } from "../property/property.ts";
import { numberText } from "../words.ts";
import type { Shelf } from "./shop-view.ts";

type Price = Extract<Offer["price"], { kind: "currency" }>;

/** Shows what it costs and what is left, and buys when that is confirmed. */
export function askToBuy(key: string, offer: Offer, { currency, amount }: Price, shelf: Shelf): void {
  const { property, catalogue, purse, ask, onChange } = shelf;
  const price = { currency, amount };
  const gives = goodsText(offer.gives, catalogue);
  const left = (purse[currency] ?? 0n) - BigInt(amount);
  const send = (intent: string) =>
    property.client.api("POST /api/store/purchases", { body: { key: intent, offer: key, price } });
  ask({
    title: `Buy ${gives}?`,
    children: [
      pictureOf(faceOf(offer.gives)),
      element("p", { class: "ask-left" }, "You keep", amountOf(currency, left, catalogue)),
    ],
    action: `Buy for ${numberText(amount)} ${titleOf(currency, catalogue).toLowerCase()}`,
    async onYes() {
      // The price is part of the wish: at another price it is another purchase.
      await property.intents(`offer ${key}`, JSON.stringify(price), send).catch(lookAgainIfChanged);
      onChange(`${gives} is yours.`);
    },
  });

  function lookAgainIfChanged(thrown: unknown): never {
    const isOld = thrown instanceof ClientError && thrown.code === "STORE_PRICE_CHANGED";
    if (isOld) property.forgetCatalogue();
    throw thrown;
  }
}
