import type { PlacedOrder, Provider, Webhook } from "../../services/payments/provider.ts";

/** Five things that happen to a payment, as its provider tells them, in the order in which they happened. */
export interface Life {
  readonly name: string;
  readonly webhooks: readonly Webhook[];
  /** Whether the player has the goods in the end. */
  readonly isEntitled: boolean;
}

type LifeOf = (order: PlacedOrder) => Life;

/** A provider with its protocol and keys of our own: what the contract that all of them keep is tried on. */
export interface Stage {
  readonly provider: Provider;
  /** The lives that a payment of an order may have, one at a time. */
  readonly lives: readonly [LifeOf, ...LifeOf[]];
  /** Says that an order was paid. */
  paid(order: PlacedOrder): Webhook;
  /** The same message in ways in which the provider would never send it, by name. */
  forgeries(webhook: Webhook): Readonly<Record<string, Webhook>>;
  /** Proven messages that nothing can be done about, by name. */
  deadLetters(order: PlacedOrder): Readonly<Record<string, Webhook>>;
}

/** Every order of five. */
export function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, index) =>
    permutations([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
  );
}

/** With one bit in the middle turned. */
export function spoilt(webhook: Webhook): Webhook {
  const rawBody = Buffer.from(webhook.rawBody);
  const middle = rawBody.length >> 1;
  rawBody.writeUInt8(rawBody.readUInt8(middle) ^ 1, middle);
  return { ...webhook, rawBody };
}

/** The same JSON in other bytes. */
export function reserialised(webhook: Webhook): Webhook {
  return { ...webhook, rawBody: Buffer.from(JSON.stringify(JSON.parse(webhook.rawBody.toString()), null, 1)) };
}
