import { element } from "../dom.ts";
import { faceOf, goodsText } from "../property/goods.ts";
import { pictureOf } from "../property/pictures.ts";
import type { Offer } from "../property/property.ts";
import { moneyText } from "../words.ts";
import type { Shelf } from "./shop-view.ts";

/**
 * Orders for money, which pins the price, and shows the checkout of the local provider, which exists on a developer's desk
 * only. Rejects when there is no order to be had.
 */
export async function askToPay(
  key: string,
  offer: Offer,
  { property, catalogue, ask, onChange }: Shelf,
): Promise<void> {
  const { api } = property.client;
  const gives = goodsText(offer.gives, catalogue);
  const { next, price } = await property.intents(`order ${key}`, "local", (intent) =>
    api("POST /api/payments/orders", { body: { key: intent, offer: key, provider: "local" } }),
  );
  if (next.kind !== "confirm") throw new Error("The local provider is answered by a confirmation.");
  const { confirmation } = next;
  const money = moneyText({ currency: price.currency, amount: Number(price.amount) });
  ask({
    title: `Buy ${gives}?`,
    children: [
      pictureOf(faceOf(offer.gives)),
      element("p", { class: "ask-note" }, "Test checkout: this server takes no real money. What you get is real here."),
    ],
    action: `Pay ${money}`,
    async onYes() {
      const before = await property.purse();
      // Paying one order twice is one payment, so this may be sent again as it is.
      await api("POST /api/payments/local/confirm", { body: { confirmation, kind: "paid" } });
      const after = await property.purse();
      const hasCome = Object.keys(offer.gives.currencies).every((currency) => after[currency] !== before[currency]);
      onChange(hasCome ? `${gives} are yours.` : `Paid. ${gives} will be with you in a moment.`);
    },
  });
}
